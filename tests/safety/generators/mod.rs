//! Admissions as they could be asked for: workloads of every kind, and settings of both models. They
//! are made of what is likely to meet: the names, paths and variables that the policy adds are among
//! those of the pods, and the rules of the settings are for most of the pods.

mod json;
mod pods;
mod settings;

use std::fmt;

use datakit_policy_host::policy::payload;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::support::{WORKLOADS, create, template_pointer, workload};
pub use settings::accepted as accepted_settings;

/// What a property is asked about.
#[derive(Clone)]
pub struct Admission {
    pub kind: &'static str,
    pub namespace: &'static str,
    pub template: Value,
    pub settings: Value,
}

/// A case that failed is to be read, and to be tried by hand.
impl fmt::Debug for Admission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = self.object();
        let Self {
            namespace,
            settings,
            ..
        } = self;
        write!(formatter, "{object:#}\nin {namespace} with {settings:#}")
    }
}

impl Admission {
    /// The workload around the template.
    pub fn object(&self) -> Value {
        object(self.kind, &self.template)
    }

    pub fn request(&self) -> Value {
        create(self.namespace, &self.object())
    }

    pub fn payload(&self) -> Vec<u8> {
        payload(&self.request(), &self.settings).unwrap()
    }
}

/// A workload of any kind around a template; a pod is its own.
pub fn object(kind: &str, template: &Value) -> Value {
    let mut object = if kind == "Pod" {
        let mut pod = template.clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod
    } else {
        workload(kind, template)
    };
    // Fields beside the template are nothing to the policy.
    if kind != "Pod" {
        object["metadata"]["annotations"] = json!({"admission.datakit/enabled": "false"});
        object["status"] = json!({"future": [1, {"deep": null}]});
    }
    object
}

/// The template of a workload.
pub fn template_of<'o>(kind: &str, object: &'o Value) -> &'o Value {
    object.pointer(template_pointer(kind)).unwrap()
}

pub fn kinds() -> impl Strategy<Value = &'static str> {
    prop_oneof![2 => Just("Pod"), 7 => select(&WORKLOADS[..])]
}

/// Any admission whose settings are accepted; most of the pods are such that Kubernetes takes them.
pub fn admissions() -> BoxedStrategy<Admission> {
    let namespaces = select(vec!["default", "apps", "other"]);
    let parts = (
        kinds(),
        namespaces,
        pods::templates(),
        settings::settings(),
        json::damage(),
    );
    parts
        .prop_map(|(kind, namespace, mut template, settings, damage)| {
            pods::set_restart_policy(&mut template, kind);
            json::damaged(&mut template, damage);
            Admission {
                kind,
                namespace,
                template,
                settings,
            }
        })
        .prop_filter("the settings are refused", |admission| {
            settings::accepted(&admission.settings)
        })
        .boxed()
}

/// Settings as they are generated, whether or not they are accepted.
pub fn any_settings() -> BoxedStrategy<Value> {
    settings::settings()
}

type Fields = Vec<(&'static str, BoxedStrategy<Option<Value>>)>;

/// Objects of these fields, as far as each is there.
fn objects(fields: Fields) -> BoxedStrategy<Value> {
    let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    values
        .prop_map(move |values| {
            let fields = names.iter().zip(values);
            let there = fields.filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
            Value::Object(there.collect())
        })
        .boxed()
}

/// A field that is there.
fn always(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    value.prop_map(Some).boxed()
}

/// A field that is there in so many of a hundred cases.
fn maybe(
    percent: u32,
    value: impl Strategy<Value = Value> + 'static,
) -> BoxedStrategy<Option<Value>> {
    match percent {
        0 => Just(None).boxed(),
        100 => always(value),
        _ => proptest::option::weighted(f64::from(percent) / 100.0, value).boxed(),
    }
}

/// One of these.
fn one_of(values: impl Into<Value>) -> BoxedStrategy<Value> {
    let Value::Array(values) = values.into() else {
        panic!("is no list");
    };
    select(values).boxed()
}

/// Lists of these, from the fewest to the most.
fn lists(item: BoxedStrategy<Value>, from: usize, to: usize) -> BoxedStrategy<Value> {
    proptest::collection::vec(item, from..=to)
        .prop_map(Value::Array)
        .boxed()
}

/// Lists of some of these in any order, each with a value of its own.
fn named<T: Clone + fmt::Debug + 'static>(
    names: &[&'static str],
    most: usize,
    value: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Vec<(&'static str, T)>> {
    let names = proptest::sample::subsequence(names.to_vec(), 0..=most).prop_shuffle();
    (names, proptest::collection::vec(value, most))
        .prop_map(|(names, values)| names.into_iter().zip(values).collect())
        .boxed()
}

/// One of what a list holds, if it holds anything.
fn pick<'l, T>(index: &Index, list: &'l [T]) -> Option<&'l T> {
    (!list.is_empty()).then(|| index.get(list))
}
