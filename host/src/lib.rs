//! What a Kubewarden policy needs around it, without a cluster.
//!
//! - [`policy`] runs a waPC guest as `kwctl` and `policy-server` do: same payloads, same calls.
//! - [`cluster`] is what a guest may ask of the cluster.
//! - [`response`] turns the guest's answer into the `AdmissionResponse` that the API server would get.
//! - [`manifest`] reads YAML or JSON manifests into single objects that know where they stood.
//! - [`request`] builds the `AdmissionRequest` that the API server would send for such an object.
//! - [`settings`] finds policy settings in whatever file they are in, and the line that a problem of them stands in.
//! - [`metadata`] and [`annotate`] write what hosts must know of a policy into its module.
//! - `oci` (a feature) pushes and pulls modules.
//! - `wasmtime` (a feature, on by default) is what policies run in; a program without it brings an engine of its own.
//! - [`yaml`] is the YAML reader and writer below them, with kubectl's idea of what a plain scalar means.
//!
//! ```no_run
//! use datakit_policy_host::{manifest, policy::Policy, request::{AdmissionRequest, Context}, settings};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policy = Policy::from_bytes(&std::fs::read("policy.wasm")?)?;
//! let settings = settings::read_file("settings.yml".as_ref())?;
//! for document in manifest::read_file("nginx.yaml".as_ref()) {
//!     let document = document?;
//!     let request = AdmissionRequest::for_object(&document.object, &Context::default())?;
//!     let answer = policy.instance()?.validate(&request, &settings)?;
//!     println!("{}: {:?}", document.source, answer.warnings);
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "wasmtime")]
pub mod annotate;
pub mod cluster;
pub mod manifest;
pub mod metadata;
#[cfg(feature = "oci")]
pub mod oci;
pub mod policy;
pub mod request;
pub mod response;
pub mod settings;
pub mod wasm;
pub mod yaml;
