//! Rules that are for no pod, or that an earlier one leaves nothing to.

use datakit_operator_policy::namespace::NamespacePattern;
use datakit_operator_policy::selector::LabelSelector;
use datakit_operator_policy::settings::{
    Document, Generation, Language, NEVER_READ, OptIn, Outline, Place, Rule, Scope, Selectors,
    WithoutAnnotation,
};
use serde_json::Value;

use super::labels::{contradiction, implies};
use super::{Advice, RulesOf, entry_lists, entry_selectors, items, rule_lists, selectors};

/// Adds advice about rules that are never taken.
pub fn advise(
    settings: &Document<'_>,
    features: &[RulesOf<'_>],
    written: &Value,
    advice: &mut Vec<Advice>,
) {
    for of in features {
        unused_generation(settings, &of.feature.place, written, advice);
    }
    never_read(written, advice);
    without_selector(written, advice);
    for of in features {
        with_one_list(&of.rules, advice);
    }
    impossible_labels(written, advice);
    for of in features {
        shadowed(&of.rules, advice);
    }
    for of in features.iter().filter(|of| of.feature.adds.is_some()) {
        without_image(&of.rules, advice);
    }
}

/// Of two generations that configure one feature, one counts.
fn unused_generation(
    settings: &Document<'_>,
    place: &Place,
    written: &Value,
    advice: &mut Vec<Advice>,
) {
    let Place { section, list } = place;
    let Some(section) = section else {
        return;
    };
    match settings.generation(place) {
        Generation::First if !items(written, list).is_empty() => {
            let message =
                format!("has no effect: {section} has `images` or `envs`, so it counts instead");
            advice.push(Advice::new(*list, message));
        }
        Generation::First => {}
        Generation::Second => {
            for key in ["enabled_labelselectors", "enabled_namespaces"] {
                let entries = format!("{section}.{key}");
                if !items(written, &entries).is_empty() {
                    let message = format!(
                        "has no effect: {section} has neither `images` nor `envs`, so {list} counts"
                    );
                    advice.push(Advice::new(entries, message));
                }
            }
        }
    }
}

/// Rules and entries that do not say for whom they are.
fn without_selector(written: &Value, advice: &mut Vec<Advice>) {
    for (list, key) in entry_lists() {
        for (path, entry) in items(written, &list) {
            if text(entry, key).trim().is_empty() {
                let message = format!("has no `{key}`, so it applies to no pod");
                advice.push(Advice::new(path, message));
            }
        }
    }
    for list in rule_lists() {
        for (path, rule) in items(written, list) {
            let has = |key| !selectors(rule, &path, key).is_empty();
            if !has("namespace_selectors") && !has("label_selectors") && !is_inert(rule) {
                advice.push(Advice::new(
                    path,
                    "has no selectors, so it applies to no pod",
                ));
            }
        }
    }
}

/// Logging rules that `policy.logging_match: all` leaves nothing to.
fn with_one_list(rules: &Outline<'_>, advice: &mut Vec<Advice>) {
    for rule in rules.rules.iter().filter(|rule| rule.narrowing.enabled) {
        let Scope::Each(selectors) = &rule.scope else {
            continue;
        };
        if selectors.namespaces.is_empty() != selectors.labels.is_empty() {
            let missing = if selectors.labels.is_empty() {
                "label_selectors"
            } else {
                "namespace_selectors"
            };
            let message = format!(
                "has no `{missing}`, so it applies to no pod: `policy.logging_match: all` needs both lists"
            );
            advice.push(Advice::new(rule.origin.to_string(), message));
        }
    }
}

/// Keys that releases of the operator have and that mean nothing.
fn never_read(written: &Value, advice: &mut Vec<Advice>) {
    for path in NEVER_READ {
        if written
            .pointer(&format!("/{}", path.replace('.', "/")))
            .is_some()
        {
            let message = match *path {
                "admission_mutate.logging" => {
                    "has no effect: no operator ever read it; the key is `loggings`"
                }
                _ => "has no effect: no operator ever read it",
            };
            advice.push(Advice::new(*path, message));
        }
    }
}

/// Whether a rule was switched off, or left empty on purpose, as in the operator's default configuration.
fn is_inert(rule: &Value) -> bool {
    rule.get("enabled") == Some(&Value::Bool(false))
        || ["config", "processes"]
            .iter()
            .any(|key| rule.get(key).is_some_and(|value| value == ""))
}

fn impossible_labels(written: &Value, advice: &mut Vec<Advice>) {
    let mut texts = entry_selectors(written, "labelselector");
    for list in rule_lists() {
        for (path, rule) in items(written, list) {
            for key in ["label_selectors", "exclude_label_selectors"] {
                texts.extend(selectors(rule, &path, key));
            }
        }
    }
    for (path, text) in texts {
        let Ok(selector) = LabelSelector::parse(text) else {
            continue;
        };
        if let Some(key) = contradiction(&selector) {
            let message = format!("no labels can meet `{text}`: no value of `{key}` does");
            advice.push(Advice::new(path, message));
        }
    }
}

/// Of the rules in lists: what is asked for by annotation alone need not have every image.
fn without_image(rules: &Outline<'_>, advice: &mut Vec<Advice>) {
    for rule in &rules.rules {
        if rule.image.is_none() && rule.origin.index.is_some() && can_match(rule) {
            let message = "it has no image, so it injects nothing";
            advice.push(Advice::new(rule.origin.to_string(), message));
        }
    }
}

fn shadowed(rules: &Outline<'_>, advice: &mut Vec<Advice>) {
    let tries_next = rules.without_annotation == WithoutAnnotation::TryNextRule;
    for (place, later) in rules.rules.iter().enumerate() {
        let earlier = rules.rules[..place]
            .iter()
            .find(|earlier| takes_all(earlier, later, tries_next));
        if let (Some(earlier), true) = (earlier, can_match(later)) {
            let message = if tries_next {
                format!(
                    "is never used: {} before it covers all of its pods",
                    earlier.origin
                )
            } else {
                format!(
                    "is never used: {} covers all of its pods too, and the first rule for a pod counts",
                    earlier.origin
                )
            };
            advice.push(Advice::new(later.origin.to_string(), message));
        }
    }
}

/// A rule with its language: pods without the annotation for that are for another rule.
type Outlined<'s> = Rule<'s, Option<Language>>;

/// Whether no pod is left for a later rule.
fn takes_all(earlier: &Outlined<'_>, later: &Outlined<'_>, tries_next: bool) -> bool {
    let has_annotation = match (earlier.opt_in, later.opt_in) {
        (OptIn::Scope, _) => true,
        (OptIn::Annotation, OptIn::Annotation) => earlier.what == later.what,
        (OptIn::Annotation, OptIn::Scope) => false,
    };
    (has_annotation || !tries_next)
        && earlier.narrowing.leaves_all()
        && includes(&earlier.scope, &later.scope)
}

/// Whether there may be pods for a rule: what has advice of its own needs no second one.
fn can_match<T>(rule: &Rule<'_, T>) -> bool {
    rule.narrowing.enabled && has_pods(&rule.scope)
}

fn has_pods(scope: &Scope<'_>) -> bool {
    match scope {
        Scope::Everywhere => true,
        Scope::Both(selectors) | Scope::Either(selectors) => {
            !(selectors.namespaces.is_empty() && selectors.labels.is_empty())
        }
        Scope::Each(selectors) => !(selectors.namespaces.is_empty() || selectors.labels.is_empty()),
    }
}

/// Whether every pod of `inner` is one of `outer` too. Where it cannot be told: no.
fn includes(outer: &Scope<'_>, inner: &Scope<'_>) -> bool {
    match (outer, inner) {
        (Scope::Everywhere, _) => true,
        (Scope::Both(outer_selectors), Scope::Both(inner)) => {
            let namespaces = outer_selectors.namespaces.is_empty()
                || (!inner.namespaces.is_empty() && namespaces_within(inner, outer_selectors));
            let labels = outer_selectors.labels.is_empty()
                || (!inner.labels.is_empty() && labels_within(inner, outer_selectors));
            has_pods(outer) && namespaces && labels
        }
        (Scope::Each(outer_selectors), Scope::Each(inner)) => {
            has_pods(outer)
                && namespaces_within(inner, outer_selectors)
                && labels_within(inner, outer_selectors)
        }
        (Scope::Either(outer_selectors), Scope::Either(inner)) => {
            let is_all = outer_selectors.namespaces.contains(&NamespacePattern::All);
            has_pods(outer)
                && (is_all
                    || namespaces_within(inner, outer_selectors)
                        && labels_within(inner, outer_selectors))
        }
        _ => false,
    }
}

fn namespaces_within(inner: &Selectors<'_>, outer: &Selectors<'_>) -> bool {
    inner.namespaces.iter().all(|narrow| {
        outer
            .namespaces
            .iter()
            .any(|wide| is_within(*narrow, *wide))
    })
}

fn labels_within(inner: &Selectors<'_>, outer: &Selectors<'_>) -> bool {
    let is_narrower = |narrow: &str, wide: &str| {
        let (narrow, wide) = (LabelSelector::parse(narrow), LabelSelector::parse(wide));
        matches!((narrow, wide), (Ok(narrow), Ok(wide)) if implies(&narrow, &wide))
    };
    inner
        .labels
        .iter()
        .all(|narrow| outer.labels.iter().any(|wide| is_narrower(narrow, wide)))
}

/// Whether all names that match one pattern match the other.
fn is_within(narrow: NamespacePattern<'_>, wide: NamespacePattern<'_>) -> bool {
    use NamespacePattern::{All, Contains, EndsWith, Exactly, StartsWith};
    match (narrow, wide) {
        (_, All) => true,
        (narrow, wide) if narrow == wide => true,
        (Exactly(name), wide) => wide.matches(name),
        (StartsWith(longer), StartsWith(shorter)) => longer.starts_with(shorter),
        (EndsWith(longer), EndsWith(shorter)) => longer.ends_with(shorter),
        (StartsWith(longer) | EndsWith(longer) | Contains(longer), Contains(shorter)) => {
            longer.contains(shorter)
        }
        _ => false,
    }
}

fn text<'v>(entry: &'v Value, key: &str) -> &'v str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datakit_operator_policy::json;
    use datakit_operator_policy::owner::Owner;
    use datakit_operator_policy::settings::Subject;
    use serde_json::json;

    /// Every scope of a few patterns and selectors, as rules.
    fn pool() -> Vec<Value> {
        let namespaces = [
            json!([]),
            json!(["*"]),
            json!(["^web$"]),
            json!(["web"]),
            json!(["^web-", "b$"]),
            json!(["w.b", "api"]),
        ];
        let labels = [
            json!([]),
            json!(["a=x"]),
            json!(["a"]),
            json!(["!a"]),
            json!(["a in (x,y)"]),
            json!(["a!=x", "b"]),
            json!(["a=x,b"]),
            json!(["a=x,a=y"]),
        ];
        let both = |namespaces: &Value| {
            let rule =
                |labels| json!({"namespace_selectors": namespaces, "label_selectors": labels});
            labels.clone().map(rule)
        };
        namespaces.iter().flat_map(both).collect()
    }

    /// All pods that the pool can tell apart.
    fn pods() -> Vec<(&'static str, Value)> {
        let labels = [
            json!({}),
            json!({"a": "x"}),
            json!({"a": "y"}),
            json!({"a": "z"}),
            json!({"b": "1"}),
            json!({"a": "x", "b": "1"}),
            json!({"a": "y", "b": "1"}),
        ];
        let namespaces = ["web", "web-a", "my-web", "api", "b", "other"];
        let pods = namespaces.map(|namespace| labels.clone().map(|labels| (namespace, labels)));
        pods.into_iter().flatten().collect()
    }

    /// The pairs of scopes of which one surely includes the other; fails for a pair with a pod that says no.
    fn sure_pairs(scopes: &[&Scope<'_>]) -> usize {
        let pods = pods();
        let covered = |scope: &Scope<'_>| -> Vec<bool> {
            let covers = |(namespace, labels): &(&'static str, Value)| {
                let labels = json::Value::from(labels);
                let subject = Subject {
                    namespace,
                    labels: labels.as_object(),
                    owner: &Owner::default(),
                };
                scope.covers(subject).is_ok()
            };
            pods.iter().map(covers).collect()
        };
        let covered: Vec<Vec<bool>> = scopes.iter().map(|scope| covered(scope)).collect();
        let mut sure = 0;
        for (outer, of_outer) in scopes.iter().zip(&covered) {
            for (inner, of_inner) in scopes.iter().zip(&covered) {
                if includes(outer, inner) {
                    let is_so = of_inner
                        .iter()
                        .zip(of_outer)
                        .all(|(inner, outer)| *outer || !inner);
                    assert!(is_so, "{outer:?} {inner:?}");
                    sure += 1;
                }
            }
        }
        sure
    }

    fn scopes<'r>(features: &'r [RulesOf<'_>], name: &str) -> Vec<&'r Scope<'r>> {
        let of = features.iter().find(|of| of.feature.name == name).unwrap();
        of.rules.rules.iter().map(|rule| &rule.scope).collect()
    }

    #[test]
    fn a_scope_that_is_said_to_include_another_does() {
        let pool = pool();
        let settings = json!({
            "admission_inject_v2": {"logfwds": pool},
            "admission_mutate": {"loggings": pool},
        })
        .to_string();
        let narrow = settings.replacen('{', "{\"policy\":{\"logging_match\":\"all\"},", 1);
        let narrow = Document::new(json::Value::parse(&narrow).unwrap());
        let document = Document::new(json::Value::parse(&settings).unwrap());
        let (narrow, read) = (RulesOf::all(&narrow), RulesOf::all(&document));
        let each = scopes(&narrow, "logging");
        let both = scopes(&read, "logfwd");
        let either = scopes(&read, "logging");
        assert_eq!((both.len(), either.len()), (48, 48));
        assert!(sure_pairs(&both) > 200);
        assert!(sure_pairs(&either) > 200);
        assert!(sure_pairs(&each) > 150);
    }
}
