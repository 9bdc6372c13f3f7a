//! Requests that make sense, with settings that the policy accepts.
#![no_main]

use datakit_operator_policy_fuzz::pieces::Admission;
use datakit_operator_policy_fuzz::{check_injection, validate, validate_settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|admission: Admission| {
    let payload = admission.payload();
    let settings = payload["settings"].to_string();
    assert_eq!(validate_settings(settings.as_bytes()), Ok(()), "{settings}");
    let answer = validate(payload.to_string().as_bytes());
    for about in [
        "datakit settings: ",
        "datakit policy: nothing injected: the template is malformed",
    ] {
        assert!(
            !answer
                .warnings
                .iter()
                .any(|warning| warning.starts_with(about))
        );
    }
    if let Some(mutated) = answer.object {
        check_injection(&payload, &mutated);
    }
});
