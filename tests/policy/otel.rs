//! OpenTelemetry: its form for each language, what the user's variables become, and when it stands back.

use serde_json::{Value, json};

use crate::parts::{
    assert_injects, assert_leaves_alone, config_map, default_resources, empty_dir, field, mount,
    pod, variable, with,
};

const VOLUME: &str = "datakit-otel-auto-instrument";
const JAVA: &str = "-javaagent:/otel-auto-instrumentation-java/javaagent.jar";
const NODE: &str = "--require /otel-auto-instrumentation-nodejs/autoinstrumentation.js";
const PYTHON: &str = "/otel-auto-instrumentation-python";
const PYTHON_START: &str =
    "/otel-auto-instrumentation-python/opentelemetry/instrumentation/auto_instrumentation";

fn rule(language: &str) -> Value {
    json!({
        "language": language,
        "namespace_selectors": ["*"],
        "image": format!("repo/{language}:1")
    })
}

fn settings(rules: Value) -> Value {
    json!({"admission_inject_v2": {"otels": rules}})
}

fn directory(language: &str) -> String {
    format!("/otel-auto-instrumentation-{language}")
}

fn main(env: Value) -> Value {
    json!({"name": "main", "image": "app:1", "env": env})
}

fn of(spec: Value) -> Value {
    pod(&[], spec)
}

fn agent_mount(language: &str) -> Value {
    mount(VOLUME, &directory(language))
}

fn init_container(language: &str) -> Value {
    let directory = directory(language);
    let command = match language {
        "java" => vec![
            "cp".to_owned(),
            "/javaagent.jar".to_owned(),
            format!("{directory}/javaagent.jar"),
        ],
        _ => ["cp", "-r", "/autoinstrumentation/.", &directory]
            .map(str::to_owned)
            .to_vec(),
    };
    json!({
        "name": "datakit-otel-lib-init",
        "image": format!("repo/{language}:1"),
        "imagePullPolicy": "Always",
        "command": command,
        "resources": default_resources(),
        "volumeMounts": [agent_mount(language)]
    })
}

/// What a spec becomes whose containers are given as they are to be, but for the agent's mount.
fn injected(language: &str, mut spec: Value) -> Value {
    for container in spec["containers"].as_array_mut().unwrap() {
        container["volumeMounts"] = json!([agent_mount(language)]);
    }
    spec["initContainers"] = json!([init_container(language)]);
    spec["volumes"] = json!([empty_dir(VOLUME)]);
    of(spec)
}

#[track_caller]
fn assert_env(language: &str, envs: Value, before: Value, after: Value, warnings: &[&str]) {
    let rule = with(rule(language), json!({"envs": envs}));
    assert_injects(
        &of(json!({"containers": [main(before)]})),
        &settings(json!([rule])),
        &injected(language, json!({"containers": [main(after)]})),
        warnings,
    );
}

/// What the variable of a language becomes.
#[track_caller]
fn assert_value(language: &str, own: Option<&str>, expected: &str) {
    let name = match language {
        "java" => "JAVA_TOOL_OPTIONS",
        "python" => "PYTHONPATH",
        _ => "NODE_OPTIONS",
    };
    let before = match own {
        None => json!([]),
        Some(own) => json!([variable(name, own)]),
    };
    let after = json!([variable(name, expected)]);
    assert_env(language, json!({}), before, after, &[]);
}

#[test]
fn java_gets_an_option_behind_its_own() {
    assert_value("java", None, JAVA);
    assert_value("java", Some(""), JAVA);
    assert_value("java", Some("-Xmx1g"), &format!("-Xmx1g {JAVA}"));
    let own = format!("-Xmx1g {JAVA} -Dx=1");
    assert_value("java", Some(&own), &own);
    let configured = format!("{JAVA}=otel.properties");
    assert_value("java", Some(&configured), &configured);
}

#[test]
fn python_gets_paths_around_its_own() {
    assert_value("python", None, &format!("{PYTHON_START}:{PYTHON}"));
    assert_value("python", Some(""), &format!("{PYTHON_START}:{PYTHON}"));
    let around = format!("{PYTHON_START}:/app:/lib:{PYTHON}");
    assert_value("python", Some("/app:/lib"), &around);
    assert_value("python", Some(&around), &around);
}

#[test]
fn nodejs_gets_an_option_with_a_blank_before_it() {
    assert_value("nodejs", None, &format!(" {NODE}"));
    assert_value("nodejs", Some(""), &format!(" {NODE}"));
    let own = format!("--require dotenv {NODE}");
    assert_value("nodejs", Some("--require dotenv"), &own);
    assert_value("nodejs", Some(&own), &own);
}

#[test]
fn a_reference_is_kept_and_referred_to() {
    let source = json!({"configMapKeyRef": {"name": "options", "key": "java"}});
    let own = json!([{"name": "JAVA_TOOL_OPTIONS", "valueFrom": source}]);
    let after = json!([
        {"name": "DATAKIT_ORIG_JAVA_TOOL_OPTIONS", "valueFrom": source},
        variable("JAVA_TOOL_OPTIONS", &format!("$(DATAKIT_ORIG_JAVA_TOOL_OPTIONS) {JAVA}"))
    ]);
    assert_env("java", json!({}), own, after, &[]);
}

#[test]
fn the_variables_of_the_rule_come_after_those_that_they_refer_to() {
    let envs = json!({
        "OTEL_SERVICE_NAME": "{fieldRef:metadata.labels['app']}",
        "OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=$(POD_NAME),team=a",
        "POD_NAME": "{fieldRef:metadata.name}",
        "OTEL_LOGS_EXPORTER": "none"
    });
    let after = json!([
        variable("OTEL_LOGS_EXPORTER", "otlp"),
        variable("JAVA_TOOL_OPTIONS", JAVA),
        field("OTEL_SERVICE_NAME", "metadata.labels['app']"),
        field("POD_NAME", "metadata.name"),
        variable(
            "OTEL_RESOURCE_ATTRIBUTES",
            "k8s.pod.name=$(POD_NAME),team=a"
        ),
    ]);
    let own = json!([variable("OTEL_LOGS_EXPORTER", "otlp")]);
    let no_label = "datakit otel: variables refer to labels or annotations that do not exist, and are empty: \
                    OTEL_SERVICE_NAME";
    assert_env("java", envs, own, after, &[no_label]);
}

#[test]
fn attributes_are_merged_and_the_own_ones_stay() {
    let envs = json!({
        "OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=$(POD_NAME),team=b",
        "POD_NAME": "{fieldRef:metadata.name}"
    });
    let own = json!([
        variable("OTEL_RESOURCE_ATTRIBUTES", "team=a,url=http://x?a=b"),
        variable("COPY", "$(OTEL_RESOURCE_ATTRIBUTES)"),
        variable("OTHER", "1")
    ]);
    let merged = "team=a,url=http://x?a=b,k8s.pod.name=$(POD_NAME)";
    let after = json!([
        variable("OTHER", "1"),
        variable("JAVA_TOOL_OPTIONS", JAVA),
        field("POD_NAME", "metadata.name"),
        variable("OTEL_RESOURCE_ATTRIBUTES", merged),
        variable("COPY", "$(OTEL_RESOURCE_ATTRIBUTES)"),
    ]);
    assert_env("java", envs.clone(), own, after, &[]);

    let reference = json!({
        "name": "OTEL_RESOURCE_ATTRIBUTES",
        "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}
    });
    assert_env(
        "java",
        envs,
        json!([reference]),
        json!([
            reference,
            variable("JAVA_TOOL_OPTIONS", JAVA),
            field("POD_NAME", "metadata.name")
        ]),
        &[
            "datakit otel: OTEL_RESOURCE_ATTRIBUTES of container `main` is a reference, so the configured attributes are not merged",
        ],
    );
}

#[test]
fn the_first_rule_that_is_asked_for_decides_and_the_annotation_names_the_version() {
    let asking = |language: &str| with(rule(language), json!({"check_annotation": true}));
    let rules = settings(json!([asking("java"), asking("nodejs"), rule("python")]));
    let asked = |annotations: &[(&str, &str)]| {
        pod(
            annotations,
            json!({"containers": [{"name": "main", "image": "app:1"}]}),
        )
    };
    let after = |annotations: &[(&str, &str)], language: &str, tag: &str, env: Value| {
        let mut after = injected(language, json!({"containers": [main(env)]}));
        after["metadata"] = asked(annotations)["metadata"].clone();
        after["spec"]["initContainers"][0]["image"] = json!(format!("repo/{language}:{tag}"));
        after
    };
    let node = json!([variable("NODE_OPTIONS", &format!(" {NODE}"))]);
    let python = json!([variable("PYTHONPATH", &format!("{PYTHON_START}:{PYTHON}"))]);
    for (annotations, language, tag, env, warnings) in [
        (
            &[("otel-nodejs-lib.version", "0.78.0")][..],
            "nodejs",
            "0.78.0",
            node.clone(),
            vec![],
        ),
        (
            &[("otel-nodejs-lib.version", "")],
            "nodejs",
            "1",
            node,
            vec![],
        ),
        (&[], "python", "1", python.clone(), vec![]),
        (
            &[("otel-python-lib.version", "2")],
            "python",
            "1",
            python,
            vec![
                "datakit otel: admission.datakit/otel-python-lib.version has no effect: \
                 admission_inject_v2.otels[2] decides",
            ],
        ),
    ] {
        let expected = after(annotations, language, tag, env);
        assert_injects(&asked(annotations), &rules, &expected, &warnings);
    }
    let off = asked(&[("otel.enabled", "false"), ("otel-java-lib.version", "1")]);
    assert_leaves_alone(&off, &rules, &[]);
}

fn ddtrace_and_otel(ddtrace: Value) -> Value {
    json!({"admission_inject_v2": {"ddtraces": [ddtrace], "otels": [rule("java")]}})
}

#[test]
fn it_stands_back_where_ddtrace_was_selected() {
    // It could not be injected, and the user is told why: another agent is not what was meant.
    let plain = of(json!({"containers": [{"name": "main", "image": "app:1"}]}));
    let without_image = json!({"language": "java", "namespace_selectors": ["*"]});
    assert_leaves_alone(
        &plain,
        &ddtrace_and_otel(without_image),
        &[
            "datakit ddtrace: nothing injected: admission_inject_v2.ddtraces[0] has no image for java",
        ],
    );
    let there = of(json!({
        "initContainers": [{"name": "datakit-lib-init", "image": "x"}],
        "containers": [{"name": "main", "image": "app:1"}]
    }));
    assert_leaves_alone(&there, &settings(json!([rule("java")])), &[]);

    let of_another =
        json!({"language": "java", "namespace_selectors": ["^other$"], "image": "dd:1"});
    let env = json!([variable("JAVA_TOOL_OPTIONS", JAVA)]);
    let after = injected("java", json!({"containers": [main(env)]}));
    assert_injects(&plain, &ddtrace_and_otel(of_another), &after, &[]);

    let off = pod(
        &[("ddtrace.enabled", "false")],
        json!({"containers": [{"name": "main", "image": "app:1"}]}),
    );
    let mut after = after;
    after["metadata"] = off["metadata"].clone();
    assert_injects(&off, &ddtrace_and_otel(rule("java")), &after, &[]);
}

#[test]
fn ddtrace_stands_back_where_the_container_of_opentelemetry_is_there() {
    let there = |kind: &str| {
        let spec = json!({
            "initContainers": [{"name": "datakit-otel-lib-init", "image": "x"}],
            "containers": [{"name": "main", "image": "app:1"}]
        });
        match kind {
            "Pod" => of(spec),
            kind => crate::support::workload(kind, &json!({"spec": spec})),
        }
    };
    let settings = json!({"admission_inject_v2": {"ddtraces": [rule("java")]}});
    assert_leaves_alone(&there("Pod"), &settings, &[]);
    assert_leaves_alone(
        &there("Deployment"),
        &settings,
        &[
            "datakit ddtrace: nothing injected: the pod already has a container datakit-otel-lib-init",
        ],
    );
}

#[test]
fn nothing_is_injected_beside_another_agent_or_into_half_of_one() {
    let options =
        |name: &str, value: &str| json!({"containers": [main(json!([variable(name, value)]))]});
    let mounts = |mounts: Value| {
        let container = with(main(json!([])), json!({"volumeMounts": mounts}));
        json!({"volumes": [empty_dir("own"), empty_dir(VOLUME)], "containers": [container]})
    };
    let other_mount = "container `main` has another mount of datakit-otel-auto-instrument or at \
                       /otel-auto-instrumentation-java";
    for (language, spec, reason) in [
        (
            "java",
            options("JAVA_TOOL_OPTIONS", "-javaagent:/opt/dd-java-agent.jar"),
            "container `main` has Datadog's agent in JAVA_TOOL_OPTIONS",
        ),
        (
            "java",
            options(
                "JAVA_TOOL_OPTIONS",
                "-javaagent:/otel-auto-instrumentation-java/other.jar",
            ),
            "container `main` has a part of an OpenTelemetry agent in JAVA_TOOL_OPTIONS",
        ),
        (
            "python",
            options("PYTHONPATH", "/datadog-lib/:/app"),
            "container `main` has Datadog's agent in PYTHONPATH",
        ),
        (
            "python",
            options("PYTHONPATH", &format!("/app:{PYTHON}")),
            "container `main` has a part of an OpenTelemetry agent in PYTHONPATH",
        ),
        (
            "nodejs",
            options("NODE_OPTIONS", "-r dd-trace/init"),
            "container `main` has Datadog's agent in NODE_OPTIONS",
        ),
        (
            "nodejs",
            options(
                "NODE_OPTIONS",
                "--require=/otel-auto-instrumentation-nodejs/autoinstrumentation.js",
            ),
            "container `main` has a part of an OpenTelemetry agent in NODE_OPTIONS",
        ),
        (
            "java",
            mounts(json!([mount("own", "/datadog-lib/")])),
            "container `main` mounts /datadog-lib, Datadog's agent",
        ),
        (
            "java",
            mounts(json!([mount("own", "/otel-auto-instrumentation-java")])),
            other_mount,
        ),
        (
            "java",
            mounts(json!([mount(VOLUME, "/elsewhere")])),
            other_mount,
        ),
        (
            "java",
            mounts(json!([with(
                mount(VOLUME, "/otel-auto-instrumentation-java"),
                json!({"subPath": "a"})
            )])),
            other_mount,
        ),
        (
            "java",
            json!({"volumes": [config_map(VOLUME)], "containers": [main(json!([]))]}),
            "the volume datakit-otel-auto-instrument is not an emptyDir",
        ),
        (
            "java",
            json!({
                "securityContext": {"runAsNonRoot": true, "runAsUser": 0},
                "containers": [main(json!([]))]
            }),
            "it is runAsNonRoot, and runAsUser is 0",
        ),
    ] {
        let warning = format!("datakit otel: nothing injected: {reason}");
        assert_leaves_alone(&of(spec), &settings(json!([rule(language)])), &[&warning]);
    }
}

#[test]
fn the_init_container_has_the_security_context_of_the_first_container() {
    let own = json!({
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "future": {"a": [1]},
        "runAsNonRoot": true, "runAsUser": 1000
    });
    let with_user = |context: Value, user: u64| with(context, json!({"runAsUser": user}));
    let non_root = json!({"runAsNonRoot": true});
    for (of_the_pod, of_the_container, expected) in [
        (json!(null), json!(null), json!(null)),
        (json!(null), own.clone(), own.clone()),
        (
            json!(null),
            non_root.clone(),
            with_user(non_root.clone(), 65532),
        ),
        (non_root.clone(), json!(null), json!({"runAsUser": 65532})),
        (
            with_user(non_root.clone(), 7),
            non_root.clone(),
            non_root.clone(),
        ),
        (
            non_root.clone(),
            json!({"runAsNonRoot": false}),
            json!({"runAsNonRoot": false}),
        ),
        (with_user(non_root.clone(), 7), json!(null), json!(null)),
    ] {
        let contained = |container: Value| {
            let mut container = container;
            if !of_the_container.is_null() {
                container["securityContext"] = of_the_container.clone();
            }
            let mut spec = json!({"containers": [container]});
            if !of_the_pod.is_null() {
                spec["securityContext"] = of_the_pod.clone();
            }
            spec
        };
        let before = of(contained(main(json!([]))));
        let env = json!([variable("JAVA_TOOL_OPTIONS", JAVA)]);
        let mut after = injected("java", contained(main(env)));
        if !expected.is_null() {
            after["spec"]["initContainers"][0]["securityContext"] = expected;
        }
        assert_injects(&before, &settings(json!([rule("java")])), &after, &[]);
    }
}
