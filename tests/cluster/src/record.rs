//! The policy's answers to the updates of the sequences, as a file that is replayed without a cluster.

use std::collections::{BTreeMap, HashSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use datakit_policy_host::policy::{Answer, Policy};
use datakit_policy_host::response;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use crate::api_server::root;
use crate::bridge::Exchange;
use crate::template::RESTARTED_AT;
use crate::workload::Kind;

/// Collects the updates of all sequences, where `UPDATE_SEQUENCES` is set.
pub struct Recorder {
    policy: Policy,
    lines: Mutex<BTreeMap<String, Vec<Value>>>,
}

impl Recorder {
    /// A recorder, where one is wanted.
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        std::env::var_os("UPDATE_SEQUENCES").map(|_| Self {
            policy: crate::cluster::policy(),
            lines: Mutex::default(),
        })
    }

    /// Adds what the policy was asked in one run of a sequence.
    ///
    /// # Errors
    /// Where the policy answers otherwise without what differs from one run to the next: identifiers, times, owners of
    /// fields.
    pub fn add(&self, name: &str, kind: Kind, exchanges: &[Exchange]) -> Result<(), String> {
        let updates = exchanges
            .iter()
            .filter(|exchange| exchange.request.operation == "UPDATE");
        let lines = updates
            .map(|exchange| self.line(name, kind, exchange))
            .collect::<Result<Vec<Value>, String>>()?;
        let mut all = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_owned(), lines);
        Ok(())
    }

    fn line(&self, name: &str, kind: Kind, exchange: &Exchange) -> Result<Value, String> {
        let times = Times::of(kind, exchange);
        let normalised = |object: Option<&Value>| normalised(kind, &times, object);
        let object = normalised(exchange.request.object.as_ref());
        let request = json!({
            "uid": "00000000-0000-4000-8000-000000000000",
            "kind": exchange.request.kind,
            "resource": exchange.request.resource,
            "name": "web",
            "namespace": NAMESPACE,
            "operation": "UPDATE",
            "userInfo": {"username": "admin"},
            "object": object,
            "oldObject": normalised(exchange.request.old_object.as_ref()),
        });
        let answer = self
            .policy
            .instance()
            .and_then(|instance| instance.validate(&request, &exchange.settings))
            .map_err(|error| error.to_string())?;
        // Without the labels that name a Job its old template may be the new one already.
        let effect = |answer: &Answer| match answer.mutated_object.as_ref() {
            Some(mutated) => normalised(Some(mutated)),
            None => object.clone(),
        };
        if effect(&answer) != effect(&exchange.answer) {
            return Err(format!(
                "the policy answers otherwise to what is recorded: {request}"
            ));
        }
        Ok(json!({
            "sequence": name,
            "settings": *exchange.settings,
            "request": request,
            "patch": response::patch(&object, &answer),
            "warnings": answer.warnings,
            "auditAnnotations": answer.audit_annotations,
        }))
    }

    /// Writes the file, each question once.
    ///
    /// # Panics
    /// Where the file cannot be written.
    pub fn write(&self) -> PathBuf {
        let path = root().join("tests/sequences/updates.jsonl.gz");
        let file = std::fs::File::create(&path).unwrap();
        let mut file = GzEncoder::new(file, Compression::best());
        let mut asked = HashSet::new();
        let all = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for line in all.values().flatten() {
            if asked.insert(format!("{}{}", line["settings"], line["request"])) {
                writeln!(file, "{line}").unwrap();
            }
        }
        file.finish().unwrap();
        path
    }
}

/// The identifier of all recorded objects.
const UID: &str = "00000000-0000-4000-8000-000000000001";

/// What all recorded objects live in.
const NAMESPACE: &str = "live";

/// Annotations of objects that the policy does not read, and that differ or are long.
const ANNOTATIONS: [&str; 2] = [
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// The times of two restarts, which have to stay two.
struct Times([Option<String>; 2]);

impl Times {
    fn of(kind: Kind, exchange: &Exchange) -> Self {
        let request = &exchange.request;
        Self([&request.old_object, &request.object].map(|object| {
            let template = object.as_ref()?.pointer(kind.template_pointer())?;
            let annotations = template.pointer("/metadata/annotations")?;
            Some(annotations.get(RESTARTED_AT)?.as_str()?.to_owned())
        }))
    }

    /// The same time on each run: a second later for the later one.
    fn normalise(&self, time: &mut Value) {
        let place = self
            .0
            .iter()
            .position(|known| known.as_deref() == time.as_str());
        if let Some(place) = place {
            *time = json!(format!("2026-01-01T00:00:0{place}Z"));
        }
    }
}

/// The object without identifiers, times and owners of fields.
fn normalised(kind: Kind, times: &Times, object: Option<&Value>) -> Value {
    let Some(object) = object else {
        return Value::Null;
    };
    let mut object = object.clone();
    name_alike(&mut object);
    object.sort_all_objects();
    if let Some(fields) = object.as_object_mut() {
        fields.shift_remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| ["annotations", "labels", "name"].contains(&key.as_str()));
        if let Some(annotations) = metadata
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        {
            annotations.retain(|key, _| !ANNOTATIONS.contains(&key.as_str()));
        }
        remove_empty(metadata, "annotations");
        metadata.insert("namespace".to_owned(), json!(NAMESPACE));
    }
    if let Some(template) = object.pointer_mut(kind.template_pointer()) {
        let annotations = template.pointer_mut("/metadata/annotations");
        if let Some(time) = annotations.and_then(|annotations| annotations.get_mut(RESTARTED_AT)) {
            times.normalise(time);
        }
    }
    object
}

/// A Job's template and selector name the Job by its identifier.
fn name_alike(object: &mut Value) {
    let Some(uid) = object.pointer("/metadata/uid").and_then(Value::as_str) else {
        return;
    };
    let alike = object.to_string().replace(uid, UID);
    if let Ok(alike) = serde_json::from_str(&alike) {
        *object = alike;
    }
}

fn remove_empty(object: &mut Map<String, Value>, key: &str) {
    let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    if object.get(key).is_some_and(is_empty) {
        object.shift_remove(key);
    }
}
