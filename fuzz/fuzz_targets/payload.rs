//! The payload of `validate` as raw bytes.
#![no_main]

use datakit_operator_policy_fuzz::{check_injection, validate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let answer = validate(payload);
    // What is in a field that the policy does not read need not be JSON to the letter.
    if let (Some(mutated), Ok(payload)) = (answer.object, serde_json::from_slice(payload)) {
        check_injection(&payload, &mutated);
    }
});
