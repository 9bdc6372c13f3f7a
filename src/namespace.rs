//! Patterns for the names of namespaces. Settings are read for every request, so the plain cases
//! (a name, `^name$`, a prefix, `*`) are told apart by eye, and only the rest costs an engine.

use std::fmt;

use regex_lite::Regex;

use crate::report::shown;
use crate::selector::is_dns_label;

/// A pattern for namespaces; borrows its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespacePattern<'a> {
    All,
    Exactly(&'a str),
    StartsWith(&'a str),
    EndsWith(&'a str),
    Contains(&'a str),
    /// Any other regular expression, unanchored. One that the engine does not take matches nothing;
    /// it was refused when the policy was loaded.
    Expression(&'a str),
}

impl<'a> NamespacePattern<'a> {
    /// A regular expression in RE2's syntax, unanchored; `*` alone is every namespace.
    #[must_use]
    pub fn expression(text: &'a str) -> Self {
        if text == "*" {
            return Self::All;
        }
        // `.*` at an end says nothing, for a name has no line breaks.
        let from_start = text
            .strip_prefix('^')
            .filter(|rest| !rest.starts_with(".*"));
        let body = text.trim_start_matches('^').trim_start_matches(".*");
        let to_end = body.strip_suffix('$').filter(|rest| !rest.ends_with(".*"));
        let literal = body.trim_end_matches('$').trim_end_matches(".*");
        let plain = literal
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !plain || text.contains("^^") || text.contains("$$") || text.contains(".*.*") {
            return Self::Expression(text);
        }
        match (from_start.is_some(), to_end.is_some()) {
            (true, true) => Self::Exactly(literal),
            _ if literal.is_empty() => Self::All,
            (true, false) => Self::StartsWith(literal),
            (false, true) => Self::EndsWith(literal),
            (false, false) => Self::Contains(literal),
        }
    }

    /// As `admission_inject` and `admission_mutate` mean it: what could be the name of a namespace
    /// is that name and no more, anything else is an [expression](Self::expression).
    #[must_use]
    pub fn name_or_expression(text: &'a str) -> Self {
        if is_dns_label(text) {
            Self::Exactly(text)
        } else {
            Self::expression(text)
        }
    }

    /// Whether `namespace` is one of those that the pattern stands for.
    #[must_use]
    pub fn matches(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Exactly(name) => namespace == *name,
            Self::StartsWith(prefix) => namespace.starts_with(prefix),
            Self::EndsWith(suffix) => namespace.ends_with(suffix),
            Self::Contains(part) => namespace.contains(part),
            Self::Expression(text) => {
                begins_like(text, namespace)
                    && Regex::new(text).is_ok_and(|expression| expression.is_match(namespace))
            }
        }
    }

    /// Why the engine does not take the pattern, if it does not.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::Expression(text) => Regex::new(text).err().map(|error| error.to_string()),
            _ => None,
        }
    }
}

/// Whether `namespace` begins with the plain text that `expression` demands at its start: to compile an expression costs
/// more than all else that is done for a rule.
fn begins_like(expression: &str, namespace: &str) -> bool {
    let Some(rest) = expression.strip_prefix('^') else {
        return true;
    };
    if rest.contains('|') {
        return true;
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let end = rest.bytes().position(|byte| !is_plain(byte));
    let (plain, behind) = rest.split_at(end.unwrap_or(rest.len()));
    // What may be there no time at all is the last character.
    let optional = usize::from(behind.starts_with(['?', '*', '{']));
    let demanded = plain.len().saturating_sub(optional);
    plain
        .get(..demanded)
        .is_some_and(|plain| namespace.starts_with(plain))
}

/// Says which namespaces it stands for.
impl fmt::Display for NamespacePattern<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, text) = match self {
            Self::All => return formatter.write_str("every name"),
            Self::Exactly(text) => ("the name", text),
            Self::StartsWith(text) => ("names that begin with", text),
            Self::EndsWith(text) => ("names that end with", text),
            Self::Contains(text) => ("names that contain", text),
            Self::Expression(text) => ("the expression", text),
        };
        write!(formatter, "{words} {}", shown(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_the_plain_cases_without_an_engine() {
        use NamespacePattern::{All, Contains, EndsWith, Exactly, Expression, StartsWith};
        for (text, expected) in [
            ("*", All),
            (".*", All),
            ("^.*$", All),
            ("^", All),
            ("test", Contains("test")),
            ("^test01$", Exactly("test01")),
            ("^test", StartsWith("test")),
            ("^prod-.*", StartsWith("prod-")),
            ("^prod-.*$", StartsWith("prod-")),
            ("prod-.*", Contains("prod-")),
            ("web$", EndsWith("web")),
            (".*-web$", EndsWith("-web")),
            ("^.*-web$", EndsWith("-web")),
            ("^[a-d]", Expression("^[a-d]")),
            ("a|b", Expression("a|b")),
            ("(?i)TEST", Expression("(?i)TEST")),
            ("t{1}est\\d+", Expression("t{1}est\\d+")),
            ("a.b", Expression("a.b")),
            ("^^a", Expression("^^a")),
        ] {
            assert_eq!(NamespacePattern::expression(text), expected, "{text}");
        }
        assert_eq!(
            NamespacePattern::name_or_expression("test"),
            Exactly("test")
        );
        assert_eq!(
            NamespacePattern::name_or_expression("^test"),
            StartsWith("test")
        );
    }

    /// The plain cases must mean what the engine would say.
    #[wasm_bindgen_test(unsupported = test)]
    fn agrees_with_the_engine() {
        let texts = [
            ".*",
            "^.*$",
            "^",
            "$",
            "^$",
            "test",
            "^test01$",
            "^test",
            "test$",
            "^prod-.*",
            "^prod-.*$",
            "prod-.*",
            ".*-web$",
            "^.*-web$",
            "^.*-web",
            "te.*st",
            ".*test.*",
            "^.*",
            "web.*$",
            "",
            "^test.*01$",
        ];
        let namespaces = [
            "",
            "test",
            "test01",
            "mytest",
            "prod-web",
            "my-prod-web2",
            "web",
            "te-st",
        ];
        for text in texts {
            let engine = Regex::new(text).unwrap();
            for namespace in namespaces {
                assert_eq!(
                    NamespacePattern::expression(text).matches(namespace),
                    engine.is_match(namespace),
                    "{text} {namespace}"
                );
            }
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn says_why_a_pattern_is_refused() {
        assert_eq!(NamespacePattern::expression("^[a-d]").problem(), None);
        assert!(NamespacePattern::expression("[a-").problem().is_some());
        assert!(NamespacePattern::expression("\\pL").problem().is_some());
        assert!(!NamespacePattern::expression("[a-").matches("[a-"));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn compiles_no_expression_whose_start_does_not_fit() {
        for (expression, namespace, expected) in [
            ("^shop-[a-z]+$", "shop-a", true),
            ("^shop-[a-z]+$", "team", false),
            ("^shop-?[a-z]*$", "shop", true),
            ("^shop-?x", "sho", false),
            ("^shop{0,1}x", "shox", true),
            ("^shop*$", "sho", true),
            ("^shop+$", "sho", false),
            ("^a|b", "b", true),
            ("[a-z]", "0", true),
            ("^(?i)SHOP", "shop", true),
            ("^", "", true),
        ] {
            assert_eq!(begins_like(expression, namespace), expected, "{expression}");
            let matches = Regex::new(expression).unwrap().is_match(namespace);
            assert!(expected || !matches, "{expression} {namespace}");
        }
    }
}
