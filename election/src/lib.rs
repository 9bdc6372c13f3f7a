//! Elects the Datakits that run cluster-wide collectors, in both protocols that Datakit speaks.
//!
//! The parts, from the inside out:
//! - [`lease`] and [`tasks`]: the two protocols. What is decided is decided by pure functions
//!   ([`lease::decide`], [`tasks::plan`]); around each stands a small service that reads and writes.
//! - [`store`]: where the state is, as Leases. A trait, with a [memory](store::memory) and a
//!   [Kubernetes](store::kube) behind it.
//! - [`cache`]: what this process knows of the store, and since when.
//! - [`logging`]: the answers to logfwd, from ClusterLoggingConfigs.
//! - [`http`]: routes, TLS and limits. [`metrics`]: what is counted.
//! - [`service`]: all of it put together, as the [`options`] say.

#![forbid(unsafe_code)]

pub mod cache;
pub mod http;
pub mod lease;
pub mod logging;
pub mod metrics;
pub mod options;
pub mod service;
pub mod store;
pub mod tasks;
