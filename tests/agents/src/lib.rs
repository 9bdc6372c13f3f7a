//! Real agents in real processes: what the policy injects into a pod is carried out on this machine, as a kubelet would.
//!
//! A test goes this way:
//!
//! - [`pod`]: the built policy answers for a pod; out of it come the command of the init container and the app container.
//! - [`volume`]: the init container's command copies the agent out of its image into a folder.
//! - [`kubelet`]: the container's variables are expanded.
//! - [`process`]: an application is started with exactly these, and with the folder where the container mounts it.
//! - [`collector`]: a server on the loopback interface takes what the agent sends, and reads it ([`datadog`], [`otlp`]).
//!
//! `fetch.sh` makes the images: the agents as their projects publish them, in the layout of the published images.
//! Without the feature `agents` this crate is empty: the rest of the workspace needs no Java, Node.js or Python.

#![cfg(feature = "agents")]

pub mod agent;
pub mod collector;
pub mod datadog;
pub mod kubelet;
pub mod mounts;
pub mod otlp;
pub mod pod;
pub mod process;
pub mod runtimes;
pub mod volume;
