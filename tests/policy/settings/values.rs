//! Values of the right type that cannot work.

use serde_json::{Value, json};

use super::{assert_refuses, assert_takes, ddtrace, logging, problems, rule};

#[test]
fn refuses_selectors_that_are_none() {
    let path = "admission_mutate.loggings[0].label_selectors[1]";
    for (selector, problem) in [
        ("a=b=c", "expected `,` or the end, found `=`"),
        ("a in (b", "expected `,` or `)`, found the end"),
        ("a in b", "expected `(`, found `b`"),
        (
            "a b",
            "after `a` expected an operator (=, ==, !=, in, notin, >, <), found `b`",
        ),
        ("a>b", "`>` and `<` compare with a whole number, found `b`"),
        ("!a=b", "`!a` cannot be followed by `=`"),
        (",", "expected a label key, found `,`"),
        ("a=b,", "expected a label key, found the end"),
    ] {
        assert_refuses(
            logging(json!({"label_selectors": ["app=x", selector]})),
            &format!("{path}: is not a label selector: {problem}"),
        );
    }
    for selector in ["-a=b", "a/b/c", "a=b c!", "a=-b", "ä"] {
        let message = problems(&logging(json!({"label_selectors": ["app=x", selector]})));
        let message = message.unwrap_or_else(|| panic!("{selector} was taken"));
        assert!(
            message.starts_with(&format!("{path}: is not a label selector: ")),
            "{message}"
        );
    }
}

#[test]
fn refuses_namespace_patterns_that_the_engine_does_not_take() {
    // The last ones are RE2's, which the operator takes: the reason has to be told.
    for pattern in [
        "[a-",
        "(a",
        "a{2,1}",
        "*a",
        r"\pL",
        "(?<!a)b",
        r"\p{Greek}",
        "[[:foo:]]",
    ] {
        for (path, settings) in [
            (
                "admission_inject_v2.logfwds[0].namespace_selectors[0]",
                rule("logfwds", json!({"namespace_selectors": [pattern]})),
            ),
            (
                "admission_inject.ddtrace.enabled_namespaces[0].namespace",
                ddtrace(
                    json!({"enabled_namespaces": [{"namespace": pattern, "language": "java"}]}),
                ),
            ),
        ] {
            let message = problems(&settings).unwrap_or_else(|| panic!("{pattern} was taken"));
            let start = format!("{path}: is not a namespace pattern: ");
            let reason = message.strip_prefix(&start);
            assert!(reason.is_some_and(|reason| reason.len() > 10), "{message}");
        }
    }
}

#[test]
fn refuses_resources_that_cannot_be() {
    let resources = |resources: Value| rule("logfwds", json!({"resources": resources}));
    let path = "admission_inject_v2.logfwds[0].resources";
    for quantity in ["", "1 Gi", "-1", "1gi", "lots", "1.2.3"] {
        let settings = resources(json!({"limits": {"memory": quantity}}));
        assert_refuses(
            settings,
            &format!("{path}.limits.memory: `{quantity}` is not a quantity like `500m` or `512Mi`"),
        );
    }
    for (request, limit) in [
        ("200m", "0.1"),
        ("2", "1500m"),
        ("1Gi", "1G"),
        ("1001", "1e3"),
    ] {
        assert_refuses(
            resources(json!({"requests": {"cpu": request}, "limits": {"cpu": limit}})),
            &format!("{path}.requests.cpu: {request} is above the limit {limit}"),
        );
    }
    assert_takes(resources(
        json!({"requests": {"cpu": "100m"}, "limits": {"cpu": "0.1"}}),
    ));
    assert_takes(resources(
        json!({"requests": {"cpu": "8"}, "limits": {"memory": "1Gi"}}),
    ));
    assert_refuses(
        ddtrace(json!({"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}})),
        "admission_inject.ddtrace.resources.requests.memory: 2Gi is above the limit 1Gi",
    );
}

#[test]
fn refuses_log_configurations_that_datakit_would_drop() {
    let cases = [
        ("no json", ": the JSON is not valid JSON (line 1, column 2)"),
        ("[\n{]", ": the JSON is not valid JSON (line 2, column 2)"),
        ("[{}", ": the JSON ends too early (line 1, column 3)"),
        ("{}", ": the JSON must be a list, not an object"),
        ("null", ": the JSON must be a list, not null"),
        ("[null]", "[0]: must be an object, not null"),
        ("[7]", "[0]: must be an object, not a number"),
        (
            r#"[{"source":null}]"#,
            "[0].source: is null; leave the key out instead",
        ),
        (
            r#"[{"tags":{"a":null}}]"#,
            "[0].tags.a: is null; leave the key out instead",
        ),
        (
            r#"[{"tags":{"a":1}}]"#,
            "[0].tags.a: must be a string, not a number",
        ),
        (
            r#"[{"disable":"true"}]"#,
            "[0].disable: must be true or false, not a string",
        ),
        (
            r#"[{"type":"file"}]"#,
            "[0].path: must be absolute for type `file`",
        ),
        (
            r#"[{"type":"file","path":"a/b"}]"#,
            "[0].path: must be absolute for type `file`",
        ),
        (
            r#"[{"type":"file","path":"/a"},{"type":"file","path":"/a"}]"#,
            "[1].path: repeats the path of an earlier entry",
        ),
    ];
    for (config, problem) in cases {
        assert_refuses(
            logging(json!({"namespace_selectors": ["a"], "config": config})),
            &format!("admission_mutate.loggings[0].config{problem}"),
        );
        assert_refuses(
            rule("logfwds", json!({"log_configs": config})),
            &format!("admission_inject_v2.logfwds[0].log_configs{problem}"),
        );
    }
}

#[test]
fn refuses_unknown_words() {
    for (settings, problem) in [
        (
            ddtrace(
                json!({"enabled_labelselectors": [{"labelselector": "a", "language": "golang"}]}),
            ),
            "admission_inject.ddtrace.enabled_labelselectors[0].language: `golang` is an unknown language; known are `java`, `python`, `nodejs`, `js`, `php`",
        ),
        (
            rule("ddtraces", json!({"language": "Java"})),
            "admission_inject_v2.ddtraces[0].language: `Java` is an unknown language; known are `java`, `python`, `nodejs`, `js`, `php`",
        ),
        (
            rule("profilers", json!({"language": "php"})),
            "admission_inject_v2.profilers[0].language: `php` is an unknown language; known are `java`, `python`, `golang`",
        ),
        (
            rule("ddtraces", json!({"image": "a"})),
            "admission_inject_v2.ddtraces[0].language: is missing",
        ),
        (
            rule(
                "ddtraces",
                json!({"language": "php", "php_loader_flavor": "musl"}),
            ),
            "admission_inject_v2.ddtraces[0].php_loader_flavor: `musl` is unknown; known values are `linux-gnu`, `linux-musl`",
        ),
        (
            rule("logfwds", json!({"image_pull_policy": "always"})),
            "admission_inject_v2.logfwds[0].image_pull_policy: `always` is unknown; known values are `Always`, `IfNotPresent`, `Never`",
        ),
    ] {
        assert_refuses(settings, problem);
    }
}

#[test]
fn refuses_envs_that_no_container_could_have() {
    let path = "admission_inject.ddtrace.envs";
    for (value, kind) in [
        (json!(9529), "must be a string, not a number"),
        (json!(true), "must be a string, not a boolean"),
        (json!(null), "must be a string, but is null or missing"),
        (json!({}), "must be a string, not an object"),
    ] {
        assert_refuses(
            ddtrace(json!({"envs": {"A": value}})),
            &format!("{path}.A: {kind}"),
        );
        let list = ddtrace(json!({"envs": [{"name": "A", "value": value}]}));
        assert_refuses(list, &format!("{path}[0].value: {kind}"));
    }
    for name in ["", "1A", "A B", "A=B", "ä", ".", ".."] {
        assert_refuses(
            ddtrace(json!({"envs": {name: "x"}})),
            &format!(
                "{path}: a name of {} characters is not a variable name: \
                 letters, digits, `_`, `-`, `.`, no digit first",
                name.chars().count()
            ),
        );
    }
    for (list, problem) in [
        (json!(["A"]), "[0]: must be an object, not a string"),
        (json!([{"value": "x"}]), "[0].name: is missing"),
        (
            json!([{"name": "A"}]),
            "[0].value: must be a string, but is null or missing",
        ),
        (
            json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
            "[1].name: repeats the name of an earlier entry",
        ),
    ] {
        let message = problems(&ddtrace(json!({"envs": list}))).unwrap();
        assert!(message.contains(&format!("{path}{problem}")), "{message}");
    }
}

#[test]
fn refuses_images_that_are_no_references() {
    for image in ["a b", "https://repo/app", "app:", "app@sha256:1", "$(X)"] {
        for (path, settings) in [
            (
                "admission_inject.ddtrace.images.java_agent_image",
                ddtrace(json!({"images": {"java_agent_image": image}})),
            ),
            (
                "admission_inject_v2.flameshots[0].image",
                rule("flameshots", json!({"image": image})),
            ),
        ] {
            assert_refuses(
                settings,
                &format!("{path}: `{image}` is not an image reference"),
            );
        }
    }
}

#[test]
fn refuses_a_flameshot_rule_that_lacks_its_variables() {
    let flameshot = |envs: Value| rule("flameshots", json!({"processes": "[]", "envs": envs}));
    let path = "admission_inject_v2.flameshots[0].envs.FLAMESHOT_PROFILING_PATH: \
                must be an absolute path at which a volume can be mounted";
    let port = "admission_inject_v2.flameshots[0].envs.FLAMESHOT_HTTP_LOCAL_PORT: \
                must be a port from 1 to 65535";
    assert_refuses(
        flameshot(json!({})),
        &format!("2 problems:\n- {path}\n- {port}"),
    );
    for bad in ["", "flames", "./flames", "/", "//", "/proc/1"] {
        let envs = json!({"FLAMESHOT_PROFILING_PATH": bad, "FLAMESHOT_HTTP_LOCAL_PORT": "80"});
        assert_refuses(flameshot(envs), path);
    }
    for bad in ["", "0", "65536", "-1", "http", "80 ", "+80"] {
        let envs = json!({"FLAMESHOT_PROFILING_PATH": "/f", "FLAMESHOT_HTTP_LOCAL_PORT": bad});
        assert_refuses(flameshot(envs), port);
    }
    for good in ["1", "65535"] {
        assert_takes(flameshot(
            json!({"FLAMESHOT_PROFILING_PATH": "/f", "FLAMESHOT_HTTP_LOCAL_PORT": good}),
        ));
    }
    // Without processes the rule does nothing, so it needs nothing.
    assert_takes(rule("flameshots", json!({"image": "a"})));
    assert_refuses(
        rule(
            "flameshots",
            json!({"processes": "{}", "envs": {
                "FLAMESHOT_PROFILING_PATH": "/f", "FLAMESHOT_HTTP_LOCAL_PORT": "80"
            }}),
        ),
        "admission_inject_v2.flameshots[0].processes: the JSON must be a list, not an object",
    );
}

#[test]
fn refuses_log_volume_paths_that_cannot_be_mounted() {
    for (path, problem) in [
        ("logs", "is not absolute"),
        ("/", "is directly in `/`"),
        ("/*.log", "is directly in `/`"),
        ("/a/..", "is directly in `/`"),
    ] {
        assert_refuses(
            rule("logfwds", json!({"log_volume_paths": ["/ok", path]})),
            &format!("admission_inject_v2.logfwds[0].log_volume_paths[1]: {problem}"),
        );
    }
}
