//! The log configurations that Datakit reads: the value of the annotation `datakit/logs` and of
//! `LOGFWD_LOG_CONFIGS`, a JSON array of `{disable, type, path, source, …}`.

use std::collections::BTreeSet;

use super::reader::Reader;
use crate::json::{Path, Problems, Value};

/// The paths of the log files that `config` names: those of its entries of type `file` that are not
/// switched off. None where `config` is no such JSON.
#[must_use]
pub fn file_paths(config: &str) -> Vec<String> {
    let Ok(node) = Value::parse(config) else {
        return Vec::new();
    };
    let mut unheard = Problems::default();
    let mut paths = Vec::new();
    for entry in unheard.list(Some(&node), Path::Root) {
        let disabled = matches!(entry.given("disable"), Some(Value::Bool(true)));
        if is_file(entry)
            && !disabled
            && let Some(Value::String(path)) = entry.given("path")
        {
            paths.push(path.clone().into_owned());
        }
    }
    paths
}

/// `config` with an entry for the standard output behind the others; `None` unless all of those are for
/// files. The text stays as it is written.
#[must_use]
pub(crate) fn with_stdout(config: &str) -> Option<String> {
    let Ok(Value::Array(entries)) = Value::parse(config) else {
        return None;
    };
    if entries.is_empty() || !entries.iter().all(is_file) {
        return None;
    }
    let list = config.get(..config.rfind(']')?)?.trim_end();
    let end = config.get(list.len()..)?;
    Some(format!("{list},{{\"type\":\"stdout\"}}{end}"))
}

fn is_file(entry: &Value<'_>) -> bool {
    matches!(entry.given("type"), Some(Value::String(kind)) if kind == "file")
}

/// Finds what would make Datakit drop `config`, or collect nothing of it.
pub(crate) fn check(config: &str, reader: &mut Reader, path: Path<'_>) {
    let problems = &mut reader.problems;
    let node = match Value::parse(config) {
        Ok(node) => node,
        Err(error) => return problems.add_syntax(path, &error),
    };
    if !matches!(node, Value::Array(_)) {
        let problem = format!("the JSON must be a list, not {}", node.kind());
        return problems.add(path, problem);
    }
    let mut seen = BTreeSet::new();
    for (index, entry) in problems.list(Some(&node), path).iter().enumerate() {
        check_entry(entry, problems, path.index(index), &mut seen);
    }
}

fn check_entry<'n>(
    entry: &'n Value<'_>,
    problems: &mut Problems,
    path: Path<'_>,
    seen: &mut BTreeSet<&'n str>,
) {
    const STRINGS: [&str; 7] = [
        "type",
        "source",
        "storage_index",
        "service",
        "character_encoding",
        "pipeline",
        "multiline_match",
    ];
    if *entry == Value::Null {
        return problems.add(path, "must be an object, not null");
    }
    for (key, value) in problems.object(Some(entry), path).into_iter().flatten() {
        refuse_null(value, problems, path.key(key));
    }
    for key in STRINGS {
        problems.string(entry.given(key), path.key(key));
    }
    for key in ["disable", "remove_ansi_escape_codes", "from_beginning"] {
        problems.boolean(entry.given(key), path.key(key));
    }
    let tags = path.key("tags");
    for (key, value) in problems
        .object(entry.given("tags"), tags)
        .into_iter()
        .flatten()
    {
        refuse_null(value, problems, tags.key(key));
        problems.string(Some(value), tags.key(key));
    }
    let path = path.key("path");
    let file = problems.string(entry.given("path"), path);
    if is_file(entry) && !file.is_some_and(|file| file.starts_with('/')) {
        problems.add(path, "must be absolute for type `file`");
    }
    // Datakit drops the whole list; entries for stdout have no path.
    if let Some(file) = file.filter(|file| !file.is_empty())
        && !seen.insert(file)
    {
        problems.add(path, "repeats the path of an earlier entry");
    }
}

fn refuse_null(value: &Value<'_>, problems: &mut Problems, path: Path<'_>) {
    if *value == Value::Null {
        problems.add(path, "is null; leave the key out instead");
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::EnvOrder;
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn finds_the_files_that_are_switched_on() {
        assert_eq!(
            file_paths(
                r#"[{"type":"file","path":"/a/*.log"},{"type":"file","disable":true,"path":"/b"},
                    {"type":"stdout","path":"/c"},{"type":"file","disable":false,"path":"/d/e"},
                    null,{"type":"file"}]"#
            ),
            ["/a/*.log", "/d/e"]
        );
        assert!(file_paths("not json").is_empty());
        assert!(file_paths("{}").is_empty());
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn adds_the_standard_output_to_files_alone() {
        for (config, expected) in [
            (
                r#"[{"type":"file","path":"/a"}]"#,
                Some(r#"[{"type":"file","path":"/a"},{"type":"stdout"}]"#),
            ),
            (
                "[\n  {\"path\": \"/]\", \"type\": \"file\"},\n  {\"type\": \"file\", \"disable\": true}\n]\n",
                Some(
                    "[\n  {\"path\": \"/]\", \"type\": \"file\"},\n  {\"type\": \"file\", \"disable\": true},{\"type\":\"stdout\"}\n]\n",
                ),
            ),
            (r#"[{"type":"file","path":"/a"},{"type":"stdout"}]"#, None),
            (
                r#"[{"type":"file","path":"/a"},{"type":"stdout","disable":true}]"#,
                None,
            ),
            (r#"[{"type":"file","path":"/a"},{"source":"b"}]"#, None),
            ("[]", None),
            ("{}", None),
            ("no json", None),
        ] {
            assert_eq!(with_stdout(config).as_deref(), expected, "{config}");
        }
    }

    fn problems(config: &str) -> Vec<String> {
        let mut reader = Reader::new(EnvOrder::Written, true);
        check(config, &mut reader, Path::Root.key("config"));
        let problems = reader.problems.list.iter();
        problems.map(ToString::to_string).collect()
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_what_datakit_takes() {
        assert!(problems("[]").is_empty());
        assert!(
            problems(
                r#"[{"disable":false,"type":"file","path":"/tmp/*.log","source":"a","tags":{"k":"v"},
                     "from_beginning":true,"unknown":1},{"type":"stdout"},{}]"#
            )
            .is_empty()
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn finds_all_that_datakit_would_stumble_over() {
        assert_eq!(
            problems("[{]"),
            ["config: the JSON is not valid JSON (line 1, column 3)"]
        );
        assert_eq!(
            problems("{}"),
            ["config: the JSON must be a list, not an object"]
        );
        assert_eq!(
            problems(
                r#"[null,{"type":"file","path":"x"},{"type":"file","path":"/x"},{"path":"/x"},
                    {"source":null,"tags":{"a":1}},{"type":"file"},3]"#
            ),
            [
                "config[0]: must be an object, not null",
                "config[1].path: must be absolute for type `file`",
                "config[3].path: repeats the path of an earlier entry",
                "config[4].source: is null; leave the key out instead",
                "config[4].tags.a: must be a string, not a number",
                "config[5].path: must be absolute for type `file`",
                "config[6]: must be an object, not a number",
            ]
        );
    }
}
