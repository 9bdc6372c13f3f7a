//! What the API server asks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The object does not say what it is.
    #[error("the object has no `{0}`; every Kubernetes object needs `apiVersion` and `kind`")]
    Untyped(&'static str),
    /// An `AdmissionReview` without a request in it.
    #[error("invalid AdmissionReview object: it has no `request`")]
    NoRequest,
    /// The JSON is no admission request.
    #[error("cannot build AdmissionRequest object from given input: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Group, version and kind of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupVersionKind {
    /// Empty for the core group.
    pub group: String,
    /// Such as `v1`.
    pub version: String,
    /// Such as `Deployment`.
    pub kind: String,
}

/// Group, version and resource name of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupVersionResource {
    /// Empty for the core group.
    pub group: String,
    /// Such as `v1`.
    pub version: String,
    /// Such as `deployments`.
    pub resource: String,
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInfo {
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The user's identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The groups that the user is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// What the authenticator adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra: Option<BTreeMap<String, Vec<String>>>,
}

/// An `admission.k8s.io/v1` request. As in the Kubewarden hosts, `uid`, `kind`, `resource`, `operation` and
/// `userInfo` have to be there, and what is not there is not sent to the policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdmissionRequest {
    /// Comes back in the response.
    pub uid: String,
    /// What `object` is.
    pub kind: GroupVersionKind,
    /// The resource that `object` is stored as.
    pub resource: GroupVersionResource,
    /// Such as `scale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_resource: Option<String>,
    /// What the user sent, where the API server converted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_kind: Option<GroupVersionKind>,
    /// The resource that the user sent it to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_resource: Option<GroupVersionResource>,
    /// The subresource that the user sent it to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_sub_resource: Option<String>,
    /// The object's name; none where the server is to generate it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The object's namespace; none for what lives in none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub operation: String,
    /// Who asks.
    pub user_info: UserInfo,
    /// The object as it is to be stored; none for DELETE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Value>,
    /// The object as it is stored now, for UPDATE and DELETE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_object: Option<Value>,
    /// Whether nothing is to be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// The operation's options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Value>,
}

/// What is done to an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Operation {
    /// It is new.
    #[default]
    Create,
    /// It is there, and changes.
    Update,
    /// It is there, and goes.
    Delete,
}

impl Operation {
    /// As the API server writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }

    fn options_kind(self) -> &'static str {
        match self {
            Self::Create => "CreateOptions",
            Self::Update => "UpdateOptions",
            Self::Delete => "DeleteOptions",
        }
    }
}

/// What a manifest does not say about its request.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The namespace of objects that name none, as `kubectl -n` sets it.
    pub namespace: String,
    /// What is done to the object.
    pub operation: Operation,
    /// The object as it was, for an UPDATE.
    pub old_object: Option<Value>,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            namespace: "default".to_owned(),
            operation: Operation::Create,
            old_object: None,
        }
    }
}

impl AdmissionRequest {
    /// The request that the API server would send for an object. The object is sent as it is: the API
    /// server's defaulting is left out, so that what the policy changes can be told from it. The `uid`
    /// depends on the object's identity and the operation alone.
    ///
    /// # Errors
    /// [`RequestError::Untyped`] where the object lacks `apiVersion` or `kind`.
    pub fn for_object(object: &Value, context: &Context) -> Result<Self, RequestError> {
        let text = |key: &'static str| {
            object
                .get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .ok_or(RequestError::Untyped(key))
        };
        let (api_version, kind) = (text("apiVersion")?, text("kind")?);
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = resource_name(kind);
        let name = metadata(object, "name");
        let namespace = namespace(object, group, kind, &context.namespace);
        let operation = context.operation.as_str();

        let kind = GroupVersionKind {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        };
        let resource = GroupVersionResource {
            group: group.to_owned(),
            version: version.to_owned(),
            resource,
        };
        let (object, old_object) = match context.operation {
            Operation::Create => (Some(object.clone()), None),
            Operation::Update => (Some(object.clone()), context.old_object.clone()),
            Operation::Delete => (None, Some(object.clone())),
        };
        Ok(Self {
            uid: uid(&[
                &kind.group,
                &kind.version,
                &kind.kind,
                namespace.as_deref().unwrap_or_default(),
                name.as_deref().unwrap_or_default(),
                operation,
            ]),
            sub_resource: None,
            request_kind: Some(kind.clone()),
            request_resource: Some(resource.clone()),
            request_sub_resource: None,
            kind,
            resource,
            name,
            namespace,
            operation: operation.to_owned(),
            user_info: UserInfo {
                username: Some("kubernetes-admin".to_owned()),
                groups: Some(vec![
                    "system:masters".to_owned(),
                    "system:authenticated".to_owned(),
                ]),
                ..UserInfo::default()
            },
            object,
            old_object,
            dry_run: Some(false),
            options: Some(json!({
                "apiVersion": "meta.k8s.io/v1",
                "kind": context.operation.options_kind(),
            })),
        })
    }

    /// Reads a request file's JSON: an `AdmissionReview`, or the request alone.
    ///
    /// # Errors
    /// Where the review is empty, or a field that every request has is missing or of another type.
    pub fn from_review(review: Value) -> Result<Self, RequestError> {
        let is_review = review.get("kind").and_then(Value::as_str) == Some("AdmissionReview");
        let request = if is_review {
            review
                .get("request")
                .ok_or(RequestError::NoRequest)?
                .clone()
        } else {
            review
        };
        Ok(serde_json::from_value(request)?)
    }
}

/// Whether an object is one of the workloads that Kubernetes runs pods for.
#[must_use]
pub fn is_workload(object: &Value) -> bool {
    let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
    matches!(
        (text("apiVersion"), text("kind")),
        ("v1", "Pod" | "ReplicationController")
            | (
                "apps/v1",
                "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet"
            )
            | ("batch/v1", "Job" | "CronJob")
    )
}

/// The resource that a kind is stored as, by the rule that Kubernetes guesses with (`UnsafeGuessKindToResource`).
#[must_use]
pub fn resource_name(kind: &str) -> String {
    let singular = kind.to_lowercase();
    if singular.ends_with("endpoints") {
        return singular;
    }
    if singular.ends_with('s') {
        return format!("{singular}es");
    }
    match singular.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{singular}s"),
    }
}

fn metadata(object: &Value, key: &str) -> Option<String> {
    let text = object.get("metadata")?.get(key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Kinds of Kubernetes itself and of Kubewarden that live in no namespace. A custom resource may too, but its
/// manifest does not tell.
const CLUSTER_KINDS: &[(&str, &[&str])] = &[
    ("", &["Namespace", "Node", "PersistentVolume"]),
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
        ],
    ),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    ("networking.k8s.io", &["IngressClass"]),
    ("node.k8s.io", &["RuntimeClass"]),
    (
        "policies.kubewarden.io",
        &[
            "ClusterAdmissionPolicy",
            "ClusterAdmissionPolicyGroup",
            "PolicyServer",
        ],
    ),
    (
        "rbac.authorization.k8s.io",
        &["ClusterRole", "ClusterRoleBinding"],
    ),
    ("scheduling.k8s.io", &["PriorityClass"]),
    (
        "storage.k8s.io",
        &["StorageClass", "CSIDriver", "CSINode", "VolumeAttachment"],
    ),
];

fn namespace(object: &Value, group: &str, kind: &str, default: &str) -> Option<String> {
    let is_cluster_wide = CLUSTER_KINDS
        .iter()
        .any(|(of, kinds)| *of == group && kinds.contains(&kind));
    if !is_cluster_wide {
        return Some(metadata(object, "namespace").unwrap_or_else(|| default.to_owned()));
    }
    // A Namespace is admitted as living in itself.
    (group.is_empty() && kind == "Namespace")
        .then(|| metadata(object, "name"))
        .flatten()
}

/// A UUID (version 8, "vendor specific") made of a 128-bit FNV-1a hash.
fn uid(parts: &[&str]) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let bytes = parts
        .iter()
        .flat_map(|part| part.bytes().chain(std::iter::once(0)));
    let hash = bytes.fold(OFFSET, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    });
    let versioned = (hash & !(0xf << 76) & !(0x3 << 62)) | (0x8 << 76) | (0x2 << 62);
    let hex = format!("{versioned:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
