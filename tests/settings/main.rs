//! The settings: what is made of the table of keys, that the examples say what the policy does, and that every key has an effect and a value that is refused.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod annotations;
mod effects;
mod examples;
mod keys;
mod made;
mod markdown;
mod reference;
mod refusals;
mod schema;
mod support;
