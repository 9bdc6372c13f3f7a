//! The keys of the settings, section by section.

/// The sections, as paths with `[]` for "each of the list", and the keys that each takes. The
/// reference of the settings and their JSON Schema are tested against it.
pub const SECTIONS: &[(&str, &[&str])] = &[
    ("", TOP),
    ("admission_inject", V1),
    ("admission_inject.ddtrace", DDTRACE),
    (
        "admission_inject.ddtrace.enabled_namespaces[]",
        ENABLED_NAMESPACE,
    ),
    (
        "admission_inject.ddtrace.enabled_labelselectors[]",
        ENABLED_LABELSELECTOR,
    ),
    ("admission_inject.logfwd", LOGFWD),
    ("admission_inject.logfwd.options", LOGFWD_OPTIONS),
    ("admission_inject.profiler", PROFILER),
    (
        "admission_inject.profiler.enabled_namespaces[]",
        ENABLED_NAMESPACE,
    ),
    (
        "admission_inject.profiler.enabled_labelselectors[]",
        ENABLED_LABELSELECTOR,
    ),
    ("admission_inject_v2", V2),
    ("admission_inject_v2.ddtraces[]", V2_DDTRACE),
    ("admission_inject_v2.otels[]", V2_OTEL),
    ("admission_inject_v2.logfwds[]", V2_LOGFWD),
    ("admission_inject_v2.flameshots[]", V2_FLAMESHOT),
    ("admission_inject_v2.profilers[]", V2_PROFILER),
    ("admission_mutate", MUTATE),
    ("admission_mutate.loggings[]", LOGGING),
    ("policy", POLICY),
];

/// The keys of the items of a list; none where there is no such list.
#[must_use]
pub fn of_items(list: &str) -> &'static [&'static str] {
    let is_it = |section: &str| section.strip_suffix("[]") == Some(list);
    SECTIONS
        .iter()
        .find(|(section, _)| is_it(section))
        .map_or(&[], |(_, keys)| keys)
}

/// Keys that releases of the operator have, and that no operator ever read. They are accepted, whatever they hold.
pub const NEVER_READ: &[&str] = &[
    "admission_inject.ddtrace.options",
    "admission_inject.profiler.options",
    "admission_mutate.logging",
];

pub(super) const TOP: &[&str] = &[
    "server_listen",
    "log_level",
    "admission_inject",
    "admission_inject_v2",
    "admission_mutate",
    "jsonconfig",
    "policy",
];

pub(super) const V1: &[&str] = &["ddtrace", "logfwd", "profiler"];

pub(super) const DDTRACE: &[&str] = &[
    "enabled_namespaces",
    "enabled_labelselectors",
    "images",
    "envs",
    "resources",
    "image_pull_policy",
    "options",
];

pub(super) const ENABLED_NAMESPACE: &[&str] = &["namespace", "language"];

pub(super) const ENABLED_LABELSELECTOR: &[&str] = &["labelselector", "language"];

pub(super) const LOGFWD: &[&str] = &[
    "images",
    "envs",
    "resources",
    "image_pull_policy",
    "options",
];

pub(super) const LOGFWD_OPTIONS: &[&str] = &["reuse_exist_volume"];

pub(super) const PROFILER: &[&str] = DDTRACE;

pub(super) const V2: &[&str] = &["ddtraces", "otels", "logfwds", "flameshots", "profilers"];

pub(super) const V2_DDTRACE: &[&str] = &[
    "name",
    "namespace_selectors",
    "label_selectors",
    "check_annotation",
    "language",
    "php_loader_flavor",
    "image",
    "image_pull_policy",
    "envs",
    "resources",
];

pub(super) const V2_OTEL: &[&str] = V2_PROFILER;

pub(super) const V2_LOGFWD: &[&str] = &[
    "name",
    "namespace_selectors",
    "label_selectors",
    "check_annotation",
    "image",
    "image_pull_policy",
    "envs",
    "resources",
    "log_configs",
    "log_volume_paths",
];

pub(super) const V2_FLAMESHOT: &[&str] = &[
    "name",
    "namespace_selectors",
    "label_selectors",
    "check_annotation",
    "image",
    "image_pull_policy",
    "envs",
    "resources",
    "processes",
    "enable_prometheus_annotations",
];

pub(super) const V2_PROFILER: &[&str] = &[
    "name",
    "namespace_selectors",
    "label_selectors",
    "check_annotation",
    "language",
    "image",
    "image_pull_policy",
    "envs",
    "resources",
];

pub(super) const MUTATE: &[&str] = &["loggings", "logging"];

pub(super) const LOGGING: &[&str] = &["namespace_selectors", "label_selectors", "config"];

pub(super) const POLICY: &[&str] = &["logging_match"];
