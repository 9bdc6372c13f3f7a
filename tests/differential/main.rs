//! The policy's small languages against what defines them elsewhere: label selectors against Kubernetes, references to
//! images against the grammar of the distribution specification, paths against Go's `path.Clean`, namespace patterns
//! against a full regular expression engine, JSON against `serde_json`.

mod images;
mod json;
mod paths;
mod patterns;
mod selectors;
#[path = "../trials/mod.rs"]
mod trials;

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::TestCaseError;

/// Compares on so many generated cases.
fn agree<S: Strategy>(
    cases: u32,
    strategy: &S,
    compare: impl Fn(S::Value) -> Result<(), TestCaseError>,
) where
    S::Value: Debug,
{
    trials::holds(cases, None, strategy, compare);
}
