//! What containers have of their own, and what becomes of it.

use std::fs::{create_dir_all, write};
use std::path::{Path, PathBuf};

use datakit_policy_agents::agent::{Agent, Language, Tracer};
use datakit_policy_agents::pod::{NODE_NAME, POD_NAME, POD_NAMESPACE, SERVICE};
use serde_json::{Value, json};

/// A container, and what its application shows.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: &'static str,
    /// Its own variables.
    pub env: Vec<Value>,
    /// The value of the config map that its variables refer to.
    pub elsewhere: String,
    /// What the application says of its own option.
    pub option: &'static str,
    /// The service of its spans.
    pub service: &'static str,
    /// Those tags of its spans that the settings or the container give.
    pub tags: Vec<(&'static str, &'static str)>,
}

/// All cases of an agent. `folder` is for the modules that Python's applications bring.
pub fn all(agent: Agent, folder: &Path) -> Vec<Case> {
    let mut cases = options(agent, &Spelling::new(agent.language, folder));
    cases.extend(tags(agent));
    cases
}

const NO_OPTION: &str = "none";

/// The variable of the runtime: what is injected is added to it, and the own value still counts.
fn options(agent: Agent, spelling: &Spelling) -> Vec<Case> {
    let variable = agent.language.variable();
    let own = |value: &str| json!({"name": variable, "value": value});
    let greeting = json!({"name": "GREETING", "value": "hello"});
    let case = |name, env, option| Case {
        option,
        ..Case::of(agent, name, env)
    };
    let from_elsewhere = |name, option| Case {
        elsewhere: spelling.option(option),
        ..case(name, vec![greeting.clone(), reference(variable)], option)
    };
    vec![
        case("own value absent", vec![], NO_OPTION),
        case("own value empty", vec![own("")], NO_OPTION),
        case("own value set", vec![own(&spelling.option("set"))], "set"),
        case(
            "own value quoted, with blanks",
            vec![own(&spelling.quoted("a b"))],
            "a b",
        ),
        case(
            "own value with $(X)",
            vec![greeting.clone(), own(&spelling.option("$(GREETING)"))],
            "hello",
        ),
        case(
            "own value with $$(X)",
            vec![greeting.clone(), own(&spelling.option("$$(GREETING)"))],
            "$(GREETING)",
        ),
        from_elsewhere("own value by valueFrom", "elsewhere"),
        from_elsewhere("own value by valueFrom, with $(X) in it", "$(GREETING)"),
    ]
}

/// The variable with the tags, and the one with the service.
fn tags(agent: Agent) -> Vec<Case> {
    let (variable, service, [name, namespace, node]) = match agent.tracer {
        Tracer::Datadog => ("DD_TAGS", "DD_SERVICE", DATADOG_TAGS),
        Tracer::OpenTelemetry => ("OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME", ATTRIBUTES),
    };
    let is = match agent.tracer {
        Tracer::Datadog => ":",
        Tracer::OpenTelemetry => "=",
    };
    let own = |value: &str| json!({"name": variable, "value": value.replace('=', is)});
    let color = json!({"name": "COLOR", "value": "blue"});
    let case = |case, env, own: &[_], of_settings: &[_]| Case {
        tags: [own, of_settings].concat(),
        ..Case::of(agent, case, env)
    };
    let mut cases = vec![
        case(
            "own tags",
            vec![own("team=blue,size=large")],
            &[TEAM, SIZE],
            &[name, namespace, node],
        ),
        case(
            "own tags, one of them configured otherwise",
            vec![own(&format!("{}=mine,team=blue", name.0))],
            &[TEAM, (name.0, "mine")],
            &[namespace, node],
        ),
        case(
            "own tags with $(X)",
            vec![color.clone(), own("team=$(COLOR)")],
            &[TEAM],
            &[name, namespace, node],
        ),
        Case {
            elsewhere: "team=blue".replace('=', is),
            ..case(
                "own tags by valueFrom",
                vec![reference(variable)],
                &[TEAM],
                &[],
            )
        },
        Case {
            service: "mine",
            ..Case::of(
                agent,
                "own service",
                vec![json!({"name": service, "value": "mine"})],
            )
        },
    ];
    if agent.tracer == Tracer::Datadog {
        cases.push(case(
            "own tags, separated by blanks",
            vec![own("team=blue size=large")],
            &[TEAM, SIZE],
            &[name, namespace, node],
        ));
    }
    cases
}

impl Case {
    /// Where nothing of the container's own matters.
    fn of(agent: Agent, name: &'static str, mut env: Vec<Value>) -> Self {
        env.extend(helpers(agent));
        let tags = match agent.tracer {
            Tracer::Datadog => DATADOG_TAGS,
            Tracer::OpenTelemetry => ATTRIBUTES,
        };
        Self {
            name,
            env,
            elsewhere: String::new(),
            option: NO_OPTION,
            service: SERVICE,
            tags: tags.to_vec(),
        }
    }
}

type Tag = (&'static str, &'static str);

const DATADOG_TAGS: [Tag; 3] = [
    ("pod_name", POD_NAME),
    ("pod_namespace", POD_NAMESPACE),
    ("host", NODE_NAME),
];
const ATTRIBUTES: [Tag; 3] = [
    ("k8s.pod.name", POD_NAME),
    ("k8s.namespace.name", POD_NAMESPACE),
    ("k8s.node.name", NODE_NAME),
];
const TEAM: Tag = ("team", "blue");
const SIZE: Tag = ("size", "large");

/// All tags that a case has: others are the agent's.
pub fn is_asked_for(tag: &str) -> bool {
    let tags = [&DATADOG_TAGS[..], &ATTRIBUTES, &[TEAM, SIZE]];
    tags.concat().iter().any(|(name, _)| *name == tag)
}

/// An entry that has its value from [`Case::elsewhere`].
fn reference(variable: &str) -> Value {
    let source = json!({"configMapKeyRef": {"name": "own", "key": "value"}});
    json!({"name": variable, "valueFrom": source})
}

/// The name of that value.
pub const ELSEWHERE: &str = "configMapKeyRef own.value";

/// Variables of the container that make an agent do here what it does in a larger application.
fn helpers(agent: Agent) -> Vec<Value> {
    let variables: &[Tag] = match (agent.tracer, agent.language) {
        // Off unless asked for: most applications have another HTTP client, which is on.
        (Tracer::Datadog, Language::Python) => &[("DD_TRACE_HTTPLIB_ENABLED", "true")],
        (Tracer::Datadog, _) => &[],
        // Others ask the clouds' metadata services, which are not on this machine.
        (Tracer::OpenTelemetry, Language::NodeJs) => &[
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("OTEL_NODE_RESOURCE_DETECTORS", "env,host,os,process"),
        ],
        (Tracer::OpenTelemetry, _) => &[("OTEL_BSP_SCHEDULE_DELAY", "100")],
    };
    let entry = |(name, value): &Tag| json!({"name": name, "value": value});
    variables.iter().map(entry).collect()
}

/// How an option is written that makes the application say a text.
struct Spelling {
    language: Language,
    /// Has a folder for each text, with the module that says it.
    modules: PathBuf,
}

impl Spelling {
    fn new(language: Language, folder: &Path) -> Self {
        let modules = folder.join("modules");
        if language == Language::Python {
            for text in ["set", "a b", "hello", "$(GREETING)", "elsewhere"] {
                let folder = modules.join(text);
                create_dir_all(&folder).unwrap();
                write(folder.join("own_option.py"), format!("TEXT = {text:?}\n")).unwrap();
            }
        }
        Self { language, modules }
    }

    fn option(&self, text: &str) -> String {
        match self.language {
            Language::Java => format!("-Down.option={text}"),
            Language::NodeJs => format!("--title={text}"),
            Language::Python => self.modules.join(text).display().to_string(),
        }
    }

    /// One that holds blanks.
    fn quoted(&self, text: &str) -> String {
        match self.language {
            // A list of folders has no quotes: a blank is a blank.
            Language::Python => self.option(text),
            _ => self.option(&format!("{text:?}")),
        }
    }
}
