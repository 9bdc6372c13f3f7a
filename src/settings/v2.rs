//! Lists of rules with selectors of their own: the settings of newer operators.

use super::narrowing::Narrowing;
use super::reader::{Reader, default_resources};
use super::rules::{Language, OptIn, Origin, Rule};
use super::scope::{Scope, Selectors};
use crate::json::{Path, Value};
use crate::namespace::NamespacePattern;

/// The rules of `admission_inject_v2` in a list; `section` is its path, `what` reads what only this feature has.
pub(crate) fn listed<'n, 'a, T>(
    reader: &mut Reader,
    node: Option<&'n Value<'a>>,
    path: Path<'_>,
    section: &'static str,
    what: impl Fn(&mut Reader, &'n Value<'a>, Path<'_>) -> Option<T>,
) -> Vec<Rule<'n, T>> {
    let mut rules = Vec::new();
    for (index, node) in reader.list(node, path).iter().enumerate() {
        let path = path.index(index);
        reader.keys(Some(node), path);
        if !matches!(node, Value::Object(_)) {
            continue;
        }
        let check = path.key("check_annotation");
        let by_annotation = reader.boolean(node.given("check_annotation"), check);
        let name = reader.string(node.given("name"), path.key("name"));
        let pattern = NamespacePattern::expression;
        let scope = Scope::Both(reader.selectors(node, path, Selectors::KEYS, pattern));
        let narrowing = Narrowing::read(reader, node, path, pattern);
        let container = reader.container(node, path, default_resources);
        let image = reader.image(node.given("image"), path.key("image"));
        let Some(what) = what(reader, node, path) else {
            continue;
        };
        rules.push(Rule {
            origin: Origin {
                section,
                index: Some(index),
            },
            name: name.unwrap_or_default(),
            scope,
            narrowing,
            opt_in: if by_annotation == Some(true) {
                OptIn::Annotation
            } else {
                OptIn::Scope
            },
            container,
            image,
            what,
        });
    }
    rules
}

/// The key `language` of a rule.
pub(crate) fn language(
    reader: &mut Reader,
    rule: &Value<'_>,
    path: Path<'_>,
    languages: &[(&str, Language)],
) -> Option<Language> {
    reader.language(rule.given("language"), path.key("language"), languages)
}
