//! The payload of `validate` as raw bytes.
#![no_main]

use datakit_operator_policy_fuzz::{check_injection, validate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let answer = validate(payload);
    if let Some(mutated) = answer.object {
        let payload = serde_json::from_slice(payload).expect("only JSON is injected into");
        check_injection(&payload, &mutated);
    }
});
