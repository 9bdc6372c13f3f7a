//! OpenTelemetry: its tracing agents.
//!
//! | annotation of the template | effect |
//! |---|---|
//! | `admission.datakit/otel-{java,python,nodejs}-lib.version` | asks a rule with `check_annotation`; the value, if not empty, is the version |
//! | `admission.datakit/otel.enabled: "false"` | switches it off |
//! | `admission.datakit/otel.resources` | the resources of the init container, as JSON |
//!
//! Added: init container `datakit-otel-lib-init`, volume `datakit-otel-auto-instrument`, on each app container
//! its mount at `/otel-auto-instrumentation-<language>`, the agent's variable and the variables of the rule.
//! Nothing where ddtrace is for the template: two tracers in a process get in each other's way.

use super::agents::{Adds, Agent, Alone, Layout, Loader, Merged, ddtrace, otel};
use super::feature::{Added, Ask, Feature};
use super::scene::{Decision, Declined, Scene, skipped};
use super::select::{choose, warn_of_unused};
use crate::json::{Path, Value};
use crate::paths::MountPath;
use crate::report::{Report, shown};
use crate::settings::{self, Delivery, Document, Language, Place, Reader, RuleSet};
use crate::tags::Pairs;
use crate::template::{
    AppContainer, Container, Object, Plan, SecurityContext, Template, is_empty_dir, name_of,
};

pub(super) static FEATURE: Feature = Feature {
    name: otel::NAME,
    switch: Some("otel.enabled"),
    asks: &[
        Ask::of("otel-java-lib.version", Language::Java),
        Ask::of("otel-python-lib.version", Language::Python),
        Ask::of("otel-nodejs-lib.version", Language::NodeJs),
    ],
    adds: Some(Added::InitContainer(otel::CONTAINER)),
    resources: Some("otel.resources"),
    place: Place {
        section: None,
        list: "admission_inject_v2.otels",
    },
    sets: |language| agent(language).map_or_else(Vec::new, |agent| agent.variables()),
    rules: |settings, reader| rules(settings, reader).outline(Some),
};

const VOLUME: &str = "datakit-otel-auto-instrument";

/// Languages that there is an agent for.
const LANGUAGES: [(&str, Language); 3] = [
    ("java", Language::Java),
    ("python", Language::Python),
    ("nodejs", Language::NodeJs),
];

fn rules<'n>(settings: &'n Document<'_>, reader: &mut Reader) -> RuleSet<'n, Language> {
    settings.read(reader, FEATURE.place.list, listed)
}

/// All rules that are for the pod are tried.
fn listed<'n>(
    reader: &mut Reader,
    list: Option<&'n Value<'_>>,
    path: Path<'_>,
) -> RuleSet<'n, Language> {
    let section = FEATURE.place.list;
    RuleSet::all_are_tried(settings::listed(
        reader,
        list,
        path,
        section,
        |reader, rule, path| settings::language(reader, rule, path, &LANGUAGES),
    ))
}

/// Plans the injection of an agent.
pub(super) fn plan(scene: &Scene<'_, '_>, report: &mut Report) -> Decision {
    let rules = rules(scene.settings, &mut scene.settings.reader());
    let language = |language: &Language| Some(*language);
    let chosen = choose(&FEATURE, &rules, scene, language, report);
    warn_of_unused(&FEATURE, chosen.as_ref().ok(), scene, report);
    let chosen = chosen?;
    stand_down_for_ddtrace(scene, report)?;
    scene.is_free(otel::CONTAINER)?;
    let language = chosen.rule.what;
    let agent = agent(language).ok_or(Declined::NotAsked)?;
    let image = chosen.image(&FEATURE, &format!(" for {}", language.name()), report)?;
    if let Some(obstacle) = obstacle(scene, &agent) {
        return Err(Declined::Skipped(obstacle));
    }
    let security_context = security_context(scene.template)?;
    let settings = chosen.rule.container.read();

    let mut plan = Plan::default();
    let delivered = agent.deliver(scene, VOLUME, &image, &settings, &mut plan, report);
    agent.load(scene, &delivered.mount, &settings.envs, &mut plan, report)?;
    plan.init_container = delivered.is_copied.then(|| Container {
        name: otel::CONTAINER.to_owned(),
        image: image.clone(),
        image_pull_policy: settings.image_pull_policy.name(),
        command: copy_command(language, agent.directory),
        resources: scene.resources(&settings, &FEATURE, report),
        security_context,
        volume_mounts: vec![delivered.mount],
        ..Container::default()
    });
    plan.source = chosen.source(Some(&image));
    Ok(plan)
}

/// Two tracers in a process get in each other's way. A ddtrace that was selected counts, also where it could
/// not be injected: the user is told why, and would not expect the other agent.
fn stand_down_for_ddtrace(scene: &Scene<'_, '_>, report: &Report) -> Result<(), Declined> {
    let other = ddtrace::NAME;
    if scene.selected.contains(&other) || scene.template.has_container(ddtrace::CONTAINER) {
        report.explain(FEATURE.name, || format!("{other} is injected already"));
        return Err(Declined::NotAsked);
    }
    Ok(())
}

/// The images have no script: the files are copied as they are.
fn copy_command(language: Language, directory: &str) -> Vec<String> {
    let file = format!("{directory}/javaagent.jar");
    let command = match language {
        Language::Java => vec!["cp", "/javaagent.jar", &file],
        _ => vec!["cp", "-r", "/autoinstrumentation/.", directory],
    };
    command.into_iter().map(str::to_owned).collect()
}

/// What the agent of a language needs, where there is one.
fn agent(language: Language) -> Option<Agent> {
    let (directory, loader) = match language {
        Language::Java => (JAVA_DIRECTORY, JAVA),
        Language::Python => (PYTHON_DIRECTORY, PYTHON),
        Language::NodeJs => (NODE_DIRECTORY, NODE),
        Language::Php | Language::Golang => return None,
    };
    Some(Agent {
        feature: &FEATURE,
        language,
        directory,
        loader: Some(loader),
        layout: Some(layout(language)),
        constant: None,
        merged: Merged {
            variable: "OTEL_RESOURCE_ATTRIBUTES",
            pairs: Pairs::OPEN_TELEMETRY,
        },
    })
}

/// The files lie where the init container copies them from.
fn layout(language: Language) -> Layout {
    let folder = match language {
        Language::Java => "",
        _ => "autoinstrumentation",
    };
    let since = &[];
    Layout { folder, since }
}

const JAVA_DIRECTORY: &str = "/otel-auto-instrumentation-java";
const JAVA_OPTION: &str = "-javaagent:/otel-auto-instrumentation-java/javaagent.jar";
const JAVA: Loader = Loader {
    variable: "JAVA_TOOL_OPTIONS",
    adds: Adds::Option {
        behind: JAVA_OPTION,
        alone: Alone::Bare,
    },
    is_in: |own| {
        own.split_ascii_whitespace()
            .any(|option| option.split('=').next() == Some(JAVA_OPTION))
    },
};

const PYTHON_DIRECTORY: &str = "/otel-auto-instrumentation-python";
/// Where the program is that loads the agent.
const PYTHON_START: &str =
    "/otel-auto-instrumentation-python/opentelemetry/instrumentation/auto_instrumentation";
const PYTHON: Loader = Loader {
    variable: "PYTHONPATH",
    adds: Adds::Paths {
        before: PYTHON_START,
        behind: PYTHON_DIRECTORY,
        keeps_default: false,
    },
    is_in: |own| {
        let paths: Vec<&str> = own.split(':').collect();
        let is_once = |wanted| paths.iter().filter(|path| **path == wanted).count() == 1;
        paths.first() == Some(&PYTHON_START)
            && paths.last() == Some(&PYTHON_DIRECTORY)
            && is_once(PYTHON_START)
            && is_once(PYTHON_DIRECTORY)
    },
};

const NODE_DIRECTORY: &str = "/otel-auto-instrumentation-nodejs";
const NODE_MODULE: &str = "/otel-auto-instrumentation-nodejs/autoinstrumentation.js";
const NODE: Loader = Loader {
    variable: "NODE_OPTIONS",
    adds: Adds::Option {
        behind: "--require /otel-auto-instrumentation-nodejs/autoinstrumentation.js",
        alone: Alone::BehindBlank,
    },
    is_in: |own| {
        let mut last = "";
        let mut pairs: usize = 0;
        for word in own.split_ascii_whitespace() {
            if last == "--require" && word == NODE_MODULE {
                pairs = pairs.saturating_add(1);
            }
            last = word;
        }
        pairs == 1
    },
};

/// What keeps the agent from a template, as the end of a sentence.
fn obstacle(scene: &Scene<'_, '_>, agent: &Agent) -> Option<String> {
    let template = scene.template;
    let volume = template.volume(VOLUME);
    let is_image = volume.is_some_and(|volume| volume.contains_key("image"));
    let comes_as_image = scene.own.delivery == Delivery::Image;
    if volume.is_some_and(|volume| !(is_empty_dir(volume) || is_image && comes_as_image)) {
        return Some(format!("the volume {VOLUME} is not an emptyDir"));
    }
    // In an earlier pass it came as an image, by a mount of a part of that.
    let has_parts = is_image && comes_as_image;
    template
        .targets()
        .map(|(_, container)| container)
        .filter(|container| !scene.is_sidecar(*container))
        .find_map(|container| {
            let problem = mount_problem(container, agent, has_parts)
                .or_else(|| value_problem(container, agent))?;
            Some(format!("container {} {problem}", shown(container.name())))
        })
}

fn mount_problem(container: AppContainer<'_>, agent: &Agent, has_parts: bool) -> Option<String> {
    if container
        .mount_at(&MountPath::new(ddtrace::DIRECTORY))
        .is_some()
    {
        return Some(format!("mounts {}, Datadog's agent", ddtrace::DIRECTORY));
    }
    let path = MountPath::new(agent.directory);
    let is_there = |mount: &Object| {
        let own = mount.get("mountPath").and_then(Value::as_str);
        own.is_some_and(|own| path.is(own))
    };
    let is_part = |mount: &Object| {
        ["subPath", "subPathExpr"]
            .iter()
            .any(|key| mount.get(key).is_some_and(|part| *part != ""))
    };
    for mount in container.mounts() {
        let is_ours = name_of(mount) == VOLUME;
        if is_ours != is_there(mount) || (is_ours && !has_parts && is_part(mount)) {
            return Some(format!(
                "has another mount of {VOLUME} or at {}",
                agent.directory
            ));
        }
    }
    None
}

/// What is in the value of the agent's variable that it cannot be added to.
fn value_problem(container: AppContainer<'_>, agent: &Agent) -> Option<String> {
    let loader = agent.loader?;
    let name = loader.variable;
    let value = container.plain_value(name)?;
    if has_datadog(value) {
        return Some(format!("has Datadog's agent in {name}"));
    }
    let is_half = value.contains(agent.directory) && !(loader.is_in)(value);
    is_half.then(|| format!("has a part of an OpenTelemetry agent in {name}"))
}

fn has_datadog(value: &str) -> bool {
    value.contains("dd-java-agent.jar")
        || value.contains(ddtrace::DIRECTORY)
        || value.contains("dd-trace/init")
}

/// The security context of the init container: a copy of the first app container's, so that what a cluster
/// asks of pods is met by it, too.
///
/// # Errors
/// Neither would start: they are to run as root, and must not.
fn security_context(template: &Template<'_>) -> Result<SecurityContext, Declined> {
    let own = template.first_container();
    let own = own.and_then(|own| own.get("securityContext")?.as_object());
    let effective = |key: &str| template.effective(own, key);
    if effective("runAsNonRoot") == Some(&Value::Bool(true))
        && effective("runAsUser").is_some_and(|user| *user == 0_u64)
    {
        return Err(skipped("it is runAsNonRoot, and runAsUser is 0"));
    }
    Ok(SecurityContext::copied(
        own.cloned().map(Object::into_owned),
    ))
}
