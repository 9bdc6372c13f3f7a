//! How a property is put to the test, and the policy asked.

use std::fmt::Debug;

use datakit_operator_policy::admission;
use datakit_policy_host::policy::Answer;
use proptest::prelude::*;
use serde_json::Value;

use crate::generators::{Admission, template_of};
use crate::trials;

/// Cases that once failed; each property tries them first.
const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/safety/regressions.txt");

/// Tries a property with so many cases.
pub fn holds<S: Strategy>(
    cases: u32,
    strategy: &S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) where
    S::Value: Debug,
{
    trials::holds(cases, Some(REGRESSIONS), strategy, property);
}

/// The policy's answer, called natively.
pub fn answer(payload: &[u8]) -> Answer {
    let answer = admission::validate(payload).unwrap();
    serde_json::from_slice(&answer).unwrap()
}

/// The object as it is after the answer.
pub fn after(admission: &Admission, answer: &Answer) -> Value {
    answer
        .mutated_object
        .clone()
        .unwrap_or_else(|| admission.object())
}

/// The template as it is after the policy was asked.
pub fn injected(admission: &Admission) -> Value {
    let answer = answer(&admission.payload());
    template_of(admission.kind, &after(admission, &answer)).clone()
}
