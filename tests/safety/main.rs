//! The promise that the policy never harms a pod: whatever workload and whatever settings that were
//! accepted, the answer is a pod that Kubernetes takes, the user's pod with what was asked for.

#[path = "../checker/mod.rs"]
mod checker;
mod rules;
#[path = "../policy/support.rs"]
mod support;
