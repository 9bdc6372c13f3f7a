//! The containers of a pod.

use std::collections::HashSet;

use super::names;
use super::place::{Place, Violations};
use super::{quantity, volumes};

const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Checks the containers of all lists together.
pub(super) fn check(spec: &Place<'_>, volumes: &HashSet<&str>, found: &mut Violations) {
    if found.list(spec, "containers").is_empty() {
        found.add(spec, "has no containers");
    }
    let containers: Vec<Place<'_>> = LISTS
        .iter()
        .flat_map(|list| found.list(spec, list))
        .collect();
    let mut named = Vec::new();
    for container in &containers {
        if let Some(name) = found.required(container, "name") {
            named.push((container, name));
            if !names::is_label(name) {
                found.add(container, format_args!("`{name}` is no DNS label"));
            }
        }
    }
    let names: HashSet<&str> = named.iter().map(|(_, name)| *name).collect();
    found.unique("container", named);
    for container in &containers {
        image(container, found);
        found.texts(container, "command");
        found.texts(container, "args");
        found.text(container, "workingDir");
        capabilities(container, found);
        env(container, &names, found);
        ports(container, found);
        quantity::check(container, found);
        volumes::mounts(container, volumes, found);
    }
}

fn image(container: &Place<'_>, found: &mut Violations) {
    let image = found.required(container, "image").unwrap_or_default();
    if image.trim() != image {
        found.add(container, "the image has white space around it");
    }
    let policy = found.text(container, "imagePullPolicy").unwrap_or_default();
    if !["", "Always", "IfNotPresent", "Never"].contains(&policy) {
        found.add(
            container,
            format_args!("there is no imagePullPolicy `{policy}`"),
        );
    }
}

fn capabilities(container: &Place<'_>, found: &mut Violations) {
    let context = found.object(container, "securityContext");
    if let Some(own) = context.and_then(|context| found.object(&context, "capabilities")) {
        found.texts(&own, "add");
        found.texts(&own, "drop");
    }
}

fn env(container: &Place<'_>, containers: &HashSet<&str>, found: &mut Violations) {
    let entries = found.list(container, "env");
    let mut named = Vec::new();
    for entry in &entries {
        if let Some(name) = found.required(entry, "name") {
            named.push((entry, name));
            if !names::is_variable(name) {
                found.add(entry, format_args!("`{name}` is no name of a variable"));
            }
        }
        let value = found.text(entry, "value").unwrap_or_default();
        if let Some(source) = found.object(entry, "valueFrom") {
            if !value.is_empty() {
                found.add(entry, "has both value and valueFrom");
            }
            value_from(&source, containers, found);
        }
    }
    found.unique("variable", named);
}

fn value_from(source: &Place<'_>, containers: &HashSet<&str>, found: &mut Violations) {
    const KINDS: [&str; 5] = [
        "configMapKeyRef",
        "fieldRef",
        "fileKeyRef",
        "resourceFieldRef",
        "secretKeyRef",
    ];
    let given = KINDS.map(|kind| found.object(source, kind));
    if given.iter().flatten().count() != 1 {
        found.add(source, "must have one source");
    }
    for kind in ["configMapKeyRef", "secretKeyRef"] {
        if let Some(reference) = found.object(source, kind) {
            found.text(&reference, "name");
            let key = found.required(&reference, "key");
            if key.is_some_and(|key| !names::is_config_key(key)) {
                found.add(&reference, "the key is none of a ConfigMap or Secret");
            }
        }
    }
    if let Some(field) = found.object(source, "fieldRef") {
        let path = found.required(&field, "fieldPath").unwrap_or_default();
        if !names::is_variable_field(path) {
            found.add(
                &field,
                format_args!("there is no field `{path}` for variables"),
            );
        }
    }
    if let Some(resource) = found.object(source, "resourceFieldRef") {
        resource_field(&resource, containers, found);
    }
}

fn resource_field(reference: &Place<'_>, containers: &HashSet<&str>, found: &mut Violations) {
    let resource = found.required(reference, "resource").unwrap_or_default();
    let (bound, name) = resource.split_once('.').unwrap_or_default();
    let is_known =
        ["cpu", "memory", "ephemeral-storage"].contains(&name) || name.starts_with("hugepages-");
    if !is_known || !["limits", "requests"].contains(&bound) {
        found.add(reference, format_args!("there is no resource `{resource}`"));
    }
    let divisor = found.text(reference, "divisor").unwrap_or_default();
    let divisors: &[&str] = match name {
        "cpu" => &["", "0", "1", "1m"],
        _ => &[
            "", "0", "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi",
            "1Ei",
        ],
    };
    if !divisors.contains(&divisor) {
        found.add(
            reference,
            format_args!("`{divisor}` is no divisor of {name}"),
        );
    }
    // The API server takes any name, but the container would never start.
    let container = found.text(reference, "containerName").unwrap_or_default();
    if !container.is_empty() && !containers.contains(container) {
        found.add(
            reference,
            format_args!("there is no container `{container}`"),
        );
    }
}

fn ports(container: &Place<'_>, found: &mut Violations) {
    let ports = found.list(container, "ports");
    let mut named = Vec::new();
    for port in &ports {
        let number = found.number(port, "containerPort").unwrap_or_default();
        if !(1..=65535).contains(&number) {
            found.add(port, format_args!("{number} is no port"));
        }
        let protocol = found.text(port, "protocol").unwrap_or("TCP");
        if !["TCP", "UDP", "SCTP"].contains(&protocol) {
            found.add(port, format_args!("there is no protocol `{protocol}`"));
        }
        if let Some(name) = found.text(port, "name").filter(|name| !name.is_empty()) {
            named.push((port, name));
            if !names::is_port(name) {
                found.add(port, format_args!("`{name}` is no name of a port"));
            }
        }
    }
    found.unique("port", named);
}
