//! What narrows the scope of a rule: it can be switched off, pods can be excluded from it, and it can be for a share
//! of the workloads alone.

use super::reader::Reader;
use super::scope::{Comparison, Mismatch, Selectors, Subject};
use crate::json::{Path, Value};
use crate::namespace::NamespacePattern;

/// What narrows the scope of a rule.
#[derive(Debug)]
pub struct Narrowing<'a> {
    /// A rule that is not switched on is as if it were not there.
    pub enabled: bool,
    /// A pod that one of these fits is not in the scope.
    pub excluded: Selectors<'a>,
    /// Of a hundred workloads in the scope, how many the rule is for.
    pub rollout_percent: u64,
}

/// All workloads in the scope.
const ALL: u64 = 100;

impl Default for Narrowing<'_> {
    fn default() -> Self {
        Self {
            enabled: true,
            excluded: Selectors::default(),
            rollout_percent: ALL,
        }
    }
}

impl<'n> Narrowing<'n> {
    /// Reads the keys of the rule at `path`; `pattern` is how its namespaces are read.
    pub(crate) fn read(
        reader: &mut Reader,
        rule: &'n Value<'_>,
        path: Path<'_>,
        pattern: fn(&'n str) -> NamespacePattern<'n>,
    ) -> Self {
        let enabled = reader.boolean(rule.given("enabled"), path.key("enabled"));
        let excluding = ["exclude_namespace_selectors", "exclude_label_selectors"];
        let excluded = reader.selectors(rule, path, excluding, pattern);
        let percent = rule.given("rollout_percent");
        let percent = reader.percentage(percent, path.key("rollout_percent"));
        Self {
            enabled: enabled.unwrap_or(true),
            excluded,
            rollout_percent: percent.unwrap_or(ALL),
        }
    }
}

impl Narrowing<'_> {
    /// Whether all pods of the scope are left.
    #[must_use]
    pub fn leaves_all(&self) -> bool {
        let excludes_none = self.excluded.namespaces.is_empty() && self.excluded.labels.is_empty();
        self.enabled && excludes_none && self.rollout_percent == ALL
    }

    /// Whether `subject`, which the scope covers, is left.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn leaves(&self, subject: Subject<'_>) -> Result<(), Mismatch<'_>> {
        if let Some(pattern) = self.excluded.namespace_of(subject) {
            return Err(Mismatch::ExcludedNamespace(pattern));
        }
        if let Some(selector) = self.excluded.labels_of(subject) {
            return Err(Mismatch::ExcludedLabels(selector));
        }
        self.takes(subject)
    }

    /// Whether the workload is in the share. One that is stays in it while the share grows.
    fn takes(&self, subject: Subject<'_>) -> Result<(), Mismatch<'static>> {
        let percent = self.rollout_percent;
        if percent == ALL {
            return Ok(());
        }
        let number = subject.owner.number(subject.namespace);
        if number < percent {
            return Ok(());
        }
        Err(Mismatch::NotInShare { number, percent })
    }

    /// Tells of each selector whether it excludes `subject`, and what it saw.
    pub(super) fn trace(&self, subject: Subject<'_>, mut tell: impl FnMut(Comparison)) {
        self.excluded.trace(subject, |compared| {
            tell(Comparison {
                verdict: if compared.fits {
                    "excludes"
                } else {
                    "does not exclude"
                },
                line: format!("exclusion: {}", compared.line),
                ..compared
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features;
    use crate::json::json;
    use crate::owner::Owner;
    use crate::settings::{Document, Outline};
    use wasm_bindgen_test::wasm_bindgen_test;

    /// Its number in the namespace `apps` is 72.
    fn web() -> Owner {
        Owner {
            kind: "Deployment".to_owned(),
            name: "web".to_owned(),
        }
    }

    /// What becomes of a pod in the namespace `apps` with the label `app: web`, by the first rule of each feature.
    fn mismatches(narrowing: &Value<'static>) -> Vec<String> {
        let mut rule = narrowing.clone();
        rule["namespace_selectors"] = json!(["apps"]);
        rule["language"] = json!("java");
        let mut logging = narrowing.clone();
        logging["label_selectors"] = json!(["app=web"]);
        let lists = ["ddtraces", "otels", "logfwds", "flameshots", "profilers"];
        let lists = lists.into_iter().map(|list| (list, json!([rule])));
        let lists = Value::Object(lists.collect());
        let settings =
            json!({"admission_inject_v2": lists, "admission_mutate": {"loggings": [logging]}});
        let settings = settings.to_string();
        let document = Document::new(Value::parse(&settings).unwrap());
        let labels = json!({"app": "web"});
        let subject = Subject {
            namespace: "apps",
            labels: labels.as_object(),
            owner: &web(),
        };
        let said = |rules: Outline<'_>| match rules.rules.first().unwrap().covers(subject) {
            Ok(()) => "is for it".to_owned(),
            Err(mismatch) => format!("{}: {mismatch}", mismatch.word()),
        };
        let features = features::ALL.iter();
        features
            .map(|feature| said((feature.rules)(&document, &mut document.reader())))
            .collect()
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn narrows_the_rules_of_every_list() {
        for (narrowing, expected) in [
            (json!({}), "is for it"),
            (json!({"enabled": null}), "is for it"),
            (json!({"enabled": true}), "is for it"),
            (
                json!({"exclude_namespace_selectors": ["", " "]}),
                "is for it",
            ),
            (
                json!({"exclude_label_selectors": ["", "app=db"]}),
                "is for it",
            ),
            (
                json!({"exclude_namespace_selectors": ["none", "^app"]}),
                "excluded namespace: it excludes the namespace by names that begin with `app`",
            ),
            (
                json!({"exclude_label_selectors": ["none", "app"]}),
                "excluded labels: it excludes the labels by `app`",
            ),
            (json!({"rollout_percent": null}), "is for it"),
            (json!({"rollout_percent": 100}), "is for it"),
            (json!({"rollout_percent": 73}), "is for it"),
            (
                json!({"rollout_percent": 72}),
                "not in the share: the workload has the number 72, and the rule applies to numbers below \
                 `rollout_percent`, which is 72",
            ),
            (
                json!({"rollout_percent": 0}),
                "not in the share: the workload has the number 72, and the rule applies to numbers below \
                 `rollout_percent`, which is 0",
            ),
        ] {
            assert_eq!(
                mismatches(&narrowing),
                vec![expected; features::ALL.len()],
                "{narrowing}"
            );
        }
    }

    /// As if it were not there, it leaves the feature to the other generation.
    #[wasm_bindgen_test(unsupported = test)]
    fn a_rule_that_is_switched_off_does_not_choose_the_generation() {
        let of = |rule: &str| {
            let settings = format!(
                r#"{{"admission_inject": {{"ddtrace": {{"enabled_namespaces": [{{"namespace": "apps", "language": "java"}}]}}}},
                    "admission_inject_v2": {{"ddtraces": [{rule}]}}}}"#
            );
            let document = Document::new(Value::parse(&settings).unwrap());
            let feature = features::ALL.first().unwrap();
            let rules = (feature.rules)(&document, &mut document.reader());
            rules.rules.last().unwrap().origin.to_string()
        };
        assert_eq!(
            of(r#"{"language": "java", "enabled": true}"#),
            "admission_inject_v2.ddtraces[0]"
        );
        assert_eq!(
            of(r#"{"language": "java", "enabled": false}"#),
            "admission_inject.ddtrace.enabled_namespaces[0]"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn tells_of_exclusions_apart_from_other_selectors() {
        let settings = r#"{"admission_inject_v2": {"logfwds": [{
            "namespace_selectors": ["apps"],
            "exclude_namespace_selectors": ["^kube-"],
            "exclude_label_selectors": ["app"]
        }, {"enabled": false, "namespace_selectors": ["apps"]}]}}"#;
        let document = Document::new(Value::parse(settings).unwrap());
        let logfwd = features::ALL
            .iter()
            .find(|feature| feature.name == "logfwd")
            .unwrap();
        let rules = (logfwd.rules)(&document, &mut document.reader()).rules;
        let labels = json!({"app": "web"});
        let subject = Subject {
            namespace: "apps",
            labels: labels.as_object(),
            owner: &web(),
        };
        let traces = rules.iter().map(|rule| {
            let mut trace = Vec::new();
            rule.trace(subject, |seen| {
                trace.push(format!("{} {}: {}", seen.selector, seen.verdict, seen.line));
            });
            trace
        });
        assert_eq!(
            traces.collect::<Vec<_>>(),
            [
                vec![
                    "names that contain `apps` fits: namespace `apps` fits names that contain `apps`",
                    "names that begin with `kube-` does not exclude: \
                     exclusion: namespace `apps` does not fit names that begin with `kube-`",
                    "app excludes: exclusion: label selector `app` fits: app is `web`",
                ],
                vec![],
            ]
        );
        let mismatch = rules.last().unwrap().covers(subject).unwrap_err();
        assert_eq!(
            (mismatch.word(), mismatch.to_string().as_str()),
            ("switched off", "it is switched off")
        );
    }
}
