//! What the policy asks the cluster, through the host.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::standards::Level;

/// The label of a namespace that says which of the Pod Security Standards it enforces.
const ENFORCED: &str = "pod-security.kubernetes.io/enforce";

/// The level of the Pod Security Standards that a namespace enforces. `None` where the host does not say, or
/// the namespace has no label: then the API server's own configuration counts, which nobody can ask for.
#[must_use]
pub fn enforced_level(namespace: &str) -> Option<Level> {
    let namespace = this_namespace(namespace)?;
    let label = namespace.metadata.labels.get(ENFORCED)?;
    Some(level(label))
}

/// Kubernetes takes a word that it does not know for the strictest.
fn level(text: &str) -> Level {
    match text {
        "privileged" => Level::None,
        "baseline" => Level::Baseline,
        _ => Level::Restricted,
    }
}

/// What is read of a Namespace.
#[derive(Clone, Deserialize)]
struct Namespace {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Clone, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[cfg(target_arch = "wasm32")]
fn this_namespace(name: &str) -> Option<Namespace> {
    use kubewarden_policy_sdk::host_capabilities::kubernetes::{GetResourceRequest, get_resource};
    let request = GetResourceRequest {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        name: name.to_owned(),
        namespace: None,
        disable_cache: false,
        field_masks: Some(["metadata.labels".to_owned()].into()),
    };
    get_resource(&request).ok()
}

/// Only a policy host can be asked.
#[cfg(not(target_arch = "wasm32"))]
fn this_namespace(_: &str) -> Option<Namespace> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_the_levels_by_the_words_of_the_label() {
        for (text, expected) in [
            ("privileged", Level::None),
            ("baseline", Level::Baseline),
            ("restricted", Level::Restricted),
            ("", Level::Restricted),
            ("Baseline", Level::Restricted),
        ] {
            assert_eq!(level(text), expected, "{text}");
        }
    }
}
