//! The reader of JSON, against `serde_json`: what hosts read with it, the policy has to read alike.

use datakit_operator_policy::json::{Reader, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;

use crate::agree;

/// Compares what is read, what is refused, and what is written.
fn compare(text: &str) -> Result<(), TestCaseError> {
    let ours = Value::parse(text);
    let theirs = serde_json::from_str::<serde_json::Value>(text);
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            prop_assert_eq!(&serde_json::Value::from(&ours), &theirs, "{}", text);
            let written = ours.to_string();
            let again: serde_json::Value = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(again, theirs, "{}", written);
            // A value that is passed over is the same text.
            let passed = Reader::new(text).text();
            prop_assert_eq!(passed, Some(text.trim_matches([' ', '\n', '\r', '\t'])));
        }
        (Err(ours), Err(theirs)) => {
            let place = (ours.place.line, ours.place.column);
            prop_assert_eq!(place, (theirs.line(), theirs.column()), "{}", text);
        }
        (ours, theirs) => {
            return Err(TestCaseError::fail(format!(
                "{text}: {ours:?}, serde_json {theirs:?}"
            )));
        }
    }
    Ok(())
}

const TOKENS: [&str; 36] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"b\"",
    "\"\"",
    "true",
    "false",
    "null",
    "tru",
    "0",
    "-0",
    "1",
    "-",
    "01",
    "1.5",
    "1.",
    ".5",
    "1e3",
    "1E-2",
    "1e400",
    "-1e-400",
    "18446744073709551616",
    "\"\\u00e4\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"\\udc00\"",
    "\"\\x\"",
    "\"\t\"",
    "\"ä\\n\\\\\\\"/\"",
    " ",
    "\n",
    "\u{feff}",
];

#[test]
fn takes_what_the_library_takes() {
    agree(20_000, &vec(select(&TOKENS[..]), 0..12), |tokens| {
        compare(&tokens.concat())
    });
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<f64>().prop_map(|value| json!(value)),
        "\\PC{0,20}".prop_map(|value| json!(value)),
        any::<String>().prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|items| json!(items)),
            vec((any::<String>(), inner), 0..6)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[test]
fn reads_any_value_and_writes_it() {
    agree(5_000, &(values(), any::<bool>()), |(value, is_pretty)| {
        compare(&if is_pretty {
            format!("{value:#}")
        } else {
            value.to_string()
        })
    });
}

/// A character less, or one more, at any place.
#[test]
fn refuses_what_the_library_refuses() {
    let noise = select(
        &[
            '"', '\\', '{', '}', '[', ']', ',', ':', '0', 'e', '.', '\u{1}', 'ä',
        ][..],
    );
    let edits = (values(), any::<Index>(), any::<bool>(), noise);
    agree(20_000, &edits, |(value, place, is_removed, noise)| {
        let mut text: Vec<char> = value.to_string().chars().collect();
        let place = place.index(text.len());
        if is_removed {
            text.remove(place);
        } else {
            text.insert(place, noise);
        }
        compare(&text.into_iter().collect::<String>())
    });
}

#[test]
fn reads_as_deep_as_the_library() {
    for depth in [1, 126, 127, 128, 129, 10_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            compare(&text).unwrap();
        }
    }
}
