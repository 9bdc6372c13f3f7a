//! The built `policy.wasm`, in a waPC host, as the Kubewarden hosts run it. `make test` builds it first.

mod differences;
mod golden;
mod module;
mod parts;
mod support;
mod vectors;
mod workloads;
