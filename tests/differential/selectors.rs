//! Label selectors, against the grammar and the documented cases of `k8s.io/apimachinery/pkg/labels`.

use std::sync::LazyLock;

use datakit_operator_policy::json::{self, Object};
use datakit_operator_policy::selector::LabelSelector;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::agree;

/// What Kubernetes parses, and what it refuses.
#[test]
fn parses_what_kubernetes_parses() {
    let name = "x".repeat(63);
    let prefix = [
        "y".repeat(63),
        "y".repeat(63),
        "y".repeat(63),
        "y".repeat(61),
    ]
    .join(".");
    for selector in [
        "",
        " ",
        "x=a,y=b,z=c",
        "x!=a,y=b",
        "x=",
        "x= ",
        "x=,z= ",
        "x= ,z= ",
        "!x",
        "! x",
        "x>1",
        "x>1,z<5",
        "x==a",
        "x in ()",
        "x in (a)",
        "x in (abc,def)",
        "x in (abc,)",
        "x in (,abc)",
        "x in (,)",
        "x in (a,,b)",
        "x in ( a , b )",
        "x notin (a,b)",
        "x in(a)",
        " x\t=\na ",
        "in=a",
        "notin notin (notin)",
        "in in (in)",
        "in",
        "!notin",
        "x=in",
        "X=A",
        "1=2",
        "a.b-c_d=e.f-g_h",
        "example.com/x=a",
        "x>007",
        "x<9223372036854775807",
        &format!("{name}={name}"),
        &format!("{prefix}/{name}"),
    ] {
        assert!(LabelSelector::parse(selector).is_ok(), "{selector:?}");
    }
    for selector in [
        ",",
        "x,",
        ",x",
        "x,,y",
        "x=a||y=b",
        "x==a==b",
        "x===a",
        "!x=a",
        "!x in (a)",
        "!!x",
        "x<a",
        "x>",
        "x>1.5",
        "x>-1",
        "x>+1",
        "x>=1",
        "x<=1",
        "x=>1",
        "x<9223372036854775808",
        "x in",
        "x in a",
        "x in (a",
        "x in a)",
        "x in (a b)",
        "x in ((a))",
        "x in (a))",
        "x in (a) y",
        "x notin",
        "x not in (a)",
        "x IN (a)",
        "x y",
        "x a=b",
        "=a",
        "=",
        "!",
        "()",
        "in (a)",
        "x=a b",
        "x=(a)",
        "x=-a",
        "x=a-",
        "x=a/b",
        "x=a:b",
        "x=\"a\"",
        "x='a'",
        "x=ä",
        "-x",
        "x-=a",
        "x.",
        "/x",
        "x/",
        "a/b/c",
        "Example.com/x",
        "a_b/x",
        "a..b/x",
        &format!("{name}x"),
        &format!("x={name}x"),
        &format!("{prefix}y/x"),
    ] {
        assert!(LabelSelector::parse(selector).is_err(), "{selector:?}");
    }
}

/// What Kubernetes says of labels.
#[test]
fn matches_what_kubernetes_matches() {
    let labels = json!({"x": "y", "foo": "bar", "n": "5", "empty": "", "word": "5a", "big": "+7"});
    for (selector, expected) in [
        ("", true),
        ("x=y", true),
        ("x==y", true),
        ("x=y,z=w", false),
        ("x!=z", true),
        ("x!=y", false),
        ("z!=y", true),
        ("z", false),
        ("!z", true),
        ("!x", false),
        ("x", true),
        ("x in (y)", true),
        ("x in (y,z)", true),
        ("x in (z)", false),
        ("z in (y)", false),
        ("z in ()", false),
        ("x notin (y)", false),
        ("x notin (z)", true),
        ("z notin (y)", true),
        ("x=", false),
        ("empty=", true),
        ("empty in ()", true),
        ("empty in (a,)", true),
        ("empty", true),
        ("!empty", false),
        ("z=", false),
        ("n>4", true),
        ("n>5", false),
        ("n<6", true),
        ("n<5", false),
        ("n>4,n<6", true),
        ("z>1", false),
        ("z<1", false),
        ("word>1", false),
        ("word<9", false),
        ("empty<1", false),
        ("big>6", true),
        ("foo=bar,x notin (z),!z", true),
    ] {
        let selector = LabelSelector::parse(selector).unwrap();
        assert_eq!(
            selector.matches(json::Value::from(&labels).as_object()),
            expected,
            "{selector:?}"
        );
    }
}

/// A requirement as its parts, from which its text and its meaning both come.
#[derive(Clone, Debug)]
struct Requirement {
    key: &'static str,
    operator: &'static str,
    values: Vec<&'static str>,
}

impl Requirement {
    /// Its tokens.
    fn tokens(&self) -> Vec<&str> {
        match self.operator {
            "exists" => vec![self.key],
            "!" => vec!["!", self.key],
            "in" | "notin" => {
                let mut tokens = vec![self.key, " ", self.operator, "("];
                for (place, value) in self.values.iter().enumerate() {
                    tokens.extend((place > 0).then_some(","));
                    tokens.push(value);
                }
                tokens.push(")");
                tokens
            }
            operator => vec![self.key, operator, self.values[0]],
        }
    }

    /// What its value means as an expression, where it is a glob.
    fn glob(&self) -> Option<Regex> {
        let (_, expression) = GLOBS.iter().find(|(glob, _)| self.values.contains(glob))?;
        Some(Regex::new(&format!(r"\A(?s:{expression})\z")).unwrap())
    }

    /// As the documentation of Kubernetes says it, and of globs that of the operator.
    fn holds(&self, labels: &Map<String, Value>) -> bool {
        let value = labels.get(self.key).and_then(Value::as_str);
        let number = value.and_then(|value| value.parse::<i64>().ok());
        let limit = || self.values[0].parse::<i64>().unwrap();
        if let Some(glob) = self.glob() {
            return value.is_some_and(|value| glob.is_match(value)) == (self.operator != "!=");
        }
        match self.operator {
            "exists" => value.is_some(),
            "!" => value.is_none(),
            "=" | "==" | "in" => value.is_some_and(|value| self.values.contains(&value)),
            "!=" | "notin" => !value.is_some_and(|value| self.values.contains(&value)),
            ">" => number.is_some_and(|number| number > limit()),
            _ => number.is_some_and(|number| number < limit()),
        }
    }
}

const KEYS: [&str; 5] = ["a", "in", "notin", "example.com/a", "b.c-d_e"];
const VALUES: [&str; 8] = ["", "a", "in", "notin", "5", "-5", "10", "x.y-z_0"];
/// Globs, and the expressions that mean the same.
const GLOBS: [(&str, &str); 10] = [
    ("*", ".*"),
    ("**", ".*"),
    ("?", "."),
    ("*n*", ".*n.*"),
    ("x*z_?", "x.*z_."),
    ("[a-n]*", "[a-n].*"),
    ("[5a]", "[5a]"),
    ("\\*", r"\*"),
    ("{n}ot*", "not.*"),
    ("*.*-*", r".*\..*-.*"),
];

fn requirement() -> impl Strategy<Value = Requirement> {
    let word = || select(&VALUES[..5]);
    let number = || select(&["0", "5", "10"][..]);
    let values = prop_oneof![
        select(&["exists", "!"][..]).prop_map(|operator| (operator, vec![])),
        (select(&["=", "==", "!="][..]), vec(word(), 1)),
        (
            select(&["=", "==", "!="][..]),
            vec(select(GLOBS.map(|(glob, _)| glob).to_vec()), 1)
        ),
        (select(&[">", "<"][..]), vec(number(), 1)),
        (select(&["in", "notin"][..]), vec(word(), 1..4)),
    ];
    (select(&KEYS[..]), values).prop_map(|(key, (operator, values))| Requirement {
        key,
        operator,
        values,
    })
}

fn labels() -> impl Strategy<Value = Map<String, Value>> {
    btree_map(select(&KEYS[..]), select(&VALUES[..]), 0..4).prop_map(|labels| {
        let entry = |(key, value): (&str, &str)| (key.to_owned(), json!(value));
        labels.into_iter().map(entry).collect()
    })
}

#[test]
fn matches_where_all_requirements_hold() {
    let spaces = vec(select(&["", " ", "\t \n"][..]), 40);
    let input = (vec(requirement(), 1..4), spaces, labels());
    agree(4096, &input, |(requirements, spaces, labels)| {
        let mut text = String::new();
        let mut spaces = spaces.iter().cycle();
        for (place, requirement) in requirements.iter().enumerate() {
            text.push_str(if place > 0 { "," } else { "" });
            for token in requirement.tokens() {
                text.push_str(spaces.next().unwrap());
                text.push_str(token);
            }
        }
        let selector = LabelSelector::parse(&text).map_err(TestCaseError::fail)?;
        let expected = requirements
            .iter()
            .all(|requirement| requirement.holds(&labels));
        prop_assert_eq!(
            selector.matches(Some(&Object::from(&labels))),
            expected,
            "{:?}",
            text
        );
        Ok(())
    });
}

/// The grammar of the package's documentation as one expression.
static GRAMMAR: LazyLock<Regex> = LazyLock::new(|| {
    let value = "[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";
    let label = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
    let key = format!(r"(?:{label}(?:\.{label})*/)?{value}");
    let space = r"[ \t\r\n]*";
    let set = format!(r"\({space}(?:{value})?(?:{space},{space}(?:{value})?)*{space}\)");
    let requirement = [
        format!("!{space}{key}"),
        format!("{key}(?:{space}(?:==|=|!=){space}(?:{value})?)?"),
        format!("{key}{space}[<>]{space}[0-9]+"),
        format!(r"{key}[ \t\r\n]+(?:in|notin){space}{set}"),
    ]
    .join("|");
    let list = format!("(?:{requirement})(?:{space},{space}(?:{requirement}))*");
    Regex::new(&format!(r"\A{space}(?:{list})?{space}\z")).unwrap()
});

#[test]
fn parses_what_the_grammar_says() {
    let pieces = [
        "a", "b", "in", "notin", "x.y", "e.c/", "/", "=", "==", "!=", "!", ">", "<", "(", ")", ",",
        " ", "\t", "1", "23", "-", "_", ".", "A", "ä",
    ];
    agree(20_000, &vec(select(pieces.to_vec()), 0..9), |pieces| {
        let text = pieces.concat();
        let expected = GRAMMAR.is_match(&text);
        prop_assert_eq!(LabelSelector::parse(&text).is_ok(), expected, "{:?}", text);
        Ok(())
    });
}
