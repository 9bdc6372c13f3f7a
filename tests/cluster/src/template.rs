//! Templates, compared.

use datakit_policy_host::yaml;
use serde_json::{Value, json};
use similar::TextDiff;

/// The annotation that the policy keeps its journal in.
pub const JOURNAL: &str = "admission.datakit/injected";

/// Written by `kubectl rollout restart`: the second in which it ran.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// What the API server writes into the template of a Job.
const LABELS_OF_JOBS: [&str; 4] = [
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
];

/// The template without labels that name its object.
#[must_use]
pub fn without_identity(template: &Value) -> Value {
    let mut template = template.clone();
    let labels = template.pointer_mut("/metadata/labels");
    if let Some(labels) = labels.and_then(Value::as_object_mut) {
        labels.retain(|key, _| !LABELS_OF_JOBS.contains(&key.as_str()));
    }
    template
}

/// The template without what differs from one object to the next: also the time of a restart.
#[must_use]
pub fn comparable(template: &Value) -> Value {
    let mut template = without_identity(template);
    let restarted = template
        .pointer_mut("/metadata/annotations")
        .and_then(|annotations| annotations.get_mut(RESTARTED_AT));
    if let Some(restarted) = restarted {
        *restarted = json!("2026-01-01T00:00:00Z");
    }
    template
}

/// The journal that a template carries.
#[must_use]
pub fn journal(template: &Value) -> Option<&str> {
    template
        .pointer("/metadata/annotations")?
        .get(JOURNAL)?
        .as_str()
}

/// The template without its journal.
#[must_use]
pub fn without_journal(template: &Value) -> Value {
    let mut template = template.clone();
    let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) else {
        return template;
    };
    if let Some(annotations) = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.shift_remove(JOURNAL);
        if annotations.is_empty() {
            metadata.shift_remove("annotations");
        }
    }
    template
}

/// Whether two user's parts are equal: the order of volumes and mounts does not count.
#[must_use]
pub fn same_part(one: &Value, other: &Value) -> bool {
    unordered(one) == unordered(other)
}

fn unordered(template: &Value) -> Value {
    let mut template = template.clone();
    sort(template.pointer_mut("/spec/volumes"));
    for list in ["/spec/initContainers", "/spec/containers"] {
        let containers = template.pointer_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            sort(container.get_mut("volumeMounts"));
        }
    }
    template
}

fn sort(list: Option<&mut Value>) {
    if let Some(list) = list.and_then(Value::as_array_mut) {
        list.sort_by_cached_key(ToString::to_string);
    }
}

/// The lines in which two values differ, as YAML; `-` is what was expected.
#[must_use]
pub fn difference(expected: &Value, actual: &Value) -> String {
    let text = |value: &Value| {
        let mut value = value.clone();
        value.sort_all_objects();
        yaml::to_yaml(&value)
    };
    let (expected, actual) = (text(expected), text(actual));
    TextDiff::from_lines(&expected, &actual)
        .unified_diff()
        .context_radius(3)
        .to_string()
}
