//! The sequences: what happens to workloads, case by case.

mod annotations;
mod commands;
mod containers;
mod journals;
mod otel;
mod own;
mod parts;
mod variables;
mod volumes;
mod workloads;

use datakit_policy_cluster::sequence::Sequence;

pub use parts::{DEFAULT, NEWER, NEWER_RULES, NOTHING, RESTART, RULES, everything};

/// All of them.
pub fn all() -> Vec<Sequence> {
    [
        annotations::all(),
        commands::all(),
        containers::all(),
        journals::all(),
        otel::all(),
        own::all(),
        variables::all(),
        volumes::all(),
        workloads::all(),
    ]
    .concat()
}
