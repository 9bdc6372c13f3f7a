//! What can be said of namespace patterns.

use datakit_operator_policy::namespace::NamespacePattern;
use datakit_operator_policy::selector::is_dns_label;
use serde_json::Value;

use super::{Advice, entry_selectors, items, rule_lists, selectors};

/// A pattern, where it stands, and what it means there.
struct Pattern<'v> {
    path: String,
    text: &'v str,
    meaning: NamespacePattern<'v>,
}

/// Adds advice about patterns that match nothing, or more than they seem to.
pub fn advise(written: &Value, cluster: &[String], advice: &mut Vec<Advice>) {
    for pattern in patterns(written) {
        if is_impossible(&pattern) {
            let message = format!(
                "`{}` matches no namespace: names are lower-case letters, digits and `-`",
                pattern.text
            );
            advice.push(Advice::new(pattern.path, message));
        } else if let Some(message) = too_wide(&pattern, cluster) {
            advice.push(Advice::new(pattern.path, message));
        }
    }
}

fn patterns(written: &Value) -> Vec<Pattern<'_>> {
    let mut patterns = Vec::new();
    for (path, text) in entry_selectors(written, "namespace") {
        patterns.push(Pattern {
            path,
            text,
            meaning: NamespacePattern::name_or_expression(text),
        });
    }
    for list in rule_lists() {
        let meaning = if list.starts_with("admission_inject_v2") {
            NamespacePattern::expression
        } else {
            NamespacePattern::name_or_expression
        };
        for (path, rule) in items(written, list) {
            for (path, text) in selectors(rule, &path, "namespace_selectors") {
                patterns.push(Pattern {
                    path,
                    text,
                    meaning: meaning(text),
                });
            }
        }
    }
    patterns
}

/// Whether surely no name of a namespace matches.
fn is_impossible(pattern: &Pattern<'_>) -> bool {
    let is_part = |text: &str| {
        text.len() <= 63
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    match pattern.meaning {
        NamespacePattern::All => false,
        NamespacePattern::Exactly(name) => !is_dns_label(name),
        NamespacePattern::StartsWith(text) => !is_part(text) || text.starts_with('-'),
        NamespacePattern::EndsWith(text) => !is_part(text) || text.ends_with('-'),
        NamespacePattern::Contains(text) => !is_part(text),
        NamespacePattern::Expression(text) => needs_capital(text),
    }
}

/// Whether a simple expression has a capital letter that a match cannot do without.
fn needs_capital(expression: &str) -> bool {
    // Classes, groups, alternatives and escapes can mean anything.
    if expression.contains(['[', '(', '|', '\\']) {
        return false;
    }
    let bytes = expression.as_bytes();
    bytes.iter().enumerate().any(|(place, byte)| {
        let next = bytes.get(place + 1);
        byte.is_ascii_uppercase() && !matches!(next, Some(b'?' | b'*' | b'{'))
    })
}

/// What to say of a pattern without anchors that matches several namespaces of the cluster.
fn too_wide(pattern: &Pattern<'_>, cluster: &[String]) -> Option<String> {
    let text = pattern.text;
    let is_anchored = text.starts_with('^') || text.ends_with('$');
    let is_exact = matches!(
        pattern.meaning,
        NamespacePattern::All | NamespacePattern::Exactly(_)
    );
    if is_anchored || is_exact {
        return None;
    }
    let matched: Vec<&str> = cluster
        .iter()
        .map(String::as_str)
        .filter(|namespace| pattern.meaning.matches(namespace))
        .collect();
    // An expression that names each of them whole was meant so.
    let whole = format!("^(?:{text})$");
    let whole = NamespacePattern::expression(&whole);
    let in_part = matched.iter().any(|namespace| !whole.matches(namespace));
    (matched.len() > 1 && in_part).then(|| {
        format!(
            "`{text}` matches anywhere in a name, so it matches {} of these namespaces: {}; `^` and `$` mark its ends",
            matched.len(),
            matched.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn advice(patterns: &[&str], cluster: &[&str]) -> Vec<String> {
        let written =
            json!({"admission_inject_v2": {"logfwds": [{"namespace_selectors": patterns}]}});
        let cluster: Vec<String> = cluster.iter().map(|name| (*name).to_owned()).collect();
        let mut advice = Vec::new();
        advise(&written, &cluster, &mut advice);
        advice.into_iter().map(|advice| advice.message).collect()
    }

    #[test]
    fn says_what_no_namespace_is_called() {
        for text in [
            "Prod",
            "^Prod$",
            "^Prod-",
            "-Prod$",
            "under_score",
            "^-a",
            "a-$",
            "^Prod.*1$",
            "a.Bc+",
        ] {
            assert_eq!(
                advice(&[text], &[]),
                [format!(
                    "`{text}` matches no namespace: names are lower-case letters, digits and `-`"
                )]
            );
        }
        let possible = [
            "*", "", "prod", "^prod-", "-", "(?i)PROD", "[A-z]", "a.B?", "A|b", "\\D", "a.B{0}",
            "x.*Y*",
        ];
        assert_eq!(advice(&possible, &[]), Vec::<String>::new());
    }

    #[test]
    fn says_what_matches_more_than_it_seems_to() {
        let cluster = ["prod", "prod-eu", "test"];
        assert_eq!(
            advice(&["prod", "pro.", "p|test"], &cluster),
            [
                "`prod` matches anywhere in a name, so it matches 2 of these namespaces: prod, prod-eu; `^` and `$` \
                 mark its ends",
                "`pro.` matches anywhere in a name, so it matches 2 of these namespaces: prod, prod-eu; `^` and `$` \
                 mark its ends",
                "`p|test` matches anywhere in a name, so it matches 3 of these namespaces: prod, prod-eu, test; `^` and `$` mark \
                 its ends",
            ]
        );
        let meant = ["*", "^prod", "eu$", "test", "prod|prod-eu|test", "^prod$"];
        assert_eq!(advice(&meant, &cluster), Vec::<String>::new());
        assert_eq!(advice(&["prod"], &[]), Vec::<String>::new());
    }

    #[test]
    fn a_name_of_the_first_generation_is_that_name() {
        let written = json!({
            "admission_inject": {"ddtrace": {"enabled_namespaces": [{"namespace": "prod"}, {"namespace": "Prod"}]}},
            "admission_mutate": {"loggings": [{"namespace_selectors": ["prod", "pro.d"]}]},
        });
        let mut advice = Vec::new();
        advise(
            &written,
            &["prod".to_owned(), "prod-eu".to_owned()],
            &mut advice,
        );
        let paths: Vec<String> = advice.into_iter().map(|advice| advice.path).collect();
        assert_eq!(
            paths,
            ["admission_inject.ddtrace.enabled_namespaces[1].namespace"]
        );
    }
}
