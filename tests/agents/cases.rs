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
    let words = Words::of(agent.tracer);
    let own = |tags: &str| json!({"name": words.tags, "value": words.pairs(tags)});
    let case = |name, env: &[Value], own: &[Tag]| {
        let is_own = |name| own.iter().any(|(own, _)| *own == name);
        let added = words.of_settings.into_iter();
        let added = added.filter(|(name, _)| !is_own(*name));
        Case {
            tags: own.iter().copied().chain(added).collect(),
            ..Case::of(agent, name, env.to_vec())
        }
    };
    let color = json!({"name": "COLOR", "value": "blue"});
    let pod_name = words.of_settings[0].0;
    let mut cases = vec![
        case("own tags", &[own("team=blue,size=large")], &[TEAM, SIZE]),
        case(
            "own tags, one with a URL",
            &[own("page=http://wiki:80/web")],
            &[PAGE],
        ),
        case(
            "own tags, one of them configured otherwise",
            &[own(&format!("{pod_name}=mine,team=blue"))],
            &[(pod_name, "mine"), TEAM],
        ),
        case(
            "own tags with $(X)",
            &[color, own("team=$(COLOR)")],
            &[TEAM],
        ),
        case(
            "own tags with $(X) of the settings",
            &[own("team=$(NODE_NAME)")],
            &[("team", NODE_NAME)],
        ),
        // They cannot be merged.
        Case {
            elsewhere: words.pairs("team=blue"),
            tags: vec![TEAM],
            ..Case::of(agent, "own tags by valueFrom", vec![reference(words.tags)])
        },
        Case {
            service: "mine",
            ..case(
                "own service",
                &[json!({"name": words.service, "value": "mine"})],
                &[],
            )
        },
    ];
    cases.push(match agent.tracer {
        Tracer::Datadog => case(
            "own tags between blanks",
            &[own("team=blue size=large")],
            &[TEAM, SIZE],
        ),
        Tracer::OpenTelemetry => case(
            "own tags, one with an escape",
            &[own("team=b%6Cue,size=large")],
            &[TEAM, SIZE],
        ),
    });
    cases
}

/// What things are called by a tracer.
struct Words {
    tags: &'static str,
    service: &'static str,
    /// Between a tag and its value.
    is: &'static str,
    /// The tags of the settings.
    of_settings: [Tag; 3],
}

impl Words {
    fn of(tracer: Tracer) -> Self {
        match tracer {
            Tracer::Datadog => Self {
                tags: "DD_TAGS",
                service: "DD_SERVICE",
                is: ":",
                of_settings: [
                    ("pod_name", POD_NAME),
                    ("pod_namespace", POD_NAMESPACE),
                    ("host", NODE_NAME),
                ],
            },
            Tracer::OpenTelemetry => Self {
                tags: "OTEL_RESOURCE_ATTRIBUTES",
                service: "OTEL_SERVICE_NAME",
                is: "=",
                of_settings: [
                    ("k8s.pod.name", POD_NAME),
                    ("k8s.namespace.name", POD_NAMESPACE),
                    ("k8s.node.name", NODE_NAME),
                ],
            },
        }
    }

    /// Tags as the tracer wants them, which are written with `=` here.
    fn pairs(&self, tags: &str) -> String {
        tags.replace('=', self.is)
    }
}

type Tag = (&'static str, &'static str);

const TEAM: Tag = ("team", "blue");
const SIZE: Tag = ("size", "large");
const PAGE: Tag = ("page", "http://wiki:80/web");

/// Whether a case can have the tag: others are the agent's.
pub fn is_asked_for(agent: Agent, tag: &str) -> bool {
    let of_settings = Words::of(agent.tracer).of_settings.into_iter();
    let mut tags = of_settings.chain([TEAM, SIZE, PAGE]);
    tags.any(|(name, _)| name == tag)
}

impl Case {
    /// Where nothing of the container's own matters.
    fn of(agent: Agent, name: &'static str, mut env: Vec<Value>) -> Self {
        env.extend(helpers(agent));
        Self {
            name,
            env,
            elsewhere: String::new(),
            option: NO_OPTION,
            service: SERVICE,
            tags: Words::of(agent.tracer).of_settings.to_vec(),
        }
    }
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
