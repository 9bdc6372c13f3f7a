//! What can be said of label selectors without labels: that none can meet one, or that one asks for more than another.

use datakit_operator_policy::selector::{LabelSelector, Operator, Requirement};

/// The key for which a selector asks for what no label can be.
pub fn contradiction<'a>(selector: &LabelSelector<'a>) -> Option<&'a str> {
    let requirements = selector.requirements();
    let keys = requirements.iter().map(|requirement| requirement.key);
    keys.into_iter().find(|key| {
        let about: Vec<_> = requirements
            .iter()
            .filter(|requirement| requirement.key == *key)
            .map(|requirement| &requirement.operator)
            .collect();
        is_contradictory(&about)
    })
}

fn is_contradictory(about: &[&Operator<'_>]) -> bool {
    let is_absent = about
        .iter()
        .any(|operator| matches!(operator, Operator::DoesNotExist));
    if is_absent {
        return about.iter().any(|operator| !operator.holds(None));
    }
    if never_present(about) && about.iter().any(|operator| !operator.holds(None)) {
        return true;
    }
    let sets = about.iter().find_map(|operator| match operator {
        Operator::In(values) => Some(values),
        _ => None,
    });
    match sets {
        // One of these it has to be: is there one that all take?
        Some(values) => !values
            .iter()
            .any(|value| about.iter().all(|operator| operator.holds(Some(value)))),
        None => is_empty_range(about),
    }
}

/// Whether no value is left: a glob takes all that another requirement, or any value, could be.
fn never_present(about: &[&Operator<'_>]) -> bool {
    about.iter().any(|operator| match operator {
        Operator::NotMatches(glob) => {
            glob.matches_all() || about.contains(&&Operator::Matches(glob.clone()))
        }
        _ => false,
    })
}

fn is_empty_range(about: &[&Operator<'_>]) -> bool {
    let above = about.iter().filter_map(|operator| match operator {
        Operator::GreaterThan(limit) => Some(*limit),
        _ => None,
    });
    let below = about.iter().filter_map(|operator| match operator {
        Operator::LessThan(limit) => Some(*limit),
        _ => None,
    });
    match (above.max(), below.min()) {
        (Some(above), Some(below)) => above.saturating_add(1) >= below,
        _ => false,
    }
}

/// Whether labels that meet `narrow` surely meet `wide`. Where it cannot be told: no.
pub fn implies(narrow: &LabelSelector<'_>, wide: &LabelSelector<'_>) -> bool {
    wide.requirements().iter().all(|wanted| {
        narrow
            .requirements()
            .iter()
            .any(|given| is_implied(given, wanted))
    })
}

fn is_implied(given: &Requirement<'_>, wanted: &Requirement<'_>) -> bool {
    if given.key != wanted.key {
        return false;
    }
    match (&given.operator, &wanted.operator) {
        (given, wanted) if given == wanted => true,
        (Operator::In(values), wanted) => values.iter().all(|value| wanted.holds(Some(value))),
        (Operator::NotIn(more), Operator::NotIn(fewer)) => {
            fewer.iter().all(|value| more.contains(value))
        }
        (Operator::DoesNotExist, wanted) => wanted.holds(None),
        (Operator::Matches(_), Operator::Exists) => true,
        (Operator::Matches(_), Operator::Matches(wanted)) => wanted.matches_all(),
        (Operator::Exists, Operator::Matches(wanted)) => wanted.matches_all(),
        (Operator::GreaterThan(_) | Operator::LessThan(_), Operator::Exists) => true,
        (Operator::GreaterThan(_) | Operator::LessThan(_), Operator::Matches(wanted)) => {
            wanted.matches_all()
        }
        (Operator::GreaterThan(given), Operator::GreaterThan(wanted)) => given >= wanted,
        (Operator::LessThan(given), Operator::LessThan(wanted)) => given <= wanted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datakit_operator_policy::json;
    use serde_json::{Value, json};

    fn parse(text: &str) -> LabelSelector<'_> {
        LabelSelector::parse(text).unwrap()
    }

    #[test]
    fn finds_what_no_labels_can_meet() {
        for text in [
            "a=b,a=c",
            "a,!a",
            "x,a=b,!a",
            "a=b,a!=b",
            "a in (b,c),a notin (b,c)",
            "a=b,a>1",
            "a=5,a>5",
            "a>5,a<6",
            "a<1,!a",
            "a in (1,2),a>1,a<2",
            "a=web,a=api*",
            "a=w*,a!=w*",
            "a,a!=*",
            "a=w*,!a",
        ] {
            assert_eq!(contradiction(&parse(text)), Some("a"), "{text}");
        }
        for text in [
            "",
            "a=b,c=d",
            "a in (b,c),a!=b",
            "a>5,a<7",
            "a!=b,!a",
            "a!=b,a!=c",
            "!a,!a",
            "a,a=b",
            "a=6,a>5",
            "a=web,a=w*",
            "a!=*",
            "a!=*,!a",
            "a=w*,a=*b",
        ] {
            assert_eq!(contradiction(&parse(text)), None, "{text}");
        }
    }

    #[test]
    fn tells_what_asks_for_more() {
        for (narrow, wide) in [
            ("a=b", "a=b"),
            ("a=b", "a"),
            ("a=b,c=d", "c=d"),
            ("a=b", "a in (b,c)"),
            ("a=b", "a!=c"),
            ("a=7", "a>5"),
            ("a>7", "a>5"),
            ("a<5", "a<7"),
            ("a>1", "a"),
            ("!a", "a!=b"),
            ("a notin (b,c)", "a!=b"),
            ("a", "a"),
            ("a=web", "a=w*"),
            ("a=web", "a!=x*"),
            ("a=w*", "a"),
            ("a=w*", "a=*"),
            ("a", "a=*"),
            ("a>5", "a=*"),
            ("!a", "a!=w*"),
        ] {
            assert!(implies(&parse(narrow), &parse(wide)), "{narrow} {wide}");
        }
        for (narrow, wide) in [
            ("a", "a=b"),
            ("a in (b,c)", "a=b"),
            ("a=b", "a=b,c=d"),
            ("a!=b", "a"),
            ("a!=b", "a notin (b,c)"),
            ("a>5", "a>7"),
            ("a<7", "a<5"),
            ("a=b", "c"),
            ("!a", "a"),
            ("a=w*", "a=web"),
            ("a=*", "a=w*"),
            ("a!=w*", "a"),
        ] {
            assert!(!implies(&parse(narrow), &parse(wide)), "{narrow} {wide}");
        }
    }

    /// Against all labels that a few selectors can tell apart.
    #[test]
    fn what_is_said_is_so() {
        let parts = [
            "a=1",
            "a=2",
            "a in (1,3)",
            "a!=1",
            "a notin (1,2)",
            "a",
            "!a",
            "a>1",
            "a>2",
            "a<2",
            "a<3",
            "a=*",
            "a!=*",
            "a=[1-2]",
            "a!=w*",
            "b",
            "!b",
        ];
        let pairs = parts
            .iter()
            .flat_map(|one| parts.map(|other| format!("{one},{other}")));
        let texts: Vec<String> = parts
            .iter()
            .map(|part| (*part).to_owned())
            .chain(pairs)
            .collect();
        let values = [
            None,
            Some("0"),
            Some("1"),
            Some("2"),
            Some("3"),
            Some("word"),
        ];
        let labels: Vec<Value> = values
            .into_iter()
            .flat_map(|a| [json!({"a": a}), json!({"a": a, "b": ""})])
            .collect();
        let met: Vec<Vec<bool>> = texts
            .iter()
            .map(|text| {
                labels
                    .iter()
                    .map(|labels| parse(text).matches(json::Value::from(labels).as_object()))
                    .collect()
            })
            .collect();
        for (narrow, of_narrow) in texts.iter().zip(&met) {
            let is_never_met = !of_narrow.contains(&true);
            // Of two globs, or a glob and a range, it is not always told.
            if !narrow.contains("=[") && !narrow.contains("w*") || !is_never_met {
                assert_eq!(
                    contradiction(&parse(narrow)).is_some(),
                    is_never_met,
                    "{narrow}"
                );
            }
            for (wide, of_wide) in texts.iter().zip(&met) {
                if implies(&parse(narrow), &parse(wide)) {
                    let is_so = of_narrow
                        .iter()
                        .zip(of_wide)
                        .all(|(narrow, wide)| *wide || !narrow);
                    assert!(is_so, "{narrow} {wide}");
                }
            }
        }
    }
}
