//! The built module gives the answers that the properties were shown of.

use proptest::prelude::*;

use crate::generators::admissions;
use crate::run::{answer, holds};
use crate::support::{POLICY, validate};

#[test]
fn answers_as_the_built_module() {
    holds(400, &admissions(), |admission| {
        let payload = admission.payload();
        let call = || {
            let instance = POLICY.instance().unwrap();
            let bytes = instance.call("validate", &payload).unwrap();
            (bytes, instance.take_logs())
        };
        let (bytes, logs) = call();
        prop_assert_eq!(logs, []);
        // To the byte: nothing in it is by chance.
        prop_assert_eq!(&call().0, &bytes);
        let built = validate(&admission.request(), &admission.settings);
        prop_assert_eq!(built, answer(&payload));
        Ok(())
    });
}

#[test]
fn accepts_settings_as_the_built_module() {
    holds(401, &crate::generators::any_settings(), |settings| {
        let instance = POLICY.instance().unwrap();
        let answer = instance.validate_settings(&settings).unwrap();
        prop_assert_eq!(
            answer.valid,
            crate::generators::accepted_settings(&settings)
        );
        Ok(())
    });
}
