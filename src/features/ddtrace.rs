//! DDTrace: an init container copies the agent of a language into a volume that the app containers
//! mount, and a variable makes the language's runtime load it from there.
//!
//! | annotation of the template | effect |
//! |---|---|
//! | `admission.datakit/{java,python,nodejs,js,php}-lib.version` | asks for the agent; the value, if not empty, is the version |
//! | `admission.datakit/ddtrace.enabled: "false"` | switches it off |
//!
//! Added: init container `datakit-lib-init`, volume `datakit-auto-instrument`, on each app container
//! its mount at `/datadog-lib`, the agent's variable and the variables of the settings.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::EnvVar;
use serde_json::Value;

use super::select::{choose, warn_of_unused};
use super::{Scene, is_sidecar};
use crate::env;
use crate::report::{Feature, Report, shown};
use crate::settings::{Agent, Language, PhpLoader};
use crate::tags;
use crate::template::{AppContainer, Container, EnvEdit, Plan, VolumeKind, mount};

const FEATURE: Feature = Feature::Ddtrace;
const CONTAINER: &str = "datakit-lib-init";
const VOLUME: &str = "datakit-auto-instrument";
const DIRECTORY: &str = "/datadog-lib";
const TAGS: &str = "DD_TAGS";

/// The annotations that ask for an agent, in the order in which they are looked for.
pub(super) const ASKING: [&str; 5] = ["java", "python", "nodejs", "js", "php"];

/// Plans the injection of an agent, if the template is to have one.
pub(super) fn plan(scene: &Scene<'_, '_>, report: &mut Report) -> Option<Plan> {
    if scene.has_container(CONTAINER, FEATURE, report) {
        return None;
    }
    let names = |agent: &Agent| annotations_of(agent.language);
    let chosen = choose(FEATURE, &scene.settings.ddtrace, scene, names, report);
    warn_of_unused(
        FEATURE,
        &ASKING.map(annotation_name),
        chosen.as_ref(),
        scene,
        report,
    );
    let chosen = chosen?;
    let agent = chosen.rule.what;
    let image = chosen.image(FEATURE, &format!("for {}", agent.language.name()), report)?;
    let settings = &chosen.rule.container;

    let mut plan = Plan::default();
    let volume = plan.volume(scene.template, VOLUME, VolumeKind::EmptyDir, DIRECTORY);
    let envs = scene.entries(&settings.envs);
    let mut is_injected = false;
    for (place, container) in scene.template.app_containers().enumerate() {
        match edits(container, &volume, agent.language, &envs, report) {
            Ok((has_mount, env)) => {
                if !has_mount {
                    plan.mount(place, mount(&volume, DIRECTORY));
                }
                plan.edit_env(place, env);
                is_injected |= !is_sidecar(container);
            }
            Err(reason) => report.warn(
                FEATURE.name(),
                format_args!("container {} left out, {reason}", shown(container.name())),
            ),
        }
    }
    if !is_injected {
        report.warn(
            FEATURE.name(),
            "nothing injected, every container was left out",
        );
        return None;
    }
    plan.init_container = Some(Container {
        name: CONTAINER.to_owned(),
        image: image.clone(),
        image_pull_policy: settings.image_pull_policy.name(),
        command: copy_command(agent),
        resources: scene.resources(settings, FEATURE, report),
        volume_mounts: vec![mount(&volume, DIRECTORY)],
        ..Container::default()
    });
    report.injected(FEATURE, &chosen.audit(&image));
    Some(plan)
}

pub(super) fn annotation_name(language: &str) -> String {
    format!("{language}-lib.version")
}

fn annotations_of(language: Language) -> Vec<String> {
    let mut names = vec![annotation_name(language.name())];
    if language == Language::NodeJs {
        names.push(annotation_name("js"));
    }
    names
}

/// The images have a script that copies the agent; PHP's extension also needs its loader's ini file,
/// of which there is one for each C library.
fn copy_command(agent: Agent) -> Vec<String> {
    if agent.language != Language::Php {
        return ["sh", "copy-lib.sh", DIRECTORY].map(str::to_owned).to_vec();
    }
    let flavor = match agent.php_loader {
        PhpLoader::LinuxGnu => "linux-gnu",
        PhpLoader::LinuxMusl => "linux-musl",
    };
    let script = format!(
        "/datadog-init/copy-lib.sh {DIRECTORY} && \
         cp {DIRECTORY}/{flavor}/loader/dd_library_loader.ini {DIRECTORY}/dd_library_loader.ini"
    );
    vec!["sh".to_owned(), "-c".to_owned(), script]
}

/// What is done to a container: whether it has the mount already, and its variables.
fn edits(
    container: AppContainer<'_>,
    volume: &str,
    language: Language,
    envs: &[EnvVar],
    report: &mut Report,
) -> Result<(bool, Vec<EnvEdit>), String> {
    let has_mount = match container.mount_at(DIRECTORY) {
        Some(own) => own.get("name").and_then(Value::as_str) == Some(volume),
        None => false,
    };
    if !has_mount && !container.is_free(DIRECTORY) {
        return Err(format!("something else is mounted at {DIRECTORY}"));
    }
    let mut env = agent_edits(container, language, report)?;
    env.extend(settings_edits(container, &env, envs, report));
    Ok((has_mount, env))
}

/// How the runtime of a language is told to load the agent.
struct Loader {
    variable: &'static str,
    /// Whether the value does it already.
    is_in: fn(&str) -> bool,
    /// Adds it to a value; `None` is a container without the variable.
    add_to: fn(Option<&str>) -> String,
}

fn loader(language: Language) -> Option<Loader> {
    const JAVA: &str = "-javaagent:/datadog-lib/dd-java-agent.jar";
    const NODE: &str = "/datadog-lib/node_modules/dd-trace/init";
    const PYTHON: &str = "/datadog-lib/";
    match language {
        Language::Java => Some(Loader {
            variable: "JAVA_TOOL_OPTIONS",
            is_in: |own| {
                own.split_ascii_whitespace()
                    .any(|option| option.split('=').next() == Some(JAVA))
            },
            add_to: |own| format!("{} {JAVA}", own.unwrap_or_default()),
        }),
        Language::NodeJs => Some(Loader {
            variable: "NODE_OPTIONS",
            is_in: |own| {
                own.split_ascii_whitespace()
                    .any(|option| option.trim_start_matches("--require=") == NODE)
            },
            add_to: |own| format!("{} --require={NODE}", own.unwrap_or_default()),
        }),
        Language::Python => Some(Loader {
            variable: "PYTHONPATH",
            is_in: |own| {
                own.split(':')
                    .any(|path| path.trim_end_matches('/') == DIRECTORY)
            },
            add_to: |own| match own {
                // An empty element would be the working directory.
                None | Some("") => PYTHON.to_owned(),
                Some(own) => format!("{PYTHON}:{own}"),
            },
        }),
        Language::Php => Some(Loader {
            variable: "PHP_INI_SCAN_DIR",
            is_in: |own| {
                own.split(':')
                    .any(|path| path.trim_end_matches('/') == DIRECTORY)
            },
            add_to: |own| match own {
                // An empty element keeps the directory that PHP was compiled with.
                None => format!(":{DIRECTORY}"),
                // An empty value switches that directory off.
                Some("") => DIRECTORY.to_owned(),
                Some(own) => format!("{own}:{DIRECTORY}"),
            },
        }),
        Language::Golang => None,
    }
}

/// The variables that the agent of a language sets in each container, whatever `envs` say of them.
#[must_use]
pub fn agent_variables(language: Language) -> Vec<&'static str> {
    let mut variables: Vec<_> = loader(language)
        .map(|loader| loader.variable)
        .into_iter()
        .collect();
    if language == Language::Php {
        variables.push(LOADER_PATH);
    }
    variables
}

/// Where the loader of PHP looks for the agent.
const LOADER_PATH: &str = "DD_LOADER_PACKAGE_PATH";

/// The variables that load the agent.
fn agent_edits(
    container: AppContainer<'_>,
    language: Language,
    report: &mut Report,
) -> Result<Vec<EnvEdit>, String> {
    let mut edits = Vec::new();
    if language == Language::Php && container.variable(LOADER_PATH).is_none() {
        let entry = env::plain(LOADER_PATH, DIRECTORY);
        edits.push(EnvEdit::Append(entry));
    }
    let Some(loader) = loader(language) else {
        return Ok(edits);
    };
    edits.extend(loader_edit(container, &loader)?);
    // JDK 8 reads so much of the variable.
    let longest = 1024;
    let too_long = edits.iter().any(|edit| match edit {
        EnvEdit::SetValue { value, .. } => value.len() > longest,
        _ => false,
    });
    if language == Language::Java && too_long {
        report.warn(
            FEATURE.name(),
            format_args!(
                "JAVA_TOOL_OPTIONS of container {} is over {longest} bytes, JDK 8 cuts it off",
                shown(container.name())
            ),
        );
    }
    Ok(edits)
}

fn loader_edit(container: AppContainer<'_>, loader: &Loader) -> Result<Option<EnvEdit>, String> {
    let name = loader.variable;
    let Some((place, own)) = container.variable(name) else {
        let entry = env::plain(name, (loader.add_to)(None));
        return Ok(Some(EnvEdit::Append(entry)));
    };
    let source = own.get("valueFrom").filter(|source| !source.is_null());
    let Some(source) = source else {
        let value = own.get("value").and_then(Value::as_str).unwrap_or_default();
        return Ok((!(loader.is_in)(value)).then(|| EnvEdit::SetValue {
            place,
            value: (loader.add_to)(Some(value)),
        }));
    };
    if is_optional(source) {
        // Where it does not exist, the reference to it would stay as text and stop the runtime.
        return Err(format!("its {name} is an optional reference"));
    }
    let original = format!("DATAKIT_ORIG_{name}");
    if container.variable(&original).is_some() {
        return Err(format!("its {name} is a reference and {original} is taken"));
    }
    let value = (loader.add_to)(Some(&format!("$({original})")));
    Ok(Some(EnvEdit::Rename {
        place,
        name: original,
        then: env::plain(name, value),
    }))
}

fn is_optional(source: &Value) -> bool {
    source.as_object().is_some_and(|source| {
        source
            .values()
            .any(|reference| reference.get("optional") == Some(&Value::Bool(true)))
    })
}

/// The variables of the settings that the container does not have, and its tags merged with theirs.
fn settings_edits(
    container: AppContainer<'_>,
    agent: &[EnvEdit],
    envs: &[EnvVar],
    report: &mut Report,
) -> Vec<EnvEdit> {
    let own = container
        .env()
        .filter_map(|entry| entry.get("name").and_then(Value::as_str));
    let of_the_agent = agent.iter().filter_map(|edit| match edit {
        EnvEdit::Append(entry) => Some(entry.name.as_str()),
        EnvEdit::Rename { name, .. } => Some(name.as_str()),
        _ => None,
    });
    let mut taken = BTreeSet::new();
    for name in own.chain(of_the_agent) {
        taken.insert(name);
    }
    let tags = envs
        .iter()
        .find(|entry| entry.name == TAGS)
        .and_then(|entry| merged_tags(container, entry, report));
    let mut added: Vec<EnvVar> = Vec::new();
    let mut edits = Vec::new();
    for entry in envs {
        if !taken.contains(entry.name.as_str()) {
            added.push(entry.clone());
        } else if entry.name == TAGS
            && let Some(tags) = &tags
        {
            if stays(container, tags, envs) {
                edits.push(tags.in_place());
            } else {
                added.push(env::plain(TAGS, tags.value.clone()));
            }
        }
    }
    edits.extend(
        env::in_order_of_reference(added)
            .into_iter()
            .map(|entry| match &tags {
                Some(tags) if entry.name == TAGS => tags.at_the_end(),
                _ => EnvEdit::Append(entry),
            }),
    );
    edits
}

/// The container's tags with those of the settings that it does not have.
struct MergedTags {
    place: usize,
    value: String,
}

impl MergedTags {
    fn in_place(&self) -> EnvEdit {
        EnvEdit::SetValue {
            place: self.place,
            value: self.value.clone(),
        }
    }

    fn at_the_end(&self) -> EnvEdit {
        EnvEdit::MoveToEnd {
            place: self.place,
            value: self.value.clone(),
        }
    }
}

fn merged_tags(
    container: AppContainer<'_>,
    added: &EnvVar,
    report: &mut Report,
) -> Option<MergedTags> {
    let (place, own) = container.variable(TAGS)?;
    // A reference in the settings is no text to merge.
    let added = added.value.as_deref()?;
    if own.get("valueFrom").is_some_and(|source| !source.is_null()) {
        report.warn(
            FEATURE.name(),
            format_args!(
                "{TAGS} of container {} is a reference, the configured tags are not merged",
                shown(container.name())
            ),
        );
        return None;
    }
    let own = own.get("value").and_then(Value::as_str).unwrap_or_default();
    let value = tags::merge(own, added)?;
    Some(MergedTags { place, value })
}

/// Whether the merged tags can stay where they were: the pod's own entries may refer to them. They
/// cannot if they refer to an entry that stands behind them, or comes with the settings.
fn stays(container: AppContainer<'_>, tags: &MergedTags, envs: &[EnvVar]) -> bool {
    if env::references(&tags.value).next().is_none() {
        return true;
    }
    let mut before = BTreeSet::new();
    let mut others = BTreeSet::new();
    others.extend(envs.iter().map(|entry| entry.name.as_str()));
    for (place, entry) in container.env().enumerate() {
        let name = entry.get("name").and_then(Value::as_str);
        let names = if place < tags.place {
            &mut before
        } else {
            &mut others
        };
        names.extend(name);
    }
    env::references(&tags.value)
        .all(|name| before.contains(name) || name == TAGS || !others.contains(name))
}
