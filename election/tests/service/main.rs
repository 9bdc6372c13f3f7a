//! The service over TLS, as Datakit and logfwd talk to it.

mod bad_input;
mod certificates;
mod client;
mod end;
mod leaders;
mod load;
mod tasks;
