//! The policy's metadata inside the module, where the Kubewarden hosts look for it.

use serde_json::Value;

use crate::metadata::{Metadata, TOOL, USAGE};
use crate::policy::{Policy, PolicyError};
use crate::wasm::{self, WasmError};

const SECTION: &str = "io.kubewarden.metadata";

/// Why metadata cannot be written into a module, or read from it.
#[derive(Debug, thiserror::Error)]
pub enum AnnotateError {
    /// The bytes are no WebAssembly module.
    #[error("this is not a policy: {0}")]
    NoModule(#[from] WasmError),
    /// Hosts read the first section, so a second one would be in vain.
    #[error("the module already has metadata; annotate the module as it was built")]
    Annotated,
    /// The module does not answer as a policy does.
    #[error("the module does not answer like a policy: {0}")]
    Policy(#[from] PolicyError),
    /// The section's JSON is broken.
    #[error("the module's metadata is not valid JSON: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// The module with its metadata, as `kwctl annotate` writes it: custom section `io.kubewarden.metadata`, JSON.
///
/// The module is asked for its protocol version first. `usage` is the text that `inspect` and Artifact Hub show.
/// `tool` goes where kwctl puts its own version.
///
/// # Errors
/// Where the bytes are no module, have metadata already, or do not answer `protocol_version`.
pub fn annotate(
    module: &[u8],
    mut metadata: Metadata,
    usage: Option<String>,
    tool: &str,
) -> Result<Vec<u8>, AnnotateError> {
    if wasm::custom_section(module, SECTION)?.is_some() {
        return Err(AnnotateError::Annotated);
    }
    let instance = Policy::from_bytes(module)?.instance()?;
    metadata.protocol_version = Some(instance.protocol_version()?);
    if let Some(usage) = usage {
        metadata.annotations.insert(USAGE.to_owned(), usage);
    }
    metadata
        .annotations
        .insert(TOOL.to_owned(), tool.to_owned());
    let section = serde_json::to_vec(&metadata)?;
    Ok(wasm::with_custom_section(module, SECTION, &section))
}

/// The metadata of a module, as JSON with all that is in it; none where the module is not annotated.
///
/// # Errors
/// Where the bytes are no module, or the section holds no JSON.
pub fn read(module: &[u8]) -> Result<Option<Value>, AnnotateError> {
    let section = wasm::custom_section(module, SECTION)?;
    Ok(section.map(serde_json::from_slice).transpose()?)
}
