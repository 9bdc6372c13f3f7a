//! What settings are refused, with which words, and what is accepted.

mod values;

use serde_json::{Value, json};

use crate::support::POLICY;

/// What is said about settings; nothing if they are valid.
fn problems(settings: &Value) -> Option<String> {
    let instance = POLICY.instance().unwrap();
    let answer = instance.validate_settings(settings).unwrap();
    assert_eq!(answer.valid, answer.message.is_none());
    answer.message
}

#[track_caller]
fn assert_refuses(settings: Value, problem: &str) {
    assert_eq!(problems(&settings).as_deref(), Some(problem), "{settings}");
}

#[track_caller]
fn assert_takes(settings: Value) {
    assert_eq!(problems(&settings), None, "{settings}");
}

/// Settings with one entry in a list of `admission_inject_v2`.
fn rule(list: &str, rule: Value) -> Value {
    json!({"admission_inject_v2": {list: [rule]}})
}

fn ddtrace(section: Value) -> Value {
    json!({"admission_inject": {"ddtrace": section}})
}

fn logging(rule: Value) -> Value {
    json!({"admission_mutate": {"loggings": [rule]}})
}

#[test]
fn refuses_settings_that_are_no_object() {
    for (settings, kind) in [
        (json!([]), "a list"),
        (json!("{}"), "a string"),
        (json!(1), "a number"),
        (json!(true), "a boolean"),
    ] {
        assert_refuses(settings, &format!("must be an object, not {kind}"));
    }
}

#[test]
fn refuses_text_that_is_no_json() {
    let instance = POLICY.instance().unwrap();
    for (payload, problem) in [
        (&b""[..], "the JSON ends too early (line 1, column 0)"),
        (b"{", "the JSON ends too early (line 1, column 1)"),
        (
            b"{\n  \"a\": secret",
            "the JSON is not valid JSON (line 2, column 8)",
        ),
        (
            b"{\"a\": \"\xff\"}",
            "the JSON is not valid JSON (line 1, column 8)",
        ),
    ] {
        let answer = instance.call("validate_settings", payload).unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer, json!({"valid": false, "message": problem}));
    }
}

#[test]
fn reports_all_problems_in_one_message() {
    assert_refuses(
        json!({
            "log_lvel": "debug",
            "server_listen": 9543,
            "admission_inject": {
                "ddtrace": {
                    "enabled_namespaces": [{"namespace": "a", "language": "rust"}],
                    "envs": {"A": 1}
                }
            },
            "admission_inject_v2": {"ddtraces": [{"language": "java", "image": "a b"}]}
        }),
        "5 problems:\n\
         - log_lvel: unknown key; did you mean `log_level`?\n\
         - server_listen: must be a string, not a number\n\
         - admission_inject.ddtrace.envs.A: must be a string, not a number\n\
         - admission_inject.ddtrace.enabled_namespaces[0].language: `rust` is an unknown language; known are `java`, `python`, `nodejs`, `js`, `php`\n\
         - admission_inject_v2.ddtraces[0].image: `a b` is not an image reference",
    );
}

#[test]
fn refuses_values_of_another_type() {
    let path = "admission_inject_v2.logfwds[0]";
    for (settings, problem) in [
        (
            json!({"log_level": 1}),
            "log_level: must be a string, not a number".to_owned(),
        ),
        (
            json!({"admission_inject": []}),
            "admission_inject: must be an object, not a list".to_owned(),
        ),
        (
            json!({"admission_inject": {"ddtrace": "x"}}),
            "admission_inject.ddtrace: must be an object, not a string".to_owned(),
        ),
        (
            ddtrace(json!({"images": []})),
            "admission_inject.ddtrace.images: must be an object, not a list".to_owned(),
        ),
        (
            ddtrace(json!({"enabled_namespaces": {}})),
            "admission_inject.ddtrace.enabled_namespaces: must be a list, not an object".to_owned(),
        ),
        (
            json!({"admission_inject_v2": {"logfwds": {}}}),
            "admission_inject_v2.logfwds: must be a list, not an object".to_owned(),
        ),
        (
            rule("logfwds", json!(7)),
            format!("{path}: must be an object, not a number"),
        ),
        (
            rule("logfwds", json!({"name": 1})),
            format!("{path}.name: must be a string, not a number"),
        ),
        (
            rule("logfwds", json!({"check_annotation": "true"})),
            format!("{path}.check_annotation: must be true or false, not a string"),
        ),
        (
            rule("logfwds", json!({"namespace_selectors": "default"})),
            format!("{path}.namespace_selectors: must be a list, not a string"),
        ),
        (
            rule("logfwds", json!({"label_selectors": [{}]})),
            format!("{path}.label_selectors[0]: must be a string, not an object"),
        ),
        (
            rule("logfwds", json!({"log_volume_paths": "/a"})),
            format!("{path}.log_volume_paths: must be a list, not a string"),
        ),
        (
            rule("logfwds", json!({"log_configs": [{}]})),
            format!("{path}.log_configs: must be a string, not a list"),
        ),
        (
            rule("logfwds", json!({"resources": "1"})),
            format!("{path}.resources: must be an object, not a string"),
        ),
        (
            rule("logfwds", json!({"resources": {"limits": {"cpu": 1}}})),
            format!("{path}.resources.limits.cpu: must be a string, not a number"),
        ),
        (
            rule("flameshots", json!({"enable_prometheus_annotations": 1})),
            "admission_inject_v2.flameshots[0].enable_prometheus_annotations: \
             must be true or false, not a number"
                .to_owned(),
        ),
        (
            json!({"admission_mutate": {"loggings": 1}}),
            "admission_mutate.loggings: must be a list, not a number".to_owned(),
        ),
        (
            json!({"jsonconfig": {}}),
            "jsonconfig: must be a string, not an object".to_owned(),
        ),
    ] {
        assert_refuses(settings, &problem);
    }
}

#[test]
fn names_the_nearest_key_to_one_that_it_does_not_know() {
    for (settings, problem) in [
        (
            json!({"admission_injectv2": {}}),
            "admission_injectv2: unknown key; did you mean `admission_inject_v2`?",
        ),
        (
            json!({"zzz": 1}),
            "zzz: unknown key; known keys are `server_listen`, `log_level`, `admission_inject`, \
             `admission_inject_v2`, `admission_mutate`, `jsonconfig`, `policy`",
        ),
        (
            ddtrace(json!({"enabled_namespace": []})),
            "admission_inject.ddtrace.enabled_namespace: unknown key; did you mean `enabled_namespaces`?",
        ),
        // Go reads keys in any case.
        (
            ddtrace(json!({"Enabled_Namespaces": []})),
            "admission_inject.ddtrace.Enabled_Namespaces: has the wrong case; write `enabled_namespaces`",
        ),
        (
            json!({"POLICY": {}}),
            "POLICY: has the wrong case; write `policy`",
        ),
        (
            ddtrace(json!({"images": {"java_agnet_image": "a"}})),
            "admission_inject.ddtrace.images.java_agnet_image: unknown key; did you mean `java_agent_image`?",
        ),
        (
            ddtrace(
                json!({"enabled_labelselectors": [{"label_selector": "a", "language": "java"}]}),
            ),
            "admission_inject.ddtrace.enabled_labelselectors[0].label_selector: unknown key; did you mean `labelselector`?",
        ),
        (
            rule(
                "ddtraces",
                json!({"language": "java", "namespace_selector": []}),
            ),
            "admission_inject_v2.ddtraces[0].namespace_selector: unknown key; did you mean `namespace_selectors`?",
        ),
        (
            rule(
                "profilers",
                json!({"language": "java", "resources": {"limit": {}}}),
            ),
            "admission_inject_v2.profilers[0].resources.limit: unknown key; did you mean `limits`?",
        ),
        (
            rule("logfwds", json!({"resources": {"limits": {"disk": "1"}}})),
            "admission_inject_v2.logfwds[0].resources.limits.disk: unknown key; known keys are `cpu`, `memory`",
        ),
        (
            rule(
                "logfwds",
                json!({"envs": [{"nam": "A", "name": "A", "value": "b"}]}),
            ),
            "admission_inject_v2.logfwds[0].envs[0].nam: unknown key; did you mean `name`?",
        ),
        (
            logging(json!({"configs": "[]"})),
            "admission_mutate.loggings[0].configs: unknown key; did you mean `config`?",
        ),
        (
            json!({"admission_inject_v2": {"ddtrace": []}}),
            "admission_inject_v2.ddtrace: unknown key; did you mean `ddtraces`?",
        ),
    ] {
        assert_refuses(settings, problem);
    }
}

#[test]
fn reports_problems_of_the_pasted_configmap() {
    let pasted = |text: &str| json!({"jsonconfig": text});
    assert_refuses(
        pasted("{\n  \"log_level\": \"info\",\n}"),
        "jsonconfig: the JSON is not valid JSON (line 3, column 1)",
    );
    assert_refuses(
        pasted("{\"log_level\": "),
        "jsonconfig: the JSON ends too early (line 1, column 14)",
    );
    assert_refuses(pasted("[]"), "must be an object, not a list");
    assert_refuses(
        pasted(r#"{"admission_inject": {"ddtrace": {"envs": {"A": 1}}}}"#),
        "admission_inject.ddtrace.envs.A: must be a string, not a number",
    );
    assert_refuses(
        pasted(r#"{"log_level": "info", "log_level": "debug"}"#),
        "log_level: is given twice",
    );
    assert_refuses(
        json!({"jsonconfig": "{}", "log_level": "info"}),
        "jsonconfig: cannot be combined with other keys",
    );
    let nested = problems(&pasted(r#"{"jsonconfig": "{}"}"#));
    assert!(nested.is_some_and(|problem| problem.starts_with("jsonconfig: ")));
    for nothing in ["", "  \n", "{}", "null"] {
        assert_takes(pasted(nothing));
    }
}

#[test]
fn takes_what_the_operator_takes() {
    for settings in [
        json!({}),
        json!(null),
        json!({"server_listen": "0.0.0.0:9543", "log_level": "whatever"}),
        json!({"admission_inject": null, "admission_inject_v2": null, "admission_mutate": null}),
        json!({"jsonconfig": null}),
        ddtrace(json!({})),
        ddtrace(json!({"options": {"any": ["thing"]}})),
        json!({"admission_inject": {"logfwd": {"options": {}}, "profiler": {"options": null}}}),
        ddtrace(json!({"enabled_namespaces": [], "enabled_labelselectors": null})),
        ddtrace(json!({"images": {"java_agent_image": ""}, "envs": {}, "resources": {}})),
        ddtrace(json!({"envs": {"A": "{fieldRef:metadata.PODNAME}", "testing-env": "ok"}})),
        ddtrace(json!({"envs": {"A": "{secretKeyRef:x}", "B": "{resourceFieldRef:x}", "C": "{"}})),
        ddtrace(json!({"envs": {"A": "$(B)", "B": "$(A)"}})),
        ddtrace(json!({"envs": [{"name": "A", "value": ""}, {"name": "_.-", "value": "x"}]})),
        rule(
            "ddtraces",
            json!({"language": "js", "php_loader_flavor": ""}),
        ),
        rule(
            "ddtraces",
            json!({"language": "php", "php_loader_flavor": "linux-musl"}),
        ),
        rule(
            "logfwds",
            json!({"namespace_selectors": ["*", ".*", "^a-(b|c)+$", ""]}),
        ),
        rule(
            "logfwds",
            json!({"label_selectors": ["a", "!a", "a in (x,y),b notin (z)", "a>1", "a=", ""]}),
        ),
        rule(
            "logfwds",
            json!({"image": "host:5000/app:v1", "image_pull_policy": "Never"}),
        ),
        rule(
            "logfwds",
            json!({"log_configs": "[]", "log_volume_paths": ["/a/", "/b/*.log"]}),
        ),
        // The default ConfigMap has a rule like this.
        logging(json!({"namespace_selectors": [], "label_selectors": [], "config": ""})),
        logging(json!({"namespace_selectors": null, "label_selectors": null, "config": null})),
        logging(
            json!({"config": r#"[{"type":"file","path":"/a"},{"type":"stdout"},{"path":""}]"#}),
        ),
    ] {
        assert_takes(settings);
    }
}
