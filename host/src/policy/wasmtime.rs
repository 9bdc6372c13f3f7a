//! Policies in wasmtime, as the Kubewarden hosts have them.

use wapc::WapcHost;
use wapc::errors::Error;
use wasmtime_provider::wasmtime::{Cache, CacheConfig, Config, Engine as Wasmtime};
use wasmtime_provider::{WasmtimeEngineProviderBuilder, WasmtimeEngineProviderPre};

use super::{Engine, Guest, HostCall, PolicyError};

/// A module, compiled and linked.
pub struct Compiled(WasmtimeEngineProviderPre);

impl Compiled {
    pub fn from_bytes(module: &[u8]) -> Result<Self, PolicyError> {
        Self::new(module, &Config::new())
    }

    /// Without a folder for caches, as in a container without a home, the module is compiled each time.
    pub fn cached(module: &[u8]) -> Result<Self, PolicyError> {
        let mut config = Config::new();
        config.cache(Cache::new(CacheConfig::new()).ok());
        Self::new(module, &config)
    }

    fn new(module: &[u8], config: &Config) -> Result<Self, PolicyError> {
        let failed = |error: &dyn ToString| PolicyError::Load(error.to_string());
        // Without this, wasmtime would take the bytes for WebAssembly text and complain about its grammar.
        if !module.starts_with(b"\0asm") {
            let problem = "it does not start like a WebAssembly module";
            return Err(PolicyError::Load(problem.to_owned()));
        }
        WasmtimeEngineProviderBuilder::new()
            .engine(Wasmtime::new(config).map_err(|error| failed(&error))?)
            .module_bytes(module)
            .build_pre()
            .map(Self)
            .map_err(|error| failed(&error))
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
