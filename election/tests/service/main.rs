//! The service over TLS, as Datakit and logfwd talk to it.

mod bad_input;
mod certificates;
#[path = "../support/connection.rs"]
mod connection;
mod end;
mod leaders;
mod running;
mod tasks;
