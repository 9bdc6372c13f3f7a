//! Holds together what says the same thing twice: Cargo.toml, metadata.yml, artifacthub-pkg.yml and questions-ui.yml,
//! the chart, the manifests in deploy/, the workflows, and the page about safety.
//!
//! The manifests are checked against the fields of Kubewarden's custom resource definitions
//! (`tests/data/kubewarden-crds.json`): an API server drops a misspelt field without an error.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod chart;
mod crds;
mod docs;
mod election;
mod files;
mod form;
mod manifests;
mod metadata;
mod safety;
mod workflows;

const VERSION: &str = env!("CARGO_PKG_VERSION");
