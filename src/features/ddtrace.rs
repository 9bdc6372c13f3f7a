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

use super::agents;
use super::places::Place;
use super::select::{choose, warn_of_unused};
use super::{Scene, is_sidecar};
use crate::env;
use crate::paths::MountPath;
use crate::report::{Feature, Report, shown};
use crate::settings::{Agent, Language, PhpLoader};
use crate::tags;
use crate::template::{
    AppContainer, Container, EnvEdit, Plan, VolumeKind, mount, name_of, original_of,
};

const FEATURE: Feature = Feature::Ddtrace;
const CONTAINER: &str = "datakit-lib-init";
const VOLUME: &str = "datakit-auto-instrument";
const DIRECTORY: &str = "/datadog-lib";
const TAGS: &str = "DD_TAGS";

/// The annotations that ask for an agent, in the order in which they are looked for.
pub(super) const ASKING: [&str; 5] = ["java", "python", "nodejs", "js", "php"];

/// Plans the injection of an agent, if the template is to have one.
pub(super) fn plan(scene: &Scene<'_, '_>, report: &mut Report) -> Option<Plan> {
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
    if scene.has_container(CONTAINER, FEATURE, report) {
        return None;
    }
    let agent = chosen.rule.what;
    let image = chosen.image(FEATURE, &format!("for {}", agent.language.name()), report)?;
    let settings = &chosen.rule.container;

    let mut plan = Plan::default();
    let volume = plan.volume(scene.template, VOLUME, VolumeKind::EmptyDir, DIRECTORY);
    let envs = scene.entries(&settings.envs);
    let mut injected = Vec::new();
    for (place, container) in scene.template.app_containers().enumerate() {
        match edits(scene, container, &volume, agent.language, &envs, report) {
            Ok((has_mount, env)) => {
                if !has_mount {
                    plan.mount(place, mount(&volume, DIRECTORY));
                }
                plan.edit_env(place, env);
                injected.push(container);
            }
            Err(_) if is_sidecar(container) => {}
            Err(reason) => report.warn(
                FEATURE.name(),
                format_args!("container {} left out, {reason}", shown(container.name())),
            ),
        }
    }
    if injected.iter().all(|container| is_sidecar(*container)) {
        report.warn(
            FEATURE.name(),
            "nothing injected, every container was left out",
        );
        return None;
    }
    if let Some(another) = agents::another(injected, agent.language, own_option(agent.language)) {
        report.warn(
            FEATURE.name(),
            format_args!("another agent is in {another}; take one of the two out"),
        );
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
    plan.source = chosen.source(&image);
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
fn edits<'s>(
    scene: &Scene<'s, '_>,
    container: AppContainer<'s>,
    volume: &str,
    language: Language,
    envs: &[EnvVar],
    report: &mut Report,
) -> Result<(bool, Vec<EnvEdit>), String> {
    let place = scene.place(container, &MountPath::new(DIRECTORY), volume)?;
    let mut env = agent_edits(container, language, report)?;
    env.extend(settings_edits(container, &env, envs, report));
    Ok((place == Place::HasIt, env))
}

const JAVA: &str = "-javaagent:/datadog-lib/dd-java-agent.jar";
const NODE: &str = "--require=/datadog-lib/node_modules/dd-trace/init";

/// How the runtime of a language is told to load the agent.
struct Loader {
    variable: &'static str,
    /// Whether the value does it already.
    is_in: fn(&str) -> bool,
    /// What stands before and behind the value then; `None` is a container without the variable.
    around: fn(Option<&str>) -> Around,
}

/// Text before and behind a value.
type Around = (String, String);

fn before(text: &str) -> Around {
    (text.to_owned(), String::new())
}

fn behind(text: String) -> Around {
    (String::new(), text)
}

fn loader(language: Language) -> Option<Loader> {
    const PYTHON: &str = "/datadog-lib/";
    match language {
        Language::Java => Some(Loader {
            variable: "JAVA_TOOL_OPTIONS",
            is_in: |own| {
                own.split_ascii_whitespace()
                    .any(|option| option.split('=').next() == Some(JAVA))
            },
            around: |_| behind(format!(" {JAVA}")),
        }),
        Language::NodeJs => Some(Loader {
            variable: "NODE_OPTIONS",
            is_in: |own| {
                own.split_ascii_whitespace()
                    .any(|option| option == NODE || NODE.strip_prefix("--require=") == Some(option))
            },
            around: |_| behind(format!(" {NODE}")),
        }),
        Language::Python => Some(Loader {
            variable: "PYTHONPATH",
            is_in: |own| {
                own.split(':')
                    .any(|path| path.trim_end_matches('/') == DIRECTORY)
            },
            around: |own| match own {
                // An empty element would be the working directory.
                None | Some("") => before(PYTHON),
                Some(_) => before(&format!("{PYTHON}:")),
            },
        }),
        Language::Php => Some(Loader {
            variable: "PHP_INI_SCAN_DIR",
            is_in: |own| {
                own.split(':')
                    .any(|path| path.trim_end_matches('/') == DIRECTORY)
            },
            around: |own| match own {
                // An empty value switches the directory off that PHP was compiled with.
                Some("") => behind(DIRECTORY.to_owned()),
                // An empty element, where there is no value, keeps it.
                None | Some(_) => behind(format!(":{DIRECTORY}")),
            },
        }),
        Language::Golang => None,
    }
}

/// The option of a command line that loads the agent, where there is one.
fn own_option(language: Language) -> &'static str {
    match language {
        Language::Java => JAVA,
        Language::NodeJs => NODE,
        _ => "",
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
    let longest: usize = 1024;
    let own = container.plain_value(loader.variable).unwrap_or_default();
    let too_long = edits.iter().any(|edit| match edit {
        EnvEdit::Extend { before, behind, .. } => {
            let added = before.len().saturating_add(behind.len());
            own.len().saturating_add(added) > longest
        }
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
    let with =
        |own: &str, (before, behind): Around| env::plain(name, format!("{before}{own}{behind}"));
    let Some((place, own)) = container.variable(name) else {
        let entry = with("", (loader.around)(None));
        return Ok(Some(EnvEdit::Append(entry)));
    };
    let source = own.get("valueFrom").filter(|source| !source.is_null());
    let Some(source) = source else {
        let value = own.get("value").and_then(Value::as_str).unwrap_or_default();
        let (before, behind) = (loader.around)(Some(value));
        return Ok((!(loader.is_in)(value)).then_some(EnvEdit::Extend {
            place,
            before,
            behind,
        }));
    };
    if is_optional(source) {
        // Where it does not exist, the reference to it would stay as text and stop the runtime.
        return Err(format!("its {name} is an optional reference"));
    }
    let original = original_of(name);
    if container.variable(&original).is_some() {
        return Err(format!("its {name} is a reference and {original} is taken"));
    }
    let reference = format!("$({original})");
    let around = (loader.around)(Some(&reference));
    Ok(Some(EnvEdit::Rename {
        place,
        then: with(&reference, around),
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
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    taken.extend(container.env().map(name_of));
    let originals: Vec<String> = agent
        .iter()
        .filter_map(|edit| match edit {
            EnvEdit::Rename { then, .. } => Some(original_of(&then.name)),
            _ => None,
        })
        .collect();
    taken.extend(originals.iter().map(String::as_str));
    for edit in agent {
        if let EnvEdit::Append(entry) = edit {
            taken.insert(&entry.name);
        }
    }
    let added = envs
        .iter()
        .filter(|entry| !taken.contains(entry.name.as_str()));
    let added = added.map(|entry| (entry.clone(), EnvEdit::Append(entry.clone())));
    let mut last: Vec<(EnvVar, EnvEdit)> = added.collect();
    let mut edits = Vec::new();
    if let Some(tags) = MergedTags::new(container, envs, report) {
        let moved = tags.moved(container, envs, report);
        let moved = moved
            .into_iter()
            .map(|(entry, place)| (entry, EnvEdit::MoveToEnd { place }));
        last.extend(moved);
        edits.push(tags.extension());
    }
    let (entries, mut moves): (Vec<EnvVar>, Vec<Option<EnvEdit>>) = last
        .into_iter()
        .map(|(entry, edit)| (entry, Some(edit)))
        .unzip();
    let places = env::order_of_reference(&entries);
    edits.extend(
        places
            .into_iter()
            .filter_map(|place| moves.get_mut(place)?.take()),
    );
    edits
}

/// The container's tags with those of the settings that it does not have.
struct MergedTags {
    place: usize,
    own: String,
    /// What comes behind its own.
    behind: String,
}

impl MergedTags {
    /// `None` where the settings have no tags that the container lacks.
    fn new(container: AppContainer<'_>, envs: &[EnvVar], report: &mut Report) -> Option<Self> {
        let added = envs.iter().find(|entry| entry.name == TAGS)?;
        let (place, own) = container.variable(TAGS)?;
        // A reference in the settings is not text that could be merged.
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
        Some(Self {
            place,
            own: own.to_owned(),
            behind: tags::lacking(own, added)?,
        })
    }

    fn value(&self) -> String {
        format!("{}{}", self.own, self.behind)
    }

    fn extension(&self) -> EnvEdit {
        EnvEdit::Extend {
            place: self.place,
            before: String::new(),
            behind: self.behind.clone(),
        }
    }

    /// The entries that have to come last for the sake of the tags, with their places: Kubernetes
    /// expands `$(NAME)` only from entries that stand before. The tags stay where they are if all that
    /// they refer to stands before them; else those entries that refer to them go along.
    fn moved(
        &self,
        container: AppContainer<'_>,
        envs: &[EnvVar],
        report: &mut Report,
    ) -> Vec<(EnvVar, usize)> {
        if self.can_stay(container, envs) {
            return Vec::new();
        }
        let followers = self.followers(container);
        if self.lead_to(&followers, envs) {
            report.warn(
                FEATURE.name(),
                format_args!(
                    "{TAGS} of container {} refers to a variable that refers to it: not all is expanded",
                    shown(container.name())
                ),
            );
            return Vec::new();
        }
        let mut moved = vec![(env::plain(TAGS, self.value()), self.place)];
        moved.extend(followers);
        moved
    }

    /// Whether all that the tags refer to stands before them, or nowhere.
    fn can_stay(&self, container: AppContainer<'_>, envs: &[EnvVar]) -> bool {
        let value = self.value();
        let mut before = BTreeSet::new();
        let mut others = BTreeSet::new();
        others.extend(envs.iter().map(|entry| entry.name.as_str()));
        for (place, entry) in container.env().enumerate() {
            let names = if place < self.place {
                &mut before
            } else {
                &mut others
            };
            names.insert(name_of(entry));
        }
        env::references(&value)
            .all(|name| before.contains(name) || name == TAGS || !others.contains(name))
    }

    /// The container's entries behind the tags that refer to them, or to one that does.
    fn followers(&self, container: AppContainer<'_>) -> Vec<(EnvVar, usize)> {
        let mut names = BTreeSet::from([TAGS]);
        let mut followers = Vec::new();
        let behind = container
            .env()
            .enumerate()
            .skip(self.place.saturating_add(1));
        for (place, entry) in behind {
            let value = entry
                .get("value")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if env::references(value).any(|name| names.contains(name)) {
                names.insert(name_of(entry));
                followers.push((env::plain(name_of(entry), value), place));
            }
        }
        followers
    }

    /// Whether the tags refer to one of those that refer to them, also by entries of the settings.
    fn lead_to(&self, followers: &[(EnvVar, usize)], envs: &[EnvVar]) -> bool {
        let value = self.value();
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = env::references(&value).collect();
        while let Some(name) = open.pop() {
            if name == TAGS || !seen.insert(name) {
                continue;
            }
            if followers.iter().any(|(entry, _)| entry.name == name) {
                return true;
            }
            let values = envs.iter().filter(|entry| entry.name == name);
            for value in values.filter_map(|entry| entry.value.as_deref()) {
                open.extend(env::references(value));
            }
        }
        false
    }
}
