//! What the API server is told.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::policy::{Answer, Instance};
use crate::request::AdmissionRequest;

/// An `admission.k8s.io/v1` response, its fields in the order in which the hosts print them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdmissionResponse {
    /// The request's.
    pub uid: String,
    /// Whether the object is let in.
    pub allowed: bool,
    /// `JSONPatch`, where there is a patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch_type: Option<String>,
    /// The patch, JSON in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// Why the object is not let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Goes to the cluster's audit log.
    pub audit_annotations: Option<BTreeMap<String, String>>,
    /// Shown to the user who applies the object.
    pub warnings: Option<Vec<String>>,
}

/// The part of a Kubernetes `Status` that the hosts fill in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The reason in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
}

/// Asks the policy about a request, and answers what the API server would be told. A policy that fails
/// becomes a refusal with status 500, as it does in the Kubewarden hosts.
#[must_use]
pub fn respond(
    policy: &Instance,
    request: &AdmissionRequest,
    settings: &Value,
) -> AdmissionResponse {
    match policy.validate(request, settings) {
        Ok(answer) => {
            AdmissionResponse::from_answer(&request.uid, request.object.as_ref(), &answer)
        }
        Err(error) => AdmissionResponse::internal_error(&request.uid, &error.to_string()),
    }
}

/// What the policy changes, as the hosts write it: array elements are compared by position. None where it
/// changes nothing.
#[must_use]
pub fn patch(object: &Value, answer: &Answer) -> Option<json_patch::Patch> {
    let patch = difference(object, answer.mutated_object.as_ref()?);
    (!patch.0.is_empty()).then_some(patch)
}

/// The patch that makes `after` of `before`.
#[must_use]
pub fn difference(before: &Value, after: &Value) -> json_patch::Patch {
    let sorted = |value: &Value| {
        let mut value = value.clone();
        value.sort_all_objects();
        value
    };
    json_patch::diff(&sorted(before), &sorted(after))
}

impl AdmissionResponse {
    /// The response for an answer of the policy. `object` is the request's, which the patch starts from.
    #[must_use]
    pub fn from_answer(uid: &str, object: Option<&Value>, answer: &Answer) -> Self {
        let Some(object) = object else {
            return Self::without_object(uid, answer);
        };
        let patch = patch(object, answer)
            .and_then(|patch| serde_json::to_vec(&patch).ok())
            .map(|bytes| STANDARD.encode(bytes));
        Self {
            patch_type: patch.is_some().then(|| "JSONPatch".to_owned()),
            patch,
            ..Self::unchanged(uid, answer)
        }
    }

    /// The response where the policy failed.
    #[must_use]
    pub fn internal_error(uid: &str, message: &str) -> Self {
        Self::refused(uid, format!("internal server error: {message}"), Some(500))
    }

    /// A request without an object (DELETE) cannot be patched: the hosts refuse a policy that tries.
    fn without_object(uid: &str, answer: &Answer) -> Self {
        if answer.mutated_object.is_none() {
            return Self::unchanged(uid, answer);
        }
        let message = "Incoming object is null, which happens only with DELETE operations, \
                       but the policy is attempting a mutation. This is not allowed";
        Self::refused(uid, message.to_owned(), None)
    }

    fn unchanged(uid: &str, answer: &Answer) -> Self {
        let has_status = answer.message.is_some() || answer.code.is_some();
        Self {
            uid: uid.to_owned(),
            allowed: answer.accepted,
            patch_type: None,
            patch: None,
            status: has_status.then(|| Status {
                message: answer.message.clone(),
                code: answer.code,
            }),
            audit_annotations: answer.audit_annotations.clone(),
            warnings: answer.warnings.clone(),
        }
    }

    fn refused(uid: &str, message: String, code: Option<u16>) -> Self {
        Self {
            uid: uid.to_owned(),
            allowed: false,
            patch_type: None,
            patch: None,
            status: Some(Status {
                message: Some(message),
                code,
            }),
            audit_annotations: None,
            warnings: None,
        }
    }
}
