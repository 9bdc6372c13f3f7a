//! What a sidecar needs that looks into the processes of the other containers.

use serde_json::Value;

use crate::report::{Feature, Report};
use crate::template::Template;

/// Whether the pod has to be told to share its processes. Not where it shares those of the node:
/// Kubernetes refuses both together, and it is not needed.
pub(super) fn share_processes(
    feature: Feature,
    template: &Template<'_>,
    report: &mut Report,
) -> bool {
    let is = |key: &str, wanted: bool| template.spec(key) == Some(&Value::Bool(wanted));
    if is("hostPID", true) || is("shareProcessNamespace", true) {
        return false;
    }
    if is("shareProcessNamespace", false) {
        report.warn(
            feature.name(),
            "shareProcessNamespace is set to true, the sidecar is of no use without it",
        );
    }
    true
}
