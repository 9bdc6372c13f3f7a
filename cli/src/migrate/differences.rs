//! Where the policy does otherwise than the operator: a comment at each key that it concerns.

use datakit_operator_policy::features::{self, Feature};
use datakit_operator_policy::json;
use datakit_operator_policy::namespace::NamespacePattern;
use datakit_operator_policy::settings::{Document, Generation, NEVER_READ, file_paths};
use datakit_operator_policy::{env, image, paths};
use datakit_policy_host::yaml::{Comments, pointer_key};
use serde_json::Value;

use super::SETTINGS;
use super::version::Version;

const VALUE_FROM: &str = "Unlike the operator: an option variable (JAVA_TOOL_OPTIONS and the like) that a container \
    defines with `valueFrom` is kept as DATAKIT_ORIG_… and referred to; the operator made an invalid pod of it.";
const NO_IMAGE: &str = "Unlike the operator: without an image nothing is injected, with a warning; the operator \
    added a container without image, which the API server refuses.";
const DIGEST: &str = "Unlike the operator: for a pod that asks for a version, the digest goes and the version \
    becomes the tag; the operator made `repo@sha256:version` of it.";
const TAGS: &str = "Unlike the operator: merging with the DD_TAGS of a container keeps pairs with several colons \
    (URLs) or none; the operator dropped them.";
const TAGS_REFERENCE: &str = "Unlike the operator: a DD_TAGS that is a reference is not merged with that of a \
    container, which keeps its own.";
const ATTRIBUTES: &str = "Unlike the operator: OTEL_RESOURCE_ATTRIBUTES of a container is merged with that of a rule, as \
    DD_TAGS is, its own attributes first; the operator kept the container's alone. A pod that is runAsNonRoot without \
    runAsUser gets the agent, whose init container runs as user 65532; the operator skipped such pods.";
const POD_IPS: &str = "Unlike the operator: `status.podIPs` works, as its documentation says.";
const LABELS_FIRST: &str = "Unlike the operator: where an entry of this list and one of `enabled_namespaces` are for \
    a pod, this one decides, as the operator's documentation says; the operator took the namespace.";
const PHP: &str = "Unlike the operator: PHP_INI_SCAN_DIR keeps the directory that PHP was compiled with; the \
    operator put that of one image in its place.";
const LOG_FILES: &str = "Unlike the operator: what `ignore` names in an annotation gets no volume, nor does a path \
    that is not absolute or is directly in `/`; and none is mounted on a log file itself.";
const PROFILER: &str = "Unlike the operator: the node's /etc/localtime is read-only, and a container with a volume \
    at /tmp shares that one with the profiler, which could not attach otherwise.";
const NO_SELECTORS: &str =
    "Has no selectors, so it applies to no pod. Unlike the operator: the rules after it count.";

const NEVER: &str = "No effect: no operator ever read it.";
const REUSE: &str = "Unlike operators 1.4 to 1.5.11: a log directory that a container mounts already is shared. They \
    injected nothing there without the option `reuse_exist_volume: \"true\"`; write \"false\" for that.";
const NO_REUSE: &str = "As in operators 1.4 to 1.5.11: a pod in which a container mounts a log directory already gets no \
    log forwarder. Later operators do not read this: write \"true\" for what they do.";
const NARROWS: &str = "As in operators since 1.8: the profiler is for what an entry of `enabled_namespaces` or of \
    `enabled_labelselectors` is for, and has to be asked for all the same. Operators before 1.8 do not read this.";
const BOTH: &str = "As in operators since 1.7: a pod gets a rule's logs if its namespace and its labels match, and a rule \
    that has namespaces alone, or label selectors alone, applies to no pod. With `any`, as in operators before 1.7, one of \
    the two is enough: more pods would get the annotation, and of those Datakit collects what the rule says alone.";

/// Adds the comments that settings call for. What differs between operators is named where `version` may differ.
pub fn describe(settings: &Value, version: Option<Version>, comments: &mut Comments) {
    let text = settings.to_string();
    let document = Document::new(json::Value::parse(&text).unwrap_or_default());
    let mut notes = Notes {
        version,
        document: &document,
        comments,
    };
    if settings.get("server_listen").is_some() {
        notes.add("/server_listen", "No effect: the policy server listens.");
    }
    for path in NEVER_READ {
        let pointer = pointer_of(path);
        if settings.pointer(&pointer).is_some() {
            notes.add(&pointer, NEVER);
        }
    }
    if settings.pointer("/policy/logging_match") == Some(&Value::from("all")) {
        notes.add("/policy/logging_match", BOTH);
    }
    notes.first_generation(settings);
    notes.second_generation(settings);
    notes.loggings(settings);
}

struct Notes<'c> {
    version: Option<Version>,
    document: &'c Document<'c>,
    comments: &'c mut Comments,
}

/// What is said of a feature as a whole, by its name.
fn about(feature: &Feature) -> Option<&'static str> {
    match feature.name {
        "ddtrace" => Some(VALUE_FROM),
        "otel" => Some(ATTRIBUTES),
        "logfwd" => Some(LOG_FILES),
        "profiler" => Some(PROFILER),
        _ => None,
    }
}

impl Notes<'_> {
    fn counts(&self, feature: &Feature, generation: Generation) -> bool {
        self.document.generation(&feature.place) == generation
    }

    fn add(&mut self, pointer: &str, comment: impl Into<String>) {
        self.comments.add(&format!("{SETTINGS}{pointer}"), comment);
    }

    fn first_generation(&mut self, settings: &Value) {
        for feature in features::ALL {
            let Some(path) = feature.place.section else {
                continue;
            };
            let pointer = pointer_of(path);
            if let Some(section) = settings.pointer(&pointer)
                && has_entries(section)
                && self.counts(feature, Generation::First)
            {
                self.section(feature, section, &pointer);
            }
        }
    }

    /// A section that counts.
    fn section(&mut self, feature: &Feature, section: &Value, pointer: &str) {
        let is_used = ["images", "envs"]
            .iter()
            .any(|key| section.get(key).is_some_and(has_entries));
        if let Some(about) = about(feature).filter(|_| is_used) {
            self.add(pointer, about);
        }
        for (key, image) in entries(section, "images") {
            let pointer = format!("{pointer}/images/{}", pointer_key(key));
            self.image(image, has_versions(feature), &pointer);
        }
        self.envs(section, pointer);
        match feature.name {
            "ddtrace" => {
                self.enabled(section);
                self.php(section);
            }
            "logfwd" if is_used => {
                if !has_text(section.pointer("/images/logfwd_image")) {
                    self.add(pointer, NO_IMAGE);
                }
                self.volumes(section);
            }
            "profiler" => {
                for list in ["enabled_namespaces", "enabled_labelselectors"] {
                    if !items(section, list).is_empty() {
                        self.add(&format!("{pointer}/{list}"), NARROWS);
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether logfwd shares what is mounted already.
    fn volumes(&mut self, logfwd: &Value) {
        const OPTION: &str = "/options/reuse_exist_volume";
        match logfwd.pointer(OPTION).and_then(Value::as_str) {
            Some("false") => self.add(&format!("/admission_inject/logfwd{OPTION}"), NO_REUSE),
            Some("true") => {}
            _ if self.version.is_none_or(Version::may_not_reuse_volumes) => {
                self.add("/admission_inject/logfwd", REUSE);
            }
            _ => {}
        }
    }

    /// The entries that switch ddtrace on.
    fn enabled(&mut self, ddtrace: &Value) {
        let lists = ["enabled_labelselectors", "enabled_namespaces"];
        if lists.iter().all(|list| !items(ddtrace, list).is_empty()) {
            let pointer = "/admission_inject/ddtrace/enabled_labelselectors";
            self.add(pointer, LABELS_FIRST);
        }
        let namespaces = items(ddtrace, "enabled_namespaces").iter();
        let namespaces = namespaces.filter_map(|entry| entry.get("namespace")?.as_str());
        self.names(namespaces, "/admission_inject/ddtrace/enabled_namespaces");
        for list in lists {
            for (index, entry) in items(ddtrace, list).iter().enumerate() {
                let language = entry.get("language").and_then(Value::as_str);
                let key = match language.unwrap_or_default() {
                    "nodejs" => "js_agent_image".to_owned(),
                    language => format!("{language}_agent_image"),
                };
                if !has_text(ddtrace.pointer(&format!("/images/{key}"))) {
                    let pointer = format!("/admission_inject/ddtrace/{list}/{index}");
                    self.add(&pointer, NO_IMAGE);
                }
            }
        }
    }

    fn php(&mut self, ddtrace: &Value) {
        const KEY: &str = "/images/php_agent_image";
        if has_text(ddtrace.pointer(KEY)) {
            self.add(&format!("/admission_inject/ddtrace{KEY}"), PHP);
        }
    }

    /// Of namespaces in a list, those that are names.
    fn names<'v>(&mut self, mut namespaces: impl Iterator<Item = &'v str>, pointer: &str) {
        let is_name = |text: &&str| {
            matches!(
                NamespacePattern::name_or_expression(text),
                NamespacePattern::Exactly(_)
            )
        };
        if let Some(name) = namespaces.find(is_name) {
            let comment = format!(
                "Unlike operators from 1.5.13 on: `{name}` is the namespace of that name alone; they take it for an \
                 expression, which `{name}-eu` matches too. Write `{name}.*` for that."
            );
            self.add(pointer, comment);
        }
    }

    fn second_generation(&mut self, settings: &Value) {
        for feature in features::ALL {
            if feature.adds.is_none() || !self.counts(feature, Generation::Second) {
                continue;
            }
            let pointer = pointer_of(feature.place.list);
            let rules = settings.pointer(&pointer).and_then(Value::as_array);
            let rules = rules.map_or(&[][..], Vec::as_slice);
            if let (Some(about), false) = (about(feature), rules.is_empty()) {
                self.add(&pointer, about);
            }
            for (index, rule) in rules.iter().enumerate() {
                let pointer = format!("{pointer}/{index}");
                if has_selectors(rule) {
                    self.rule(rule, &pointer);
                } else if index + 1 < rules.len() {
                    self.add(&pointer, NO_SELECTORS);
                }
            }
        }
    }

    fn rule(&mut self, rule: &Value, pointer: &str) {
        let by_version = rule["check_annotation"] == true && rule.get("language").is_some();
        match rule.get("image").filter(|image| has_text(Some(image))) {
            Some(image) => self.image(image, by_version, &format!("{pointer}/image")),
            // Left empty on purpose, as in the operator's default configuration.
            None if rule["processes"] == "" => {}
            None => self.add(pointer, NO_IMAGE),
        }
        if rule["language"] == "php" {
            self.add(&format!("{pointer}/language"), PHP);
        }
        self.envs(rule, pointer);
        self.log_files(rule, "log_configs", pointer);
    }

    fn loggings(&mut self, settings: &Value) {
        let Some(mutate) = settings.get("admission_mutate") else {
            return;
        };
        let rules = items(mutate, "loggings");
        for (index, rule) in rules.iter().enumerate() {
            let pointer = format!("/admission_mutate/loggings/{index}");
            if has_selectors(rule) {
                let namespaces = items(rule, "namespace_selectors").iter();
                let namespaces = namespaces.filter_map(Value::as_str);
                self.names(namespaces, &format!("{pointer}/namespace_selectors"));
                self.log_files(rule, "config", &pointer);
            } else if index + 1 < rules.len() {
                self.add(&pointer, NO_SELECTORS);
            }
        }
    }

    fn image(&mut self, image: &Value, by_version: bool, pointer: &str) {
        if by_version && image.as_str().is_some_and(image::has_digest) {
            self.add(pointer, DIGEST);
        }
    }

    fn envs(&mut self, section: &Value, pointer: &str) {
        let pointer = format!("{pointer}/envs");
        let object = entries(section, "envs").into_iter().map(|(name, value)| {
            (
                name,
                Some(value),
                format!("{pointer}/{}", pointer_key(name)),
            )
        });
        let list = items(section, "envs")
            .iter()
            .enumerate()
            .map(|(index, env)| {
                let name = env.get("name").and_then(Value::as_str);
                (
                    name.unwrap_or_default(),
                    env.get("value"),
                    format!("{pointer}/{index}"),
                )
            });
        let is_ddtrace = pointer.contains("/ddtrace");
        let envs: Vec<_> = object.chain(list).collect();
        for (name, value, pointer) in envs {
            let value = value.and_then(Value::as_str).unwrap_or_default();
            if value == "{fieldRef:status.podIPs}" {
                self.add(&pointer, POD_IPS);
            }
            if name == "DD_TAGS" && is_ddtrace {
                let comment = if env::is_reference(value) {
                    TAGS_REFERENCE
                } else {
                    TAGS
                };
                self.add(&pointer, comment);
            }
        }
    }

    /// What becomes of the log files that a list of log configurations names.
    fn log_files(&mut self, rule: &Value, key: &str, pointer: &str) {
        let config = rule.get(key).and_then(Value::as_str).unwrap_or_default();
        let pointer = format!("{pointer}/{key}");
        for file in file_paths(config) {
            let directory = paths::directory_of(&file);
            if let Some(problem) = paths::unmountable(&file, &directory) {
                let comment = format!(
                    "Unlike the operator: no volume for `{file}`, which {problem}; whoever applies the pod gets a \
                     warning."
                );
                self.add(&pointer, comment);
            } else if !file.contains('*') {
                let comment = format!(
                    "Unlike the operator: the volume for `{file}` is mounted at {directory}, never on the file."
                );
                self.add(&pointer, comment);
            }
        }
    }
}

/// A path of keys as a JSON pointer.
fn pointer_of(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

/// Whether pods can ask for a version of the image.
fn has_versions(feature: &Feature) -> bool {
    feature.asks.iter().any(|ask| ask.language.is_some())
}

pub fn has_selectors(rule: &Value) -> bool {
    ["namespace_selectors", "label_selectors"]
        .iter()
        .flat_map(|list| items(rule, list))
        .any(|text| text.as_str().is_some_and(|text| !text.trim().is_empty()))
}

fn has_entries(value: &Value) -> bool {
    match value {
        Value::Object(entries) => !entries.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn has_text(value: Option<&Value>) -> bool {
    value
        .and_then(Value::as_str)
        .is_some_and(|text| !text.is_empty())
}

pub fn items<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn entries<'v>(value: &'v Value, key: &str) -> Vec<(&'v str, &'v Value)> {
    let entries = value.get(key).and_then(Value::as_object);
    entries
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value))
        .collect()
}
