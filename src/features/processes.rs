//! What a sidecar needs that looks into the processes of the other containers.

use crate::json::Value;

use super::scene::{Declined, skipped};
use crate::template::Template;

/// Whether the pod has to be told to share its processes. Not where it shares those of the node:
/// Kubernetes refuses both together, and it is not needed.
///
/// # Errors
/// The sidecar cannot run, or would be of no use.
pub(super) fn share_processes(template: &Template<'_>) -> Result<bool, Declined> {
    if let Some(how) = fargate(template) {
        return Err(skipped(format!(
            "Fargate ({how}) does not allow added capabilities"
        )));
    }
    let is = |key: &str, wanted: bool| template.spec(key) == Some(&Value::Bool(wanted));
    if is("hostPID", true) || is("shareProcessNamespace", true) {
        return Ok(false);
    }
    if is("shareProcessNamespace", false) {
        return Err(skipped(
            "it needs shareProcessNamespace, which is false; remove it, or set it to true",
        ));
    }
    Ok(true)
}

/// How a pod is one that runs on Fargate: by its scheduler, or by a label of its profile. Such pods stay
/// pending for good with a `hostPath` or with capabilities.
fn fargate(template: &Template<'_>) -> Option<&'static str> {
    const LABEL: &str = "eks.amazonaws.com/fargate-profile";
    let scheduler = template.spec("schedulerName").and_then(Value::as_str);
    if scheduler == Some("fargate-scheduler") {
        return Some("schedulerName");
    }
    let labels = template.labels()?;
    labels.contains_key(LABEL).then_some("its label")
}

/// The key of a toleration of virtual nodes, which have no kernel of their own to look into. One without
/// a key tolerates whatever there is, as those of daemon sets do, and says nothing.
pub(super) fn tolerates_virtual_nodes<'t>(template: &'t Template<'_>) -> Option<&'t str> {
    const KEYS: [&str; 4] = [
        "virtual-kubelet.io/provider",
        "azure.com/aci",
        "eks.amazonaws.com/compute-type",
        "eks.tke.cloud.tencent.com/eklet",
    ];
    let tolerations = template.spec("tolerations").and_then(Value::as_array);
    tolerations
        .into_iter()
        .flatten()
        .filter_map(|toleration| toleration.get("key")?.as_str())
        .find(|key| KEYS.contains(key))
}
