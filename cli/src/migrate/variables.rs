//! The variables of the operator's Deployment, some of which overrode its configuration.

use serde_json::{Value, json};

use super::operator::{Operator, Variable};
use super::version::Version;

/// The variables that overrode a key in operators before 1.7, by the path of the key.
const OVERRIDES: [(&str, &str); 7] = [
    (
        "ENV_DD_AGENT_HOST",
        "admission_inject.ddtrace.envs.DD_AGENT_HOST",
    ),
    (
        "ENV_DD_TRACE_AGENT_PORT",
        "admission_inject.ddtrace.envs.DD_TRACE_AGENT_PORT",
    ),
    (
        "ENV_DD_JAVA_AGENT_IMAGE",
        "admission_inject.ddtrace.images.java_agent_image",
    ),
    (
        "ENV_DD_PYTHON_AGENT_IMAGE",
        "admission_inject.ddtrace.images.python_agent_image",
    ),
    (
        "ENV_DD_JS_AGENT_IMAGE",
        "admission_inject.ddtrace.images.js_agent_image",
    ),
    (
        "ENV_LOGFWD_IMAGE",
        "admission_inject.logfwd.images.logfwd_image",
    ),
    ("ENV_LOG_LEVEL", "log_level"),
];

/// Where the operator listened: the policy does not.
const WITHOUT_EFFECT: &str = "ENV_SERVER_LISTEN";
const TEXT: &str = "ENV_JSON_CONFIG";
const FILE: &str = "ENV_CONFIG_FILE";

/// What became of the variables.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// Those that are in the settings now: the pointer of the key, and the variable's name.
    pub taken: Vec<(String, &'static str)>,
    /// What was not read, as sentences.
    pub not_read: Vec<String>,
}

/// Puts the values of variables that overrode the configuration into the settings. `config` is the ConfigMap that these
/// came from.
pub fn apply(operator: &Operator, config: Option<&str>, settings: &mut Value) -> Outcome {
    let mut outcome = Outcome::default();
    let ignores = operator.is_since((1, 7), settings) == Some(true);
    for variable in &operator.variables {
        let name = variable.name.as_str();
        if let Some((name, path)) = OVERRIDES.iter().find(|(known, _)| *known == name) {
            if ignores {
                outcome.not_read.push(format!(
                    "{name} of the operator's Deployment: operators since 1.7 do not read it."
                ));
            } else {
                overrides(variable, (*name, *path), settings, &mut outcome);
            }
        } else if name == TEXT {
            outcome.not_read.extend(text(variable, config));
        } else if name == FILE && !variable.is_empty() {
            outcome.not_read.push(format!(
                "{FILE} of the operator's Deployment: newer operators have their configuration from that file, and not \
                 from what was read here. Migrate what is in the file, if it is not the same."
            ));
        } else if name.starts_with("ENV_") && name != WITHOUT_EFFECT {
            outcome.not_read.push(format!(
                "{name} of the operator's Deployment: no operator that is known reads it."
            ));
        }
    }
    outcome
}

fn overrides(
    variable: &Variable,
    (name, path): (&'static str, &'static str),
    settings: &mut Value,
    outcome: &mut Outcome,
) {
    match &variable.value {
        // The operator did not look at an empty one.
        Some(value) if value.is_empty() => {}
        Some(value) => {
            let place = path.split('.').try_fold(settings, |value, key| {
                (value.is_object() || value.is_null()).then(|| &mut value[key])
            });
            if let Some(place) = place {
                *place = json!(value);
                let pointer = format!("/{}", path.replace('.', "/"));
                outcome.taken.push((pointer, name));
            }
        }
        None => outcome.not_read.push(format!(
            "{name} of the operator's Deployment, which has its value from elsewhere: it overrode {path}."
        )),
    }
}

/// What to say where the operator had its configuration from somewhere else.
fn text(variable: &Variable, config: Option<&str>) -> Option<String> {
    if variable.is_empty() {
        return None;
    }
    if variable.value.is_some() {
        return Some(format!(
            "{TEXT} of the operator's Deployment has a configuration of its own, which counts and not the ConfigMap. \
             Migrate that text, if it is not the same."
        ));
    }
    let is_read = |name: &str| {
        let (map, key) = (variable.config_map.as_deref(), variable.key.as_deref());
        map == Some(name) && key == Some("jsonconfig")
    };
    // Helm values have no ConfigMap: the chart makes it.
    let name = config?;
    (!is_read(name)).then(|| {
        format!(
            "{TEXT} of the operator's Deployment does not come from `jsonconfig` of ConfigMap {name}, which was read. \
             Migrate what it comes from, if it is not the same."
        )
    })
}

/// A variable is only known as well as a version is.
pub fn comment(name: &str, version: Option<Version>) -> String {
    let whose = match version {
        Some(version) => format!("operator {version}"),
        None => "operators before 1.7".to_owned(),
    };
    format!("From {name} of the operator's Deployment, which overrides the ConfigMap in {whose}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(version: Option<&str>, variables: &[(&str, Option<&str>)]) -> Operator {
        let variable = |(name, value): &(&str, Option<&str>)| Variable {
            name: (*name).to_owned(),
            value: value.map(str::to_owned),
            ..Variable::default()
        };
        Operator {
            version: version.map(|version| version.parse().unwrap()),
            variables: variables.iter().map(variable).collect(),
            ..Operator::default()
        }
    }

    #[test]
    fn every_variable_that_overrode_a_key_is_in_the_settings() {
        let values = OVERRIDES.map(|(name, _)| (name, Some(name)));
        let mut settings = json!({"log_level": "info", "admission_inject": {"ddtrace": {"envs": {"A": "1", "DD_AGENT_HOST": "x"}}}});
        let outcome = apply(&operator(Some("1.4.2"), &values), None, &mut settings);
        let expected = json!({
            "log_level": "ENV_LOG_LEVEL",
            "admission_inject": {
                "ddtrace": {
                    "envs": {
                        "A": "1",
                        "DD_AGENT_HOST": "ENV_DD_AGENT_HOST",
                        "DD_TRACE_AGENT_PORT": "ENV_DD_TRACE_AGENT_PORT",
                    },
                    "images": {
                        "java_agent_image": "ENV_DD_JAVA_AGENT_IMAGE",
                        "python_agent_image": "ENV_DD_PYTHON_AGENT_IMAGE",
                        "js_agent_image": "ENV_DD_JS_AGENT_IMAGE",
                    },
                },
                "logfwd": {"images": {"logfwd_image": "ENV_LOGFWD_IMAGE"}},
            },
        });
        assert_eq!(settings, expected);
        assert_eq!(outcome.not_read, Vec::<String>::new());
        assert_eq!(outcome.taken.len(), OVERRIDES.len());
    }

    #[test]
    fn what_is_not_taken_over_is_named() {
        let variables = [
            ("ENV_DD_AGENT_HOST", None),
            ("ENV_LOG_LEVEL", Some("")),
            ("ENV_CONFIG_FILE", Some("/etc/operator.json")),
            ("ENV_JSON_CONFIG", Some("{}")),
            ("ENV_SERVER_LISTEN", Some(":1")),
            ("ENV_DD_JMXFETCH_STATSD_HOST", Some("x")),
            ("POD_NAMESPACE", None),
        ];
        let mut settings = json!({});
        let outcome = apply(&operator(None, &variables), Some("c"), &mut settings);
        assert_eq!(settings, json!({}));
        let named: Vec<&str> = outcome
            .not_read
            .iter()
            .map(|sentence| sentence.split(' ').next().unwrap())
            .collect();
        assert_eq!(
            named,
            [
                "ENV_DD_AGENT_HOST",
                "ENV_CONFIG_FILE",
                "ENV_JSON_CONFIG",
                "ENV_DD_JMXFETCH_STATSD_HOST"
            ]
        );
    }

    #[test]
    fn operators_since_1_7_read_none_of_them() {
        let variables = [("ENV_LOG_LEVEL", Some("debug"))];
        for (version, settings) in [
            (Some("1.8.10"), json!({})),
            (None, json!({"admission_inject_v2": {}})),
        ] {
            let mut read = settings.clone();
            let outcome = apply(&operator(version, &variables), None, &mut read);
            assert_eq!(read, settings);
            assert_eq!(
                outcome.not_read,
                ["ENV_LOG_LEVEL of the operator's Deployment: operators since 1.7 do not read it."]
            );
        }
    }

    #[test]
    fn another_configuration_than_the_one_that_was_read_is_named() {
        for (config_map, key, is_read) in [
            ("operator", "jsonconfig", true),
            ("other", "jsonconfig", false),
            ("operator", "config.json", false),
        ] {
            let variable = Variable {
                name: TEXT.to_owned(),
                config_map: Some(config_map.to_owned()),
                key: Some(key.to_owned()),
                ..Variable::default()
            };
            assert_eq!(
                text(&variable, Some("operator")).is_none(),
                is_read,
                "{config_map} {key}"
            );
            assert_eq!(text(&variable, None), None);
        }
    }
}
