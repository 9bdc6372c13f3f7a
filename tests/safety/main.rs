//! The promise that the policy never harms a pod: whatever workload and whatever settings that were
//! accepted, the answer is a pod that Kubernetes takes, the user's pod with what was asked for.
//!
//! `PROPTEST_CASES=100000 cargo test --test safety` tries more cases.

mod built;
#[path = "../checker/mod.rs"]
mod checker;
mod composition;
mod fit;
mod generators;
mod hidden;
mod kept;
mod patches;
mod properties;
mod reach;
mod references;
mod rollouts;
mod rules;
mod run;
mod secrets;
mod standards;

#[path = "../policy/support.rs"]
mod support;
#[path = "../trials/mod.rs"]
mod trials;
