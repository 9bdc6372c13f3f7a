//! A waPC guest, run as the Kubewarden hosts run it.

#[cfg(feature = "wasmtime")]
mod wasmtime;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::cluster::{Cluster, Nothing};

/// Why a policy could not be loaded or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The bytes are no module that this host can compile and link.
    #[error(
        "the policy cannot be loaded: {0}; it must be a WebAssembly module that imports only from `wapc`"
    )]
    Load(String),
    /// The module compiled, but an instance of it could not be started.
    #[error("the policy cannot be started: {0}")]
    Start(String),
    /// The guest answered with an error, or trapped. The text is the one that the Kubewarden hosts show.
    #[error("Guest call failure: {0}")]
    Guest(String),
    /// The guest answered with something else than the operation's answer.
    #[error("cannot deserialize the policy's answer to `{operation}`: {source}")]
    Answer {
        /// The waPC operation that was called.
        operation: &'static str,
        /// What the answer lacks.
        source: serde_json::Error,
    },
    /// What should be sent cannot be written as JSON.
    #[error("cannot serialize the payload of `{operation}`: {source}")]
    Payload {
        /// The waPC operation that should have been called.
        operation: &'static str,
        /// What cannot be written.
        source: serde_json::Error,
    },
}

/// The policy's answer to `validate`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether the object is let in.
    pub accepted: bool,
    /// Why it is not.
    pub message: Option<String>,
    /// The HTTP status of the refusal.
    pub code: Option<u16>,
    /// The object as the policy wants it; none where it wants no change.
    pub mutated_object: Option<Value>,
    /// Goes to the cluster's audit log.
    pub audit_annotations: Option<BTreeMap<String, String>>,
    /// Shown to the user who applies the object.
    pub warnings: Option<Vec<String>>,
}

/// The policy's answer to `validate_settings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsAnswer {
    /// Whether the policy can work with these settings.
    pub valid: bool,
    /// Why it cannot.
    pub message: Option<String>,
}

/// The waPC protocol between Kubewarden hosts and guests; there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProtocolVersion {
    /// `v1`
    #[serde(rename = "v1")]
    V1,
}

/// One line that the policy logged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct LogLine {
    /// `trace`, `debug`, `info`, `warning`, `error` or `critical`.
    pub level: String,
    /// What happened.
    pub message: String,
    /// The fields that came with it.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

// The derived reader of flattened fields is ten times as large, which counts in a page.
impl TryFrom<Map<String, Value>> for LogLine {
    type Error = &'static str;

    fn try_from(mut fields: Map<String, Value>) -> Result<Self, Self::Error> {
        let mut text = |name: &str| match fields.shift_remove(name) {
            Some(Value::String(text)) => Ok(text),
            _ => Err("a log line has a level and a message"),
        };
        Ok(Self {
            level: text("level")?,
            message: text("message")?,
            fields,
        })
    }
}

impl LogLine {
    /// The text of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }
}

/// Answers what a guest asks of its host: binding, namespace and operation, and a payload.
pub type HostCall = Box<dyn Fn([&str; 3], &[u8]) -> Result<Vec<u8>, HostError> + Send + Sync>;

/// Why a host does not answer.
pub type HostError = Box<dyn std::error::Error + Send + Sync>;

/// What a policy runs in, with the policy.
pub trait Engine: Send + Sync {
    /// Starts a fresh instance.
    ///
    /// # Errors
    /// [`PolicyError::Start`] where it does not start.
    fn start(&self, host: HostCall) -> Result<Box<dyn Guest>, PolicyError>;
}

/// A running guest.
pub trait Guest {
    /// Calls an operation.
    ///
    /// # Errors
    /// The guest's message, or that of a trap.
    fn call(&self, operation: &str, payload: &[u8]) -> Result<Vec<u8>, String>;
}

/// A compiled policy. Compiling takes long, an [`Instance`] is made in microseconds.
#[derive(Clone)]
pub struct Policy {
    engine: Arc<dyn Engine>,
}

impl Policy {
    /// Compiles and links a module.
    ///
    /// # Errors
    /// [`PolicyError::Load`] where the bytes are no module, or import what a waPC host does not offer.
    #[cfg(feature = "wasmtime")]
    pub fn from_bytes(module: &[u8]) -> Result<Self, PolicyError> {
        Ok(Self::run_by(wasmtime::Compiled::from_bytes(module)?))
    }

    /// [`from_bytes`](Self::from_bytes) for programs that users start again and again: what was compiled is kept in wasmtime's
    /// folder for caches, where there is one, as kwctl keeps it.
    ///
    /// # Errors
    /// As those of [`from_bytes`](Self::from_bytes).
    #[cfg(feature = "wasmtime")]
    pub fn from_bytes_or_cache(module: &[u8]) -> Result<Self, PolicyError> {
        Ok(Self::run_by(wasmtime::Compiled::cached(module)?))
    }

    /// A policy in an engine of the program's own.
    pub fn run_by(engine: impl Engine + 'static) -> Self {
        let engine = Arc::new(engine);
        Self { engine }
    }

    /// A fresh instance: nothing survives from an earlier one. `policy-server` takes one for every request,
    /// `kwctl bench` calls the same one again and again; both work here.
    ///
    /// # Errors
    /// [`PolicyError::Start`] where the module lacks `__guest_call` or traps while it starts.
    pub fn instance(&self) -> Result<Instance, PolicyError> {
        self.instance_in(Arc::new(Nothing))
    }

    /// A fresh instance that may ask for objects of a cluster.
    ///
    /// # Errors
    /// As those of [`instance`](Self::instance).
    pub fn instance_in(&self, cluster: Arc<dyn Cluster>) -> Result<Instance, PolicyError> {
        let logs = Logs::default();
        let collected = logs.clone();
        let guest = self.engine.start(Box::new(move |call, payload| {
            host_call(&collected, cluster.as_ref(), call, payload)
        }))?;
        Ok(Instance { guest, logs })
    }
}

/// A running policy. After an error take a fresh one: a trap may leave the guest's memory in any state.
pub struct Instance {
    guest: Box<dyn Guest>,
    logs: Logs,
}

impl Instance {
    /// Calls any operation with any bytes.
    ///
    /// # Errors
    /// [`PolicyError::Guest`] where the guest answers with an error, knows no such operation, or traps.
    pub fn call(&self, operation: &str, payload: &[u8]) -> Result<Vec<u8>, PolicyError> {
        self.guest
            .call(operation, payload)
            .map_err(PolicyError::Guest)
    }

    /// Asks the policy about a request: an [`AdmissionRequest`](crate::request::AdmissionRequest), or any JSON where a test wants to be rude.
    ///
    /// # Errors
    /// Where the guest fails, or its answer is no validation response.
    pub fn validate<R: Serialize>(
        &self,
        request: &R,
        settings: &Value,
    ) -> Result<Answer, PolicyError> {
        self.ask("validate", &payload(request, settings)?)
    }

    /// Asks the policy whether it can work with these settings.
    ///
    /// # Errors
    /// Where the guest fails, or its answer is no settings response.
    pub fn validate_settings(&self, settings: &Value) -> Result<SettingsAnswer, PolicyError> {
        const OPERATION: &str = "validate_settings";
        self.ask(OPERATION, &to_bytes(OPERATION, &as_sent(settings))?)
    }

    /// Asks which protocol the policy speaks.
    ///
    /// # Errors
    /// Where the guest fails, or speaks another protocol than `v1`.
    pub fn protocol_version(&self) -> Result<ProtocolVersion, PolicyError> {
        self.ask("protocol_version", b"")
    }

    /// What the policy logged since it was started, or since this was last called.
    pub fn take_logs(&self) -> Vec<LogLine> {
        std::mem::take(&mut *self.logs.lock())
    }

    fn ask<A: for<'a> Deserialize<'a>>(
        &self,
        operation: &'static str,
        payload: &[u8],
    ) -> Result<A, PolicyError> {
        let answer = self.call(operation, payload)?;
        serde_json::from_slice(&answer).map_err(|source| PolicyError::Answer { operation, source })
    }
}

/// The bytes that a host sends to `validate`: keys of every object sorted, settings always an object.
///
/// # Errors
/// [`PolicyError::Payload`] where the request cannot be written as JSON.
pub fn payload<R: Serialize>(request: &R, settings: &Value) -> Result<Vec<u8>, PolicyError> {
    #[derive(Serialize)]
    struct Sent<'v> {
        request: Sorted<'v>,
        settings: Sorted<'v>,
    }
    const OPERATION: &str = "validate";
    let request = serde_json::to_value(request).map_err(|source| PolicyError::Payload {
        operation: OPERATION,
        source,
    })?;
    let sent = Sent {
        request: Sorted(&request),
        settings: as_sent(settings),
    };
    to_bytes(OPERATION, &sent)
}

fn to_bytes(operation: &'static str, payload: &impl Serialize) -> Result<Vec<u8>, PolicyError> {
    serde_json::to_vec(payload).map_err(|source| PolicyError::Payload { operation, source })
}

/// Missing and null settings arrive as `{}`.
fn as_sent(settings: &Value) -> Sorted<'_> {
    static NONE: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));
    match settings {
        Value::Null => Sorted(&NONE),
        other => Sorted(other),
    }
}

/// A value as the hosts write it. Their maps are sorted; ours are not where any crate of the build turns
/// `serde_json/preserve_order` on.
struct Sorted<'v>(&'v Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(object) => {
                let mut entries: Vec<_> = object.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                to.collect_map(entries.into_iter().map(|(key, value)| (key, Sorted(value))))
            }
            Value::Array(items) => to.collect_seq(items.iter().map(Sorted)),
            other => other.serialize(to),
        }
    }
}

#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<LogLine>>>);

impl Logs {
    fn lock(&self) -> MutexGuard<'_, Vec<LogLine>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this host does for a guest: it logs, and gets objects of the cluster.
fn host_call(
    logs: &Logs,
    cluster: &dyn Cluster,
    call: [&str; 3],
    payload: &[u8],
) -> Result<Vec<u8>, HostError> {
    match call {
        ["kubewarden", "tracing", "log"] => Ok(log(logs, payload)),
        ["kubewarden", "kubernetes", "get_resource"] => {
            let object = cluster.get(&serde_json::from_slice(payload)?)?;
            Ok(serde_json::to_vec(&object)?)
        }
        other => Err(format!("this host does not offer `{}`", other.join("/")).into()),
    }
}

fn log(logs: &Logs, payload: &[u8]) -> Vec<u8> {
    let line = serde_json::from_slice(payload).unwrap_or_else(|_| LogLine {
        level: "error".to_owned(),
        message: format!(
            "the policy logged {} bytes that are not a log line",
            payload.len()
        ),
        fields: Map::new(),
    });
    logs.lock().push(line);
    Vec::new()
}
