//! Label selectors in the string grammar of Kubernetes (`k8s.io/apimachinery/pkg/labels`):
//! `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x,y)`, `a`, `!a`, `a>1`, `a<1`, comma for AND. As in operators since
//! 1.5.13, the value after `=`, `==` and `!=` may be a [`Glob`].

mod glob;

use crate::json::{Object, Value};

pub use glob::Glob;

/// A parsed selector; borrows its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSelector<'a> {
    requirements: Vec<Requirement<'a>>,
}

/// What a selector asks of one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement<'a> {
    pub key: &'a str,
    pub operator: Operator<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator<'a> {
    In(Vec<&'a str>),
    NotIn(Vec<&'a str>),
    /// `=` and `==` with a glob.
    Matches(Glob),
    /// `!=` with a glob.
    NotMatches(Glob),
    Exists,
    DoesNotExist,
    GreaterThan(i64),
    LessThan(i64),
}

impl<'a> LabelSelector<'a> {
    /// Reads a selector. An empty text is the selector that matches everything, as in Kubernetes.
    ///
    /// # Errors
    /// What is wrong, in words for the person who wrote the selector.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let mut tokens = Tokens { rest: text };
        let mut requirements = Vec::new();
        if tokens.peek() == Token::End {
            return Ok(Self { requirements });
        }
        loop {
            requirements.push(requirement(&mut tokens)?);
            match tokens.next() {
                Token::End => return Ok(Self { requirements }),
                Token::Comma => {}
                other => return Err(format!("expected `,` or the end, found {other}")),
            }
        }
    }

    /// All that it asks for; labels have to meet every one.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement<'a>] {
        &self.requirements
    }

    /// Whether `labels` (label values of another type than string match nothing) meet the selector.
    #[must_use]
    pub fn matches(&self, labels: Option<&Object<'_>>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels
                .and_then(|labels| labels.get(requirement.key))
                .and_then(Value::as_str);
            requirement.operator.holds(value)
        })
    }
}

impl Operator<'_> {
    /// Whether a label with this value, or none, is as asked for.
    #[must_use]
    pub fn holds(&self, value: Option<&str>) -> bool {
        let compare = |than: fn(&i64, &i64) -> bool, limit: &i64| {
            value
                .and_then(|value| value.parse::<i64>().ok())
                .is_some_and(|value| than(&value, limit))
        };
        match self {
            Self::In(values) => value.is_some_and(|value| values.contains(&value)),
            Self::NotIn(values) => value.is_none_or(|value| !values.contains(&value)),
            Self::Matches(glob) => value.is_some_and(|value| glob.matches(value)),
            Self::NotMatches(glob) => value.is_none_or(|value| !glob.matches(value)),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
            Self::GreaterThan(limit) => compare(i64::gt, limit),
            Self::LessThan(limit) => compare(i64::lt, limit),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// A key, a value, or the words `in` and `notin`.
    Word(&'a str),
    Not,
    Equals,
    NotEquals,
    Greater,
    Less,
    Open,
    Close,
    Comma,
    End,
}

impl std::fmt::Display for Token<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Self::Word(word) => word,
            Self::Not => "!",
            Self::Equals => "=",
            Self::NotEquals => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::Open => "(",
            Self::Close => ")",
            Self::Comma => ",",
            Self::End => return formatter.write_str("the end"),
        };
        write!(formatter, "`{text}`")
    }
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn peek(&self) -> Token<'a> {
        Tokens { rest: self.rest }.next()
    }

    fn next(&mut self) -> Token<'a> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        const SYMBOLS: [(&str, Token<'_>); 9] = [
            ("!=", Token::NotEquals),
            ("==", Token::Equals),
            ("=", Token::Equals),
            ("!", Token::Not),
            (">", Token::Greater),
            ("<", Token::Less),
            ("(", Token::Open),
            (")", Token::Close),
            (",", Token::Comma),
        ];
        for (symbol, token) in SYMBOLS {
            if let Some(rest) = self.rest.strip_prefix(symbol) {
                self.rest = rest;
                return token;
            }
        }
        let end = self
            .rest
            .find([' ', '\t', '\r', '\n', '!', '=', '>', '<', '(', ')', ','])
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if word.is_empty() {
            Token::End
        } else {
            Token::Word(word)
        }
    }
}

fn requirement<'a>(tokens: &mut Tokens<'a>) -> Result<Requirement<'a>, String> {
    let negated = tokens.peek() == Token::Not;
    if negated {
        tokens.next();
    }
    let key = match tokens.next() {
        Token::Word(word) => label_key(word)?,
        other => return Err(format!("expected a label key, found {other}")),
    };
    let operator = match tokens.peek() {
        Token::End | Token::Comma if negated => Operator::DoesNotExist,
        Token::End | Token::Comma => Operator::Exists,
        other if negated => return Err(format!("`!{key}` cannot be followed by {other}")),
        _ => operator(tokens, key)?,
    };
    Ok(Requirement { key, operator })
}

fn operator<'a>(tokens: &mut Tokens<'a>, key: &str) -> Result<Operator<'a>, String> {
    match tokens.next() {
        Token::Equals => Ok(match compared(tokens)? {
            Compared::Value(value) => Operator::In(vec![value]),
            Compared::Glob(glob) => Operator::Matches(glob),
        }),
        Token::NotEquals => Ok(match compared(tokens)? {
            Compared::Value(value) => Operator::NotIn(vec![value]),
            Compared::Glob(glob) => Operator::NotMatches(glob),
        }),
        Token::Greater => Ok(Operator::GreaterThan(integer(tokens)?)),
        Token::Less => Ok(Operator::LessThan(integer(tokens)?)),
        Token::Word("in") => Ok(Operator::In(value_set(tokens)?)),
        Token::Word("notin") => Ok(Operator::NotIn(value_set(tokens)?)),
        other => Err(format!(
            "after `{key}` expected an operator (=, ==, !=, in, notin, >, <), found {other}"
        )),
    }
}

/// What stands after `=`, `==` and `!=`.
enum Compared<'a> {
    Value(&'a str),
    Glob(Glob),
}

fn compared<'a>(tokens: &mut Tokens<'a>) -> Result<Compared<'a>, String> {
    match tokens.peek() {
        Token::Word(word) if Glob::is_glob(word) => {
            tokens.next();
            let glob = Glob::parse(word);
            let glob = glob.map_err(|problem| format!("`{word}` is not a glob: {problem}"))?;
            Ok(Compared::Glob(glob))
        }
        _ => single_value(tokens).map(Compared::Value),
    }
}

/// A value that is no glob; Kubernetes lets it be empty (`a=`).
fn single_value<'a>(tokens: &mut Tokens<'a>) -> Result<&'a str, String> {
    match tokens.peek() {
        Token::Word(word) => {
            tokens.next();
            label_value(word)
        }
        Token::End | Token::Comma => Ok(""),
        other => Err(format!("expected a value, found {other}")),
    }
}

fn integer(tokens: &mut Tokens<'_>) -> Result<i64, String> {
    let text = single_value(tokens)?;
    text.parse()
        .map_err(|_| format!("`>` and `<` compare with a whole number, found `{text}`"))
}

fn value_set<'a>(tokens: &mut Tokens<'a>) -> Result<Vec<&'a str>, String> {
    match tokens.next() {
        Token::Open => {}
        other => return Err(format!("expected `(`, found {other}")),
    }
    let mut values = Vec::new();
    loop {
        // An empty place in the set, `(a,)`, is the empty value.
        let value = match tokens.peek() {
            Token::Word(word) => {
                tokens.next();
                label_value(word)?
            }
            _ => "",
        };
        values.push(value);
        match tokens.next() {
            Token::Comma => {}
            Token::Close => return Ok(values),
            other => return Err(format!("expected `,` or `)`, found {other}")),
        }
    }
}

fn label_key(key: &str) -> Result<&str, String> {
    if is_qualified_name(key) {
        Ok(key)
    } else {
        Err(format!("`{key}` is not a label key"))
    }
}

fn label_value(value: &str) -> Result<&str, String> {
    if value.is_empty() || is_name_part(value) {
        Ok(value)
    } else {
        Err(format!("`{value}` is not a label value"))
    }
}

/// Whether `key` could be the key of a label or annotation: `name` or `prefix/name`.
#[must_use]
pub fn is_qualified_name(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_name_part(name),
        None => is_name_part(key),
    }
}

/// The name of a label, or its value: up to 63 letters, digits, `-`, `_`, `.`, alphanumeric at the ends.
fn is_name_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// A lower-case DNS name of up to 253 characters (RFC 1123 subdomain).
#[must_use]
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_lower_case_label)
}

/// A lower-case DNS label of up to 63 characters: what the name of a namespace is.
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_lower_case_label(text)
}

fn is_lower_case_label(text: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn matches(selector: &str, labels: Value) -> bool {
        LabelSelector::parse(selector)
            .unwrap()
            .matches(labels.as_object())
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn reads_every_operator() {
        let labels = json!({"app": "web", "tier": "", "weight": "7", "example.com/team": "obs"});
        for (selector, expected) in [
            ("", true),
            ("app=web", true),
            ("app == web", true),
            ("app!=web", false),
            ("absent!=web", true),
            ("app in (api, web)", true),
            ("app in (api)", false),
            ("app notin (api)", true),
            ("absent notin (api)", true),
            ("tier in (,x)", true),
            ("tier=", true),
            ("app", true),
            ("absent", false),
            ("!app", false),
            ("! absent", true),
            ("weight>5", true),
            ("weight>7", false),
            ("weight < 8", true),
            ("app>1", false),
            ("absent<1", false),
            ("example.com/team=obs,app=web", true),
            ("example.com/team=obs,app=api", false),
            ("in in (in)", false),
            ("app=w*", true),
            ("app == ?eb , tier != *end", true),
            ("app!=w*", false),
            ("absent=*", false),
            ("absent!=*", true),
        ] {
            assert_eq!(matches(selector, labels.clone()), expected, "{selector}");
        }
        assert!(!matches("app", json!(null)));
        assert!(matches("!app", json!(null)));
        assert!(!matches("app", json!({"app": 1})));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn says_what_is_wrong() {
        for (selector, expected) in [
            ("app=", None),
            (
                "app web",
                Some("after `app` expected an operator (=, ==, !=, in, notin, >, <), found `web`"),
            ),
            ("=web", Some("expected a label key, found `=`")),
            ("app=web,", Some("expected a label key, found the end")),
            ("app in web", Some("expected `(`, found `web`")),
            ("app in (web", Some("expected `,` or `)`, found the end")),
            ("!app=web", Some("`!app` cannot be followed by `=`")),
            (
                "weight>x",
                Some("`>` and `<` compare with a whole number, found `x`"),
            ),
            ("app=-web", Some("`-web` is not a label value")),
            ("-app=web", Some("`-app` is not a label key")),
            ("a/b/c", Some("`a/b/c` is not a label key")),
            ("app=web)", Some("expected `,` or the end, found `)`")),
            (
                "app=v[0-9",
                Some("`v[0-9` is not a glob: a `[` without its `]`"),
            ),
            ("app in (web-*)", Some("`web-*` is not a label value")),
            ("web*=x", Some("`web*` is not a label key")),
            ("weight>*", Some("`*` is not a label value")),
        ] {
            let error = LabelSelector::parse(selector).err();
            assert_eq!(error.as_deref(), expected, "{selector}");
        }
    }
}
