//! Comments stand above what they are about, and change nothing.

use datakit_policy_host::yaml::{Comments, DuplicateKeys, pointer_key, single, with_comments};
use serde_json::json;

#[test]
fn comments_stand_above_their_keys_and_items_in_the_order_of_the_keys() {
    let value = json!({
        "z": {"first": 1, "a/b": "x"},
        "list": [{"name": "one", "more": []}, [2, 3], "text"],
        "a": "a\nb\n",
    });
    let mut comments = Comments::default();
    for pointer in [
        "/z",
        "/z/first",
        "/list",
        "/list/0",
        "/list/0/name",
        "/list/0/more",
        "/list/1",
        "/list/1/0",
        "/list/1/1",
        "/list/2",
        "/a",
        "/not/there",
    ] {
        comments.add(pointer, pointer);
    }
    comments.add(&format!("/z/{}", pointer_key("a/b")), "with a slash");
    comments.add("/a", "another");
    let yaml = with_comments(&value, &comments);
    assert_eq!(
        yaml,
        "\
# /z
z:
  # /z/first
  first: 1
  # with a slash
  a/b: x
# /list
list:
# /list/0
# /list/0/name
- name: one
  # /list/0/more
  more: []
# /list/1
# /list/1/0
- - 2
  # /list/1/1
  - 3
# /list/2
- text
# /a
#
# another
a: |
  a
  b
"
    );
    assert_eq!(single(&yaml, DuplicateKeys::Refuse), Ok(value));
}

#[test]
fn a_long_comment_is_broken_and_a_hostile_one_stays_a_comment() {
    let value = json!({"a": {"b": 1}});
    let mut comments = Comments::default();
    comments.add("/a/b", "word ".repeat(25));
    comments.add("/a/b", "x".repeat(120));
    comments.add("/a/b", "a\nb: 2\r\u{85}\u{2028}c");
    let yaml = with_comments(&value, &comments);
    let words = |count| ["word"; 25][..count].join(" ");
    assert_eq!(
        yaml,
        format!(
            "a:\n  # {}\n  # {}\n  #\n  # {}\n  #\n  # a b: 2 c\n  b: 1\n",
            words(19),
            words(6),
            "x".repeat(120)
        )
    );
    assert_eq!(single(&yaml, DuplicateKeys::Refuse), Ok(value));
}
