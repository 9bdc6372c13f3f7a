//! The rules of a policy: which operations on which resources.

use serde_json::Value;

use crate::question::Question;
use crate::read::Reader;

const ALL: &str = "*";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
    scope: &'static str,
}

impl Rule {
    pub fn read(reader: &mut Reader<'_>, rule: &Value) -> Self {
        let mut needed = |key: &str| {
            let texts = reader.texts(rule, key);
            if texts.is_empty() {
                reader.problem(key, "must have an entry, such as `*`".to_owned());
            }
            texts
        };
        let operations = needed("operations");
        let (groups, versions) = (needed("apiGroups"), needed("apiVersions"));
        let resources = needed("resources");
        for operation in &operations {
            if !["CREATE", "UPDATE", "DELETE", "CONNECT", ALL].contains(&operation.as_str()) {
                let message =
                    format!("`{operation}` is not CREATE, UPDATE, DELETE, CONNECT or `*`");
                reader.problem("operations", message);
            }
        }
        Self {
            operations,
            groups,
            versions,
            resources,
            scope: reader.word(rule, "scope", &[ALL, "Cluster", "Namespaced"]),
        }
    }

    pub fn is_for(&self, question: &Question<'_>) -> bool {
        // A Namespace is admitted as living in itself, and lives in none.
        let is_namespace = question.group.is_empty() && question.resource == "namespaces";
        let scope = match question.namespace {
            Some(_) if !is_namespace => "Namespaced",
            _ => "Cluster",
        };
        has(&self.operations, question.operation)
            && has(&self.groups, question.group)
            && has(&self.versions, question.version)
            && self
                .resources
                .iter()
                .any(|named| is_called(named, question.resource))
            && (self.scope == ALL || self.scope == scope)
    }
}

fn has(named: &[String], wanted: &str) -> bool {
    named.iter().any(|name| name == ALL || name == wanted)
}

/// Whether a rule's word is for a resource as a whole: `deployments`, `deployments/*`, `*`, but not
/// `deployments/scale`.
fn is_called(named: &str, resource: &str) -> bool {
    let (name, below) = named.split_once('/').unwrap_or((named, ""));
    (name == ALL || name == resource) && (below.is_empty() || below == ALL)
}
