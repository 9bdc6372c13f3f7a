//! The keys of the settings, section by section: one row for each. The readers take the names; the reference
//! (`docs/settings.md`), the JSON Schema and the form of Rancher are made of the rest, by `make docs`.

use super::super::own::EXCLUDED;
use super::about::Absent::{False, None, Number, Required, Resources as StandardResources, Text as Word, These, True};
use super::about::Kind::{
    Any, Boolean, ContainerNames, Envs, Expressions, Image, Json, LabelSelectors, List, Names, Object, Paths, Percentage, Quantity, Resources,
    Suggested, Text, VariableName, Words, WordsOrList,
};
use super::about::{Key, Section, key};

const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];
const HELD: &[&str] = &["auto", "none", "baseline", "restricted", "namespace"];
const AGENTS: &[&str] = &["java", "python", "nodejs", "js", "php"];

const ENVS_OF_AGENT: Key = key("envs", Envs, None, "[variables](#envs) for every app container that gets the agent", "1.2.0");
const PULL_POLICY_OF_AGENT: Key = key("image_pull_policy", Words(PULL_POLICIES), Word("Always"), "`imagePullPolicy` of the init container: `Always`, `IfNotPresent` or `Never`", "1.9.2");
const OPTIONS: Key = key("options", Any, None, "none: no operator has ever read it", "1.5.0");
const NAMESPACE: Key = key("namespace", Text, None, "a [namespace's name or an expression](#namespaces)", "1.5.0");
const AGENT_LANGUAGE: Key = key("language", Words(AGENTS), Required, "`java`, `python`, `nodejs` (or `js`), `php`", "1.5.0");
const LABEL_SELECTOR: Key = key("labelselector", Text, None, "a [label selector](#label-selectors)", "1.5.2");
const ENVS_OF_SIDECAR: Key = key("envs", Envs, None, "[variables](#envs) of the sidecar", "1.4.1");
const RESOURCES_OF_SIDECAR: Key = key("resources", Resources, StandardResources, "[resources](#resources) of the sidecar", "1.5.12");
const PULL_POLICY_OF_SIDECAR: Key = key("image_pull_policy", Words(PULL_POLICIES), Word("Always"), "`imagePullPolicy` of the sidecar: `Always`, `IfNotPresent` or `Never`", "1.9.2");
const ANY_LANGUAGE: Key = key("language", Text, None, "none: an entry applies to the profilers of all languages", "1.5.12");
const NAME: Key = key("name", Text, None, "names the rule in the audit annotation", "1.9.0");
const NAMESPACES: Key = key("namespace_selectors", Expressions, None, "[expressions](#namespaces) for namespaces", "1.7.0");
const LABELS: Key = key("label_selectors", LabelSelectors, None, "[label selectors](#label-selectors)", "1.7.0");
const ENABLED: Key = key("enabled", Boolean, True, "with `false`, the rule is ignored", "policy");
const EXCLUDED_NAMESPACES: Key = key("exclude_namespace_selectors", Expressions, None, "[expressions](#namespaces) for namespaces that the rule [does not apply to](#which-pods-a-rule-is-for)", "policy");
const EXCLUDED_LABELS: Key = key("exclude_label_selectors", LabelSelectors, None, "[label selectors](#label-selectors) for pods that the rule [does not apply to](#which-pods-a-rule-is-for)", "policy");
const ROLLOUT_PERCENT: Key = key("rollout_percent", Percentage, Number(100), "the [share of the workloads](#a-share-of-the-workloads) in its scope that the rule applies to, 0 to 100", "policy");
const IMAGE_OF_AGENT: Key = key("image", Image, None, "the agent; without it nothing is injected, with a warning", "1.7.0");
const RESOURCES_OF_AGENT: Key = key("resources", Resources, StandardResources, "[resources](#resources) of the init container", "1.7.0");
const IMAGE_OF_SIDECAR: Key = key("image", Image, None, "the sidecar; without it nothing is injected, with a warning", "1.7.0");
const CPU: Key = key("cpu", Quantity, None, "processor time, such as `500m`", "1.5.12");
const MEMORY: Key = key("memory", Quantity, None, "memory, such as `512Mi`", "1.5.12");

/// All sections, as paths with `[]` for "each of the list". What stands in `resources` and `envs[]` stands so wherever
/// a container has them.
pub const SECTIONS: &[Section] = &[
    Section { path: "", keys: &[
        key("server_listen", Text, Word("0.0.0.0:9543"), "none: the policy server listens", "1.2.0"),
        key("log_level", Suggested(&["debug", "info", "warn", "error"]), Word("info"), "what the policy logs: `debug` (every decision; `trace` too), `info`, `warn`, `error` (`fatal` and `panic` too); any other word is `info`", "1.2.0").asked("Log level"),
        key("admission_inject", Object, None, "configures [ddtrace, logfwd and profiler](#admission_inject) for the whole cluster", "1.2.0"),
        key("admission_inject_v2", Object, None, "configures ddtrace, otel, logfwd, flameshot and profiler [by rules](#admission_inject_v2)", "1.7.0"),
        key("admission_mutate", Object, None, "configures [Datakit's log collection](#admission_mutate)", "1.5.11").asked("Log collection"),
        key("jsonconfig", Json, None, "the text of the ConfigMap, in place of all other keys except `policy`", "policy"),
        key("policy", Object, None, "[settings of the policy itself](#policy)", "policy"),
    ] },
    Section { path: "admission_inject", keys: &[
        key("ddtrace", Object, None, "the tracing agents", "1.2.0").asked("DDTrace agents"),
        key("logfwd", Object, None, "the log forwarder", "1.2.0").asked("logfwd sidecar"),
        key("profiler", Object, None, "the profilers", "1.3.0").asked("Profiler sidecar"),
    ] },
    Section { path: "admission_inject.ddtrace", keys: &[
        key("enabled_namespaces", List, None, "pods of these namespaces get an agent without asking", "1.5.0").asked("Inject by namespace"),
        key("enabled_labelselectors", List, None, "pods with these labels get an agent without asking", "1.5.2").asked("Inject by label selector"),
        key("images", Object, None, "the image of each language's agent", "1.2.0"),
        ENVS_OF_AGENT.asked("Environment variables"),
        key("resources", Resources, None, "[resources](#resources) of the init container; without them it has none", "1.5.18").asked("init container"),
        PULL_POLICY_OF_AGENT,
        OPTIONS,
    ] },
    Section { path: "admission_inject.ddtrace.enabled_namespaces[]", keys: &[
        NAMESPACE.asked("Namespace"),
        AGENT_LANGUAGE.asked("Language"),
    ] },
    Section { path: "admission_inject.ddtrace.enabled_labelselectors[]", keys: &[
        LABEL_SELECTOR.asked("Label selector"),
        AGENT_LANGUAGE.since("1.5.2").asked("Language"),
    ] },
    Section { path: "admission_inject.ddtrace.images", keys: &[
        key("java_agent_image", Image, None, "the agent for java", "1.2.0").asked("Java agent image"),
        key("python_agent_image", Image, None, "the agent for python", "1.2.0").asked("Python agent image"),
        key("js_agent_image", Image, None, "the agent for nodejs", "1.2.0").asked("Node.js agent image"),
        key("php_agent_image", Image, None, "the agent for php", "policy").asked("PHP agent image"),
    ] },
    Section { path: "admission_inject.logfwd", keys: &[
        key("images", Object, None, "the image of the sidecar", "1.2.0"),
        ENVS_OF_SIDECAR.asked("Environment variables"),
        RESOURCES_OF_SIDECAR.asked("sidecar"),
        PULL_POLICY_OF_SIDECAR,
        key("options", Object, None, "options of the log forwarder", "1.4.1"),
    ] },
    Section { path: "admission_inject.logfwd.options", keys: &[
        key("reuse_exist_volume", Words(&["true", "false"]), Word("true"), "with `false`, a pod with a container that already mounts a directory of log files gets no log forwarder, with a warning; otherwise the volume is shared", "1.4.1"),
    ] },
    Section { path: "admission_inject.logfwd.images", keys: &[
        key("logfwd_image", Image, None, "the sidecar", "1.2.0").asked("logfwd image"),
    ] },
    Section { path: "admission_inject.profiler", keys: &[
        key("enabled_namespaces", List, None, "pods of these namespaces may have a profiler", "1.5.12"),
        key("enabled_labelselectors", List, None, "pods with these labels may have a profiler", "1.5.12"),
        key("images", Object, None, "the image of each language's profiler", "1.3.0"),
        ENVS_OF_SIDECAR.since("1.3.0").asked("Environment variables"),
        RESOURCES_OF_SIDECAR.asked("sidecar"),
        PULL_POLICY_OF_SIDECAR,
        OPTIONS,
    ] },
    Section { path: "admission_inject.profiler.enabled_namespaces[]", keys: &[
        NAMESPACE.since("1.5.12"),
        ANY_LANGUAGE,
    ] },
    Section { path: "admission_inject.profiler.enabled_labelselectors[]", keys: &[
        LABEL_SELECTOR.since("1.5.12"),
        ANY_LANGUAGE,
    ] },
    Section { path: "admission_inject.profiler.images", keys: &[
        key("java_profiler_image", Image, None, "async-profiler", "1.3.0").asked("Java profiler image"),
        key("python_profiler_image", Image, None, "py-spy", "1.3.0").asked("Python profiler image"),
        key("golang_profiler_image", Image, None, "go-pprof", "1.3.0").asked("Go profiler image"),
    ] },
    Section { path: "admission_inject_v2", keys: &[
        key("ddtraces", List, None, "the tracing agents", "1.7.0"),
        key("otels", List, None, "the OpenTelemetry agents", "1.9.0"),
        key("logfwds", List, None, "the log forwarder", "1.7.0"),
        key("flameshots", List, None, "the profiler flameshot", "1.7.0"),
        key("profilers", List, None, "the profilers", "1.8.0"),
    ] },
    Section { path: "admission_inject_v2.ddtraces[]", keys: &[
        NAME,
        ENABLED,
        NAMESPACES,
        LABELS,
        EXCLUDED_NAMESPACES,
        EXCLUDED_LABELS,
        ROLLOUT_PERCENT,
        key("check_annotation", Boolean, False, "whether the pod needs `admission.datakit/<language>-lib.version`; its value replaces the image's tag", "1.8.0"),
        key("language", Words(AGENTS), Required, "`java`, `python` (operator 1.8.1), `nodejs` (or `js`; 1.8.6), `php` (1.8.3)", "1.7.0"),
        key("php_loader_flavor", Words(&["linux-gnu", "linux-musl"]), Word("linux-gnu"), "the C library that PHP was built with: `linux-gnu`, or `linux-musl` for images such as Alpine", "1.8.3"),
        IMAGE_OF_AGENT,
        PULL_POLICY_OF_AGENT,
        ENVS_OF_AGENT.since("1.7.0"),
        RESOURCES_OF_AGENT,
    ] },
    Section { path: "admission_inject_v2.otels[]", keys: &[
        NAME,
        ENABLED,
        NAMESPACES.since("1.9.0"),
        LABELS.since("1.9.0"),
        EXCLUDED_NAMESPACES,
        EXCLUDED_LABELS,
        ROLLOUT_PERCENT,
        key("check_annotation", Boolean, False, "whether the pod needs `admission.datakit/otel-<language>-lib.version`; its value replaces the image's tag", "1.9.0"),
        key("language", Words(&["java", "python", "nodejs"]), Required, "`java`, `python`, `nodejs`", "1.9.0"),
        IMAGE_OF_AGENT.since("1.9.0"),
        PULL_POLICY_OF_AGENT,
        ENVS_OF_AGENT.since("1.9.0"),
        RESOURCES_OF_AGENT.since("1.9.0"),
    ] },
    Section { path: "admission_inject_v2.logfwds[]", keys: &[
        NAME,
        ENABLED,
        NAMESPACES,
        LABELS,
        EXCLUDED_NAMESPACES,
        EXCLUDED_LABELS,
        ROLLOUT_PERCENT,
        key("check_annotation", Boolean, False, "whether the pod needs `admission.datakit/logfwd.instances`", "1.8.0"),
        IMAGE_OF_SIDECAR,
        PULL_POLICY_OF_SIDECAR,
        ENVS_OF_SIDECAR.since("1.7.0"),
        RESOURCES_OF_SIDECAR.since("1.7.0"),
        key("log_configs", Json, None, "a JSON list of Datakit's log configurations: the variable `LOGFWD_LOG_CONFIGS`; the directories of its files are shared with the sidecar", "1.7.0"),
        key("log_volume_paths", Paths, None, "more directories that are shared with the sidecar; a path with a glob is cut before the glob", "1.7.0"),
    ] },
    Section { path: "admission_inject_v2.flameshots[]", keys: &[
        NAME,
        ENABLED,
        NAMESPACES,
        LABELS,
        EXCLUDED_NAMESPACES,
        EXCLUDED_LABELS,
        ROLLOUT_PERCENT,
        key("check_annotation", Boolean, False, "none: there is no annotation that asks for flameshot", "policy"),
        IMAGE_OF_SIDECAR,
        PULL_POLICY_OF_SIDECAR,
        key("envs", Envs, None, "[variables](#envs) of the sidecar; two are required, see below", "1.7.0"),
        RESOURCES_OF_SIDECAR.since("1.7.0"),
        key("processes", Json, None, "a JSON list of the processes to watch: the variable `FLAMESHOT_PROCESSES`; without it the rule injects nothing", "1.7.0"),
        key("enable_prometheus_annotations", Boolean, False, "whether the pod gets the `prometheus.io` annotations by which the sidecar's metrics are scraped; not if it already has a `prometheus.io/` annotation", "1.7.1"),
    ] },
    Section { path: "admission_inject_v2.profilers[]", keys: &[
        NAME,
        ENABLED,
        NAMESPACES.since("1.8.0"),
        LABELS.since("1.8.0"),
        EXCLUDED_NAMESPACES,
        EXCLUDED_LABELS,
        ROLLOUT_PERCENT,
        key("check_annotation", Boolean, False, "whether the pod needs `admission.datakit/<language>-profiler.version`; its value replaces the image's tag", "1.8.0"),
        key("language", Words(&["java", "python", "golang"]), Required, "`java`, `python`, `golang`", "1.8.0"),
        IMAGE_OF_SIDECAR.since("1.8.0"),
        PULL_POLICY_OF_SIDECAR,
        ENVS_OF_SIDECAR.since("1.8.0"),
        RESOURCES_OF_SIDECAR.since("1.8.0"),
    ] },
    Section { path: "admission_mutate", keys: &[
        key("loggings", List, None, "rules that tell Datakit which logs of a pod to collect", "1.5.11").asked("Rules"),
        key("logging", Any, None, "none: no operator has ever read it, although releases of 2025 contain it", "1.5.11"),
    ] },
    Section { path: "admission_mutate.loggings[]", keys: &[
        ENABLED,
        key("namespace_selectors", Names, None, "[names of namespaces or expressions](#namespaces)", "1.5.11").asked("Namespaces"),
        LABELS.since("1.5.11").asked("Label selectors"),
        key("exclude_namespace_selectors", Names, None, "[names or expressions](#namespaces) of namespaces that the rule [does not apply to](#which-pods-a-rule-is-for)", "policy"),
        EXCLUDED_LABELS,
        ROLLOUT_PERCENT,
        key("config", Json, None, "a JSON list of Datakit's log configurations: the value of the annotation `datakit/logs`; empty sets nothing", "1.5.11").asked("Datakit's log configuration"),
    ] },
    Section { path: "policy", keys: &[
        key("logging_match", Words(&["any", "all"]), Word("any"), "how the selectors of a rule in `admission_mutate.loggings` are combined: `any` or `all`", "policy").asked("Selectors of log rules"),
        key("pod_security", WordsOrList(HELD), Word("auto"), "what injected containers are [held to](#pod_security), by the Pod Security Standards: `auto`, `none`, `baseline`, `restricted`, `namespace`, or a list, of which the first rule that matches the namespace counts", "policy").asked("Pod Security of what is injected"),
        key("native_sidecars", Words(&["jobs", "always", "never"]), Word("jobs"), "which sidecars are [init containers that keep running](#native_sidecars), so that a pod with them can complete: those of `jobs` and other pods that run to completion, `always` or `never`; needs Kubernetes 1.29", "policy").asked("Native sidecars"),
        key("exclude_containers", ContainerNames, These(&EXCLUDED), "app containers that [get nothing](#exclude_containers): no variables, no agent, no volumes", "policy").asked("Containers that get nothing"),
        key("delivery", Words(&["init", "image"]), Word("init"), "how an agent [gets](#delivery) to the app containers: an `init` container copies it, or its `image` is mounted as a volume; the latter needs Kubernetes 1.36", "policy").asked("How agents are delivered"),
        key("drop_unresolved_labels", Boolean, False, "whether a variable of [`envs`](#envs) is left out, instead of being empty, where the label or annotation that it refers to [is not there](#what-is-not-there)", "policy").asked("Leave out variables of missing labels"),
        key("empty_dir_size_limit", Quantity, None, "[`sizeLimit`](#empty_dir_size_limit) of every `emptyDir` that is added, such as `1Gi`", "policy").asked("Size limit of volumes"),
        key("init_resources", Words(&["fixed", "fit"]), Word("fixed"), "what the init container of an agent [requests](#init_resources): `fixed`, its own resources, or `fit`, at most what the app containers request together", "policy").asked("Resources of init containers"),
        key("keep_stdout", Boolean, False, "whether a `config` of `admission_mutate.loggings` that has only files also [collects the standard output](#keep_stdout)", "policy").asked("Keep collecting the standard output"),
        key("logfwd_volumes", Words(&["emptydir", "any"]), Word("emptydir"), "the volumes of a pod on which the log forwarder [reads log files](#logfwd_volumes): `emptydir`, or `any`", "policy").asked("Volumes with log files"),
        key("safe_to_evict_local_volumes", Boolean, False, "whether the volumes that are added are [listed for the cluster autoscaler](#safe_to_evict_local_volumes), which otherwise keeps a pod with them on its node", "policy").asked("Tell the cluster autoscaler of volumes"),
    ] },
    Section { path: "policy.pod_security[]", keys: &[
        key("namespace_selectors", Expressions, None, "[expressions](#namespaces) for namespaces", "policy"),
        key("level", Words(HELD), Word("auto"), "the level for these namespaces", "policy"),
    ] },
    Section { path: "resources", keys: &[
        key("requests", Object, None, "what the container requests", "1.5.12"),
        key("limits", Object, None, "what the container cannot exceed", "1.5.12"),
    ] },
    Section { path: "resources.requests", keys: &[
        CPU,
        MEMORY,
    ] },
    Section { path: "resources.limits", keys: &[
        CPU,
        MEMORY,
    ] },
    Section { path: "envs[]", keys: &[
        key("name", VariableName, Required, "the variable's name", "policy"),
        key("value", Text, Required, "its value, or a placeholder", "policy"),
    ] },
];
