//! What is written as YAML is read back as the same value, and looks as kubectl would lay it out.

use datakit_policy_host::yaml::{DuplicateKeys, YamlError, single, to_yaml};
use serde_json::{Value, json};

fn read(text: &str) -> Result<Value, YamlError> {
    single(text, DuplicateKeys::Refuse)
}

#[test]
fn lays_out_objects_as_kubectl_does() {
    let value = json!({
        "args": ["-c", "a: b", "x #y", ""],
        "empty": {}, "none": [], "null": null, "number": 1.5, "on": true,
        "nested": [[1, [2]], {"name": "a", "ports": [{"port": 80}]}],
        "text": "first\n\n  second\n", "chomped": "one\ntwo", "quoted": "yes", "version": "1.0",
        "time": "12:30", "image": "nginx:1.25", "size": "64Mi", "tab": "a\tb", "bell": "\u{7}"
    });
    assert_eq!(
        to_yaml(&value),
        "\
args:
- \"-c\"
- \"a: b\"
- \"x #y\"
- \"\"
bell: \"\\u0007\"
chomped: |-
  one
  two
empty: {}
image: nginx:1.25
nested:
- - 1
  - - 2
- name: a
  ports:
  - port: 80
none: []
\"null\": null
number: 1.5
\"on\": true
quoted: \"yes\"
size: 64Mi
tab: \"a\\tb\"
text: |
  first

    second
time: \"12:30\"
version: \"1.0\"
"
    );
    assert_eq!(read(&to_yaml(&value)), Ok(value));
}

#[test]
fn every_string_comes_back() {
    let awkward = [
        "",
        " ",
        "\n",
        "\n\n",
        "a\n",
        "a\n\n",
        "\na",
        " a\nb",
        "a \nb ",
        "a\r\nb",
        "\t",
        "\ta\nb",
        "a\t\nb",
        "-",
        "--- a",
        "---\na",
        "...\nb",
        "- a",
        "a:",
        "a: b",
        ":",
        "? a",
        "#",
        "a #b",
        "a\n# b",
        "*a",
        "&a",
        "!a",
        "|",
        ">",
        "'",
        "\"",
        "\\",
        "%a",
        "@a",
        "`a",
        "=",
        "~",
        "null",
        "Null",
        "yes",
        "No",
        "on",
        "y",
        "1",
        "-1",
        "+1",
        "0x1f",
        "0o7",
        "0b1",
        "1_000",
        "1e3",
        ".5",
        ".inf",
        ".nan",
        "-.Inf",
        "1:30",
        "2001-01-01",
        "2001-01-01T00:00:00Z",
        "<<",
        "{",
        "[",
        "}",
        "]",
        ",",
        "a,b",
        "{a: b}",
        "é",
        "日本",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{7f}",
        "\u{0}",
        "🦀",
        "0755",
        "08",
        "1.2.3",
        "100m",
        "a\n  b\nc",
    ];
    for text in awkward {
        for value in [
            json!(text),
            json!([text, [text]]),
            json!({"k": text, "l": [{"m": text}]}),
            json!({ text: text }),
        ] {
            assert_eq!(read(&to_yaml(&value)), Ok(value), "{text:?}");
        }
    }
}

#[test]
fn numbers_come_back() {
    for value in [
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(0.1),
        json!(1e300),
        json!(-2.5e-9),
    ] {
        assert_eq!(read(&to_yaml(&value)), Ok(value));
    }
}

#[test]
fn a_key_that_is_there_twice_is_refused_where_it_would_be_lost() {
    let text = "a: 1\nb:\n  c: 1\n  c: 2\n";
    assert_eq!(
        read(text),
        Err(YamlError {
            line: 4,
            column: 3,
            message: "the key `c` appears twice".to_owned()
        })
    );
    assert_eq!(
        single(text, DuplicateKeys::LastCounts),
        Ok(json!({"a": 1, "b": {"c": 2}}))
    );
}

#[test]
fn json_is_no_exception() {
    let text = "{\"a\": 1,\n\t\"é\": 0, \"a\": 2}";
    assert_eq!(
        read(text).unwrap_err().to_string(),
        "line 2, column 10: the key `a` appears twice"
    );
    assert_eq!(
        single(text, DuplicateKeys::LastCounts),
        Ok(json!({"a": 2, "é": 0}))
    );
}

#[test]
fn a_text_of_one_document_has_no_second() {
    assert_eq!(read("# nothing\n"), Ok(Value::Null));
    assert_eq!(read("---\na: 1\n"), Ok(json!({"a": 1})));
    assert_eq!(
        read("a: 1\n---\nb: 2\n").unwrap_err().to_string(),
        "line 3, column 1: a second document starts here, but one is expected"
    );
}

#[test]
fn wrong_tags_and_unknown_aliases_are_errors() {
    for (text, message) in [
        ("a: !!int x", "line 1, column 4: this is not a `!!int`"),
        (
            "a: !!binary eA==",
            "line 1, column 4: the tag `!!binary` is not supported",
        ),
        (
            "a: *nowhere",
            "line 1, column 4: while parsing node, found unknown anchor",
        ),
        (
            "a: &a [*a]",
            "line 1, column 8: the alias is inside its own anchor",
        ),
        (
            "? [a]\n: b",
            "line 1, column 3: a mapping or a list cannot be a key in JSON",
        ),
        (
            "<<: 5",
            "line 1, column 5: `<<` takes a mapping, or a list of mappings",
        ),
    ] {
        assert_eq!(read(text).unwrap_err().to_string(), message, "{text}");
    }
}
