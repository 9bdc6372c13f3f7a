//! The variables of a container, as the kubelet makes them of its `env`.

use std::collections::HashMap;

use serde_json::Value;

/// What `valueFrom` can refer to, by the pointer that [`name_of_source`] makes of it.
pub type Sources = HashMap<String, String>;

/// The variables in the order of the entries. One that comes twice has the last value, as in a process.
///
/// # Errors
/// An entry that refers to what is not there: such a container does not start.
pub fn environment(env: &[Value], sources: &Sources) -> Result<Vec<(String, String)>, String> {
    let mut variables: Vec<(String, String)> = Vec::new();
    for entry in env {
        let name = entry["name"].as_str().ok_or("a variable without a name")?;
        let value = match &entry["valueFrom"] {
            Value::Null => {
                let text = entry["value"].as_str().unwrap_or_default();
                expand(text, |name| lookup(&variables, name))
            }
            // What comes from elsewhere is not expanded.
            source => {
                let source = name_of_source(source)
                    .ok_or_else(|| format!("{name}: not one source: {source}"))?;
                let value = sources.get(&source);
                value
                    .ok_or(format!("{name}: {source} is not there"))?
                    .clone()
            }
        };
        variables.retain(|(other, _)| other != name);
        variables.push((name.to_owned(), value));
    }
    Ok(variables)
}

fn lookup<'v>(variables: &'v [(String, String)], name: &str) -> Option<&'v str> {
    let found = variables.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.as_str())
}

/// Such as `fieldRef metadata.name` and `secretKeyRef NAME.KEY`. `None` where there is not exactly one source.
#[must_use]
pub fn name_of_source(value_from: &Value) -> Option<String> {
    let sources = value_from.as_object()?;
    let mut entries = sources.iter();
    let ((kind, source), None) = (entries.next()?, entries.next()) else {
        return None;
    };
    let text = |key: &str| source[key].as_str();
    let name = match kind.as_str() {
        "fieldRef" => text("fieldPath")?.to_owned(),
        _ => format!("{}.{}", text("name")?, text("key")?),
    };
    Some(format!("{kind} {name}"))
}

/// `$(NAME)` becomes the value, where there is one; `$$` is a dollar; all else is text.
pub fn expand<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        expanded.push_str(before);
        let name = behind
            .strip_prefix('(')
            .and_then(|inside| inside.split_once(')'));
        rest = if let Some((name, behind)) = name {
            match value(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.push_str(&format!("$({name})")),
            }
            behind
        } else {
            expanded.push('$');
            behind.strip_prefix('$').unwrap_or(behind)
        };
    }
    expanded + rest
}
