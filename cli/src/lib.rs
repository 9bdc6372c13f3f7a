//! What the policy says about objects and settings, made ready for people. The program prints it, and the playground
//! shows it in a browser; so nothing here reads files or writes to a terminal.
#![forbid(unsafe_code)]

pub mod advice;
pub mod explanation;
pub mod journal;
pub mod live;
pub mod order;
pub mod paint;
pub mod policies;
pub mod session;
pub mod settings;
pub mod shape;

/// Why a command gave up: a message for the user. Exit code 1.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
