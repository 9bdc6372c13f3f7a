//! The reader of JSON, against the library that hosts read with.
#![no_main]

use datakit_operator_policy::json::Value;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let ours = Value::from_bytes(text);
    let theirs = serde_json::from_slice::<serde_json::Value>(text);
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(serde_json::Value::from(&ours), theirs);
            let written = ours.to_string();
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&written).ok(),
                Some(theirs)
            );
        }
        (Err(ours), Err(theirs)) => {
            assert_eq!(
                (ours.place.line, ours.place.column),
                (theirs.line(), theirs.column())
            );
        }
        (ours, theirs) => panic!("{ours:?}, serde_json {theirs:?}"),
    }
});
