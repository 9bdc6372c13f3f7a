//! The Datakit Operator's injection as a Kubewarden policy.
//!
//! The data of an admission flows one way: [`admission`] reads the payload, [`settings`] become
//! rules, [`workload`] finds the pod template, [`rollout`] decides what is to become of one that may
//! have been injected before, the [`features`] decide and say as a plan what they want, [`template`]
//! carries it out and keeps a journal of it, and [`report`] tells about it.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::unimplemented,
        clippy::arithmetic_side_effects,
        clippy::string_slice
    )
)]
#![deny(unsafe_code)]

pub mod admission;
mod answer;
pub mod cluster;
pub mod env;
pub mod features;
pub mod glob;
pub mod image;
pub mod json;
pub mod namespace;
pub mod owner;
pub mod paths;
pub mod payload;
pub mod quantity;
pub mod report;
pub mod rollout;
pub mod selector;
pub mod settings;
pub mod standards;
pub mod system;
pub mod tags;
pub mod template;
pub mod words;
pub mod workload;

/// Faster and smaller than that of the standard library, which is made for programs that go on.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Registers the functions that a policy host calls over waPC.
// The export is what makes it callable; nothing else in the crate is unsafe.
#[cfg(feature = "policy")]
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    use wapc_guest::register_function;
    register_function("validate", admission::validate);
    register_function("validate_settings", admission::validate_settings);
    register_function(
        "protocol_version",
        kubewarden_policy_sdk::protocol_version_guest,
    );
}
