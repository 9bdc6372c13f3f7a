//! What a Kubewarden host must know of a policy: metadata.yml, and the same inside the module.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::manifest::type_name;
use crate::policy::ProtocolVersion;
use crate::yaml::{self, DuplicateKeys};

/// The annotation that holds the usage text.
pub const USAGE: &str = "io.kubewarden.policy.usage";
/// The annotation that names the tool which wrote the metadata into the module.
pub const TOOL: &str = "io.kubewarden.kwctl";
/// The annotation that says where the policy's source is.
pub const SOURCE: &str = "io.kubewarden.policy.source";

const TITLE: &str = "io.kubewarden.policy.title";
const EXECUTION_MODE: &str = "kubewarden-wapc";

/// Why metadata cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// It is no YAML.
    #[error("{file}:{}:{}: {}", error.line, error.column, error.message)]
    Malformed {
        /// The file's name as the user gave it.
        file: String,
        /// What is wrong, and in which line.
        error: yaml::YamlError,
    },
    /// It is YAML, but no metadata.
    #[error("{file}: the metadata is not valid:{problems}")]
    Invalid {
        /// The file's name as the user gave it.
        file: String,
        /// All that is wrong.
        problems: Problems,
    },
}

/// Problems, each with the path of the field that has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|problem| write!(out, "\n  {problem}"))
    }
}

/// The metadata of a policy, its fields in the order in which kwctl writes them into the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// What the policy's `protocol_version` answers; not in metadata.yml.
    #[serde(default)]
    pub protocol_version: Option<ProtocolVersion>,
    /// The requests that concern the policy.
    pub rules: Vec<Rule>,
    /// Everything that is for people.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Whether the policy changes objects.
    pub mutating: bool,
    /// Whether the policy has something to say about what is running already.
    #[serde(default = "yes")]
    pub background_audit: bool,
    /// The cluster's resources that the policy wants to read: `{apiVersion, kind}`.
    #[serde(default)]
    pub context_aware_resources: Vec<Value>,
    /// How the module is called: `kubewarden-wapc`.
    #[serde(default = "execution_mode")]
    pub execution_mode: String,
    /// `kubernetes` or `raw`.
    #[serde(default = "policy_type")]
    pub policy_type: String,
    /// The oldest Kubewarden that the policy works with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_kubewarden_version: Option<String>,
    /// What the policy calls the host for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_capabilities: Option<Vec<String>>,
}

/// A kind of request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Empty string for the core group.
    pub api_groups: Vec<String>,
    /// Such as `v1`.
    pub api_versions: Vec<String>,
    /// Such as `pods`.
    pub resources: Vec<String>,
    /// `CREATE`, `UPDATE`, `DELETE`, `CONNECT` or `*`.
    pub operations: Vec<String>,
}

fn yes() -> bool {
    true
}

fn execution_mode() -> String {
    EXECUTION_MODE.to_owned()
}

fn policy_type() -> String {
    "kubernetes".to_owned()
}

impl Metadata {
    /// Reads metadata.yml. `file` is its name for messages.
    ///
    /// # Errors
    /// Where the text is no YAML, or has a problem; all problems are reported at once.
    pub fn read(file: &str, text: &str) -> Result<Self, MetadataError> {
        let value = yaml::single(text, DuplicateKeys::Refuse).map_err(|error| {
            MetadataError::Malformed {
                file: file.to_owned(),
                error,
            }
        })?;
        let mut check = Check::default();
        check.metadata(&value);
        let metadata = serde_json::from_value(value).map_err(|error| error.to_string());
        match metadata {
            Ok(metadata) if check.problems.0.is_empty() => Ok(metadata),
            Err(error) if check.problems.0.is_empty() => Err(invalid(file, Problems(vec![error]))),
            _ => Err(invalid(file, check.problems)),
        }
    }
}

fn invalid(file: &str, problems: Problems) -> MetadataError {
    MetadataError::Invalid {
        file: file.to_owned(),
        problems,
    }
}

/// Looks at everything before anything is refused.
#[derive(Default)]
struct Check {
    problems: Problems,
}

impl Check {
    fn metadata(&mut self, value: &Value) {
        let Some(fields) = self.mapping("the file", value) else {
            return;
        };
        self.known_keys(
            "",
            fields,
            &[
                "rules",
                "annotations",
                "mutating",
                "backgroundAudit",
                "contextAwareResources",
                "executionMode",
                "policyType",
                "minimumKubewardenVersion",
                "hostCapabilities",
            ],
        );
        self.rules(fields.get("rules"));
        match fields.get("mutating") {
            None => self.add("mutating", "is missing; it is true or false"),
            Some(value) => self.boolean("mutating", value),
        }
        let mut optional = |key, check: fn(&mut Self, &str, &Value)| {
            if let Some(value) = fields.get(key) {
                check(self, key, value);
            }
        };
        optional("backgroundAudit", Self::boolean);
        optional("annotations", Self::annotations);
        optional("contextAwareResources", Self::context_aware_resources);
        optional("executionMode", |check, path, value| {
            check.one_of(path, value, &[EXECUTION_MODE]);
        });
        optional("policyType", |check, path, value| {
            check.one_of(path, value, &["kubernetes", "raw"]);
        });
        optional("minimumKubewardenVersion", Self::version);
        optional("hostCapabilities", |check, path, value| {
            check.strings(path, value);
        });
    }

    fn rules(&mut self, rules: Option<&Value>) {
        let rules = match rules {
            None => return self.add("rules", "is missing; a policy needs at least one rule"),
            Some(Value::Array(rules)) if !rules.is_empty() => rules,
            Some(Value::Array(_)) => {
                return self.add("rules", "is empty; a policy needs at least one rule");
            }
            Some(other) => return self.wrong_type("rules", "a list", other),
        };
        for (position, rule) in rules.iter().enumerate() {
            let path = format!("rules[{position}]");
            let Some(fields) = self.mapping(&path, rule) else {
                continue;
            };
            let keys = ["apiGroups", "apiVersions", "resources", "operations"];
            self.known_keys(&format!("{path}."), fields, &keys);
            for key in keys {
                self.rule_list(&format!("{path}.{key}"), key, fields.get(key));
            }
        }
    }

    fn rule_list(&mut self, path: &str, key: &str, value: Option<&Value>) {
        let Some(value) = value else {
            return self.add(path, "is missing; it is a list of strings");
        };
        let Some(entries) = self.strings(path, value) else {
            return;
        };
        if entries.is_empty() {
            self.add(path, "is empty");
        }
        if entries.len() > 1 && entries.contains(&"*") && key != "resources" {
            self.add(path, "contains `*` and other values; use `*` alone");
        }
        for (position, entry) in entries.iter().enumerate() {
            let path = format!("{path}[{position}]");
            // The core API group is the empty string.
            if entry.is_empty() && key != "apiGroups" {
                self.add(&path, "is empty");
            }
            if key == "operations" && !entry.is_empty() {
                let known = ["CREATE", "UPDATE", "DELETE", "CONNECT", "*"];
                self.one_of(&path, &json!(entry), &known);
            }
        }
    }

    fn annotations(&mut self, path: &str, value: &Value) {
        let Some(annotations) = self.mapping(path, value) else {
            return;
        };
        for (key, value) in annotations {
            let path = format!("{path}[{key}]");
            let Some(text) = value.as_str() else {
                self.wrong_type(&path, "a string (quote it)", value);
                continue;
            };
            if key == TITLE && !is_subdomain(text) {
                self.add(
                    &path,
                    "must be a name as defined in RFC 1123: lower-case letters, digits, `-` and `.`, a letter or \
                     digit at both ends, at most 253 characters",
                );
            }
        }
    }

    fn context_aware_resources(&mut self, path: &str, value: &Value) {
        let Some(resources) = value.as_array() else {
            return self.wrong_type(path, "a list", value);
        };
        for (position, resource) in resources.iter().enumerate() {
            let path = format!("{path}[{position}]");
            let Some(fields) = self.mapping(&path, resource) else {
                continue;
            };
            let keys = ["apiVersion", "kind"];
            self.known_keys(&format!("{path}."), fields, &keys);
            for key in keys {
                if fields
                    .get(key)
                    .and_then(Value::as_str)
                    .is_none_or(str::is_empty)
                {
                    self.add(&format!("{path}.{key}"), "is missing; it is a string");
                }
            }
        }
    }

    fn version(&mut self, path: &str, value: &Value) {
        let text = value.as_str().unwrap_or_default();
        let (numbers, _) = text.split_once(['-', '+']).unwrap_or((text, ""));
        let parts: Vec<_> = numbers.split('.').collect();
        if parts.len() != 3 || parts.iter().any(|part| part.parse::<u64>().is_err()) {
            self.add(path, "must be a version such as 1.7.0");
        }
    }

    fn boolean(&mut self, path: &str, value: &Value) {
        if !value.is_boolean() {
            self.wrong_type(path, "true or false", value);
        }
    }

    fn one_of(&mut self, path: &str, value: &Value, known: &[&str]) {
        let is_known = value.as_str().is_some_and(|text| known.contains(&text));
        if !is_known {
            let known = known.join(", ");
            self.add(path, &format!("{value} is not known here; known: {known}"));
        }
    }

    fn strings<'a>(&mut self, path: &str, value: &'a Value) -> Option<Vec<&'a str>> {
        let strings = value
            .as_array()
            .and_then(|entries| entries.iter().map(Value::as_str).collect());
        if strings.is_none() {
            self.add(path, "must be a list of strings");
        }
        strings
    }

    fn mapping<'a>(&mut self, path: &str, value: &'a Value) -> Option<&'a Map<String, Value>> {
        let fields = value.as_object();
        if fields.is_none() {
            self.wrong_type(path, "a mapping", value);
        }
        fields
    }

    fn known_keys(&mut self, prefix: &str, fields: &Map<String, Value>, known: &[&str]) {
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            let known = known.join(", ");
            self.add(
                &format!("{prefix}{key}"),
                &format!("is not a field of a policy's metadata; known here: {known}"),
            );
        }
    }

    fn wrong_type(&mut self, path: &str, wanted: &str, value: &Value) {
        self.add(path, &format!("must be {wanted}, not {}", type_name(value)));
    }

    fn add(&mut self, path: &str, problem: &str) {
        self.problems.0.push(format!("{path}: {problem}"));
    }
}

/// A DNS subdomain: what Kubernetes takes as the name of most objects.
fn is_subdomain(text: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        label.starts_with(is_alphanumeric)
            && label.ends_with(is_alphanumeric)
            && label.chars().all(|c| is_alphanumeric(c) || c == '-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}
