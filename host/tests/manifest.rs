//! Manifests of all shapes, good and broken.

use datakit_policy_host::manifest::{self, Document, Source};
use serde_json::{Value, json};

fn source(document: usize, line: usize, items: &[usize]) -> Source {
    Source {
        file: "app.yaml".to_owned(),
        document,
        line,
        column: None,
        items: items.to_vec(),
    }
}

/// Objects as they are, errors as their message.
fn read(text: &str) -> Vec<Result<Document, String>> {
    manifest::read("app.yaml", text)
        .into_iter()
        .map(|document| document.map_err(|error| error.to_string()))
        .collect()
}

fn found(source: Source, object: Value) -> Result<Document, String> {
    Ok(Document { source, object })
}

fn named(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}})
}

#[test]
fn reads_documents_and_leaves_empty_ones_out() {
    let text = "\
# a chart writes comments and empty documents
---
# Source: chart/templates/empty.yaml
---
apiVersion: v1
kind: Pod
metadata: {name: a}
--- # the next one
apiVersion: v1
kind: Pod
metadata:
  name: b
...
---
";
    assert_eq!(
        read(text),
        [
            found(source(1, 5, &[]), named("a")),
            found(source(2, 9, &[]), named("b")),
        ]
    );
    assert_eq!(read(""), []);
    assert_eq!(read("---\n---\n# nothing\n"), []);
}

#[test]
fn a_broken_document_does_not_stop_the_others() {
    let text = "\
apiVersion: v1
kind: Pod
metadata: {name: a}
---
apiVersion: v1
kind: Pod
  metadata: {name: broken}
---
- a
- list
---
apiVersion: v1
metadata: {name: untyped}
---
kind: Pod
---
just text
---
apiVersion: v1
kind: Pod
metadata: {name: b}
";
    assert_eq!(
        read(text),
        [
            found(source(1, 1, &[]), named("a")),
            Err(
                "app.yaml:7:11, document 2: mapping values are not allowed in this context"
                    .to_owned()
            ),
            Err("app.yaml:9:1, document 3: expected a Kubernetes object, found a list".to_owned()),
            Err("app.yaml:12:1, document 4: the object has no `kind`; \
                 every Kubernetes object needs `apiVersion` and `kind`"
                .to_owned()),
            Err(
                "app.yaml:15:1, document 5: the object has no `apiVersion`; \
                 every Kubernetes object needs `apiVersion` and `kind`"
                    .to_owned()
            ),
            Err(
                "app.yaml:17:1, document 6: expected a Kubernetes object, found a string"
                    .to_owned()
            ),
            found(source(7, 19, &[]), named("b")),
        ]
    );
}

#[test]
fn takes_lists_apart() {
    let text = "\
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: a}}
- 5
- apiVersion: v1
  kind: List
  items:
  - {apiVersion: v1, kind: Pod, metadata: {name: b}}
---
apiVersion: apps/v1
kind: DeploymentList
items:
- metadata: {name: c}
---
apiVersion: v1
kind: List
items: []
---
apiVersion: example.com/v1
kind: AllowList
items: allowed
";
    assert_eq!(
        read(text),
        [
            found(source(1, 1, &[1]), named("a")),
            Err(
                "app.yaml:5:3, document 1, item 2: expected a Kubernetes object, found a number"
                    .to_owned()
            ),
            found(source(1, 1, &[3, 1]), named("b")),
            found(
                source(2, 11, &[1]),
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "c"}})
            ),
            found(
                source(4, 20, &[]),
                json!({"apiVersion": "example.com/v1", "kind": "AllowList", "items": "allowed"})
            ),
        ]
    );
    assert_eq!(
        source(1, 1, &[3, 1]).to_string(),
        "app.yaml:1, item 3, item 1"
    );
}

#[test]
fn reads_json_with_tabs_and_one_after_the_other() {
    let text = "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"metadata\": {\"name\": \"a\"}\n}\n\
                {\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"b\"}}\n";
    assert_eq!(
        read(text),
        [
            found(source(1, 1, &[]), named("a")),
            found(source(2, 6, &[]), named("b")),
        ]
    );
    // Begins like JSON and is YAML.
    assert_eq!(
        read("{apiVersion: v1, kind: Pod, metadata: {name: a}}"),
        [found(source(1, 1, &[]), named("a"))]
    );
}

#[test]
fn reads_windows_line_ends_byte_order_marks_and_directives() {
    let text = "\u{feff}%YAML 1.1\r\n---\r\napiVersion: v1\r\nkind: Pod\r\nmetadata:\r\n  name: a\r\n---\r\n\
                apiVersion: v1\r\nkind: Pod\r\nmetadata:\r\n  name: b\r\n";
    assert_eq!(
        read(text),
        [
            found(source(1, 3, &[]), named("a")),
            found(source(2, 8, &[]), named("b")),
        ]
    );
}

#[test]
fn anchors_and_merge_keys_stand_for_what_they_name() {
    let text = "\
apiVersion: v1
kind: Pod
metadata:
  labels: &labels {app: web, tier: front}
  annotations:
    <<: [*labels, {tier: lost, extra: kept}]
    app: own
spec:
  copy: *labels
";
    assert_eq!(
        read(text),
        [found(
            source(1, 1, &[]),
            json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {
                    "labels": {"app": "web", "tier": "front"},
                    "annotations": {"app": "own", "tier": "front", "extra": "kept"}
                },
                "spec": {"copy": {"app": "web", "tier": "front"}}
            })
        )]
    );
}

#[test]
fn scalars_mean_what_kubectl_takes_them_for() {
    let text = "\
apiVersion: v1
kind: Pod
spec:
  bare: yes
  quoted: \"yes\"
  single: 'no'
  tagged: !!str on
  mode: 0644
  text: |
    on
  1: integer key
  true: boolean key
  empty:
";
    assert_eq!(
        read(text),
        [found(
            source(1, 1, &[]),
            json!({
                "apiVersion": "v1", "kind": "Pod",
                "spec": {
                    "bare": true, "quoted": "yes", "single": "no", "tagged": "on", "mode": 420,
                    "text": "on\n", "1": "integer key", "true": "boolean key", "empty": null
                }
            })
        )]
    );
}

#[test]
fn bombs_are_errors() {
    let mut text = "apiVersion: v1\nkind: Pod\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let previous = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{previous}]\n"));
    }
    assert_eq!(
        read(&text),
        [Err("app.yaml:9:10, document 1: more than 2000000 values, \
              aliases counted as what they stand for"
            .to_owned())]
    );
    let deep = format!(
        "apiVersion: v1\nkind: Pod\na: {}",
        "[".repeat(150) + &"]".repeat(150)
    );
    assert_eq!(
        read(&deep),
        [Err(
            "app.yaml:3:131, document 1: nested deeper than 128 levels".to_owned()
        )]
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let missing = std::path::Path::new("no/such/file.yaml");
    let errors: Vec<_> = manifest::read_file(missing)
        .into_iter()
        .map(|document| document.unwrap_err().to_string())
        .collect();
    assert_eq!(
        errors,
        ["no/such/file.yaml: cannot be read: No such file or directory (os error 2)"]
    );
}

#[test]
fn what_is_broken_in_a_stream_of_json_leaves_what_is_before() {
    let pod = |name| named(name).to_string();
    let text = format!("{}\n{} {{\"é\": tru}}\n{}\n", pod("a"), pod("b"), pod("c"));
    let column = pod("b").len() + " {\"é\": tru}".chars().count();
    assert_eq!(
        read(&text),
        [
            found(source(1, 1, &[]), named("a")),
            found(source(2, 2, &[]), named("b")),
            Err(format!("app.yaml:2:{column}, document 3: expected ident")),
        ]
    );
}
