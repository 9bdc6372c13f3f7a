//! What an injection may do to a template, and nothing beyond it: everything stays where it is and
//! as it is, and what is added stands behind it. An exception are the variables that are merged or
//! moved, a list in an annotation, and `shareProcessNamespace`.

use datakit_operator_policy::template::SAFE_TO_EVICT;
use serde_json::{Map, Value};

/// The annotations that are set.
const ANNOTATIONS: [&str; 8] = [
    SAFE_TO_EVICT,
    "admission.datakit/injected",
    "datakit/logs",
    "prometheus.io/scrape",
    "prometheus.io/scheme",
    "prometheus.io/port",
    "prometheus.io/path",
    "prometheus.io/param_measurement",
];

/// The variables by which runtimes load an agent.
/// The variables whose pairs are merged.
pub const PAIRS: [&str; 2] = ["DD_TAGS", "OTEL_RESOURCE_ATTRIBUTES"];

const LOADERS: [&str; 4] = [
    "JAVA_TOOL_OPTIONS",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "PHP_INI_SCAN_DIR",
];

const ORIGINAL: &str = "DATAKIT_ORIG_";

type Checked = Result<(), String>;

/// Whether `after` is `before` with what the policy may add.
pub fn template(before: &Value, after: &Value) -> Checked {
    let grown = [("metadata", metadata as Part), ("spec", spec)];
    object(before, after, &grown, &["metadata"])
}

type Part = fn(&Value, &Value) -> Checked;

/// Objects that are the same but for the fields in `grown`, of which those in `new` may be added.
/// Null is as good as absent.
fn object(before: &Value, after: &Value, grown: &[(&str, Part)], new: &[&str]) -> Checked {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return same(before, after);
    };
    for (key, value) in before {
        let Some(now) = after.get(key) else {
            return Err(format!("{key} is gone"));
        };
        let part = grown.iter().find(|(grown, _)| grown == key);
        let part = part.map_or(same as Part, |(_, part)| *part);
        if value.is_null() && new.contains(&key.as_str()) {
            continue;
        }
        part(value, now).map_err(|problem| format!("{key}: {problem}"))?;
    }
    match after
        .keys()
        .find(|key| !before.contains_key(*key) && !new.contains(&key.as_str()))
    {
        Some(key) => Err(format!("{key} is new")),
        None => Ok(()),
    }
}

fn same(before: &Value, after: &Value) -> Checked {
    if before == after && text(before) == text(after) {
        return Ok(());
    }
    Err(format!("{before} has become {after}"))
}

/// Numbers that are equal may be written in two ways, like 0.0 and -0.0.
fn text(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}

fn metadata(before: &Value, after: &Value) -> Checked {
    let annotations: Part = |before, after| {
        let grown = [(SAFE_TO_EVICT, longer as Part)];
        object(before, after, &grown, &ANNOTATIONS)
    };
    object(
        before,
        after,
        &[("annotations", annotations)],
        &["annotations"],
    )
}

fn spec(before: &Value, after: &Value) -> Checked {
    let containers: Part = |before, after| list(before, after, container);
    let grown: [(&str, Part); 4] = [
        ("containers", containers),
        ("initContainers", appended),
        ("volumes", appended),
        ("shareProcessNamespace", switched_on),
    ];
    let new = ["initContainers", "volumes", "shareProcessNamespace"];
    object(before, after, &grown, &new)?;
    switched_on(
        &before["shareProcessNamespace"],
        &after["shareProcessNamespace"],
    )
}

/// The same, or true now.
fn switched_on(before: &Value, after: &Value) -> Checked {
    if *after == Value::Bool(true) {
        return Ok(());
    }
    same(before, after)
}

/// Texts of which the first begins the second.
fn longer(before: &Value, after: &Value) -> Checked {
    let (Value::String(had), Value::String(has)) = (before, after) else {
        return same(before, after);
    };
    if has.starts_with(had) {
        return Ok(());
    }
    same(before, after)
}

fn appended(before: &Value, after: &Value) -> Checked {
    list(before, after, same)
}

/// Lists of which the first begins the second.
fn list(before: &Value, after: &Value, item: Part) -> Checked {
    let (Value::Array(before), Value::Array(after)) = (before, after) else {
        return same(before, after);
    };
    if after.len() < before.len() {
        return Err("is shorter".to_owned());
    }
    for ((before, after), place) in before.iter().zip(after).zip(0..) {
        item(before, after).map_err(|problem| format!("[{place}]: {problem}"))?;
    }
    Ok(())
}

fn container(before: &Value, after: &Value) -> Checked {
    let grown: [(&str, Part); 2] = [
        ("volumeMounts", appended),
        ("env", |before, after| env(before, after).map(|_| ())),
    ];
    object(before, after, &grown, &["volumeMounts", "env"])
}

/// What became of a container's variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnvChange {
    /// How many have another value, at their place.
    pub merged: usize,
    /// Whether one went to the end, or another was put between.
    pub shifted: bool,
}

/// Goes through the variables as they were and as they are side by side: each is still there, in
/// order, but that tags may have gone to the end, and behind them those that refer to them, in their
/// order; none was there twice or is now.
pub fn env(before: &Value, after: &Value) -> Result<EnvChange, String> {
    let empty = Vec::new();
    let before = before.as_array().unwrap_or(&empty);
    let mut rest = after.as_array().unwrap_or(&empty).as_slice();
    let mut change = EnvChange::default();
    let mut moved = Vec::new();
    for own in before {
        match rest {
            [now, others @ ..] if same(own, now).is_ok() => rest = others,
            [now, others @ ..] if is_merged(own, now) => {
                change.merged += 1;
                rest = others;
            }
            [now, next, others @ ..] if is_renamed(own, now, next) => {
                change.shifted = true;
                rest = others;
            }
            _ if has_pairs(own) || refers_to(own, &moved) => moved.push(own),
            _ => return Err(format!("{own} is gone, or has another place")),
        }
    }
    change.shifted |= !moved.is_empty();
    let mut last = rest;
    for own in &moved {
        let is_it = |now: &Value| is_merged(own, now) || same(own, now).is_ok();
        let Some(place) = last.iter().position(is_it) else {
            return Err(format!("{own} is gone, or has another place"));
        };
        last = &last[place + 1..];
    }
    let name = |entry: &Value| entry["name"].clone();
    let is_known = |entry: &&Value| {
        let is_name = |own: &&Value| name(own) == name(entry);
        !moved.iter().any(&is_name) && before.iter().any(|own| is_name(&own))
    };
    match rest.iter().find(is_known) {
        Some(entry) => Err(format!("{entry} is there twice")),
        None => Ok(change),
    }
}

/// Whether a variable refers to one of others.
fn refers_to(entry: &Value, others: &[&Value]) -> bool {
    let value = entry["value"].as_str().unwrap_or_default();
    let is_in = |other: &&Value| {
        let name = other["name"].as_str().unwrap_or_default();
        value.contains(&format!("$({name})"))
    };
    others.iter().any(is_in)
}

fn fields(entry: &Value) -> Map<String, Value> {
    let mut fields = entry.as_object().cloned().unwrap_or_default();
    fields.remove("value");
    fields
}

/// The same variable with more in its value.
fn is_merged(own: &Value, now: &Value) -> bool {
    let name = own["name"].as_str().unwrap_or_default();
    let (had, has) = (
        own["value"].as_str().unwrap_or_default(),
        now["value"].as_str().unwrap_or_default(),
    );
    let is_extended = match name {
        _ if has_pairs(own) => has.starts_with(had.trim_end_matches([',', ' '])),
        "PYTHONPATH" => has.ends_with(had) || has.contains(&format!(":{had}:")),
        _ => LOADERS.contains(&name) && has.starts_with(had),
    };
    fields(own) == fields(now) && is_extended && has.len() > had.trim_end_matches([',', ' ']).len()
}

/// Whether it is a variable whose pairs are merged with those of the settings.
pub fn has_pairs(entry: &Value) -> bool {
    PAIRS.iter().any(|name| entry["name"] == *name)
}

/// A reference under another name, and behind it the variable that refers to it.
fn is_renamed(own: &Value, now: &Value, next: &Value) -> bool {
    let name = own["name"].as_str().unwrap_or_default();
    let original = format!("{ORIGINAL}{name}");
    let mut renamed = own.clone();
    renamed["name"] = Value::String(original.clone());
    let refers = next["value"]
        .as_str()
        .is_some_and(|value| value.contains(&format!("$({original})")));
    LOADERS.contains(&name)
        && !own["valueFrom"].is_null()
        && *now == renamed
        && next["name"] == name
        && refers
}
