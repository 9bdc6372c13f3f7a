//! `--only`: one object of several, as kubectl names them.

use std::fmt;
use std::str::FromStr;

use datakit_policy_host::request::resource_name;
use serde_json::Value;

/// `KIND/NAME`, or `NAME` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only {
    kind: Option<String>,
    name: String,
}

impl FromStr for Only {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (Some(kind), name),
            None => (None, text),
        };
        if name.is_empty() || kind == Some("") {
            return Err("KIND/NAME or NAME is expected".to_owned());
        }
        Ok(Self {
            kind: kind.map(str::to_owned),
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for Only {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Some(kind) => write!(out, "{kind}/{}", self.name),
            None => out.write_str(&self.name),
        }
    }
}

impl Only {
    /// Whether it names an object.
    pub fn is(&self, object: &Value) -> bool {
        let kind = object["kind"].as_str().unwrap_or_default();
        self.kind.as_ref().is_none_or(|word| is_called(kind, word))
            && object["metadata"]["name"] == self.name
    }
}

/// An object as `--only` takes it.
pub fn reference(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default();
    let name = object["metadata"]["name"].as_str().unwrap_or("(no name)");
    format!("{}/{name}", kind.to_lowercase())
}

/// Whether kubectl takes a word for this kind: `Deployment`, `deployments`, `deploy`.
fn is_called(kind: &str, word: &str) -> bool {
    let short = match kind {
        "CronJob" => Some("cj"),
        "DaemonSet" => Some("ds"),
        "Deployment" => Some("deploy"),
        "Pod" => Some("po"),
        "ReplicaSet" => Some("rs"),
        "ReplicationController" => Some("rc"),
        "StatefulSet" => Some("sts"),
        _ => None,
    };
    let word = word.to_lowercase();
    word == kind.to_lowercase() || word == resource_name(kind) || Some(word.as_str()) == short
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_objects_as_kubectl_does() {
        let object = json!({"kind": "Deployment", "metadata": {"name": "web"}});
        for (text, expected) in [
            ("web", true),
            ("deploy/web", true),
            ("deployments/web", true),
            ("Deployment/web", true),
            ("sts/web", false),
            ("deploy/api", false),
        ] {
            assert_eq!(
                text.parse::<Only>().unwrap().is(&object),
                expected,
                "{text}"
            );
        }
        assert_eq!(reference(&object), "deployment/web");
    }

    #[test]
    fn refuses_a_name_that_lacks_a_part() {
        for text in ["", "deploy/", "/web"] {
            assert_eq!(
                text.parse::<Only>(),
                Err("KIND/NAME or NAME is expected".to_owned()),
                "{text}"
            );
        }
    }
}
