//! The task protocol: Datakit before 1.85, as operators 1.0.5 to 1.5 served it.
//!
//! Every Datakit offers its collectors (`application_inputs`) every four seconds and is told which
//! of them it may run. All Datakits form one group.
//!
//! Any number of replicas serve it together. Each writes what its Datakits offer into a Lease of
//! its own, the [`Report`]. The holder of one more Lease reads all reports and assigns; the
//! [`State`] is in that Lease. All replicas answer from the state.
//!
//! A collector that moves is granted to its new owner only when
//! 1. every live replica has the state in which the former owner does not have it any more, and
//! 2. the former owner was told so, and has shown it by a request whose `running_inputs` do not
//!    have the collector; or the former owner has been silent for [`SILENCE`].

pub mod balance;
pub mod plan;
pub mod service;
mod state;

pub use plan::{Moves, View, plan};
pub use service::Tasks;
pub use state::{Contact, Ownership, Report, State, Waiting};

use std::time::Duration;

/// How long an input may be without an owner after a Datakit has gone, but for the wait until the
/// next request of the new one.
pub const LEASE: Duration = Duration::from_secs(30);
/// How long a Datakit has to be silent before its inputs are given to others. What is left of
/// [`LEASE`] is for handing them over.
pub const SILENCE: Duration = Duration::from_secs(25);
/// How long a replica answers after the last report that has come back through the watch. What it
/// was asked since may be unknown to the others when it stops.
pub const FRESH: Duration = Duration::from_secs(6);
/// How long a Datakit has been silent in any case when its inputs are given to others.
pub const SURELY_SILENT: Duration = Duration::from_secs(SILENCE.as_secs() - FRESH.as_secs());
/// How often Datakit asks.
pub const INTERVAL: Duration = Duration::from_secs(4);
/// How long a group without any state is watched before the first assignment: all Datakits are to
/// have said by then what they run.
pub const SETTLING: Duration = Duration::from_secs(10);

/// The name of the Lease with the [`State`].
pub const STATE_LEASE: &str = "datakit-election-tasks";
/// The beginning of the names of the Leases with a [`Report`].
pub const REPORT_PREFIX: &str = "datakit-election-tasks-replica-";
