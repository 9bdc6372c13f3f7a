//! Texts that are edited.

use datakit_policy_host::yaml::{DuplicateKeys, edited, single};
use serde_json::{Value, json};

fn edit(text: &str, change: impl FnOnce(&mut Value)) -> Option<String> {
    let before = single(text, DuplicateKeys::Refuse).unwrap();
    let mut after = before.clone();
    change(&mut after);
    edited(text, &before, &after)
}

fn set(pointer: &str, value: Value) -> impl FnOnce(&mut Value) {
    move |object| *object.pointer_mut(pointer).unwrap() = value
}

fn push(pointer: &str, at: usize, value: Value) -> impl FnOnce(&mut Value) {
    move |object| {
        let items = object.pointer_mut(pointer).unwrap().as_array_mut().unwrap();
        items.insert(at, value);
    }
}

#[test]
fn a_text_that_holds_the_value_already_stays_with_all_that_is_in_it() {
    for (text, expected) in [
        ("a: 'x'  # why\n", "---\na: 'x'  # why\n"),
        (
            "# first\n--- # doc\na: 1\n...\n",
            "# first\n--- # doc\na: 1\n...\n",
        ),
        ("a: &x [1]\nb: *x", "---\na: &x [1]\nb: *x\n"),
        ("a: |\n  ---\nb: 1\n", "---\na: |\n  ---\nb: 1\n"),
    ] {
        assert_eq!(edit(text, |_| {}).as_deref(), Some(expected));
    }
}

#[test]
fn only_what_changes_is_written_anew() {
    let text = "\
---
# the app
a:   \"1\"   # one
b: {c: 1}  # in brackets
'd':
    # items
    -   name: x   # the first
        value: [1, 2]  # two
        more: |
            # text

    # the second
    - name: v

    # behind all
e:  # nothing
f: >
  folded
  # text
";
    let after = |object: &mut Value| {
        *object = json!({
            "a": "2",
            "b": {"c": 1, "d": "yes"},
            "d": [
                {"name": "w"},
                {"name": "x", "value": [], "more": "# text\n", "new": {"list": [1]}},
                {"name": "between"},
                {"name": "v"},
                {"name": "z", "value": "a\nb\n"}
            ],
            "e": {"k": null},
            "g": "last"
        });
    };
    let expected = "\
---
# the app
a: \"2\"   # one
b:  # in brackets
  c: 1
  d: \"yes\"
'd':
    - name: w
    # items
    -   name: x   # the first
        value: []  # two
        more: |
            # text
        new:
          list:
              - 1
    - name: between

    # the second
    - name: v
    - name: z
      value: |
        a
        b

    # behind all
e:  # nothing
  k: null
g: last
";
    assert_eq!(edit(text, after).as_deref(), Some(expected));
}

#[test]
fn what_is_taken_out_leaves_the_comments_around_it() {
    let text = "a:\n# first\n- x\n# second\n- z # why\n# end\nb: 1\n# of all\nc:\n  d: 1\n";
    let after = |object: &mut Value| *object = json!({"a": ["x"], "c": {}});
    let expected = "---\na:\n# first\n- x\n# second\n# end\n# of all\nc: {}\n";
    assert_eq!(edit(text, after).as_deref(), Some(expected));
}

#[test]
fn an_item_that_moves_takes_its_comments_along() {
    let text = "a:\n  # of x\n  - name: x # x\n    b: 1 # b\n    c: 2\n\n  # of z\n  - name: z\n";
    let after = |object: &mut Value| {
        *object = json!({"a": [{"name": "w"}, {"name": "z"}, {"name": "x", "b": 3}]})
    };
    let expected =
        "---\na:\n  - name: w\n\n  # of z\n  - name: z\n  # of x\n  - name: x # x\n    b: 3 # b\n";
    assert_eq!(edit(text, after).as_deref(), Some(expected));
}

#[test]
fn texts_of_windows_and_without_a_last_line_end_are_edited_too() {
    let text = "a:\r\n- x: 1\r\nb: ü # ü\r\n";
    let expected = "---\na:\r\n- x: 1\r\n- z\r\nb: ü # ü\r\n";
    assert_eq!(
        edit(text, push("/a", 1, json!("z"))).as_deref(),
        Some(expected)
    );
    let text = "a:\r\n- name: x # x\r\n- name: z\r\n";
    let after = |object: &mut Value| object["a"].as_array_mut().unwrap().reverse();
    let expected = "---\na:\r\n- name: z\r\n- name: x # x\r\n";
    assert_eq!(edit(text, after).as_deref(), Some(expected));
    assert_eq!(
        edit("a: {ü: 1} # ü", set("/a", json!("ö"))).as_deref(),
        Some("---\na: ö # ü\n")
    );
}

#[test]
fn what_is_behind_quotes_stays() {
    let text = "a: \"\\\"ü\n  \" # a \"b\"\nb:\n  k: 'it''s' # 'c'\n  l: ''   # d\n'c': x # e\n";
    let after =
        |object: &mut Value| *object = json!({"a": "b", "b": {"k": "f", "l": "g"}, "c": "h"});
    let expected = "---\na: b # a \"b\"\nb:\n  k: f # 'c'\n  l: g   # d\n'c': h # e\n";
    assert_eq!(edit(text, after).as_deref(), Some(expected));
}

#[test]
fn what_cannot_be_edited_is_left_to_others() {
    for text in [
        "a: &x [1]\nb: *x\nc: 1\n",
        "x: &x {a: 1}\nb:\n  <<: *x\nc: 1\n",
        "%YAML 1.2\n---\nc: 1\n",
        "{c: 1}\n",
        "? c\n: 1\n",
        "c: [1, # one\n  2]\n",
        "c:\n  # about d\n  d: 1\n",
        "c: | # text\n  1\n",
    ] {
        assert_eq!(edit(text, set("/c", json!("new"))), None, "{text}");
    }
    // The first key of an item stands behind its dash.
    let text = "a:\n- x: 1\n  name: z\n";
    assert_eq!(edit(text, set("/a/0", json!({"name": "z"}))), None);
}
