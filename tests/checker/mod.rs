//! What an API server checks of the parts of a pod that an injection touches, and little more: an
//! answer that breaks one of these rules is a pod that the user cannot have.
//!
//! The rules are those of `ValidatePodSpec` and of the defaulting before it (k8s.io/kubernetes,
//! `pkg/apis/core`), written down a second time, without the policy's own code. Two are stricter:
//! mount paths are absolute and have no `:`, which the documentation asks for and container runtimes
//! refuse; the names of a container's variables are unique, without which server-side apply fails.

mod containers;
mod names;
mod place;
mod quantity;
mod volumes;

use serde_json::Value;

use crate::support::template_pointer;
use place::{Place, Violations};

/// The size of all annotations together (`TotalAnnotationSizeLimitB`).
const MOST_ANNOTATIONS: usize = 256 * 1024;

/// All that is wrong with the pod template of a workload of Kubernetes, each with its path.
#[must_use]
pub fn violations(object: &Value) -> Vec<String> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let pointer = template_pointer(kind);
    let path = pointer.trim_start_matches('/').replace('/', ".");
    let Some(template) = object.pointer(pointer) else {
        return vec![format!("{path}: is missing")];
    };
    let mut found = Violations::default();
    let template = Place::new(template, path);
    metadata(&template, &mut found);
    match found.object(&template, "spec") {
        Some(spec) => pod_spec(&spec, kind, &claims(object), &mut found),
        None => found.add(&template, "has no spec"),
    }
    found.list
}

/// The names of the claims of a StatefulSet, which become volumes of its pods.
fn claims(object: &Value) -> Vec<&str> {
    let templates = object["spec"]["volumeClaimTemplates"].as_array();
    let names = templates
        .into_iter()
        .flatten()
        .map(|claim| claim["metadata"]["name"].as_str());
    names.flatten().collect()
}

fn metadata(template: &Place<'_>, found: &mut Violations) {
    let Some(metadata) = found.object(template, "metadata") else {
        return;
    };
    found.text(&metadata, "namespace");
    found.texts_by_key(&metadata, "labels");
    let annotations = found.texts_by_key(&metadata, "annotations");
    let mut size = 0;
    for (key, text) in &annotations {
        let name = key.path.rsplit_once('[').map_or("", |(_, name)| name);
        let name = name.trim_end_matches(']');
        if !names::is_qualified(&name.to_lowercase()) {
            found.add(key, "the key is no qualified name");
        }
        size += name.len() + text.len();
    }
    if size > MOST_ANNOTATIONS {
        found.add(&metadata, "the annotations are longer than 256 KiB");
    }
}

fn pod_spec(spec: &Place<'_>, kind: &str, claims: &[&str], found: &mut Violations) {
    let mut volumes = volumes::check(spec, found);
    volumes.extend(claims);
    containers::check(spec, &volumes, found);
    host_ports(spec, found);
    quantity::of_the_pod(spec, found);
    processes(spec, found);
    restart_policy(spec, kind, found);
}

fn processes(spec: &Place<'_>, found: &mut Violations) {
    let host = found.boolean(spec, "hostPID").unwrap_or_default();
    let share = found.boolean(spec, "shareProcessNamespace");
    if host && share == Some(true) {
        found.add(spec, "has both hostPID and shareProcessNamespace");
    }
    let windows = spec.value["os"]["name"] == "windows";
    if windows && share.is_some() {
        found.add(spec, "has shareProcessNamespace in a Windows pod");
    }
}

/// In the node's network a port is a port of the node, which two containers cannot have.
fn host_ports(spec: &Place<'_>, found: &mut Violations) {
    let in_the_nodes_network = found.boolean(spec, "hostNetwork").unwrap_or_default();
    let mut seen = Vec::new();
    for container in found.list(spec, "containers") {
        for port in found.list(&container, "ports") {
            let number = match &port.value["hostPort"] {
                Value::Null if in_the_nodes_network => &port.value["containerPort"],
                own => own,
            };
            let protocol = port.value["protocol"].as_str().unwrap_or("TCP");
            let address = (number, protocol, &port.value["hostIP"]);
            if !number.is_null() && seen.contains(&address) {
                found.add(&port, "is a port of the node that is taken");
            }
            seen.push(address);
        }
    }
}

fn restart_policy(spec: &Place<'_>, kind: &str, found: &mut Violations) {
    let allowed: &[&str] = match kind {
        "Pod" => &["", "Always", "OnFailure", "Never"],
        "Job" | "CronJob" => &["OnFailure", "Never"],
        _ => &["", "Always"],
    };
    let policy = found.text(spec, "restartPolicy").unwrap_or_default();
    if !allowed.contains(&policy) {
        found.add(spec, format_args!("restartPolicy `{policy}` in a {kind}"));
    }
}
