//! What the manifest shows of how a container runs: its commands, arguments, probes and hooks, where
//! and within which limits.

use crate::json::Value;

use super::AppContainer;
use crate::words::{self, Word};

/// Where commands stand in a container, each with what it is called there.
const COMMANDS: [(&str, &[&str]); 7] = [
    ("command", &["command"]),
    ("args", &["args"]),
    ("startupProbe", &["startupProbe", "exec", "command"]),
    ("livenessProbe", &["livenessProbe", "exec", "command"]),
    ("readinessProbe", &["readinessProbe", "exec", "command"]),
    ("postStart", &["lifecycle", "postStart", "exec", "command"]),
    ("preStop", &["lifecycle", "preStop", "exec", "command"]),
];

impl<'t> AppContainer<'t> {
    /// Every word of each command, with the name of the field that the command stands in.
    pub fn words(self) -> impl Iterator<Item = (&'static str, Word<'t>)> {
        COMMANDS.into_iter().flat_map(move |(field, path)| {
            self.texts(path)
                .flat_map(words::words)
                .map(move |word| (field, word))
        })
    }

    fn texts(self, path: &[&str]) -> impl Iterator<Item = &'t str> {
        let mut keys = path.iter();
        let first = keys.next().and_then(|key| self.0.get(*key));
        keys.try_fold(first, |value, key| Some(value?.get(key)))
            .flatten()
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }

    #[must_use]
    pub fn working_directory(self) -> Option<&'t str> {
        let directory = self.0.get("workingDir")?.as_str()?;
        (!directory.is_empty()).then_some(directory)
    }

    /// What its `requests` or its `limits` have of a resource.
    #[must_use]
    pub fn amount(self, bound: &str, resource: &str) -> Option<&'t str> {
        let amounts = self.0.get("resources")?.get(bound)?;
        amounts.get(resource)?.as_str()
    }
}
