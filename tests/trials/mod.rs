//! How a property is put to the test on generated cases.

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestCaseError, TestRunner};

/// Tries a property with so many cases, or as many as `PROPTEST_CASES` says. The cases are the same
/// in each run, so that nobody's change fails by chance; `PROPTEST_RNG_SEED` gives others. Those that
/// failed once stand in the file `regressions`, if there is one, and are tried first.
pub fn holds<S: Strategy>(
    cases: u32,
    regressions: Option<&'static str>,
    strategy: &S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) where
    S::Value: Debug,
{
    let persistence = regressions.map(|file| Box::new(FileFailurePersistence::Direct(file)) as _);
    let mut config = Config {
        failure_persistence: persistence,
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
