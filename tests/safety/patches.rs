//! The JSON patch that policy hosts make of an answer: it gives the mutated object, and is as small
//! as the change.

use datakit_operator_policy::template::SAFE_TO_EVICT;
use datakit_policy_host::response;
use json_patch::PatchOperation;
use proptest::prelude::*;
use serde_json::Value;

use crate::generators::{admissions, template_of};
use crate::kept;
use crate::run::{after, answer, holds};
use crate::support::template_pointer;

#[test]
fn patches_by_appending() {
    holds(1200, &admissions(), |admission| {
        let answer = answer(&admission.payload());
        let before = admission.object();
        let Some(patch) = response::patch(&before, &answer) else {
            prop_assert_eq!(answer.mutated_object, None);
            return Ok(());
        };
        let mut patched = before.clone();
        json_patch::patch(&mut patched, &patch).unwrap();
        let after = after(&admission, &answer);
        prop_assert_eq!(&patched, &after);

        let pointer = template_pointer(admission.kind);
        let shifted = shifted_lists(
            pointer,
            template_of(admission.kind, &before),
            template_of(admission.kind, &after),
        );
        for operation in &patch.0 {
            let path = operation.path().to_string();
            let is_shifted = shifted.iter().any(|list| path.starts_with(list));
            prop_assert!(
                is_shifted || is_small(operation, &path, &before),
                "{} at {}",
                operation,
                path
            );
        }
        Ok(())
    });
}

/// The lists of variables in which entries got other places.
fn shifted_lists(pointer: &str, before: &Value, after: &Value) -> Vec<String> {
    let empty = Vec::new();
    let containers = |template: &Value| template["spec"]["containers"].as_array().cloned();
    let (before, after) = (containers(before), containers(after));
    let pairs = before.as_ref().unwrap_or(&empty).iter();
    let pairs = pairs.zip(after.as_ref().unwrap_or(&empty));
    pairs
        .zip(0..)
        .filter(|((before, after), _)| {
            kept::env(&before["env"], &after["env"]).is_ok_and(|change| change.shifted)
        })
        .map(|(_, place)| format!("{pointer}/spec/containers/{place}/env/"))
        .collect()
}

/// Whether the operation adds a key or, at the end of a list, an item; or gives a value to what has
/// none, to a variable that is merged, to a list in an annotation, or to `shareProcessNamespace`.
fn is_small(operation: &PatchOperation, path: &str, before: &Value) -> bool {
    let (parent, key) = path.rsplit_once('/').unwrap_or_default();
    match operation {
        PatchOperation::Add(_) => match before.pointer(parent) {
            Some(Value::Array(list)) => key.parse::<usize>().is_ok_and(|at| at >= list.len()),
            Some(Value::Object(object)) => !object.contains_key(key),
            // Behind an item that is added itself.
            _ => false,
        },
        PatchOperation::Replace(_) => {
            let is_variable = || {
                let mut keys = path.rsplit('/');
                keys.next() == Some("value") && keys.nth(1) == Some("env")
            };
            let list = SAFE_TO_EVICT.replace('/', "~1");
            before.pointer(path).is_some_and(Value::is_null)
                || is_variable()
                || path.ends_with(&list)
                || path.ends_with("/spec/shareProcessNamespace")
        }
        _ => false,
    }
}
