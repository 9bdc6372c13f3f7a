//! Namespace patterns, against a full regular expression engine; and what RE2 has that the policy refuses.

use datakit_operator_policy::namespace::NamespacePattern;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;

use crate::agree;

const NAMESPACES: [&str; 16] = [
    "default",
    "kube-system",
    "kube-public",
    "a",
    "b",
    "aa",
    "ab",
    "a-b",
    "team-a",
    "team-b-prod",
    "prod",
    "prod-1",
    "prod-12",
    "my-prod",
    "0",
    "x0123456789",
];

/// Compares on all namespaces; a pattern that is refused matches none.
fn compare(pattern: &str) -> Result<(), TestCaseError> {
    let ours = NamespacePattern::expression(pattern);
    if ours.problem().is_some() {
        for namespace in NAMESPACES {
            prop_assert!(!ours.matches(namespace), "{} {}", pattern, namespace);
        }
        return Ok(());
    }
    // The one pattern that is no expression.
    let engine = Regex::new(if pattern == "*" { "" } else { pattern });
    let engine = engine.map_err(|error| TestCaseError::fail(error.to_string()))?;
    for namespace in NAMESPACES {
        let expected = engine.is_match(namespace);
        prop_assert_eq!(
            ours.matches(namespace),
            expected,
            "{} {}",
            pattern,
            namespace
        );
    }
    Ok(())
}

/// Syntax of RE2 (as its documentation lists it) that a pattern may have.
const TAKEN: &[&str] = &[
    "*",
    ".*",
    "",
    "^$",
    "default",
    "^default$",
    "^kube-",
    "-prod$",
    "^prod.*",
    ".*prod",
    "^.*-b-.*$",
    ".",
    "[xyz]",
    "[^xyz]",
    "[a-c]",
    "[^0-9]",
    r"\d",
    r"\D",
    r"\s",
    r"\S",
    r"\w",
    r"\W",
    r"[\d]",
    r"[^\w]",
    "[[:alpha:]]",
    "[[:^alpha:]]",
    "[[:digit:]-]+",
    "ab",
    "a|b",
    "^(a|b)$",
    "^(?:kube|team)-",
    "a*",
    "a+",
    "a?",
    "a{2}",
    "a{2,}",
    "a{1,2}",
    "a*?",
    "a+?",
    "a??",
    "a{1,2}?",
    "(a)",
    "(?P<name>a)",
    "(?<name>a)",
    "(?:a)",
    "(?i)PROD",
    "(?i:PROD)-1",
    "(?s).",
    "(?m)^a$",
    "(?U)a+",
    "(?i-s)A",
    "(?-i)a",
    "^",
    "$",
    r"\Aa",
    r"a\z",
    r"\bprod\b",
    r"\Brod",
    r"\a",
    r"\f",
    r"\t",
    r"\n",
    r"\r",
    r"\v",
    r"\x61",
    r"\x{61}",
    r"\.",
    r"\-",
    r"\\",
    r"\*",
    "[]a]",
    "[^]a]",
    "[a-]",
    "[-a]",
    r"[\]a]",
    "(|a)b",
    "a||b",
    "()",
    "(?i)[a-c]-B",
];

/// Syntax of RE2 that the policy refuses when it is loaded. What has a name in Unicode has none in a namespace, and
/// the rest is rare.
const REFUSED: &[&str] = &[
    r"\pN",
    r"\p{Greek}",
    r"\PN",
    r"\P{Greek}",
    r"\p{^Greek}",
    r"[\p{L}]",
    r"\Q.*\E",
    r"\C",
    r"\123",
    r"\07",
    "a{1001}{1001}",
    "[[:word:]",
];

/// What RE2 refuses and the policy takes, as other engines do.
const TAKEN_BEYOND: &[&str] = &["a**", "a{1001}", r"\u0061", "(?x) a b # comment"];

#[test]
fn takes_the_syntax_that_users_write() {
    for pattern in TAKEN.iter().chain(TAKEN_BEYOND) {
        assert_eq!(
            NamespacePattern::expression(pattern).problem(),
            None,
            "{pattern}"
        );
        compare(pattern).unwrap();
    }
}

#[test]
fn refuses_the_syntax_that_it_does_not_have() {
    for pattern in REFUSED {
        assert!(
            NamespacePattern::expression(pattern).problem().is_some(),
            "{pattern}"
        );
    }
}

/// Expressions that are well-formed by the way they are made.
fn expression() -> impl Strategy<Value = String> {
    let leaf = select(
        &[
            "a",
            "b",
            "-",
            "prod",
            "team",
            ".",
            "[a-c]",
            "[^a-c]",
            "[0-9]",
            r"\d",
            r"\w",
            r"\b",
            "^",
            "$",
            "(?i:PROD)",
        ][..],
    )
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let repeat = select(&["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?"][..]);
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join("|"))),
            (inner, repeat).prop_map(|(part, repeat)| format!("(?:{part}){repeat}")),
        ]
    })
}

#[test]
fn matches_what_a_full_engine_matches() {
    agree(1024, &expression(), |pattern| {
        prop_assert_eq!(
            NamespacePattern::expression(&pattern).problem(),
            None,
            "{}",
            pattern
        );
        compare(&pattern)
    });
}

/// Anything else that is taken is an expression for a full engine too, and means the same.
#[test]
fn means_what_a_full_engine_means_by_any_text() {
    let pieces = [
        "a", "b", "prod", "-", ".", "*", "+", "?", "^", "$", "|", "(", ")", "(?:", "(?i)P", "[",
        "]", "[^", "{2}", "{", "}", ",", "0", "\\", r"\d", r"\b", ".*", "^^", "$$",
    ];
    agree(8192, &vec(select(pieces.to_vec()), 0..8), |pieces| {
        compare(&pieces.concat())
    });
}

#[test]
fn takes_the_name_of_a_namespace_as_that_name() {
    agree(2048, &"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", |name| {
        let pattern = NamespacePattern::name_or_expression(&name);
        for namespace in NAMESPACES.iter().copied().chain([name.as_str()]) {
            prop_assert_eq!(pattern.matches(namespace), namespace == name);
        }
        Ok(())
    });
}
