//! How a property is put to the test, and the policy asked.

use std::fmt::Debug;

use datakit_operator_policy::admission;
use datakit_policy_host::policy::Answer;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestRunner};
use serde_json::Value;

use crate::generators::{Admission, template_of};

/// Cases that once failed; each property tries them first.
const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/safety/regressions.txt");

/// Tries a property with so many cases, or as many as `PROPTEST_CASES` says. The cases are the same
/// in each run, so that nobody's change fails by chance; `PROPTEST_RNG_SEED` gives others.
pub fn holds<S: Strategy>(
    cases: u32,
    strategy: &S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) where
    S::Value: Debug,
{
    let mut config = Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config.max_global_rejects = config.cases.saturating_mul(20);
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(u64::from(cases));
    }
    if let Err(failure) = TestRunner::new(config).run(strategy, property) {
        panic!("{failure}");
    }
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
