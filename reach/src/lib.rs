//! Which requests the API server asks a Kubewarden policy about.
//!
//! A [`Policy`] is read from its resource, a [`Question`] is what the API server is asked to store. [`Policy::decide`]
//! says whether the policy hears of it, by the policy's namespace, rules, selectors and conditions, in the order in
//! which the API server looks at them. Nothing here runs a policy, reads a file or needs an operating system.
//! Without its feature `cel` the crate is a quarter as large, and cannot read a policy with `matchConditions`.
//!
//! Two things are not in a policy's resource, and are not looked at: the namespace of Kubewarden's controller, which the
//! controller excludes, and the versions that the API server converts a request to for `matchPolicy: Equivalent`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "cel")]
mod cel;
#[cfg(not(feature = "cel"))]
#[path = "no_cel.rs"]
mod cel;
mod condition;
mod policy;
mod question;
mod read;
mod rule;
mod selector;
mod verdict;

pub use policy::{FailurePolicy, Mode, Policy};
pub use question::{Namespaces, Question};
pub use read::Problem;
pub use verdict::{Doubt, Reason, Verdict};
