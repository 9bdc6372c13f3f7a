//! `preview` shows what the policy changes, and nothing else.

mod program;

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
@@ -4,5 +4,9 @@
   name: a
 spec:
   containers:
-  - image: nginx:1.25
+  - env:
+    - name: A
+      value: \"yes\"
+    image: nginx:1.25
     name: web
+  shareProcessNamespace: true
";

fn answering(answer: Value) -> Folder {
    let folder = Folder::new();
    folder.write_policy(
        "policy.wasm",
        &[
            ("validate", Reaction::Answer(answer.to_string())),
            ("validate_settings", valid()),
        ],
    );
    folder.write("pod.yaml", POD);
    folder
}

fn preview(folder: &Folder, args: &[&str]) -> Outcome {
    folder.run(&[&["preview", "-p", "policy.wasm"], args].concat())
}

#[test]
fn a_change_is_a_diff_with_warnings_and_what_was_injected() {
    let folder = answering(json!({
        "accepted": true, "mutated_object": mutated(),
        "warnings": ["first", "second"],
        "audit_annotations": {"logfwd": "image:1", "ddtrace": "java"}
    }));
    assert_eq!(
        preview(&folder, &["-f", "pod.yaml"]),
        outcome(
            0,
            &format!(
                "Pod default/a: pod.yaml, document 1 (line 1)\n{DIFF}\
                 warning: first\nwarning: second\ninjected: ddtrace: java\ninjected: logfwd: image:1\n\n\
                 1 object: 1 changed, 0 skipped (0 unchanged, 0 no workload), 0 refused; 0 errors\n"
            ),
            ""
        )
    );
}

#[test]
fn everything_in_the_files_is_listed_and_counted() {
    let folder =
        answering(json!({"accepted": true, "mutated_object": null, "warnings": ["careful"]}));
    folder.write(
        "app.yaml",
        format!(
            "{POD}---\nkind: Service\napiVersion: v1\nmetadata: {{name: s, namespace: web}}\n\
             ---\na: b: c\n---\napiVersion: v1\nkind: List\nitems:\n\
             - {{apiVersion: apps/v1, kind: Deployment, metadata: {{generateName: d-}}}}\n\
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
                "team"
            ]
        ),
        outcome(
            1,
            "skipped, unchanged: Pod team/a: app.yaml, document 1 (line 1)\nwarning: careful\n\n\
             skipped, no workload: Service web/s: app.yaml, document 2 (line 10)\n\
             skipped, unchanged: Deployment team/(no name): app.yaml, document 4 (line 16), item 1\n\
             warning: careful\n\n\
             skipped, no workload: Namespace new/new: app.yaml, document 4 (line 16), item 2\n\
             skipped, no workload: Node node: app.yaml, document 4 (line 16), item 3\n\
             skipped, unchanged: Pod team/a: pod.yaml, document 1 (line 1)\nwarning: careful\n\n\
             6 objects: 0 changed, 6 skipped (3 unchanged, 3 no workload), 0 refused; 2 errors\n",
            "Error: app.yaml, document 3: line 14, column 5: mapping values are not allowed in this context\n\
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
    let folder = answering(json!({"accepted": true, "mutated_object": object}));
    let expected = "skipped, unchanged: Pod default/a: standard input, document 1 (line 1)\n\
                    1 object: 0 changed, 1 skipped (1 unchanged, 0 no workload), 0 refused; 0 errors\n";
    assert_eq!(
        folder.run_with_stdin(&["preview", "-p", "policy.wasm", "-f", "-"], POD),
        outcome(0, expected, "")
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
        let folder = answering(json!({}));
        folder.write_policy(
            "policy.wasm",
            &[("validate", reaction), ("validate_settings", valid())],
        );
        assert_eq!(
            preview(&folder, &["-f", "pod.yaml"]),
            outcome(
                1,
                &format!(
                    "refused: Pod default/a: pod.yaml, document 1 (line 1)\n{message}\n\n\
                     1 object: 0 changed, 0 skipped (0 unchanged, 0 no workload), 1 refused; 0 errors\n"
                ),
                ""
            )
        );
    }
}

#[test]
fn the_policy_gets_request_and_settings() {
    let folder = answering(json!({}));
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
    assert_eq!(created["settings"], json!({"a": 2, "b": 1}));
    assert_eq!(
        [
            &created["request"]["operation"],
            &created["request"]["namespace"],
            &created["request"]["oldObject"]
        ],
        [&json!("CREATE"), &json!("team"), &Value::Null]
    );
    let updated = sent(&["--operation", "update"]);
    assert_eq!(updated["settings"], json!({}));
    assert_eq!(
        [
            &updated["request"]["operation"],
            &updated["request"]["oldObject"]
        ],
        [
            &json!("UPDATE"),
            &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}})
        ]
    );
}

#[test]
fn settings_that_the_policy_refuses_stop_it() {
    let folder = answering(json!({}));
    folder.write_policy(
        "policy.wasm",
        &[(
            "validate_settings",
            Reaction::Answer(r#"{"valid":false,"message":"1 problem:\na: wrong"}"#.to_owned()),
        )],
    );
    assert_eq!(
        preview(&folder, &["-f", "pod.yaml"]),
        outcome(
            1,
            "",
            "Error: Provided settings are not valid: 1 problem:\na: wrong\n"
        )
    );
}

#[test]
fn colours_are_used_where_they_are_asked_for() {
    let folder = answering(json!({
        "accepted": true, "mutated_object": mutated(), "warnings": ["w"], "audit_annotations": {"f": "i"}
    }));
    let colourful = "\
\u{1b}[1mPod default/a: pod.yaml, document 1 (line 1)\u{1b}[0m
\u{1b}[36m@@ -4,5 +4,9 @@\u{1b}[0m
   name: a
 spec:
   containers:
\u{1b}[31m-  - image: nginx:1.25\u{1b}[0m
\u{1b}[32m+  - env:\u{1b}[0m
\u{1b}[32m+    - name: A\u{1b}[0m
\u{1b}[32m+      value: \"yes\"\u{1b}[0m
\u{1b}[32m+    image: nginx:1.25\u{1b}[0m
     name: web
\u{1b}[32m+  shareProcessNamespace: true\u{1b}[0m
\u{1b}[33mwarning\u{1b}[0m: w
\u{1b}[32minjected\u{1b}[0m: f: i

1 object: 1 changed, 0 skipped (0 unchanged, 0 no workload), 0 refused; 0 errors
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
    let folder = answering(json!({"accepted": true}));
    let mut command = folder.command(&["preview", "-f", "pod.yaml"]);
    command.env("DATAKIT_POLICY", "policy.wasm");
    let result = finish(command, "");
    assert_eq!((result.code, result.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = answering(json!({"accepted": true, "warnings": ["x".repeat(1000)]}));
    folder.write("many.yaml", format!("{POD}---\n").repeat(300));
    let mut child = folder
        .command(&["preview", "-p", "policy.wasm", "-f", "many.yaml"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap()
        ),
        (Some(0), String::new())
    );
}
