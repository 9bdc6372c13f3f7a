//! What an injection must not hide: data of the pod, the program, what the image needs to start. The
//! rules are written down a second time here, without the policy's own code.

use std::path::{Component, Path, PathBuf};

use datakit_operator_policy::features;
use proptest::prelude::*;
use serde_json::Value;

use crate::checker::violations;
use crate::generators::{admissions, template_of};
use crate::run::{after, answer, holds};

/// The sources of volumes that have no data of their own.
const WITHOUT_DATA: [&str; 6] = [
    "emptyDir",
    "hostPath",
    "configMap",
    "secret",
    "projected",
    "downwardAPI",
];

const SYSTEM: [&str; 23] = [
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib64",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/lib",
    "/usr/sbin",
    "/var",
];

fn clean(path: &str) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            _ => {}
        }
    }
    clean
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn path_of(mount: &Value) -> PathBuf {
    clean(text(mount, "mountPath"))
}

/// The source of the volume that a mount is of; `None` is a claim of a StatefulSet, or no source.
fn source<'v>(spec: &'v Value, mount: &Value) -> Option<(&'v String, &'v Value)> {
    let volume = list(spec, "volumes")
        .iter()
        .find(|volume| volume["name"] == mount["name"])?;
    let mut sources = volume.as_object()?.iter();
    sources.find(|(key, source)| *key != "name" && source.is_object())
}

fn is_named(spec: &Value, mount: &Value) -> bool {
    let volumes = list(spec, "volumes");
    volumes.iter().any(|volume| volume["name"] == mount["name"])
}

/// What is wrong with a mount that was added to a container of the user.
fn harm(spec: &Value, container: &Value, added: &Value) -> Option<String> {
    let place = path_of(added);
    let own = list(container, "volumeMounts");
    let devices = list(container, "volumeDevices");
    if own.iter().any(|mount| path_of(mount) == place)
        || devices
            .iter()
            .any(|own| clean(text(own, "devicePath")) == place)
    {
        return Some("something is there already".to_owned());
    }
    let around = own
        .iter()
        .filter(|mount| place.starts_with(path_of(mount)))
        .max_by_key(|mount| path_of(mount).components().count());
    let volume = text(added, "name");
    // Its directory is one that the settings or the pod name, and not one of the policy's own.
    let is_named_by_others = volume.starts_with("datakit-log") || volume.starts_with("flameshot");
    if let Some(around) = around {
        let source = source(spec, around);
        let has_data = match source {
            Some((kind, _)) => !WITHOUT_DATA.contains(&kind.as_str()),
            None => !is_named(spec, around),
        };
        if has_data && is_named_by_others {
            return Some(format!("it hides data in {}", around["mountPath"]));
        }
        let is_read_only = around["readOnly"] == true
            && source.is_none_or(|(kind, _)| kind == "emptyDir" || kind == "hostPath");
        if is_read_only {
            return Some(format!("{} is read-only", around["mountPath"]));
        }
    }
    if !is_named_by_others {
        return None;
    }
    let is_of_the_kernel = ["/dev", "/proc", "/sys"]
        .iter()
        .any(|root| place.starts_with(root));
    if is_of_the_kernel || SYSTEM.iter().any(|system| place == Path::new(system)) {
        return Some("it hides the system".to_owned());
    }
    let directory = text(container, "workingDir");
    let is_in_it = |path: &str| {
        let path = clean(path);
        let is_mounted = own
            .iter()
            .map(path_of)
            .any(|own| own.starts_with(&place) && path.starts_with(own));
        path.starts_with(&place) && !is_mounted
    };
    if !directory.is_empty() && is_in_it(directory) {
        return Some("it hides the working directory".to_owned());
    }
    let words = list(container, "command").iter().filter_map(Value::as_str);
    let mut programs = words.filter(|word| word.starts_with('/') && word.ends_with(".jar"));
    programs
        .find(|word| is_in_it(word))
        .map(|word| format!("it hides {word}"))
}

#[test]
fn hides_neither_data_nor_programs() {
    holds(2004, &admissions(), |admission| {
        // A mount without a path is nowhere.
        prop_assume!(violations(&admission.object()).is_empty());
        let answer = answer(&admission.payload());
        let (before, after) = (admission.object(), after(&admission, &answer));
        let spec = &template_of(admission.kind, &before)["spec"];
        let new = &template_of(admission.kind, &after)["spec"];
        let containers = list(spec, "containers").iter();
        for (own, new) in containers.zip(list(new, "containers")) {
            if features::adds_sidecar(text(own, "name")) {
                continue;
            }
            let count = list(own, "volumeMounts").len();
            for added in &list(new, "volumeMounts")[count..] {
                let harm = harm(spec, own, added);
                prop_assert_eq!(harm, None, "{} in {}", added, own);
            }
        }
        Ok(())
    });
}

#[test]
fn leaves_processes_apart_that_are_to_be_apart() {
    holds(500, &admissions(), |mut admission| {
        let spec = &mut admission.template["spec"];
        prop_assume!(spec.is_object() && spec["hostPID"] != true);
        spec["shareProcessNamespace"] = Value::Bool(false);
        let answer = answer(&admission.payload());
        let after = after(&admission, &answer);
        let spec = &template_of(admission.kind, &after)["spec"];
        prop_assert_eq!(&spec["shareProcessNamespace"], &Value::Bool(false));
        let injected = answer.audit_annotations.unwrap_or_default();
        prop_assert!(!injected.contains_key("profiler") && !injected.contains_key("flameshot"));
        Ok(())
    });
}
