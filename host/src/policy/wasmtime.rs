//! Policies in wasmtime, as the Kubewarden hosts have them.

use wapc::WapcHost;
use wapc::errors::Error;
use wasmtime_provider::{WasmtimeEngineProviderBuilder, WasmtimeEngineProviderPre};

use super::{Engine, Guest, HostCall, PolicyError};

/// A module, compiled and linked.
pub struct Compiled(WasmtimeEngineProviderPre);

impl Compiled {
    pub fn from_bytes(module: &[u8]) -> Result<Self, PolicyError> {
        // Without this, wasmtime would take the bytes for WebAssembly text and complain about its grammar.
        if !module.starts_with(b"\0asm") {
            let problem = "it does not start like a WebAssembly module";
            return Err(PolicyError::Load(problem.to_owned()));
        }
        WasmtimeEngineProviderBuilder::new()
            .module_bytes(module)
            .build_pre()
            .map(Self)
            .map_err(|error| PolicyError::Load(error.to_string()))
    }
}

impl Engine for Compiled {
    fn start(&self, host: HostCall) -> Result<Box<dyn Guest>, PolicyError> {
        let failed = |error: &dyn ToString| PolicyError::Start(error.to_string());
        let engine = self.0.rehydrate(None).map_err(|error| failed(&error))?;
        let answer = move |_, binding: &str, namespace: &str, operation: &str, payload: &[u8]| {
            host([binding, namespace, operation], payload)
        };
        let guest = WapcHost::new(Box::new(engine), Some(Box::new(answer)));
        Ok(Box::new(guest.map_err(|error| failed(&error))?))
    }
}

impl Guest for WapcHost {
    fn call(&self, operation: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
        Self::call(self, operation, payload).map_err(|error| match error {
            Error::GuestCallFailure(message) => message,
            other => other.to_string(),
        })
    }
}
