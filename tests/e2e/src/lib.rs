//! Injected workloads on a real node: images for them, and what their containers see.
#![cfg(feature = "e2e")]

pub mod cluster;
pub mod images;
