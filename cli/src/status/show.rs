//! Workloads as a table, and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::decide::{Has, Row, State};
use crate::paint::{Ink, Paint};
use crate::report::ApiVersion;

/// A line for each workload, and the numbers.
pub fn table(rows: &[Row], is_wide: bool, paint: Paint) -> String {
    let mut lines =
        vec![["NAMESPACE", "WORKLOAD", "STATE", "INJECTED", "REASON"].map(str::to_owned)];
    lines.extend(rows.iter().map(|row| cells(row, is_wide)));
    let widths = widths(&lines);
    let mut text = String::new();
    for (place, cells) in lines.iter().enumerate() {
        let state = place
            .checked_sub(1)
            .and_then(|place| rows.get(place))
            .map(|row| row.state);
        let _ = writeln!(text, "{}", line(cells, widths, state, paint));
        let warnings = place.checked_sub(1).and_then(|place| rows.get(place));
        for warning in warnings
            .filter(|_| is_wide)
            .map_or(&[][..], |row| &row.warnings)
        {
            let _ = writeln!(text, "  {}: {warning}", paint.ink(Ink::Warning, "warning"));
        }
    }
    let _ = writeln!(text, "{}", numbers(rows));
    text
}

fn cells(row: &Row, is_wide: bool) -> [String; 5] {
    let injected: Vec<String> = row.has.iter().map(|has| has.in_words(is_wide)).collect();
    let or_dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    [
        or_dash(row.namespace.clone()),
        format!("{}/{}", row.kind.to_lowercase(), row.name),
        row.state.word().to_owned(),
        or_dash(injected.join(",")),
        or_dash(row.reason.clone().unwrap_or_default()),
    ]
}

/// How many characters each column takes, but for the last.
fn widths(lines: &[[String; 5]]) -> [usize; 5] {
    let mut widths = [0; 5];
    for cells in lines {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.chars().count().max(*width);
        }
    }
    widths
}

fn line(cells: &[String; 5], widths: [usize; 5], state: Option<State>, paint: Paint) -> String {
    let mut line = String::new();
    for (place, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let ink = match (place, state) {
            (_, None) => Some(Ink::Title),
            (2, Some(State::Injected)) => Some(Ink::Added),
            (2, Some(State::Refused)) => Some(Ink::Removed),
            (2, Some(state)) if state.is_wanting() => Some(Ink::Warning),
            _ => None,
        };
        // Colours take no room, so the room is made of plain text.
        let room = if place == 4 {
            0
        } else {
            width.saturating_sub(cell.chars().count()) + 3
        };
        match ink {
            Some(ink) => line.push_str(&paint.ink(ink, cell)),
            None => line.push_str(cell),
        }
        line.extend(std::iter::repeat_n(' ', room));
    }
    line
}

/// How many workloads are in which state.
fn numbers(rows: &[Row]) -> String {
    let plural = if rows.len() == 1 { "" } else { "s" };
    let mut text = format!("{} workload{plural}", rows.len());
    for (place, (state, count)) in counts(rows).into_iter().enumerate() {
        let separator = if place == 0 { ": " } else { ", " };
        let _ = write!(text, "{separator}{count} {}", state.word());
    }
    text
}

fn counts(rows: &[Row]) -> BTreeMap<State, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.state).or_default() += 1;
    }
    counts
}

/// The workloads, with a version of this form.
pub fn json(rows: &[Row]) -> Value {
    let counts = counts(rows);
    let counts: BTreeMap<_, _> = counts
        .iter()
        .map(|(state, count)| (state.word(), count))
        .collect();
    json!({
        "apiVersion": ApiVersion::V1,
        "kind": "StatusReport",
        "workloads": rows.iter().map(workload).collect::<Vec<_>>(),
        "counts": counts,
    })
}

fn workload(row: &Row) -> Value {
    json!({
        "kind": row.kind,
        "namespace": row.namespace,
        "name": row.name,
        "state": row.state.word(),
        "injected": row.has.iter().map(feature).collect::<Vec<_>>(),
        "reason": row.reason,
        "warnings": row.warnings,
    })
}

fn feature(has: &Has) -> Value {
    json!({"feature": has.feature, "image": has.image, "rule": has.rule})
}

impl Has {
    fn in_words(&self, is_wide: bool) -> String {
        let mut text = self.feature.clone();
        if is_wide {
            let image = self.image.iter().map(|image| format!("={image}"));
            let rule = self.rule.iter().map(|rule| format!(" ({rule})"));
            text.extend(image.chain(rule));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paint::When;

    fn rows() -> [Row; 2] {
        let ddtrace = Has {
            feature: "ddtrace".to_owned(),
            image: Some("repo/java:1".to_owned()),
            rule: Some("admission_inject.ddtrace".to_owned()),
        };
        [
            Row {
                kind: "Deployment".to_owned(),
                namespace: "shop".to_owned(),
                name: "web".to_owned(),
                state: State::Outdated,
                has: vec![ddtrace],
                reason: Some("ddtrace: repo/java:1 would become repo/java:2".to_owned()),
                warnings: vec!["datakit policy: look".to_owned()],
            },
            Row {
                kind: "CronJob".to_owned(),
                namespace: "shop-test".to_owned(),
                name: "n".to_owned(),
                state: State::None,
                has: Vec::new(),
                reason: None,
                warnings: Vec::new(),
            },
        ]
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        assert_eq!(
            table(&rows(), false, Paint::new(When::Never)),
            "\
NAMESPACE   WORKLOAD         STATE      INJECTED   REASON
shop        deployment/web   outdated   ddtrace    ddtrace: repo/java:1 would become repo/java:2
shop-test   cronjob/n        none       -          -
2 workloads: 1 outdated, 1 none
"
        );
        assert_eq!(
            table(&rows()[..1], true, Paint::new(When::Never)),
            "\
NAMESPACE   WORKLOAD         STATE      INJECTED                                         REASON
shop        deployment/web   outdated   ddtrace=repo/java:1 (admission_inject.ddtrace)   ddtrace: repo/java:1 would become repo/java:2
  warning: datakit policy: look
1 workload: 1 outdated
"
        );
        assert_eq!(
            table(&[], false, Paint::new(When::Never)),
            "NAMESPACE   WORKLOAD   STATE   INJECTED   REASON\n0 workloads\n"
        );
    }

    #[test]
    fn json_has_a_version_and_all_that_is_known() {
        assert_eq!(
            json(&rows()),
            json!({
                "apiVersion": "datakit-policy/v1",
                "kind": "StatusReport",
                "workloads": [
                    {
                        "kind": "Deployment", "namespace": "shop", "name": "web", "state": "outdated",
                        "injected": [
                            {"feature": "ddtrace", "image": "repo/java:1", "rule": "admission_inject.ddtrace"}
                        ],
                        "reason": "ddtrace: repo/java:1 would become repo/java:2",
                        "warnings": ["datakit policy: look"]
                    },
                    {
                        "kind": "CronJob", "namespace": "shop-test", "name": "n", "state": "none",
                        "injected": [], "reason": null, "warnings": []
                    }
                ],
                "counts": {"outdated": 1, "none": 1}
            })
        );
    }
}
