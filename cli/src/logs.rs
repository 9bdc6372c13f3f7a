//! What the policy logs, on standard error.

use std::collections::BTreeMap;

use datakit_policy_host::policy::LogLine;

use crate::aside::say;

/// Prints what the policy logged; lines below `info` only where the user wants all.
pub fn print(lines: &[LogLine], verbose: bool) {
    for line in lines {
        if verbose || !matches!(line.level.as_str(), "trace" | "debug") {
            say(format(line));
        }
    }
}

/// Where in the policy's own code a line comes from tells a user nothing.
const OF_THE_CODE: [&str; 3] = ["column", "file", "line"];

fn format(line: &LogLine) -> String {
    // Sorted here: the map is not, where a crate of the build turns `serde_json/preserve_order` on.
    let fields: BTreeMap<_, _> = line
        .fields
        .iter()
        .filter(|(key, _)| !OF_THE_CODE.contains(&key.as_str()))
        .collect();
    let fields: String = fields
        .iter()
        .map(|(key, value)| format!(" {key}={value}"))
        .collect();
    format!("policy: {}: {}{fields}", line.level, line.message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_shows_its_level_and_the_fields_that_are_for_users() {
        let line = LogLine {
            level: "debug".to_owned(),
            message: "injected".to_owned(),
            fields: json!({"feature": "ddtrace", "containers": 2, "file": "src/lib.rs", "line": 1, "column": 2})
                .as_object()
                .cloned()
                .unwrap(),
        };
        assert_eq!(
            format(&line),
            r#"policy: debug: injected containers=2 feature="ddtrace""#
        );
    }
}
