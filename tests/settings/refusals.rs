//! For every key a value that the policy refuses, and what it says.

use std::collections::BTreeSet;

use datakit_operator_policy::settings::NEVER_READ;
use serde_json::{Value, json};

use crate::keys::{container_sections, paths, remove, set};
use crate::support::{problems, schema_problems};

/// Who finds the value wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    PolicyAndSchema,
    /// What a schema cannot say.
    Policy,
    /// The key had a meaning in older operators; any value is taken.
    Nobody,
}
use By::{Nobody, Policy, PolicyAndSchema};

/// The key, the value, who refuses it, and the one problem that the policy reports.
type Row = (String, Value, By, String);

/// Of settings that are valid but for one key. `problem` follows the key's path, where it does not begin with a path.
fn row(key: &str, value: Value, by: By, problem: &str) -> Row {
    let path = key.replace("[]", "[0]");
    let problem = match problem.strip_prefix('~') {
        Some(below) => format!("{path}{below}"),
        None if problem.is_empty() => String::new(),
        None => format!("{path}: {problem}"),
    };
    (key.to_owned(), value, by, problem)
}

// A table is read in rows.
#[rustfmt::skip]
fn table() -> Vec<Row> {
    let v1 = "admission_inject";
    let v2 = "admission_inject_v2";
    let no_json = "the JSON is not valid JSON (line 1, column 2)";
    let no_object = "must be an object, not a list";
    let no_list = "must be a list, not an object";
    let no_string = "must be a string, not a number";
    let agents = "known are `java`, `python`, `nodejs`, `js`, `php`";
    let profilers = "known are `java`, `python`, `golang`";
    let mut rows = vec![
        row("server_listen", json!(9543), PolicyAndSchema, no_string),
        row("log_level", json!(1), PolicyAndSchema, no_string),
        row("jsonconfig", json!({}), PolicyAndSchema, "must be a string, not an object"),
        row("jsonconfig", json!("{\n \"log_level\": }"), Policy, "the JSON is not valid JSON (line 2, column 15)"),
        row("jsonconfig", json!("{"), Policy, "the JSON ends too early (line 1, column 1)"),
        row("jsonconfig", json!("[]"), Policy, "=must be an object, not a list"),
        row("jsonconfig", json!("{\"admission_inject\": []}"), Policy, "=admission_inject: must be an object, not a list"),
        row(v1, json!([]), PolicyAndSchema, no_object),
        row(v1, json!({"DDTrace": {}}), PolicyAndSchema, "~.DDTrace: has the wrong case; write `ddtrace`"),
        row(v1, json!({"ddtraces": {}}), PolicyAndSchema, "~.ddtraces: unknown key; did you mean `ddtrace`?"),
        row(v2, json!([]), PolicyAndSchema, no_object),
        row(v2, json!({"logging": []}), PolicyAndSchema, "~.logging: unknown key; known keys are `ddtraces`, `otels`, `logfwds`, `flameshots`, `profilers`"),
        row("admission_mutate.logging", json!([{"config": 7}]), Nobody, ""),
        row("policy", json!([]), PolicyAndSchema, no_object),
        row("policy.logging_match", json!(true), PolicyAndSchema, "must be a string, not a boolean"),
        row("policy.logging_match", json!("both"), PolicyAndSchema, "`both` is unknown; known values are `any`, `all`"),
        row("policy.pod_security", json!("strict"), PolicyAndSchema, "`strict` is unknown; known values are `auto`, `none`, `baseline`, `restricted`, `namespace`"),
        row("policy.pod_security", json!({}), PolicyAndSchema, "must be a string, not an object"),
        row("policy.pod_security", json!([7]), PolicyAndSchema, "~[0]: must be an object, not a number"),
        row("policy.pod_security", json!([{"levels": "none"}]), PolicyAndSchema, "~[0].levels: unknown key; did you mean `level`?"),
        row("policy.pod_security[].level", json!("privileged"), PolicyAndSchema, "`privileged` is unknown; known values are `auto`, `none`, `baseline`, `restricted`, `namespace`"),
        row("policy.pod_security[].namespace_selectors", json!("*"), PolicyAndSchema, "must be a list, not a string"),
        row("policy.pod_security[].namespace_selectors", json!([7]), PolicyAndSchema, "~[0]: must be a string, not a number"),
        row("policy.pod_security[].namespace_selectors", json!(["("]), Policy, "~[0]: is not a namespace pattern: found open group without closing ')'"),
        row("policy.native_sidecars", json!(true), PolicyAndSchema, "must be a string, not a boolean"),
        row("policy.native_sidecars", json!("job"), PolicyAndSchema, "`job` is unknown; known values are `jobs`, `always`, `never`"),
        row("policy.exclude_containers", json!("istio-proxy"), PolicyAndSchema, "must be a list, not a string"),
        row("policy.exclude_containers", json!([1]), PolicyAndSchema, "~[0]: must be a string, not a number"),
        row("policy", json!({"logging_mach": "any"}), PolicyAndSchema, "~.logging_mach: unknown key; did you mean `logging_match`?"),
        row("policy.drop_unresolved_labels", json!("yes"), PolicyAndSchema, "must be true or false, not a string"),
        row("policy.delivery", json!(7), PolicyAndSchema, no_string),
        row("policy.delivery", json!("csi"), PolicyAndSchema, "`csi` is unknown; known values are `init`, `image`"),
        row("policy.init_resources", json!({}), PolicyAndSchema, "must be a string, not an object"),
        row("policy.init_resources", json!("none"), PolicyAndSchema, "`none` is unknown; known values are `fixed`, `fit`"),
        row("policy.keep_stdout", json!("yes"), PolicyAndSchema, "must be true or false, not a string"),
        row("policy.logfwd_volumes", json!(["any"]), PolicyAndSchema, "must be a string, not a list"),
        row("policy.logfwd_volumes", json!("all"), PolicyAndSchema, "`all` is unknown; known values are `emptydir`, `any`"),
        row("policy.safe_to_evict_local_volumes", json!("true"), PolicyAndSchema, "must be true or false, not a string"),
        row("policy.empty_dir_size_limit", json!(1024), PolicyAndSchema, no_string),
        row("policy.empty_dir_size_limit", json!("1GB"), PolicyAndSchema, "`1GB` is not a quantity like `500m` or `512Mi`"),
        row("admission_inject.logfwd.options", json!([]), PolicyAndSchema, no_object),
        row("admission_inject.logfwd.options", json!({"reuse_exist_volumes": "true"}), PolicyAndSchema, "~.reuse_exist_volumes: unknown key; did you mean `reuse_exist_volume`?"),
        row("admission_inject.logfwd.options.reuse_exist_volume", json!(true), PolicyAndSchema, "must be a string, not a boolean"),
        row("admission_inject.logfwd.options.reuse_exist_volume", json!("no"), PolicyAndSchema, "`no` is unknown; known values are `true`, `false`"),
        row("admission_mutate", json!([]), PolicyAndSchema, no_object),
        row("admission_mutate", json!({"TOKEN=secret": 7}), PolicyAndSchema, "unknown key; known keys are `loggings`, `logging`"),
        row("admission_mutate.loggings", json!({}), PolicyAndSchema, no_list),
        row("admission_mutate.loggings", json!([7]), PolicyAndSchema, "~[0]: must be an object, not a number"),
    ];
    for section in ["ddtrace", "logfwd", "profiler"] {
        let key = |key: &str| format!("admission_inject.{section}{key}");
        rows.extend([
            row(&key(""), json!([]), PolicyAndSchema, no_object),
            row(&key(""), json!({"image": "a"}), PolicyAndSchema, "~.image: unknown key; did you mean `images`?"),
            row(&key(".images"), json!("a"), PolicyAndSchema, "must be an object, not a string"),
        ]);
    }
    for section in ["ddtrace", "profiler"] {
        rows.push(row(&format!("admission_inject.{section}.options"), json!(7), Nobody, ""));
    }
    for image in [
        "ddtrace.images.java_agent_image",
        "ddtrace.images.python_agent_image",
        "ddtrace.images.js_agent_image",
        "ddtrace.images.php_agent_image",
        "logfwd.images.logfwd_image",
        "profiler.images.java_profiler_image",
        "profiler.images.python_profiler_image",
        "profiler.images.golang_profiler_image",
    ] {
        rows.extend(image_rows(&format!("admission_inject.{image}")));
    }
    for (list, selector) in [("enabled_namespaces", "namespace"), ("enabled_labelselectors", "labelselector")] {
        let list = format!("admission_inject.ddtrace.{list}");
        let selector = format!("{list}[].{selector}");
        rows.extend([
            row(&list, json!({}), PolicyAndSchema, no_list),
            row(&list, json!([{"language": "go"}]), PolicyAndSchema, &format!("~[0].language: `go` is an unknown language; {agents}")),
            row(&selector, json!(["a"]), PolicyAndSchema, "must be a string, not a list"),
        ]);
        rows.extend(language_rows(&format!("{list}[].language"), agents));
        let list = list.replace("ddtrace", "profiler");
        rows.extend([
            row(&list, json!({}), PolicyAndSchema, no_list),
            row(&selector.replace("ddtrace", "profiler"), json!(["a"]), PolicyAndSchema, "must be a string, not a list"),
            row(&format!("{list}[].language"), json!(7), PolicyAndSchema, no_string),
        ]);
    }
    rows.extend([
        row("admission_inject.ddtrace.enabled_namespaces[].namespace", json!("prod-(a"), Policy, "is not a namespace pattern: found open group without closing ')'"),
        row("admission_inject.profiler.enabled_namespaces[].namespace", json!("prod-(a"), Policy, "is not a namespace pattern: found open group without closing ')'"),
        row("admission_inject.profiler.enabled_labelselectors[].labelselector", json!("app=v[0-9"), Policy, "is not a label selector: `v[0-9` is not a glob: a `[` without its `]`"),
        row("admission_inject.ddtrace.enabled_labelselectors[].labelselector", json!("app=web,"), Policy, "is not a label selector: expected a label key, found the end"),
        row("admission_mutate.loggings[].config", json!(7), PolicyAndSchema, no_string),
        row("admission_mutate.loggings[].config", json!("x["), Policy, "the JSON is not valid JSON (line 1, column 1)"),
        row("admission_mutate.loggings[].config", json!("[null]"), Policy, "~[0]: must be an object, not null"),
        row("admission_mutate.loggings[].config", json!(r#"[{"type":"file","path":"a.log"}]"#), Policy, "~[0].path: must be absolute for type `file`"),
    ]);
    for list in ["ddtraces", "otels", "logfwds", "flameshots", "profilers"] {
        let list = format!("{v2}.{list}");
        let key = |key: &str| format!("{list}[].{key}");
        rows.extend([
            row(&list, json!({}), PolicyAndSchema, no_list),
            row(&list, json!(["a"]), PolicyAndSchema, "~[0]: must be an object, not a string"),
            row(&key("name"), json!(7), PolicyAndSchema, no_string),
            row(&key("check_annotation"), json!("true"), PolicyAndSchema, "must be true or false, not a string"),
        ]);
        rows.extend(image_rows(&key("image")));
    }
    for rules in ["admission_inject_v2.ddtraces[]", "admission_inject_v2.otels[]", "admission_inject_v2.logfwds[]", "admission_inject_v2.flameshots[]", "admission_inject_v2.profilers[]", "admission_mutate.loggings[]"] {
        rows.push(row(&format!("{rules}.enabled"), json!("no"), PolicyAndSchema, "must be true or false, not a string"));
        let percent = format!("{rules}.rollout_percent");
        rows.extend([
            row(&percent, json!("50"), PolicyAndSchema, "must be a whole number from 0 to 100, not a string"),
            row(&percent, json!(101), PolicyAndSchema, "must be a whole number from 0 to 100"),
            row(&percent, json!(-1), PolicyAndSchema, "must be a whole number from 0 to 100"),
            row(&percent, json!(12.5), PolicyAndSchema, "must be a whole number from 0 to 100"),
        ]);
        for excluding in ["", "exclude_"] {
            rows.extend(selector_rows(&format!("{rules}.{excluding}")));
        }
    }
    rows.extend(language_rows("admission_inject_v2.ddtraces[].language", agents));
    rows.extend(language_rows("admission_inject_v2.otels[].language", "known are `java`, `python`, `nodejs`"));
    rows.extend(language_rows("admission_inject_v2.profilers[].language", profilers));
    rows.extend([
        row("admission_inject_v2.ddtraces[].php_loader_flavor", json!(true), PolicyAndSchema, "must be a string, not a boolean"),
        row("admission_inject_v2.ddtraces[].php_loader_flavor", json!("musl"), PolicyAndSchema, "`musl` is unknown; known values are `linux-gnu`, `linux-musl`"),
        row("admission_inject_v2.logfwds[].log_configs", json!([]), PolicyAndSchema, "must be a string, not a list"),
        row("admission_inject_v2.logfwds[].log_configs", json!("{}"), Policy, "the JSON must be a list, not an object"),
        row("admission_inject_v2.logfwds[].log_configs", json!(r#"[{"type":"file","path":"/a"},{"path":"/a"}]"#), Policy, "~[1].path: repeats the path of an earlier entry"),
        row("admission_inject_v2.logfwds[].log_volume_paths", json!("/a"), PolicyAndSchema, "must be a list, not a string"),
        row("admission_inject_v2.logfwds[].log_volume_paths", json!(["a"]), PolicyAndSchema, "~[0]: is not absolute"),
        row("admission_inject_v2.logfwds[].log_volume_paths", json!(["/*"]), Policy, "~[0]: is directly in `/`"),
        row("admission_inject_v2.logfwds[].log_configs", json!(format!(r#"[{{"source":"{}"}}]"#, "x".repeat(128 * 1024 - 34))), Policy, "is longer than 128 KiB, more than a variable can hold"),
        row("admission_inject_v2.flameshots[].processes", json!(format!(r#"[{{"service":"{}"}}]"#, "x".repeat(128 * 1024 - 36))), Policy, "is longer than 128 KiB, more than a variable can hold"),
        row("admission_inject_v2.flameshots[].processes", json!([]), PolicyAndSchema, "must be a string, not a list"),
        row("admission_inject_v2.flameshots[].processes", json!("[,"), Policy, no_json),
        row("admission_inject_v2.flameshots[].processes", json!("[\"java\"]"), Policy, "~[0]: must be an object, not a string"),
        row("admission_inject_v2.flameshots[].enable_prometheus_annotations", json!(1), PolicyAndSchema, "must be true or false, not a number"),
    ]);
    for section in container_sections() {
        rows.extend(container_rows(section));
    }
    rows
}

/// Both lists of selectors whose keys begin with `start`.
#[rustfmt::skip]
fn selector_rows(start: &str) -> [Row; 6] {
    let namespaces = format!("{start}namespace_selectors");
    let labels = format!("{start}label_selectors");
    [
        row(&namespaces, json!("prod"), PolicyAndSchema, "must be a list, not a string"),
        row(&namespaces, json!([7]), PolicyAndSchema, "~[0]: must be a string, not a number"),
        row(&namespaces, json!(["a", "\\pL"]), Policy, "~[1]: is not a namespace pattern: Unicode character classes are not supported"),
        row(&labels, json!("app=web"), PolicyAndSchema, "must be a list, not a string"),
        row(&labels, json!([{}]), PolicyAndSchema, "~[0]: must be a string, not an object"),
        row(&labels, json!(["app", "app web"]), Policy, "~[1]: is not a label selector: after `app` expected an operator (=, ==, !=, in, notin, >, <), found `web`"),
    ]
}

fn image_rows(key: &str) -> [Row; 3] {
    [
        row(
            key,
            json!(7),
            PolicyAndSchema,
            "must be a string, not a number",
        ),
        row(
            key,
            json!("https://repo.io/app"),
            PolicyAndSchema,
            "`https://repo.io/app` is not an image reference",
        ),
        // Upper case, and a digit too few.
        row(
            key,
            json!("app@sha256:0123456789ABCDEF"),
            PolicyAndSchema,
            "`app@sha256:0123456789ABCDEF` is not an image reference",
        ),
    ]
}

fn language_rows(key: &str, known: &str) -> [Row; 4] {
    [
        row(
            key,
            json!(["java"]),
            PolicyAndSchema,
            "must be a string, not a list",
        ),
        row(
            key,
            json!("Java"),
            PolicyAndSchema,
            &format!("`Java` is an unknown language; {known}"),
        ),
        row(
            key,
            json!(""),
            PolicyAndSchema,
            &format!("`` is an unknown language; {known}"),
        ),
        row(key, Value::Null, PolicyAndSchema, "is missing"),
    ]
}

/// The keys of every container that is added.
#[rustfmt::skip]
fn container_rows(section: &str) -> Vec<Row> {
    let key = |key: &str| format!("{section}.{key}");
    let no_name = "not a variable name: letters, digits, `_`, `-`, `.`, no digit first";
    let no_string = "must be a string, not a number";
    let too_long = "is longer than 128 KiB, more than a variable can hold";
    let mut rows = vec![
        row(&key("image_pull_policy"), json!(false), PolicyAndSchema, "must be a string, not a boolean"),
        row(&key("image_pull_policy"), json!("always"), PolicyAndSchema, "`always` is unknown; known values are `Always`, `IfNotPresent`, `Never`"),
        row(&key("envs"), json!("A=1"), PolicyAndSchema, "must be an object, not a string"),
        row(&key("envs"), json!({"A": 1}), PolicyAndSchema, "~.A: must be a string, not a number"),
        row(&key("envs"), json!({"A": null}), PolicyAndSchema, "~.A: must be a string, but is null or missing"),
        row(&key("envs"), json!({"1A": "1"}), PolicyAndSchema, &format!("a name of 2 characters is {no_name}")),
        row(&key("envs"), json!({"TOKEN=secret": 7}), PolicyAndSchema, no_string),
        row(&key("envs"), json!([{"name": "TOKEN=secret", "value": "1"}]), PolicyAndSchema, &format!("a name of 12 characters is {no_name}")),
        row(&key("envs"), json!({"A": "x".repeat(128 * 1024 - 2)}), Policy, &format!("~.A: {too_long}")),
        row(&key("envs"), json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]), Policy, "~[1].name: repeats the name of an earlier entry"),
        row(&key("envs"), json!({"A": "{workload:uid}"}), Policy, "~.A: must be `{workload:name}` or `{workload:kind}`"),
        row(&key("envs"), json!({"A": "{container:image}"}), Policy, "~.A: must be `{container:name}`"),
        row(&key("envs"), json!([{"name": "A", "value": "{image:name}"}]), Policy, "~.A: must be `{image:tag}`"),
        row(&key("envs"), json!({"A": "{first:image:tag|workload:uid}"}), Policy, "~.A: alternative 2 of `{first:…}` is empty or a placeholder that is not known"),
        row(&key("envs[].name"), json!(7), PolicyAndSchema, "must be a string, not a number"),
        row(&key("envs[].value"), json!(7), PolicyAndSchema, "must be a string, not a number"),
        row(&key("resources"), json!("100m"), PolicyAndSchema, "must be an object, not a string"),
        row(&key("resources"), json!({"limit": {}}), PolicyAndSchema, "~.limit: unknown key; did you mean `limits`?"),
        row(&key("resources"), json!({"requests": {"cpu": "1.5"}, "limits": {"cpu": "1400m"}}), Policy, "~.requests.cpu: 1.5 is above the limit 1400m"),
    ];
    for bound in ["requests", "limits"] {
        let bound = key(&format!("resources.{bound}"));
        rows.push(row(&bound, json!([]), PolicyAndSchema, "must be an object, not a list"));
        for resource in ["cpu", "memory"] {
            let amount = format!("{bound}.{resource}");
            rows.extend([
                row(&amount, json!(1), PolicyAndSchema, "must be a string, not a number"),
                row(&amount, json!("1 Gi"), PolicyAndSchema, "`1 Gi` is not a quantity like `500m` or `512Mi`"),
            ]);
        }
    }
    rows
}

/// The least that a section must have to be valid.
fn base(key: &str) -> Value {
    let mut settings = json!({});
    for (section, required) in [
        ("admission_inject.ddtrace.enabled_namespaces[]", "language"),
        (
            "admission_inject.ddtrace.enabled_labelselectors[]",
            "language",
        ),
        ("admission_inject_v2.ddtraces[]", "language"),
        ("admission_inject_v2.otels[]", "language"),
        ("admission_inject_v2.profilers[]", "language"),
    ] {
        if key.starts_with(section) {
            set(
                &mut settings,
                &format!("{section}.{required}"),
                json!("java"),
            );
        }
    }
    if let Some((list, _)) = key.split_once("envs[]") {
        set(
            &mut settings,
            &format!("{list}envs"),
            json!([{"name": "A", "value": "1"}]),
        );
    }
    if key.ends_with(".processes") {
        let envs = json!({"FLAMESHOT_PROFILING_PATH": "/a", "FLAMESHOT_HTTP_LOCAL_PORT": "1"});
        set(&mut settings, "admission_inject_v2.flameshots[].envs", envs);
    }
    settings
}

#[test]
fn the_policy_says_what_is_wrong_with_a_key() {
    for (key, value, by, problem) in table() {
        let mut settings = base(&key);
        assert_eq!(problems(&settings), Vec::<String>::new(), "{key}");
        set(&mut settings, &key, value.clone());
        // A problem inside of pasted text has the path that it has there.
        let problem = match problem.split_once(": =") {
            Some((_, inside)) => inside.to_owned(),
            None => problem,
        };
        let expected: Vec<String> = if by == Nobody { vec![] } else { vec![problem] };
        assert_eq!(problems(&settings), expected, "{key}: {value}");
    }
}

#[test]
fn the_schema_refuses_what_a_schema_can() {
    for (key, value, by, _) in table() {
        let mut settings = base(&key);
        assert_eq!(schema_problems(&settings), Vec::<String>::new(), "{key}");
        set(&mut settings, &key, value.clone());
        let refused = !schema_problems(&settings).is_empty();
        assert_eq!(refused, by == PolicyAndSchema, "{key}: {value}");
    }
}

#[test]
fn every_key_is_in_the_table() {
    let refused: BTreeSet<String> = table().into_iter().map(|(key, ..)| key).collect();
    assert_eq!(refused, paths());
}

/// What is refused because of another key is no problem of a key itself.
#[test]
fn keys_are_refused_together() {
    let config = "{\"log_level\": \"info\"}";
    let both = json!({"jsonconfig": config, "log_level": "info"});
    assert_eq!(
        problems(&both),
        ["jsonconfig: cannot be combined with other keys"]
    );
    assert_eq!(schema_problems(&both).len(), 1);
    assert!(schema_problems(&json!({"jsonconfig": config})).is_empty());

    let beside = json!({"jsonconfig": config, "policy": {"logging_match": "all"}});
    assert_eq!(problems(&beside), Vec::<String>::new());
    assert!(schema_problems(&beside).is_empty());
    let twice = json!({"jsonconfig": "{\"policy\": {}}", "policy": {}});
    assert_eq!(
        problems(&twice),
        ["jsonconfig: cannot contain `policy` when `policy` is beside it"]
    );

    let mut settings = json!({});
    let rule = "admission_inject_v2.flameshots[]";
    set(&mut settings, &format!("{rule}.processes"), json!("[{}]"));
    assert_eq!(
        problems(&settings),
        [
            "admission_inject_v2.flameshots[0].envs.FLAMESHOT_PROFILING_PATH: \
             must be an absolute path at which a volume can be mounted",
            "admission_inject_v2.flameshots[0].envs.FLAMESHOT_HTTP_LOCAL_PORT: \
             must be a port from 1 to 65535",
        ]
    );
    remove(&mut settings, &format!("{rule}.processes"));
    assert_eq!(problems(&settings), Vec::<String>::new());
}

/// Null is absent to the policy, in the way of Go; the schema knows no null.
#[test]
fn null_counts_as_absent() {
    for key in paths() {
        let needs_a_value = key.ends_with("language") || key.contains("envs[]");
        if needs_a_value || NEVER_READ.contains(&key.as_str()) {
            continue;
        }
        let mut settings = base(&key);
        set(&mut settings, &key, Value::Null);
        assert_eq!(problems(&settings), Vec::<String>::new(), "{key}");
        assert!(!schema_problems(&settings).is_empty(), "{key}");
    }
}
