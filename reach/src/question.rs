//! What the API server is asked to store.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::selector::Labels;

/// The label that the API server gives every namespace, with its name as the value.
pub(crate) const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A request, as far as it counts for whether a policy is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// `CREATE` or `UPDATE`.
    pub operation: &'q str,
    /// Empty for the core group.
    pub group: &'q str,
    /// Such as `v1`.
    pub version: &'q str,
    /// Such as `deployments`.
    pub resource: &'q str,
    /// None for what lives in none.
    pub namespace: Option<&'q str>,
    /// What is to be stored.
    pub object: &'q Value,
    /// What is stored now, for an update.
    pub old_object: Option<&'q Value>,
    /// The whole request, as conditions see it.
    pub request: &'q Value,
}

/// The labels of the namespaces that are known.
#[derive(Debug, Clone, Default)]
pub struct Namespaces(BTreeMap<String, BTreeMap<String, String>>);

impl Namespaces {
    /// Takes the labels of a namespace, in place of those that were known.
    pub fn insert(&mut self, name: &str, labels: BTreeMap<String, String>) {
        self.0.insert(name.to_owned(), labels);
    }

    /// Takes an object, if it is a Namespace that was not known.
    pub fn insert_object(&mut self, object: &Value) {
        let is_namespace = object["apiVersion"] == "v1" && object["kind"] == "Namespace";
        if let (true, Some(name)) = (is_namespace, object["metadata"]["name"].as_str()) {
            let labels = || labels_of(object);
            self.0.entry(name.to_owned()).or_insert_with(labels);
        }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The Namespaces as objects.
    pub fn objects(&self) -> impl Iterator<Item = Value> {
        self.0.iter().map(|(name, labels)| {
            serde_json::json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": labels}
            })
        })
    }

    /// The labels of a namespace. Of one that nobody told about, its name alone.
    pub(crate) fn labels(&self, name: &str) -> Labels {
        let known = self.0.get(name);
        let mut labels = known.cloned().unwrap_or_default();
        labels.insert(NAME_LABEL.to_owned(), name.to_owned());
        Labels {
            labels,
            are_all: known.is_some(),
        }
    }
}

/// The labels of an object; what is not text is none.
pub(crate) fn labels_of(object: &Value) -> BTreeMap<String, String> {
    let labels = object["metadata"]["labels"].as_object();
    let texts = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| value.as_str().map(|value| (key.clone(), value.to_owned())));
    texts.collect()
}
