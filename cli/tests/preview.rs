//! `preview` shows what the policy changes, and nothing else.

mod program;

use std::path::Path;

use datakit_policy_host::manifest;
use program::guest::Reaction;
use program::{Folder, Outcome, finish, outcome, valid};
use serde_json::{Value, json};

/// The order of keys is the user's; the policy answers in another.
const POD: &str = "\
kind: Pod
apiVersion: v1
metadata:
  name: a   # the name
spec:
  containers:
  - name: web
    image: nginx:1.25
";

fn mutated() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {
            "containers": [{"name": "web", "image": "nginx:1.25", "env": [{"name": "A", "value": "yes"}]}],
            "shareProcessNamespace": true
        }
    })
}

const DIFF: &str = "\
@@ -6,3 +6,7 @@
   containers:
   - name: web
     image: nginx:1.25
+    env:
+    - name: A
+      value: \"yes\"
+  shareProcessNamespace: true
";

fn answering(answer: &Value) -> Folder {
    let folder = Folder::answering(answer);
    folder.write("pod.yaml", POD);
    folder.write("settings.json", "{}");
    folder
}

/// What is said where there are no settings, and nothing came of it.
const NOTE: &str = "note: without --settings the policy has nothing to inject\n";

fn preview(folder: &Folder, args: &[&str]) -> Outcome {
    folder.run(&[&["preview", "-p", "policy.wasm"], args].concat())
}

#[test]
fn a_change_is_a_diff_with_warnings_and_what_was_injected() {
    let folder = answering(&json!({
        "accepted": true, "mutated_object": mutated(),
        "warnings": ["first", "second"],
        "audit_annotations": {"logfwd": "image:1", "ddtrace": "java"}
    }));
    assert_eq!(
        preview(&folder, &["-f", "pod.yaml"]),
        outcome(
            0,
            &format!(
                "Pod default/a: pod.yaml:1\n{DIFF}\
                 warning: first\nwarning: second\ninjected: ddtrace: java\ninjected: logfwd: image:1\n\n\
                 1 object: 1 injected, 0 skipped; 2 warnings\n"
            ),
            ""
        )
    );
}

#[test]
fn everything_in_the_files_is_listed_and_counted() {
    let folder =
        answering(&json!({"accepted": true, "mutated_object": null, "warnings": ["careful"]}));
    folder.write(
        "app.yaml",
        format!(
            "{POD}---\nkind: Service\napiVersion: v1\nmetadata: {{name: s, namespace: web}}\n\
             ---\na: b: c\n---\napiVersion: v1\nkind: List\nitems:\n\
             - {{apiVersion: apps/v1, kind: Deployment, metadata: {{generateName: d-}}, spec: {{template: {{spec: {{containers: [{{name: a}}]}}}}}}}}\n\
             - {{apiVersion: v1, kind: Namespace, metadata: {{name: new}}}}\n\
             - {{apiVersion: v1, kind: Node, metadata: {{name: node}}}}\n"
        ),
    );
    assert_eq!(
        preview(
            &folder,
            &[
                "-f",
                "app.yaml",
                "missing.yaml",
                "-f",
                "pod.yaml",
                "-n",
                "team",
                "-s",
                "settings.json",
                "--keep-going"
            ]
        ),
        outcome(
            1,
            "nothing to inject: Pod team/a: app.yaml:1\nwarning: careful\n\n\
             nothing to inject: Deployment team/(no name): app.yaml:16, item 1\n\
             warning: careful\n\n\
             nothing to inject: Pod team/a: pod.yaml:1\nwarning: careful\n\n\
             6 objects: 0 injected, 6 skipped (3 no workload, 3 nothing to inject); 3 warnings; 2 errors\n",
            "Error: app.yaml:14:5, document 3: mapping values are not allowed in this context\n\
             Error: missing.yaml: cannot be read: No such file or directory (os error 2)\n"
        )
    );
}

#[test]
fn an_answer_that_repeats_the_object_is_no_change() {
    let object = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "web", "image": "nginx:1.25"}]}
    });
    let folder = answering(&json!({"accepted": true, "mutated_object": object}));
    let expected = "nothing to inject: Pod default/a: standard input:1\n\
                    1 object: 0 injected, 1 skipped (1 nothing to inject)\n";
    for stdin in [&["-f", "-"][..], &["-"]] {
        let args = [
            &["preview", "-p", "policy.wasm", "-s", "settings.json"],
            stdin,
        ]
        .concat();
        assert_eq!(folder.run_with_stdin(&args, POD), outcome(0, expected, ""));
    }
}

/// A pod that is injected, a Service, and one that cannot be read.
fn mixed(answer: Value) -> Folder {
    let folder = answering(&answer);
    let service = "{apiVersion: v1, kind: Service, metadata: {name: s}}";
    folder.write("mixed.yaml", format!("{POD}---\n{service}\n---\na: b: c\n"));
    folder
}

const BROKEN: &str = "Error: mixed.yaml:12:5, document 3: \
                      mapping values are not allowed in this context\n";

#[test]
fn a_summary_has_a_line_for_each_workload() {
    let folder = mixed(json!({
        "accepted": true, "mutated_object": mutated(), "warnings": ["careful"],
        "audit_annotations": {"logfwd": "image:1", "ddtrace": "java"}
    }));
    assert_eq!(
        preview(&folder, &["mixed.yaml", "-o", "summary", "--keep-going"]),
        outcome(
            1,
            "injected:          Pod default/a: mixed.yaml:1: ddtrace, logfwd\n  \
             warning: careful\n\
             2 objects: 1 injected, 1 skipped (1 no workload); 1 warning; 1 error\n",
            BROKEN
        )
    );
}

/// More than are asked about at once.
#[test]
fn many_objects_are_shown_in_their_order() {
    let folder = answering(&json!({"accepted": true}));
    let names: Vec<String> = (0..600).map(|number| format!("pod-{number}")).collect();
    let pods = names
        .iter()
        .map(|name| POD.replace("name: a ", &format!("name: {name} ")));
    folder.write("many.yaml", pods.collect::<Vec<_>>().join("---\n"));
    let lines_of_a_pod = POD.lines().count() + 1;
    let lines = names.iter().enumerate().map(|(place, name)| {
        let line = place * lines_of_a_pod + 1;
        format!("nothing to inject: Pod default/{name}: many.yaml:{line}\n")
    });
    let expected = format!(
        "{}600 objects: 0 injected, 600 skipped (600 nothing to inject)\n",
        lines.collect::<String>()
    );
    assert_eq!(
        preview(
            &folder,
            &["-s", "settings.json", "-o", "summary", "many.yaml"]
        ),
        outcome(0, &expected, "")
    );
}

#[test]
fn objects_and_patches_stand_alone_on_standard_output() {
    let folder = mixed(json!({
        "accepted": true, "mutated_object": mutated(), "warnings": ["careful"],
        "audit_annotations": {"ddtrace": "java"}
    }));
    let remarks = format!(
        "warning: Pod default/a: mixed.yaml:1: careful\n{BROKEN}\
         2 objects: 1 injected, 1 skipped (1 no workload); 1 warning; 1 error\n"
    );
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}});

    let yaml = preview(&folder, &["mixed.yaml", "-o", "yaml", "--keep-going"]);
    assert_eq!((yaml.code, &yaml.stderr), (Some(1), &remarks));
    let objects = manifest::read("-", &yaml.stdout).into_iter();
    let objects: Vec<Value> = objects.map(|document| document.unwrap().object).collect();
    assert_eq!(objects, [mutated(), service.clone()]);

    let list = preview(&folder, &["mixed.yaml", "-o", "json", "--keep-going"]);
    assert_eq!((list.code, &list.stderr), (Some(1), &remarks));
    assert_eq!(
        serde_json::from_str::<Value>(&list.stdout).unwrap(),
        json!({"apiVersion": "v1", "kind": "List", "items": [mutated(), service]})
    );

    let patch = preview(&folder, &["mixed.yaml", "-o", "patch", "--keep-going"]);
    assert_eq!((patch.code, &patch.stderr), (Some(1), &remarks));
    assert_eq!(
        serde_json::from_str::<Value>(&patch.stdout).unwrap(),
        json!({
            "apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "a",
            "patch": [
                {"op": "add", "path": "/spec/containers/0/env", "value": [{"name": "A", "value": "yes"}]},
                {"op": "add", "path": "/spec/shareProcessNamespace", "value": true}
            ]
        })
    );
}

#[test]
fn the_exit_code_can_tell_whether_anything_would_change() {
    let changing = mixed(json!({"accepted": true, "mutated_object": mutated()}));
    let keeping = mixed(json!({"accepted": true}));
    for (folder, file, told, untold) in [
        (&changing, "pod.yaml", 1, 0),
        (&keeping, "pod.yaml", 0, 0),
        (&changing, "mixed.yaml", 3, 1),
        (&keeping, "mixed.yaml", 3, 1),
    ] {
        let code = |args: &[&str]| preview(folder, &[&[file], args].concat()).code;
        assert_eq!(code(&["--exit-code"]), Some(told), "{file}");
        assert_eq!(code(&[]), Some(untold), "{file}");
    }
    let broken = ["pod.yaml", "--exit-code", "-s", "missing.json"];
    assert_eq!(
        preview(&keeping, &broken),
        outcome(
            3,
            "",
            "Error: missing.json: cannot be read: No such file or directory (os error 2)\n"
        )
    );
    assert_eq!(preview(&keeping, &[]).code, Some(2));
}

#[test]
fn an_update_is_one_from_another_template() {
    let folder = Folder::new();
    let example = |path| Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let (object, settings) = (
        example("../examples/nginx.yaml"),
        example("../policy-settings/default.json"),
    );
    let args = [
        "preview",
        object.to_str().unwrap(),
        "-s",
        settings.to_str().unwrap(),
    ];
    let created = folder.run(&args);
    assert!(
        created.stdout.contains("injected: ddtrace"),
        "{}",
        created.stdout
    );
    assert_eq!(
        folder.run(&[&args[..], &["--operation", "update"]].concat()),
        created
    );
}

/// What the policy says of an object as a whole stands behind it, and in the numbers.
#[test]
fn a_workload_that_is_left_alone_is_shown_with_the_reason() {
    let folder = Folder::new();
    let pod = |name: &str, annotation: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, annotations: {{{annotation}}}}}\n\
             spec: {{containers: [{{name: a}}]}}\n---\n"
        )
    };
    let pods = [
        pod("quiet", "admission.datakit/enabled: \"false\""),
        pod("plain", ""),
        pod("silent", "admission.datakit/enabled: \"false\""),
    ];
    folder.write("pods.yaml", pods.concat());
    folder.write("settings.json", "{}");
    let shown = "\
nothing to inject: Pod default/quiet: pods.yaml:1 (switched off by admission.datakit/enabled)
nothing to inject: Pod default/plain: pods.yaml:6
nothing to inject: Pod default/silent: pods.yaml:11 (switched off by admission.datakit/enabled)
3 objects: 0 injected, 3 skipped (2 switched off by admission.datakit/enabled, 1 nothing to inject)
";
    for format in ["diff", "summary"] {
        let result = folder.run(&["preview", "pods.yaml", "-s", "settings.json", "-o", format]);
        assert_eq!(result, outcome(0, shown, ""));
    }
}

#[test]
fn verbose_shows_the_decisions() {
    let folder = answering(&json!({}));
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/nginx.yaml");
    let result = folder.run(&["preview", examples.to_str().unwrap(), "-v", "-o", "summary"]);
    assert_eq!(result.code, Some(0));
    let line = "policy: debug: admission_inject.logfwd has no image for admission.datakit/logfwd.instances \
                event=\"rule\" feature=\"logfwd\" rule=\"admission_inject.logfwd\" verdict=\"not asked\"";
    assert!(
        result.stderr.lines().any(|said| said == line),
        "{}",
        result.stderr
    );
}

#[test]
fn a_refusal_is_an_error() {
    for (reaction, message) in [
        (
            Reaction::Answer(r#"{"accepted":false,"message":"no"}"#.to_owned()),
            "no",
        ),
        (
            Reaction::Fail("broken".to_owned()),
            "Guest call failure: broken",
        ),
    ] {
        let folder = answering(&json!({}));
        folder.write_policy(
            "policy.wasm",
            &[("validate", reaction), ("validate_settings", valid())],
        );
        assert_eq!(
            preview(&folder, &["-f", "pod.yaml"]),
            outcome(
                1,
                &format!(
                    "refused: Pod default/a: pod.yaml:1\n{message}\n\n\
                     1 object: 0 injected, 0 skipped, 1 refused\n"
                ),
                NOTE
            )
        );
    }
}

#[test]
fn the_policy_gets_request_and_settings() {
    let folder = answering(&json!({}));
    folder.write_policy(
        "policy.wasm",
        &[
            ("validate", Reaction::FailWithPayload),
            ("validate_settings", valid()),
        ],
    );
    folder.write("settings.yml", "b: 1\na: 2\n");
    let sent = |args: &[&str]| -> Value {
        let result = preview(&folder, &[&["-f", "pod.yaml"], args].concat());
        let line = result.stdout.lines().nth(1).unwrap();
        serde_json::from_str(line.strip_prefix("Guest call failure: ").unwrap()).unwrap()
    };
    let created = sent(&["--settings", "settings.yml", "--namespace", "team"]);
    assert_eq!(
        created["settings"],
        json!({"a": 2, "b": 1, "log_level": "debug"})
    );
    assert_eq!(
        [
            &created["request"]["operation"],
            &created["request"]["namespace"],
            &created["request"]["oldObject"]
        ],
        [&json!("CREATE"), &json!("team"), &Value::Null]
    );
    let updated = sent(&["--operation", "update"]);
    assert_eq!(updated["settings"], json!({"log_level": "debug"}));
    assert_eq!(
        [
            &updated["request"]["operation"],
            &updated["request"]["oldObject"]
        ],
        [&json!("UPDATE"), &json!({})]
    );
    let old = POD.replace("1.25", "1.24");
    folder.write("old/pod.yaml", &old);
    for other in [
        old.replace("name: a ", "name: b "),
        old.replace("name: a ", "{name: a, namespace: other} #")
            .replace("metadata:\n  ", "metadata: "),
        "{kind: Pod, apiVersion: example.com/v1, metadata: {name: a}}".to_owned(),
        "{kind: Pod, apiVersion: v1, metadata: {generateName: a}}".to_owned(),
    ] {
        folder.write("other.yaml", &other);
        let created = sent(&["--old", "other.yaml"]);
        assert_eq!(created["request"]["operation"], "CREATE", "{other}");
        let updated = sent(&["--old", "other.yaml", "--old", "old"]);
        assert_eq!(
            [
                &updated["request"]["operation"],
                &updated["request"]["oldObject"]
            ],
            [
                &json!("UPDATE"),
                &json!({
                    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
                    "spec": {"containers": [{"name": "web", "image": "nginx:1.24"}]}
                })
            ],
            "{other}"
        );
    }
    let both = preview(
        &folder,
        &["pod.yaml", "--old", "old", "--operation", "create"],
    );
    assert_eq!(both.code, Some(2));
}

#[test]
fn settings_that_the_policy_refuses_stop_it() {
    let folder = answering(&json!({}));
    folder.write_policy(
        "policy.wasm",
        &[(
            "validate_settings",
            Reaction::Answer(
                r#"{"valid":false,"message":"2 problems:\n- a: wrong\n- b.c: wrong too"}"#
                    .to_owned(),
            ),
        )],
    );
    folder.write("settings.json", "{\n  \"a\": 1,\n  \"b\": {\"c\": 2}\n}\n");
    assert_eq!(
        preview(&folder, &["-f", "pod.yaml", "-s", "settings.json"]),
        outcome(
            1,
            "",
            "Error: the policy does not accept the settings\n  \
             settings.json:1:1: 2 problems:\n- a: wrong\n- b.c: wrong too\n"
        )
    );
}

#[test]
fn colours_are_used_where_they_are_asked_for() {
    let folder = answering(&json!({
        "accepted": true, "mutated_object": mutated(), "warnings": ["w"], "audit_annotations": {"f": "i"}
    }));
    let colourful = "\
\u{1b}[1mPod default/a: pod.yaml:1\u{1b}[0m
\u{1b}[36m@@ -6,3 +6,7 @@\u{1b}[0m
   containers:
   - name: web
     image: nginx:1.25
\u{1b}[32m+    env:\u{1b}[0m
\u{1b}[32m+    - name: A\u{1b}[0m
\u{1b}[32m+      value: \"yes\"\u{1b}[0m
\u{1b}[32m+  shareProcessNamespace: true\u{1b}[0m
\u{1b}[33mwarning\u{1b}[0m: w
\u{1b}[32minjected\u{1b}[0m: f: i

1 object: 1 injected, 0 skipped; 1 warning
";
    assert_eq!(
        preview(&folder, &["-f", "pod.yaml", "--color", "always"]),
        outcome(0, colourful, "")
    );
    let plain = preview(&folder, &["-f", "pod.yaml", "--color", "never"]);
    assert_eq!(preview(&folder, &["-f", "pod.yaml"]), plain);
    assert!(!plain.stdout.contains('\u{1b}'), "{}", plain.stdout);
}

#[test]
fn the_policy_can_be_named_by_the_environment() {
    let folder = answering(&json!({"accepted": true}));
    let mut command = folder.command(&["preview", "-f", "pod.yaml"]);
    command.env("DATAKIT_POLICY", "policy.wasm");
    let result = finish(command, "");
    assert_eq!((result.code, result.stderr.as_str()), (Some(0), NOTE));
    // As a script writes it that has none to name.
    let mut command = folder.command(&["preview", "-f", "pod.yaml"]);
    command.env("DATAKIT_POLICY", "");
    assert_eq!(finish(command, ""), result);
}
