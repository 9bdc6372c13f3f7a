//! Whether a template has the types that Kubernetes gives the fields that the policy reads or edits.

use std::fmt;

use crate::json::{Object, Value};

/// The first place at which a template is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    path: String,
}

impl Malformed {
    pub(super) fn at(path: impl Into<String>) -> Self {
        Self { path: path.into() }
    }

    fn below(self, parent: &str) -> Self {
        Self::at(match self.path.as_str() {
            "" => parent.to_owned(),
            path if path.starts_with('[') => format!("{parent}{path}"),
            path => format!("{parent}.{path}"),
        })
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path)
    }
}

type Check = fn(&Value) -> Result<(), Malformed>;

/// Checks the shape of a whole template.
pub(super) fn check(template: &Value) -> Result<(), Malformed> {
    let template = object(template)?;
    field(template, "metadata", |metadata| {
        let metadata = object(metadata)?;
        field(metadata, "namespace", string)?;
        field(metadata, "labels", strings_by_key)?;
        field(metadata, "annotations", strings_by_key)
    })?;
    let spec = template.get("spec").ok_or(Malformed::at("spec"))?;
    pod_spec(spec).map_err(|malformed| malformed.below("spec"))
}

fn pod_spec(spec: &Value) -> Result<(), Malformed> {
    let spec = object(spec)?;
    field(spec, "hostPID", boolean)?;
    field(spec, "shareProcessNamespace", boolean)?;
    field(spec, "volumes", |volumes| each(volumes, named))?;
    field(spec, "initContainers", |list| each(list, container))?;
    field(spec, "ephemeralContainers", |list| each(list, container))?;
    field(spec, "containers", |list| each(list, container))?;
    match spec.get("containers").and_then(Value::as_array) {
        Some(containers) if !containers.is_empty() => Ok(()),
        _ => Err(Malformed::at("containers")),
    }
}

fn container(value: &Value) -> Result<(), Malformed> {
    named(value)?;
    let container = object(value)?;
    field(container, "env", |env| each(env, variable))?;
    field(container, "volumeMounts", |mounts| {
        each(mounts, volume_mount)
    })?;
    field(container, "volumeDevices", |devices| each(devices, named))
}

fn variable(value: &Value) -> Result<(), Malformed> {
    named(value)?;
    field(object(value)?, "value", string)
}

fn volume_mount(value: &Value) -> Result<(), Malformed> {
    named(value)?;
    let mount = object(value)?;
    field(mount, "subPath", string)?;
    field(mount, "mountPath", string)
}

fn named(value: &Value) -> Result<(), Malformed> {
    let name = object(value)?.get("name").ok_or(Malformed::at("name"))?;
    string(name).map_err(|malformed| malformed.below("name"))
}

/// A field that is absent or null has every type.
fn field(object: &Object<'_>, key: &str, check: Check) -> Result<(), Malformed> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(()),
        Some(value) => check(value).map_err(|malformed| malformed.below(key)),
    }
}

fn each(list: &Value, check: Check) -> Result<(), Malformed> {
    let items = list.as_array().ok_or(Malformed::at(""))?;
    for (index, item) in items.iter().enumerate() {
        check(item).map_err(|malformed| malformed.below(&format!("[{index}]")))?;
    }
    Ok(())
}

fn strings_by_key(value: &Value) -> Result<(), Malformed> {
    for (key, value) in object(value)? {
        string(value).map_err(|malformed| malformed.below(key))?;
    }
    Ok(())
}

fn object<'v, 'a>(value: &'v Value<'a>) -> Result<&'v Object<'a>, Malformed> {
    value.as_object().ok_or(Malformed::at(""))
}

fn string(value: &Value) -> Result<(), Malformed> {
    require(matches!(value, Value::String(_)))
}

fn boolean(value: &Value) -> Result<(), Malformed> {
    require(matches!(value, Value::Bool(_)))
}

fn require(fits: bool) -> Result<(), Malformed> {
    if fits { Ok(()) } else { Err(Malformed::at("")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn path(template: Value) -> Option<String> {
        check(&template)
            .err()
            .map(|malformed| malformed.to_string())
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_nulls_for_absent_fields() {
        assert_eq!(
            path(json!({"metadata": null, "spec": {
                "volumes": null, "initContainers": null, "hostPID": null,
                "containers": [{"name": "a", "env": null, "volumeMounts": null}]
            }})),
            None
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn names_the_place_that_is_wrong() {
        let pod = |containers: Value| json!({"spec": {"containers": containers}});
        for (template, expected) in [
            (json!(7), ""),
            (json!({}), "spec"),
            (json!({"spec": null}), "spec"),
            (json!({"metadata": [], "spec": {}}), "metadata"),
            (
                json!({"metadata": {"annotations": {"a": 1}}, "spec": {}}),
                "metadata.annotations.a",
            ),
            (json!({"spec": {}}), "spec.containers"),
            (pod(json!({})), "spec.containers"),
            (pod(json!([])), "spec.containers"),
            (pod(json!([1])), "spec.containers[0]"),
            (pod(json!([{}])), "spec.containers[0].name"),
            (pod(json!([{"name": 1}])), "spec.containers[0].name"),
            (
                pod(json!([{"name": "a", "env": [{"name": "A"}, "B"]}])),
                "spec.containers[0].env[1]",
            ),
            (
                pod(json!([{"name": "a", "env": [{"name": "A", "value": 1}]}])),
                "spec.containers[0].env[0].value",
            ),
            (
                pod(json!([{"name": "a", "volumeMounts": [{"name": "v", "mountPath": 1}]}])),
                "spec.containers[0].volumeMounts[0].mountPath",
            ),
        ] {
            assert_eq!(
                path(template.clone()).as_deref(),
                Some(expected),
                "{template}"
            );
        }
    }
}
