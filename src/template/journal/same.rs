//! Whether two templates are the same for the user: the order of volumes and of mounts does not count,
//! which a merge may change. Nothing is copied for it: a template may be large.

use crate::json::Value;

use super::super::Object;

type Compare = fn(&Value, &Value) -> bool;

/// Whether two user's parts are the same.
#[must_use]
pub fn same_part(left: &Value, right: &Value) -> bool {
    objects(left, right, &[("spec", specs)])
}

fn specs(left: &Value, right: &Value) -> bool {
    let lists: [(&str, Compare); 3] = [
        ("volumes", |left, right| sets(left, right, "name")),
        ("initContainers", lists_of_containers),
        ("containers", lists_of_containers),
    ];
    objects(left, right, &lists)
}

fn lists_of_containers(left: &Value, right: &Value) -> bool {
    let (Value::Array(left), Value::Array(right)) = (left, right) else {
        return left == right;
    };
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| containers(left, right))
}

fn containers(left: &Value, right: &Value) -> bool {
    let mounts: Compare = |left, right| sets(left, right, "mountPath");
    objects(left, right, &[("volumeMounts", mounts)])
}

/// Compares two objects, some of their fields in a way of their own.
fn objects(left: &Value, right: &Value, fields: &[(&str, Compare)]) -> bool {
    let (Value::Object(left), Value::Object(right)) = (left, right) else {
        return left == right;
    };
    left.len() == right.len() && left.iter().all(|field| has_the_same(right, field, fields))
}

fn has_the_same(
    right: &Object,
    (key, left): (&str, &Value<'_>),
    fields: &[(&str, Compare)],
) -> bool {
    let Some(right) = right.get(key) else {
        return false;
    };
    match fields.iter().find(|(field, _)| *field == key) {
        Some((_, compare)) => compare(left, right),
        None => left == right,
    }
}

/// Compares two lists whose order does not count, by a key that each item has once.
fn sets(left: &Value, right: &Value, key: &str) -> bool {
    let (Value::Array(left), Value::Array(right)) = (left, right) else {
        return left == right;
    };
    left.len() == right.len() && (left == right || sorted(left, key) == sorted(right, key))
}

fn sorted<'l, 'a>(list: &'l [Value<'a>], key: &str) -> Vec<&'l Value<'a>> {
    let mut sorted: Vec<&Value<'a>> = list.iter().collect();
    sorted.sort_unstable_by_key(|item| item.get(key).and_then(Value::as_str).unwrap_or_default());
    sorted
}
