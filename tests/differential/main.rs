//! The policy's small languages against what defines them elsewhere: label selectors against Kubernetes, references to
//! images against the grammar of the distribution specification, paths against Go's `path.Clean`, namespace patterns
//! against a full regular expression engine.

mod images;
mod paths;
mod patterns;
mod selectors;

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

/// Compares on so many generated cases, the same in each run, or on as many as `PROPTEST_CASES` says.
fn agree<S: Strategy>(
    cases: u32,
    strategy: &S,
    compare: impl Fn(S::Value) -> Result<(), TestCaseError>,
) where
    S::Value: Debug,
{
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config.max_global_rejects = config.cases.saturating_mul(20);
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(u64::from(cases));
    }
    if let Err(failure) = TestRunner::new(config).run(strategy, compare) {
        panic!("{failure}");
    }
}
