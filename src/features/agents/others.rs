//! Other agents that a container loads already: two of a kind get in each other's way.

use crate::settings::Language;
use crate::template::AppContainer;
use crate::words::{self, program};

/// Where another agent of a language is, and in how many containers more.
pub(super) struct Another<'t> {
    container: &'t str,
    /// The variable, or the field with the command.
    place: &'t str,
    more: usize,
}

impl std::fmt::Display for Another<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let container = crate::report::shown(self.container);
        write!(formatter, "{} of container {container}", self.place)?;
        match self.more {
            0 => Ok(()),
            1 => write!(formatter, " (and of one more)"),
            more => write!(formatter, " (and of {more} more)"),
        }
    }
}

/// Finds those of the containers that load another agent of the language; `own` is the option that loads
/// ours.
pub(super) fn another<'t>(
    containers: impl IntoIterator<Item = AppContainer<'t>>,
    language: Language,
    own: &str,
) -> Option<Another<'t>> {
    let mut containers = containers
        .into_iter()
        .filter_map(|container| Some((container, place(container, language, own)?)));
    let (container, place) = containers.next()?;
    Some(Another {
        container: container.name(),
        place,
        more: containers.count(),
    })
}

/// The variables by which options come to a runtime. The names of others are not told: who has taken a
/// secret for a name would find it in a warning.
const VARIABLES: [&str; 11] = [
    "CATALINA_OPTS",
    "JAVA_OPTIONS",
    "JAVA_OPTS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "JVM_OPTS",
    "MAVEN_OPTS",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "SPARK_SUBMIT_OPTS",
    "_JAVA_OPTIONS",
];

fn place<'t>(container: AppContainer<'t>, language: Language, own: &str) -> Option<&'t str> {
    let in_variable = || {
        container.env().find_map(|entry| {
            let value = entry.get("value")?.as_str()?;
            let is_there = words::words(value).any(|word| loads(language, word.text, own));
            let name = entry.get("name")?.as_str()?;
            let known = VARIABLES.contains(&name);
            is_there.then_some(if known { name } else { "a variable" })
        })
    };
    let in_command = || {
        let mut words = container.words();
        let found = words.find(|(_, word)| loads(language, word.text, own));
        found.map(|(field, _)| field)
    };
    in_variable().or_else(in_command)
}

/// Whether a word loads an agent of Datadog or OpenTelemetry.
fn loads(language: Language, word: &str, own: &str) -> bool {
    match language {
        Language::Java => word.strip_prefix("-javaagent:").is_some_and(|agent| {
            const NAMES: [&str; 5] = [
                "dd-java-agent",
                "ddtrace",
                "datadog",
                "opentelemetry",
                "otel",
            ];
            let jar = agent.split('=').next().unwrap_or_default();
            let is_own = own.strip_prefix("-javaagent:") == Some(jar);
            let jar = jar.to_ascii_lowercase();
            !is_own && NAMES.iter().any(|name| jar.contains(name))
        }),
        Language::Python => matches!(program(word), "ddtrace-run" | "opentelemetry-instrument"),
        Language::NodeJs => {
            let module = word.rsplit_once('=').map_or(word, |(_, module)| module);
            let is_own = own.rsplit_once('=').map(|(_, own)| own) == Some(module);
            let is_agent = module.ends_with("dd-trace/init")
                || module.contains("@opentelemetry/auto-instrumentations-node");
            is_agent && !is_own
        }
        Language::Php | Language::Golang => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Value, json};
    use crate::template::Template;
    use wasm_bindgen_test::wasm_bindgen_test;

    const JAVA: &str = "-javaagent:/datadog-lib/dd-java-agent.jar";
    const NODE: &str = "--require=/datadog-lib/node_modules/dd-trace/init";

    fn found(language: Language, own: &str, containers: Value) -> Option<String> {
        let pod = json!({"spec": {"containers": containers}});
        let template = Template::new(pod.clone()).unwrap();
        another(template.app_containers(), language, own).map(|another| another.to_string())
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn finds_an_agent_in_variables_and_commands() {
        let env = |name: &str, value: &str| json!({"env": [{"name": name, "value": value}]});
        let jar = "-Xmx1g -javaagent:/opt/dd-java-agent.jar=x -Dy";
        for (language, container, place) in [
            (
                Language::Java,
                env("JAVA_TOOL_OPTIONS", jar),
                "JAVA_TOOL_OPTIONS",
            ),
            (Language::Java, env("JAVA_OPTS", jar), "JAVA_OPTS"),
            (Language::Java, env("OWN", jar), "a variable"),
            (
                Language::Java,
                env(
                    "CATALINA_OPTS",
                    "-javaagent:/otel/opentelemetry-javaagent.jar",
                ),
                "CATALINA_OPTS",
            ),
            (
                Language::Java,
                json!({"command": ["java", "-javaagent:/opt/datadog/agent.jar", "-jar", "/x.jar"]}),
                "command",
            ),
            (
                Language::Java,
                json!({"args": [format!("exec java {jar} -jar /x.jar")]}),
                "args",
            ),
            (
                Language::Python,
                json!({"command": ["ddtrace-run", "python"]}),
                "command",
            ),
            (
                Language::Python,
                json!({"args": ["exec /venv/bin/opentelemetry-instrument python x.py"]}),
                "args",
            ),
            (
                Language::NodeJs,
                env("NODE_OPTIONS", "-r dd-trace/init"),
                "NODE_OPTIONS",
            ),
            (
                Language::NodeJs,
                json!({"command": ["node", "--require=dd-trace/init", "x.js"]}),
                "command",
            ),
            (
                Language::NodeJs,
                env(
                    "NODE_OPTIONS",
                    "--require @opentelemetry/auto-instrumentations-node/register",
                ),
                "NODE_OPTIONS",
            ),
        ] {
            let mut named = container.clone();
            named["name"] = json!("web");
            let own = if language == Language::Java {
                JAVA
            } else {
                NODE
            };
            let expected = format!("{place} of container `web`");
            assert_eq!(
                found(language, own, json!([named])),
                Some(expected),
                "{container}"
            );
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_neither_our_agent_nor_another_kind_for_one() {
        for (language, value) in [
            (Language::Java, JAVA.to_owned()),
            (Language::Java, format!("{JAVA}=a")),
            (
                Language::Java,
                "-javaagent:/opt/jacoco.jar -Ddd.service=a".to_owned(),
            ),
            (Language::Java, "ddtrace-run".to_owned()),
            (
                Language::Python,
                "-javaagent:/opt/dd-java-agent.jar".to_owned(),
            ),
            (Language::NodeJs, NODE.to_owned()),
            (
                Language::Php,
                "-javaagent:/opt/dd-java-agent.jar".to_owned(),
            ),
        ] {
            let container = json!({"name": "a", "env": [{"name": "OPTIONS", "value": value}]});
            let own = if language == Language::Java {
                JAVA
            } else {
                NODE
            };
            assert_eq!(found(language, own, json!([container])), None, "{value}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn counts_the_containers() {
        let container = |name: &str| json!({"name": name, "args": ["ddtrace-run"]});
        for (names, expected) in [
            (vec!["a"], Some("args of container `a`")),
            (
                vec!["a", "b"],
                Some("args of container `a` (and of one more)"),
            ),
            (
                vec!["a", "b", "c"],
                Some("args of container `a` (and of 2 more)"),
            ),
        ] {
            let containers: Vec<Value> = names.into_iter().map(container).collect();
            let found = found(Language::Python, "", json!(containers));
            assert_eq!(found.as_deref(), expected);
        }
    }
}
