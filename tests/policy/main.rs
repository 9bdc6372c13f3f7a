//! The built `policy.wasm`, in a waPC host, as the Kubewarden hosts run it. `make test` builds it first.

#[path = "../checker/mod.rs"]
mod checker;
mod cost;
mod differences;
mod edits;
mod effects;
mod golden;
mod hidden;
mod hostile;
mod module;
mod otel;
mod outlook;
mod parts;
mod reused;
mod sequences;
mod settings;
mod standards;
mod support;
mod vectors;
mod workloads;
