//! Settings of both models, nearly all of them such that the policy accepts them.

use datakit_operator_policy::admission;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Value, json};

use super::pods::resources;
use super::{always, lists, maybe, objects, one_of};

/// Whether the policy would be loaded with these settings.
pub fn accepted(settings: &Value) -> bool {
    let answer = admission::validate_settings(settings.to_string().as_bytes()).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    answer["valid"] == true
}

pub fn settings() -> BoxedStrategy<Value> {
    let with_models = |first: u32, second: u32| {
        objects(vec![
            ("server_listen", maybe(10, one_of(json!(["0.0.0.0:9543"])))),
            (
                "log_level",
                maybe(20, one_of(json!(["info", "warn", "any"]))),
            ),
            ("admission_inject", maybe(first, first_model())),
            ("admission_inject_v2", maybe(second, second_model())),
            ("admission_mutate", maybe(60, loggings())),
            ("policy", maybe(50, own())),
        ])
    };
    let settings = prop_oneof![
        3 => with_models(100, 0),
        5 => with_models(0, 100),
        2 => with_models(70, 70),
    ];
    (settings, 0..10_u8)
        .prop_map(|(settings, pasted)| match pasted {
            0 => json!({"jsonconfig": settings.to_string()}),
            1 => json!({"jsonconfig": format!("{settings:#}")}),
            _ => settings,
        })
        .boxed()
}

/// The settings of the policy itself.
fn own() -> BoxedStrategy<Value> {
    let levels = json!(["auto", "none", "baseline", "restricted", "namespace"]);
    let rule = objects(vec![
        (
            "namespace_selectors",
            maybe(90, one_of(json!([["*"], ["^def"], ["apps", "x"], []]))),
        ),
        ("level", maybe(90, one_of(levels.clone()))),
    ]);
    let held = prop_oneof![one_of(levels), lists(rule, 0, 2)].boxed();
    objects(vec![
        ("delivery", maybe(20, one_of(json!(["init", "image"])))),
        (
            "drop_unresolved_labels",
            maybe(30, one_of(json!([true, false]))),
        ),
        ("logging_match", maybe(30, one_of(json!(["all", "any"])))),
        ("pod_security", maybe(25, held)),
        (
            "native_sidecars",
            maybe(50, one_of(json!(["jobs", "always", "never"]))),
        ),
        (
            "exclude_containers",
            maybe(30, one_of(json!([[], ["app"], ["istio-proxy", "web"]]))),
        ),
        (
            "empty_dir_size_limit",
            maybe(30, one_of(json!(["1Gi", "500M", "1e9"]))),
        ),
        ("init_resources", maybe(50, one_of(json!(["fixed", "fit"])))),
        ("keep_stdout", maybe(40, one_of(json!([true, false])))),
        (
            "logfwd_volumes",
            maybe(80, one_of(json!(["any", "any", "emptydir"]))),
        ),
        (
            "safe_to_evict_local_volumes",
            maybe(40, one_of(json!([true, false]))),
        ),
    ])
}

fn first_model() -> BoxedStrategy<Value> {
    let ddtrace = objects(vec![
        (
            "images",
            maybe(
                90,
                images(&[
                    "java_agent_image",
                    "python_agent_image",
                    "js_agent_image",
                    "php_agent_image",
                ]),
            ),
        ),
        ("envs", maybe(80, envs())),
        ("resources", maybe(40, resources())),
        ("image_pull_policy", maybe(20, pull_policy())),
        (
            "enabled_namespaces",
            maybe(
                30,
                lists(enabled("namespace", json!(["apps", "^def", "*"])), 0, 2),
            ),
        ),
        (
            "enabled_labelselectors",
            maybe(
                30,
                lists(
                    enabled(
                        "labelselector",
                        json!(["app=web", "app=w*", "env in (prod)", "!x"]),
                    ),
                    0,
                    2,
                ),
            ),
        ),
        ("options", maybe(5, one_of(json!([{}])))),
    ]);
    let logfwd = objects(vec![
        ("images", maybe(90, images(&["logfwd_image"]))),
        ("envs", maybe(70, envs())),
        ("resources", maybe(40, resources())),
        ("image_pull_policy", maybe(20, pull_policy())),
        (
            "options",
            maybe(
                10,
                objects(vec![(
                    "reuse_exist_volume",
                    maybe(95, one_of(json!(["true", "false"]))),
                )]),
            ),
        ),
    ]);
    let profiler = objects(vec![
        (
            "enabled_namespaces",
            maybe(
                10,
                one_of(json!([[], [{"namespace": "apps"}], [{"namespace": "."}]])),
            ),
        ),
        (
            "enabled_labelselectors",
            maybe(10, one_of(json!([[], [{"labelselector": "app=w*"}]]))),
        ),
        (
            "images",
            maybe(
                90,
                images(&[
                    "java_profiler_image",
                    "python_profiler_image",
                    "golang_profiler_image",
                ]),
            ),
        ),
        ("envs", maybe(70, envs())),
        ("resources", maybe(40, resources())),
        ("image_pull_policy", maybe(20, pull_policy())),
    ]);
    objects(vec![
        ("ddtrace", maybe(85, ddtrace)),
        ("logfwd", maybe(85, logfwd)),
        ("profiler", maybe(85, profiler)),
    ])
}

fn enabled(key: &'static str, values: Value) -> BoxedStrategy<Value> {
    objects(vec![
        (key, always(one_of(values))),
        ("language", always(agent_languages())),
    ])
}

fn second_model() -> BoxedStrategy<Value> {
    let ddtrace = rules(vec![
        ("language", always(agent_languages())),
        (
            "php_loader_flavor",
            maybe(20, one_of(json!(["linux-gnu", "linux-musl", ""]))),
        ),
        ("envs", maybe(80, envs())),
    ]);
    let volume_paths = one_of(json!([
        [],
        ["/var/log", "/srv/*/x.log"],
        ["/logs/", "/etc/podinfo", "/flames"],
    ]));
    let logfwd = rules(vec![
        ("envs", maybe(80, envs())),
        ("log_configs", maybe(50, log_configs())),
        ("log_volume_paths", maybe(40, volume_paths)),
    ]);
    let flameshot = rules(vec![
        ("envs", always(flameshot_envs())),
        (
            "processes",
            maybe(95, one_of(json!(["[]", "[{\"service\": \"web\"}]", ""]))),
        ),
        (
            "enable_prometheus_annotations",
            maybe(50, one_of(json!([true, false]))),
        ),
    ]);
    let profiler = rules(vec![
        (
            "language",
            always(one_of(json!(["java", "java", "python", "golang"]))),
        ),
        ("envs", maybe(80, envs())),
    ]);
    let otel = rules(vec![
        (
            "language",
            always(one_of(json!(["java", "java", "python", "nodejs"]))),
        ),
        ("envs", maybe(80, envs())),
    ]);
    objects(vec![
        ("ddtraces", maybe(50, lists(ddtrace, 1, 2))),
        ("otels", maybe(85, lists(otel, 1, 2))),
        ("logfwds", maybe(85, lists(logfwd, 1, 2))),
        ("flameshots", maybe(95, lists(flameshot, 2, 3))),
        ("profilers", maybe(85, lists(profiler, 1, 2))),
    ])
}

/// Rules with these fields and those that all rules have.
fn rules(own: super::Fields) -> BoxedStrategy<Value> {
    let mut fields = narrowing();
    fields.extend(vec![
        ("name", maybe(30, one_of(json!(["a rule", ""])))),
        (
            "namespace_selectors",
            maybe(
                85,
                one_of(json!([
                    ["*"],
                    [".*"],
                    ["*"],
                    ["^apps$", "default"],
                    ["nowhere"],
                    []
                ])),
            ),
        ),
        (
            "label_selectors",
            maybe(
                40,
                one_of(json!([
                    ["app=web"],
                    ["app=?e*"],
                    ["env in (prod)", "app!=[a-z]*"],
                    [],
                    [""]
                ])),
            ),
        ),
        ("check_annotation", maybe(35, one_of(json!([true, false])))),
        ("image", maybe(95, image())),
        ("resources", maybe(30, resources())),
        ("image_pull_policy", maybe(20, pull_policy())),
    ]);
    fields.extend(own);
    objects(fields)
}

/// What narrows the rules of all lists.
fn narrowing() -> super::Fields {
    vec![
        ("enabled", maybe(8, one_of(json!([true, true, false])))),
        (
            "rollout_percent",
            maybe(15, one_of(json!([100, 75, 30, 0]))),
        ),
        (
            "exclude_namespace_selectors",
            maybe(8, one_of(json!([["^oth"], [" "], ["apps"], []]))),
        ),
        (
            "exclude_label_selectors",
            maybe(8, one_of(json!([["app=w*"], ["canary", ""], []]))),
        ),
    ]
}

fn agent_languages() -> BoxedStrategy<Value> {
    one_of(json!(["java", "java", "python", "nodejs", "js", "php"]))
}

fn image() -> BoxedStrategy<Value> {
    let images = one_of(json!([
        "repo/image:1",
        "registry:5000/image",
        "image@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    ]));
    prop_oneof![20 => images, 1 => Just(json!(""))].boxed()
}

fn images(keys: &[&'static str]) -> BoxedStrategy<Value> {
    objects(keys.iter().map(|key| (*key, maybe(90, image()))).collect())
}

fn pull_policy() -> BoxedStrategy<Value> {
    one_of(json!(["Always", "IfNotPresent", "Never", ""]))
}

const VARIABLES: [(&str, &str); 22] = [
    ("DD_AGENT_HOST", "datakit.datakit.svc"),
    ("DD_TAGS", "pod_name:$(POD_NAME),env:dev,host:$(Z)"),
    ("OTEL_RESOURCE_ATTRIBUTES", "pod=$(POD_NAME),env=dev"),
    ("POD_NAME", "{fieldRef:metadata.name}"),
    ("Z", "z"),
    ("A", "$(B)-$(POD_NAME)"),
    ("B", "$(A)"),
    ("JAVA_TOOL_OPTIONS", "-Xmx1g"),
    ("DATAKIT_ORIG_JAVA_TOOL_OPTIONS", "x"),
    ("APP", "{fieldRef:metadata.labels['app']}"),
    (
        "OWNER",
        "{fieldRef:metadata.annotations['example.com/Owner']}",
    ),
    ("CPU", "{resourceFieldRef:limits.cpu}"),
    ("MEMORY", "{resourceFieldRef:requests.memory}"),
    ("KEY", "{secretKeyRef:s.k.e.y}"),
    ("ODD", "{fieldRef:metadata.future}"),
    (
        "DD_SERVICE",
        "{first:fieldRef:metadata.labels['app']|workload:name}",
    ),
    ("DD_VERSION", "{image:tag}"),
    ("CONTAINER", "{container:name}"),
    ("KIND", "{workload:kind}"),
    (
        "FIRST",
        "{first:resourceFieldRef:limits.cpu|image:tag|$(Z)}",
    ),
    ("LOGFWD_JSON_CONFIG", "[]"),
    ("FLAMESHOT_PROCESSES", "[]"),
];

/// Some of the variables, as an object or as a list.
fn envs() -> BoxedStrategy<Value> {
    let chosen = subsequence(VARIABLES.to_vec(), 0..=8).prop_shuffle();
    (
        chosen,
        proptest::bool::ANY,
        one_of(json!([null, null, null, "{secretKeyRef:s.tags}"])),
    )
        .prop_map(|(mut chosen, as_list, tags)| {
            for (name, value) in &mut chosen {
                if *name == "DD_TAGS" && !tags.is_null() {
                    *value = "{secretKeyRef:s.tags}";
                }
            }
            if as_list {
                let entry = |(name, value)| json!({"name": name, "value": value});
                chosen.into_iter().map(entry).collect()
            } else {
                let entry = |(name, value): (&str, &str)| (name.to_owned(), json!(value));
                Value::Object(chosen.into_iter().map(entry).collect())
            }
        })
        .boxed()
}

fn flameshot_envs() -> BoxedStrategy<Value> {
    objects(vec![
        (
            "FLAMESHOT_PROFILING_PATH",
            always(one_of(json!([
                "/flames",
                "/flames",
                "/flames/",
                "/profiles",
                "/data//x",
                "/var/log",
                "/tmp"
            ]))),
        ),
        (
            "FLAMESHOT_HTTP_LOCAL_PORT",
            always(one_of(json!(["8089", "8089", "80", "65535"]))),
        ),
        ("FLAMESHOT_LOG", maybe(50, one_of(json!(["$(POD_NAME)"])))),
        (
            "POD_NAME",
            maybe(50, one_of(json!(["{fieldRef:metadata.name}"]))),
        ),
    ])
}

fn log_configs() -> BoxedStrategy<Value> {
    let file = objects(vec![
        ("type", always(one_of(json!(["file"])))),
        (
            "path",
            always(one_of(json!([
                "/var/log/*.log",
                "/logs/a.log",
                "/srv/app/**/b.log",
                "/x.log",
                "/tmp/opt/*.log",
                "/a:b/c"
            ]))),
        ),
        ("disable", maybe(20, one_of(json!([true, false])))),
        ("source", maybe(50, one_of(json!(["web"])))),
    ]);
    let other = one_of(json!([{"type": "stdout"}, {"disable": true}, {"future": [null]}]));
    let entry = prop_oneof![3 => file, 1 => other].boxed();
    let text = lists(entry, 0, 2).prop_map(|list| Value::from(list.to_string()));
    prop_oneof![6 => text, 1 => Just(json!(""))].boxed()
}

fn loggings() -> BoxedStrategy<Value> {
    let mut fields = narrowing();
    fields.extend(vec![
        (
            "namespace_selectors",
            maybe(
                70,
                one_of(json!([["default"], ["apps", "^oth"], ["*"], []])),
            ),
        ),
        (
            "label_selectors",
            maybe(50, one_of(json!([["app=web"], ["app=*"], ["nothing"], []]))),
        ),
        ("config", maybe(95, log_configs())),
    ]);
    let rule = objects(fields);
    objects(vec![("loggings", maybe(95, lists(rule, 0, 2)))])
}
