//! Manifests that are read piece by piece.

use datakit_policy_host::manifest::pieces::{self, Joiner, Uncut};
use datakit_policy_host::manifest::{self, Document};
use serde_json::json;

/// The pieces of a text, as they are read.
fn texts(text: &str) -> Vec<&str> {
    pieces::index(text.as_bytes())
        .unwrap()
        .into_iter()
        .map(|piece| &text[piece.range.start as usize..piece.range.end as usize])
        .collect()
}

fn in_pieces(text: &str) -> Result<Vec<Result<Document, String>>, Uncut> {
    let mut joiner = Joiner::new("app.yaml");
    let mut documents = Vec::new();
    for piece in pieces::index(text.as_bytes()).unwrap() {
        let part = &text[piece.range.start as usize..piece.range.end as usize];
        documents.extend(joiner.take(piece.read("app.yaml", part))?);
    }
    Ok(with_messages(documents))
}

fn as_a_whole(text: &str) -> Vec<Result<Document, String>> {
    with_messages(manifest::read("app.yaml", text))
}

fn with_messages(
    documents: Vec<Result<Document, manifest::ManifestError>>,
) -> Vec<Result<Document, String>> {
    documents
        .into_iter()
        .map(|document| document.map_err(|error| error.to_string()))
        .collect()
}

#[test]
fn a_list_of_kubectl_is_cut_at_its_items() {
    let text = "\
apiVersion: v1
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: a}
# about b

- kind: Pod
  apiVersion: v1
  data: |
    - no item
    items:
kind: List
metadata:
  resourceVersion: \"\"
---
apiVersion: v1
kind: Pod
";
    assert_eq!(
        texts(text),
        [
            "",
            "- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n# about b\n\n",
            "- kind: Pod\n  apiVersion: v1\n  data: |\n    - no item\n    items:\n",
            "---\napiVersion: v1\nkind: Pod\n",
        ]
    );
    let documents = in_pieces(text).unwrap();
    let places: Vec<String> = documents
        .iter()
        .map(|document| document.as_ref().unwrap().source.to_string())
        .collect();
    assert_eq!(
        places,
        ["app.yaml:1, item 1", "app.yaml:1, item 2", "app.yaml:17"]
    );
    assert_eq!(documents, as_a_whole(text));
}

#[test]
fn pieces_hold_what_the_whole_holds() {
    for text in [
        "",
        "# nothing\n",
        "---\n---\n# nothing\n",
        "kind: Pod\napiVersion: v1",
        "\u{feff}kind: Pod\napiVersion: v1\n---\nkind: Pod\napiVersion: v1\n",
        "# a comment\n%YAML 1.1\n---\nkind: Pod\napiVersion: v1\n---\n# none\n---\nkind: Pod\napiVersion: v1\n",
        "kind: A\napiVersion: v1\n...\n---\nkind: B\napiVersion: v1\n...\n",
        "kind: A\r\napiVersion: v1\r\n---\r\nkind: B\r\napiVersion: v1\r\n",
        "kind: A\napiVersion: v1\n---\nkind: [\n---\nkind: B\napiVersion: v1\n",
        // JSON, and what begins like it.
        "{\"kind\": \"A\", \"apiVersion\": \"v1\"}\n{\"kind\": \"B\", \"apiVersion\": \"v1\"}",
        "\n{kind: A, apiVersion: v1}\n---\nkind: B\napiVersion: v1\n",
        "---\n{\"kind\": \"A\", \"apiVersion\": \"v1\"}\n---\n{kind: B, apiVersion: v1}\n",
        // Lists, in the ways in which they are laid out.
        "kind: List\napiVersion: v1\nitems:\n",
        "kind: List\napiVersion: v1\nitems: []\n",
        "kind: List\napiVersion: v1\nitems:\n- kind: A\n  apiVersion: v1\n",
        "kind: List\napiVersion: v1\nitems:\n# first\n\n  - kind: A\n    apiVersion: v1\n# end\n  -\n    kind: B\n    apiVersion: v1\n",
        "kind: PodList\napiVersion: v1\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n- kind: List\n  apiVersion: v1\n  items:\n  - kind: C\n    apiVersion: v1\n",
        "items:\r\n- kind: A\r\n  apiVersion: v1\r\n- kind: B\r\n  apiVersion: v1\r\nkind: List\r\napiVersion: v1\r\n---\r\nkind: [\r\n",
        "kind: List\napiVersion: v1\nitems:\n- kind: A\n  apiVersion: v1\n  text: \"a\n\n    b\"\n- kind: B\n  apiVersion: v1\n  text: >-\n    - a\n\n    - b\n",
    ] {
        assert_eq!(in_pieces(text), Ok(as_a_whole(text)), "{text}");
    }
}

#[test]
fn what_cannot_be_cut_is_told_before_it_means_something_else() {
    let pod = "kind: Pod\n  apiVersion: v1\n";
    for text in [
        // An item that needs another one.
        format!("kind: List\napiVersion: v1\nitems:\n- &pod\n  {pod}- *pod\n"),
        // A broken item, and one with a key twice.
        format!("kind: List\napiVersion: v1\nitems:\n- {pod}- kind: [\n"),
        format!("kind: List\napiVersion: v1\nitems:\n- kind: Pod\n  {pod}"),
        // A broken list, and one with a key twice.
        format!("kind: List\nitems:\n- {pod}kind: [\n"),
        format!("kind: List\nitems:\n- {pod}kind: List\napiVersion: v1\n"),
        // Something else with items.
        format!("kind: Shelf\napiVersion: v1\nitems:\n- {pod}"),
        "kind: List\napiVersion: v1\nitems:\n- a\n...\nkind: Pod\napiVersion: v1\n".to_owned(),
        // What is not an object has a place that is looked up.
        "kind: A\napiVersion: v1\n---\njust text\n".to_owned(),
        format!("kind: List\napiVersion: v1\nitems:\n- {pod}- 5\n-\n"),
        // Text that only looks like a list.
        "--- |\nitems:\n- a\n- b\n".to_owned(),
        "kind: List\napiVersion: v1\nnote: \"\nitems:\n- a\n\"\n".to_owned(),
        "--- {note: \"\nitems:\n- a\n\", items: [], kind: List, apiVersion: v1}\n".to_owned(),
    ] {
        assert_eq!(in_pieces(&text), Err(Uncut), "{text}");
    }
    // Where tags can have a meaning of their own, nothing is cut.
    let text = "%TAG !e! tag:e,2000:\n---\nkind: List\napiVersion: v1\nitems:\n- !e!pod {kind: Pod, apiVersion: v1}\n";
    assert_eq!(in_pieces(text), Ok(as_a_whole(text)));
}

#[test]
fn what_is_not_text_is_an_error_as_for_a_file() {
    let error = pieces::index(&b"kind: Pod\n\xff\n"[..]).unwrap_err();
    let error = (error.kind(), error.to_string());
    let whole = std::io::read_to_string(&b"\xff"[..]).unwrap_err();
    assert_eq!(error, (whole.kind(), whole.to_string()));
}

#[test]
fn every_item_is_an_object_of_its_own() {
    let text = "kind: PodList\napiVersion: v1\nitems:\n- metadata: {name: a}\n";
    let [document] = <[_; 1]>::try_from(in_pieces(text).unwrap()).unwrap();
    assert_eq!(
        document.unwrap().object,
        json!({"metadata": {"name": "a"}, "apiVersion": "v1", "kind": "Pod"})
    );
}
