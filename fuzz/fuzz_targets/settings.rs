//! The settings as raw bytes: checking them never fails, and `validate` can work with those that it accepts.
#![no_main]

use datakit_operator_policy_fuzz::{check_injection, create, pod, validate, validate_settings};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|settings: &[u8]| {
    let verdict = validate_settings(settings);
    let Ok(value) = serde_json::from_slice::<Value>(settings) else {
        // A number that is none passes where nobody reads it.
        return;
    };
    let payload = json!({"request": create(&pod()), "settings": value});
    let answer = validate(payload.to_string().as_bytes());
    if verdict.is_ok() {
        for warning in &answer.warnings {
            assert!(!warning.starts_with("datakit settings: "), "{warning}");
        }
    }
    if let Some(mutated) = answer.object {
        check_injection(&payload, &mutated);
    }
});
