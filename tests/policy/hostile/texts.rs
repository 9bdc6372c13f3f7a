//! JSON at its edges: depth, numbers, keys that are there twice, and characters that nobody expects.

use serde_json::{Value, json};

use super::inputs::{MARK, nested, with_text};
use super::{NO_ROOM, answer, assert_warns, ordinary, payload_of, with_request};
use crate::parts::assert_same;
use crate::support::{create, request, validate, workload};

/// What JSON the pod has in a field that the policy does not know, after the policy was asked about it.
#[track_caller]
fn carried(text: &str) -> Value {
    let mut pod = ordinary();
    pod["spec"]["future"] = json!(MARK);
    let mutated = answer(&with_text(payload_of(&pod), text)).mutated_object;
    mutated.unwrap()["spec"]["future"].take()
}

#[track_caller]
fn assert_no_json(payload: &[u8]) {
    let answer = answer(payload);
    assert_eq!(answer.mutated_object, None);
    let warnings = answer.warnings.unwrap();
    let start = "datakit policy: nothing injected: the request is not valid JSON (line 1, column ";
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with(start), "{warnings:?}");
}

/// 128 levels are read, of which the field stands in the fourth.
#[test]
fn carries_nesting_as_deep_as_json_is_read() {
    for depth in [1, 100, 123] {
        assert_eq!(carried(&nested(depth)).to_string(), nested(depth));
    }
    for depth in [124, 128, 129, 10_000, 1_000_000] {
        let mut pod = ordinary();
        pod["spec"]["future"] = json!(MARK);
        assert_no_json(&with_text(payload_of(&pod), &nested(depth)));
    }
}

#[test]
fn reads_nothing_of_what_it_does_not_need() {
    for field in ["userInfo", "options", "requestKind", "of a later version"] {
        let payload = with_request(json!({(field): MARK}));
        for text in [nested(1_000_000).as_str(), "1e400", "{\"a\":1,\"a\":2}"] {
            let answer = answer(&with_text(payload.clone(), text));
            assert!(answer.mutated_object.is_some(), "{field}");
            assert_eq!(answer.warnings, None, "{field}");
        }
    }
}

#[test]
fn leaves_an_update_alone_whose_old_object_cannot_be_read() {
    let template = ordinary();
    let old = json!(MARK);
    let request = request(
        "UPDATE",
        "default",
        &workload("Deployment", &template),
        &old,
    );
    let payload = with_request(request);
    for text in [
        nested(1_000).as_str(),
        "7",
        "{\"spec\":{\"template\":1e400}}",
    ] {
        assert_warns(
            &with_text(payload.clone(), text),
            &["datakit policy: nothing injected: the update does not include the old object"],
        );
    }
}

#[test]
fn accepts_an_annotation_that_is_a_bomb() {
    let warning = |problem: &str| {
        format!(
            "datakit logfwd: injected without log configuration: admission.datakit/logfwd.instances{problem}"
        )
    };
    for (instances, problem) in [
        (nested(1_000), " is not valid JSON (line 1, column 128)"),
        (
            "[".repeat(1 << 20),
            " is not valid JSON (line 1, column 128)",
        ),
        (
            "{\"a\":".repeat(1 << 17),
            " is not valid JSON (line 1, column 636)",
        ),
        (
            format!("[{}", "null,".repeat(1 << 18)),
            " ends too early (line 1, column 1310721)",
        ),
        (
            format!("[{}1]", "1,".repeat(1 << 20)),
            "[0]: must be an object, not a number",
        ),
        (
            "[{\"loggings\":1e400}]".to_owned(),
            " is not valid JSON (line 1, column 18)",
        ),
        (
            "[\"\u{0}\"]".to_owned(),
            " is not valid JSON (line 1, column 3)",
        ),
    ] {
        let mut pod = ordinary();
        pod["metadata"]["annotations"]["admission.datakit/logfwd.instances"] = json!(&instances);
        let answer = answer(&payload_of(&pod));
        let mut expected = vec![warning(problem)];
        if instances.len() > 256 * 1024 {
            expected.push(NO_ROOM.to_owned());
        }
        assert_eq!(answer.warnings.unwrap(), expected);
        assert!(answer.mutated_object.is_some());
    }
}

#[test]
fn takes_the_last_of_keys_that_are_there_twice() {
    let mut pod = ordinary();
    pod["spec"]["containers"][0]["image"] = json!(MARK);
    let twice = "\"first:1\",\"image\":\"last:1\"";
    let mutated = answer(&with_text(payload_of(&pod), twice)).mutated_object;
    assert_eq!(mutated.unwrap()["spec"]["containers"][0]["image"], "last:1");
    assert_eq!(
        carried("{\"a\":1,\"a\":{\"b\":1,\"b\":2}}"),
        json!({"a": {"b": 2}})
    );
}

#[test]
fn accepts_invalid_utf_8_wherever_it_stands() {
    let mut pod = ordinary();
    pod["metadata"]["annotations"]["note"] = json!(MARK);
    for invalid in [
        &b"\xff"[..],
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"\xf8\x88\x80\x80\x80",
        b"a\xc3",
    ] {
        let payload = payload_of(&pod);
        let place = payload
            .windows(MARK.len())
            .position(|part| part == MARK.as_bytes());
        let (before, after) = payload.split_at(place.unwrap());
        assert_no_json(&[before, invalid, &after[MARK.len()..]].concat());
    }
    // Half of a surrogate pair is no character either.
    assert_no_json(&with_text(payload_of(&pod), "\"\\ud800\""));
}

#[test]
fn carries_numbers_at_the_edges() {
    for number in [
        "18446744073709551615",
        "-9223372036854775808",
        "9007199254740993",
        "1.7976931348623157e+308",
        "2.2250738585072014e-308",
        "5e-324",
        "-0.0",
        "1.0",
        "0.1",
    ] {
        assert_eq!(carried(number).to_string(), number);
    }
    // Hosts read these as other numbers, before the policy sees them; they stay what hosts read.
    for number in [
        "18446744073709551616",
        "-0",
        "1E2",
        "1e-400",
        "0.10000000000000000000001",
    ] {
        let read: Value = serde_json::from_str(number).unwrap();
        assert_eq!(carried(number).to_string(), read.to_string(), "{number}");
    }
    let mut pod = ordinary();
    pod["spec"]["future"] = json!(MARK);
    for number in [
        "1e400", "-1e400", "01", "1.", ".5", "NaN", "Infinity", "0x10",
    ] {
        assert_no_json(&with_text(payload_of(&pod), number));
    }
}

#[test]
fn carries_any_character_and_tells_of_none_that_breaks_a_line() {
    let text: String = (0..0x300)
        .filter_map(char::from_u32)
        .chain("\u{2028}\u{feff}\u{10ffff}".chars())
        .collect();
    let mut pod = ordinary();
    pod["metadata"]["annotations"] = json!({
        "note": text,
        (text.clone()): "x",
        "admission.datakit/enabled": text,
        "admission.datakit/ddtrace.enabled": "\u{0}\r\n\u{1b}[31m",
        "admission.datakit/logfwd.instances":
            json!([{"loggings": [{"logfiles": ["/a\u{0}b/c", "/a\nb/c", "/a\u{85}b/c"]}]}]).to_string(),
    });
    pod["spec"]["containers"] = json!([{
        "name": text,
        "image": text,
        "env": [{"name": text, "value": text}, {"name": "JAVA_TOOL_OPTIONS", "value": text}],
        "volumeMounts": [{"name": text, "mountPath": "/datadog-lib"}, {"name": text, "mountPath": text}]
    }]);
    let answer = validate(&create("default", &pod), &super::settings());
    let mutated = answer.mutated_object.unwrap();
    assert_same(&mutated["metadata"]["annotations"]["note"], &json!(text));
    let container = &mutated["spec"]["containers"][0];
    assert_same(&container["env"], &pod["spec"]["containers"][0]["env"]);
    let warnings = answer.warnings.unwrap();
    assert_eq!(warnings.len(), 5, "{warnings:#?}");
    for warning in warnings {
        assert!(!warning.contains(char::is_control), "{warning:?}");
        assert!(warning.chars().count() <= 256, "{warning:?}");
    }
}
