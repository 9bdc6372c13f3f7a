//! What a policy may ask its host about the cluster, answered without one.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;

use crate::yaml::{self, DuplicateKeys, YamlError};

/// A guest's request for one object: `kubernetes/get_resource`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ResourceRequest {
    /// `v1`, or a group with its version.
    pub api_version: String,
    /// The kind, as manifests name it.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// None for what lives in none.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Whether the host is to ask the API server itself.
    #[serde(default)]
    pub disable_cache: bool,
    /// The fields that are wanted, of all if none are named. Older hosts do not know it.
    #[serde(default)]
    pub field_masks: Option<Vec<String>>,
}

/// What stands in for the cluster.
pub trait Cluster: Send + Sync {
    /// The object that a guest asks for.
    ///
    /// # Errors
    /// Why it cannot have it.
    fn get(&self, request: &ResourceRequest) -> Result<Value, String>;
}

/// No cluster: a host that lets its guests ask for nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Cluster for Nothing {
    fn get(&self, _: &ResourceRequest) -> Result<Value, String> {
        Err("this host does not let the policy ask for objects".to_owned())
    }
}

/// These objects, and no others.
#[derive(Debug, Clone, Default)]
pub struct Objects(pub Vec<Value>);

impl Cluster for Objects {
    fn get(&self, request: &ResourceRequest) -> Result<Value, String> {
        let is_meant = |object: &&Value| {
            let metadata = &object["metadata"];
            object["apiVersion"] == request.api_version
                && object["kind"] == request.kind
                && metadata["name"] == request.name
                && metadata["namespace"].as_str() == request.namespace.as_deref()
        };
        let found = self.0.iter().find(is_meant);
        found.cloned().ok_or_else(|| {
            let ResourceRequest { kind, name, .. } = request;
            format!("there is no {kind} {name}")
        })
    }
}

/// A session that `kwctl run --record-host-capabilities-interactions` wrote: questions and answers, in their order.
#[derive(Debug)]
pub struct Recording(Mutex<VecDeque<Exchange>>);

#[derive(Debug)]
struct Exchange {
    request: ResourceRequest,
    response: Result<Value, String>,
}

/// Why a recorded session cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It is no YAML.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// An exchange is not one that this host understands.
    #[error("exchange {number}: {problem}")]
    Exchange {
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
}

impl Recording {
    /// Reads a session.
    ///
    /// # Errors
    /// Where it is no list of exchanges, or asks for something else than an object.
    pub fn read(text: &str) -> Result<Self, RecordingError> {
        let session = yaml::single(text, DuplicateKeys::Refuse)?;
        let exchanges = session.as_array().map(Vec::as_slice).unwrap_or_default();
        let read = exchanges.iter().enumerate().map(|(index, exchange)| {
            Exchange::read(exchange).map_err(|problem| RecordingError::Exchange {
                number: index + 1,
                problem,
            })
        });
        Ok(Self(Mutex::new(read.collect::<Result<_, _>>()?)))
    }
}

impl Exchange {
    fn read(exchange: &Value) -> Result<Self, String> {
        const TAG: &str = "!KubernetesGetResource";
        let request = exchange["request"].as_str().unwrap_or_default();
        let fields = request
            .strip_prefix(TAG)
            .ok_or_else(|| format!("the request is not {TAG}"))?;
        let fields =
            yaml::single(fields, DuplicateKeys::Refuse).map_err(|error| error.to_string())?;
        let response = &exchange["response"];
        let text = |key: &str| response[key].as_str().unwrap_or_default();
        Ok(Self {
            request: serde_json::from_value(fields).map_err(|error| error.to_string())?,
            response: match text("type") {
                "Success" => {
                    Ok(serde_json::from_str(text("payload")).map_err(|error| error.to_string())?)
                }
                "Error" => Err(text("message").to_owned()),
                _ => return Err("the response is neither Success nor Error".to_owned()),
            },
        })
    }
}

impl Cluster for Recording {
    fn get(&self, request: &ResourceRequest) -> Result<Value, String> {
        let mut exchanges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let exchange = exchanges.pop_front().ok_or("nothing more was recorded")?;
        if exchange.request == *request {
            exchange.response
        } else {
            let expected = exchange.request;
            Err(format!("asked for {request:?}, recorded is {expected:?}"))
        }
    }
}
