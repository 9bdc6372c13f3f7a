//! The labels of namespaces, as the options have them.

use std::collections::BTreeMap;

use datakit_policy_reach::Namespaces;

use crate::{Failure, input};

/// Where the labels of namespaces come from, beside the Namespaces among the objects.
#[derive(clap::Args)]
pub struct NamespaceArgs {
    /// The labels of a namespace, for the policy's namespaceSelector: NAMESPACE:KEY=VALUE,KEY=VALUE. NAMESPACE: alone
    /// says that it has none. They count before those of a Namespace among the objects
    #[arg(long, value_name = "LABELS", value_parser = labels)]
    namespace_labels: Vec<(String, BTreeMap<String, String>)>,

    /// Namespaces with their labels, in files or folders, as `kubectl get namespaces -o yaml` prints them
    #[arg(long, value_name = "FILE")]
    namespaces: Vec<String>,
}

impl NamespaceArgs {
    /// Reads them.
    ///
    /// # Errors
    /// Where a file cannot be used.
    pub fn read(&self) -> Result<Namespaces, Failure> {
        let mut namespaces = Namespaces::default();
        for (name, labels) in &self.namespace_labels {
            namespaces.insert(name, labels.clone());
        }
        for document in self
            .namespaces
            .iter()
            .flat_map(|path| input::manifests(path))
        {
            namespaces.insert_object(&document?.object);
        }
        Ok(namespaces)
    }
}

fn labels(text: &str) -> Result<(String, BTreeMap<String, String>), String> {
    let form = || "NAMESPACE:KEY=VALUE,KEY=VALUE is expected".to_owned();
    let (name, labels) = text.split_once(':').ok_or_else(form)?;
    let name = input::namespace(name)?;
    let pairs = labels
        .split(',')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').ok_or_else(form)?;
            Ok((key.to_owned(), value.to_owned()))
        });
    Ok((name, pairs.collect::<Result<_, String>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_written_behind_the_namespace() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            Ok(("shop".to_owned(), pairs.collect()))
        };
        let form = "NAMESPACE:KEY=VALUE,KEY=VALUE is expected";
        for (text, expected) in [
            ("shop:", of(&[])),
            ("shop:env=prod", of(&[("env", "prod")])),
            (
                "shop:a.b/env=prod,team=",
                of(&[("a.b/env", "prod"), ("team", "")]),
            ),
            ("shop", Err(form.to_owned())),
            ("shop:env", Err(form.to_owned())),
            (
                "Shop:env=a",
                Err(
                    "the name of a namespace consists of lower-case letters, digits and `-`"
                        .to_owned(),
                ),
            ),
        ] {
            assert_eq!(labels(text), expected, "{text}");
        }
    }
}
