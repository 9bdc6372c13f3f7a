//! Objects as they are in the cluster, so that the policy can be asked about an update of them.

use std::collections::BTreeMap;

use datakit_policy_host::manifest::Document;
use datakit_policy_host::request::{AdmissionRequest, Context};
use serde_json::Value;

use crate::{Failure, journal};

/// Group, kind, namespace and name: what makes two objects the same one.
type Identity = (String, String, Option<String>, String);

/// The objects of `--old`.
pub struct Live {
    objects: BTreeMap<Identity, Value>,
}

impl Live {
    /// Takes documents as they were read; `namespace` is that of objects which name none.
    ///
    /// # Errors
    /// All that is wrong with them: an object that is missing would make an update look like a creation.
    pub fn of(
        documents: impl IntoIterator<Item = Result<Document, Failure>>,
        namespace: &str,
    ) -> Result<Self, Failure> {
        let context = Context {
            namespace: namespace.to_owned(),
            ..Context::default()
        };
        let mut objects = BTreeMap::new();
        let mut problems = Vec::new();
        for document in documents {
            let document = match document {
                Ok(document) => document,
                Err(problem) => {
                    problems.push(problem.to_string());
                    continue;
                }
            };
            let request = AdmissionRequest::for_object(&document.object, &context)?;
            let Some(identity) = identity(&request) else {
                continue;
            };
            if objects.insert(identity, document.object).is_some() {
                let name = request.name.unwrap_or_default();
                problems.push(format!(
                    "{}: {} {name} is there twice; keep the one from the cluster",
                    document.source, request.kind.kind
                ));
            }
        }
        if problems.is_empty() {
            Ok(Self { objects })
        } else {
            Err(problems.join("\n       ").into())
        }
    }

    /// The object that a request is about, as it is in the cluster.
    pub fn find(&self, request: &AdmissionRequest) -> Option<&Value> {
        self.objects.get(&identity(request)?)
    }
}

/// None where the API server is to generate the name: such an object is always a new one.
fn identity(request: &AdmissionRequest) -> Option<Identity> {
    let kind = &request.kind;
    Some((
        kind.group.clone(),
        kind.kind.clone(),
        request.namespace.clone(),
        request.name.clone()?,
    ))
}

/// What is known of an object as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nobody said.
    Unknown,
    /// It is not among the objects of the cluster, so it is a new one.
    Absent,
    /// It is; `is_raw` where the new one lacks the API server's defaults: a manifest as its author wrote it.
    Known { is_raw: bool },
}

impl Before {
    /// What is known of an update.
    pub fn of_update(old: &Value, new: &Value) -> Self {
        // The API server gives one to every template.
        let has_scheduler = |object| {
            journal::template(object)
                .and_then(|template| template.get("spec")?.get("schedulerName"))
                .is_some()
        };
        Self::Known {
            is_raw: has_scheduler(old) && !has_scheduler(new),
        }
    }

    /// Whether it is an update of a known object.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Known { .. })
    }
}
