//! A real Kubernetes API server on the loopback interface, alone or with the policy as its webhook, and what the tests
//! do to it.
//!
//! Without the feature `cluster` this crate is empty: the rest of the workspace needs neither Go nor kubectl.

#![cfg(feature = "cluster")]

pub mod api_server;
pub mod bridge;
pub mod certificates;
pub mod client;
pub mod cluster;
pub mod crds;
pub mod kubectl;
pub mod process;
pub mod record;
pub mod rollout;
pub mod runner;
pub mod sequence;
pub mod template;
pub mod workload;
