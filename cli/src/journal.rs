//! The policy's journal in the template of a workload: the annotation that says what was injected.

use std::borrow::Cow;
use std::collections::BTreeSet;

use datakit_operator_policy::features as table;
pub use datakit_operator_policy::template::journal::ANNOTATION;
use datakit_operator_policy::template::journal::Journal;
use datakit_operator_policy::workload::Workload;
use datakit_policy_host::request::is_workload;
use serde_json::Value;

/// The kind of workload that an object is, if it is one.
fn workload(object: &Value) -> Option<Workload> {
    if !is_workload(object) {
        return None;
    }
    let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let group = text("apiVersion")
        .split_once('/')
        .map_or("", |(group, _)| group);
    Workload::of(group, text("kind"))
}

/// The pod template of a workload; a pod is its own.
pub fn template(object: &Value) -> Option<&Value> {
    let path = workload(object)?.template_path().iter();
    let template = path.copied().try_fold(object, Value::get)?;
    (!template.is_null()).then_some(template)
}

/// Likewise, to be changed.
pub fn template_mut(object: &mut Value) -> Option<&mut Value> {
    let path = workload(object)?.template_path().iter();
    let template = path.copied().try_fold(object, Value::get_mut)?;
    (!template.is_null()).then_some(template)
}

/// The journal of a workload, if it has one; for one that cannot be read, the reason as the end of a sentence.
pub fn of(object: &Value) -> Option<Result<Journal, &'static str>> {
    text(object).map(table::journal)
}

/// The journal of a workload as it is written.
pub fn text(object: &Value) -> Option<&str> {
    annotation(template(object)?, ANNOTATION)
}

fn annotation<'t>(template: &'t Value, key: &str) -> Option<&'t str> {
    template
        .get("metadata")?
        .get("annotations")?
        .get(key)?
        .as_str()
}

/// The features that a workload has by its journal.
pub fn features(object: &Value) -> BTreeSet<String> {
    let journal = of(object).and_then(Result::ok).unwrap_or_default();
    let names = journal.features().map(|(name, _)| name.to_owned());
    names.collect()
}

/// An object before and after the policy, for a diff that people read: a journal is one long line that says nothing
/// to them, so it is cut to its version.
pub fn shortened<'o>(before: &'o Value, after: &'o Value) -> (Cow<'o, Value>, Cow<'o, Value>) {
    let is_another = |text: &str| {
        let before = template(before).and_then(|before| annotation(before, ANNOTATION));
        before.is_some_and(|before| before != text)
    };
    (
        with_short_journal(before, |_| false),
        with_short_journal(after, is_another),
    )
}

fn with_short_journal(object: &Value, is_another: impl Fn(&str) -> bool) -> Cow<'_, Value> {
    let Some(short) = template(object)
        .and_then(|template| annotation(template, ANNOTATION))
        .and_then(|text| Some(short(text)? + if is_another(text) { " (another)" } else { "" }))
    else {
        return Cow::Borrowed(object);
    };
    let mut object = object.clone();
    if let Some(template) = template_mut(&mut object) {
        template["metadata"]["annotations"][ANNOTATION] = Value::String(short);
    }
    Cow::Owned(object)
}

/// `{"v":1,…}`; none of what is no journal, which is shown as it is.
fn short(text: &str) -> Option<String> {
    let (version, _) = text.strip_prefix("{\"v\":")?.split_once(',')?;
    Some(format!("{{\"v\":{version},…}}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(journal: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "spec": {"template": {"metadata": {"annotations": {"a": "b", ANNOTATION: journal}}}}
        })
    }

    #[test]
    fn a_journal_is_shortened_to_its_version_and_a_change_of_it_still_shows() {
        let (one, two) = (r#"{"v":1,"features":{}}"#, r#"{"v":1,"volumes":{}}"#);
        let shown = |before: &str, after: &str| {
            let (before, after) = (deployment(before), deployment(after));
            let (before, after) = shortened(&before, &after);
            (before.into_owned(), after.into_owned())
        };
        let short = || deployment(r#"{"v":1,…}"#);
        assert_eq!(shown(one, one), (short(), short()));
        assert_eq!(
            shown(one, two),
            (short(), deployment(r#"{"v":1,…} (another)"#))
        );
        assert_eq!(shown("mine", two).0, deployment("mine"));
    }

    #[test]
    fn a_journal_is_that_of_the_template() {
        let journal = r#"{"v":1,"features":{"ddtrace":{"rule":"a"},"logfwd":{"rule":"b"}}}"#;
        assert_eq!(
            Vec::from_iter(features(&deployment(journal))),
            ["ddtrace", "logfwd"]
        );
        assert!(features(&deployment("mine")).is_empty());
        let config_map = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"annotations": {ANNOTATION: journal}}
        });
        assert_eq!(of(&config_map), None);
    }
}
