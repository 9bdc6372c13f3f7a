//! logfwd: a sidecar that forwards the log files of the app containers, through volumes that they
//! share.
//!
//! | annotation of the template | effect |
//! |---|---|
//! | `admission.datakit/logfwd.instances` | what to forward, as JSON; asks for the sidecar |
//! | `admission.datakit/logfwd.enabled: "false"` | switches it off |
//! | `admission.datakit/logfwd.resources` | the resources of the sidecar, as JSON |
//!
//! Added: sidecar `datakit-logfwd`; for every directory that log files lie in a volume
//! `datakit-logfwd-volume-N` on the app containers, read-only on the sidecar; by rules of
//! `admission_inject_v2` also volume `datakit-pod-info` with the pod's labels.

use k8s_openapi::api::core::v1::{EnvVar, VolumeMount};

use super::directories::{Directories, ReadBy};
use super::feature::{Added, Ask, Feature};
use super::scene::{Decision, Declined, PREFIX, Scene, skipped};
use super::select::{choose, warn_of_unused};
use super::variables::Variables;
use crate::env;
use crate::json::{self, Path, Problems, Value};
use crate::paths;
use crate::report::{Report, shown};
use crate::settings::{
    self, Document, LogForwarder, Place, Reader, RuleSet, check_log_config, file_paths, v1,
};
use crate::template::{Container, Plan, Template, VolumeKind, mount};

pub(super) static FEATURE: Feature = Feature {
    name: "logfwd",
    switch: Some("logfwd.enabled"),
    asks: &[Ask::for_any(ANNOTATION)],
    adds: Some(Added::Sidecar(CONTAINER)),
    resources: Some("logfwd.resources"),
    place: Place {
        section: Some("admission_inject.logfwd"),
        list: "admission_inject_v2.logfwds",
    },
    sets: |_| Vec::new(),
    rules: |settings, reader| rules(settings, reader).outline(|_| None),
};

const CONTAINER: &str = "datakit-logfwd";
const ANNOTATION: &str = "logfwd.instances";
const POD_INFO: &str = "/etc/podinfo";
const JSON_CONFIG: &str = "LOGFWD_JSON_CONFIG";

fn rules<'n>(settings: &'n Document<'_>, reader: &mut Reader) -> RuleSet<'n, LogForwarder<'n>> {
    settings.rules(reader, &FEATURE.place, v1::logfwd, listed)
}

/// The first rule for the pod decides.
fn listed<'n>(
    reader: &mut Reader,
    list: Option<&'n Value<'_>>,
    path: Path<'_>,
) -> RuleSet<'n, LogForwarder<'n>> {
    let section = FEATURE.place.list;
    RuleSet::first_decides(settings::listed(reader, list, path, section, forwarder))
}

fn forwarder<'n>(
    reader: &mut Reader,
    rule: &'n Value<'_>,
    path: Path<'_>,
) -> Option<LogForwarder<'n>> {
    let configs_path = path.key("log_configs");
    let log_configs = reader.string(rule.given("log_configs"), configs_path);
    let log_configs = log_configs.unwrap_or_default();
    if reader.checks && !log_configs.is_empty() {
        if !env::fits(LogForwarder::CONFIGS, log_configs) {
            reader.add(configs_path, env::TOO_LONG);
        }
        check_log_config(log_configs, reader, configs_path);
    }
    let volumes_path = path.key("log_volume_paths");
    let log_volume_paths = reader.strings(rule.given("log_volume_paths"), volumes_path);
    if reader.checks {
        check_directories(&log_volume_paths, reader, volumes_path);
    }
    Some(LogForwarder {
        needs_instances: false,
        needs_free_directories: false,
        pod_info: true,
        log_configs,
        log_volume_paths,
    })
}

fn check_directories(directories: &[&str], reader: &mut Reader, path: Path<'_>) {
    for (index, directory) in directories.iter().enumerate() {
        if let Some(problem) = paths::unmountable(directory, &paths::directory(directory)) {
            reader.add(path.index(index), problem);
        }
    }
}

/// Plans the sidecar.
pub(super) fn plan(scene: &Scene<'_, '_>, report: &mut Report) -> Decision {
    let rules = rules(scene.settings, &mut scene.settings.reader());
    let chosen = choose(&FEATURE, &rules, scene, |_| None, report);
    if chosen.is_err() {
        warn_of_unused(&FEATURE, chosen.as_ref().ok(), scene, report);
    }
    let chosen = chosen?;
    scene.is_free(CONTAINER)?;
    let forwarder = &chosen.rule.what;
    let Some(image) = chosen.rule.image else {
        return Err(skipped(format!("{} has no image", chosen.rule.origin)));
    };
    let instances = instances(scene, forwarder, report)?;

    let mut plan = Plan::default();
    let directories = directories(instances.as_ref(), forwarder, report);
    if forwarder.needs_free_directories
        && let Some(directory) = directories.mounted_already(scene.template)
    {
        return Err(skipped(format!(
            "{} is mounted already and `reuse_exist_volume` is \"false\"",
            shown(directory)
        )));
    }
    let shared = directories.share("datakit-logfwd-volume", scene, &mut plan, report);
    let mut mounts = shared.mounts;
    if mounts.is_empty() && shared.some_expand {
        return Err(skipped("there is nothing to read"));
    }
    for mount in &mut mounts {
        mount.read_only = Some(true);
    }
    if forwarder.pod_info {
        mounts.extend(pod_info(scene.template, &mounts, &mut plan));
    }
    let settings = chosen.rule.container.read();
    let mut variables = Variables::new(scene, &settings.envs);
    let env = with_configuration(variables.of_added(), instances, forwarder);
    variables.warn(&FEATURE, report);
    plan.sidecar = Some(Container {
        name: CONTAINER.to_owned(),
        image: image.to_owned(),
        image_pull_policy: settings.image_pull_policy.name(),
        env: env::in_order_of_reference(env),
        resources: scene.resources(&settings, &FEATURE, report),
        volume_mounts: mounts,
        ..Container::default()
    });
    plan.source = chosen.source(Some(image));
    Ok(plan)
}

/// What the annotation says; `None` where it is not there, or is of no use and not needed.
///
/// # Errors
/// There is nothing to forward without it.
fn instances(
    scene: &Scene<'_, '_>,
    forwarder: &LogForwarder<'_>,
    report: &mut Report,
) -> Result<Option<Instances>, Declined> {
    let is_needed = forwarder.needs_instances;
    match scene.annotation(ANNOTATION).map(Instances::parse) {
        Some(Ok(instances)) => Ok(Some(instances)),
        None if is_needed => Err(Declined::NotAsked),
        None => Ok(None),
        // An empty annotation only asks, where that is enough.
        Some(Err(_)) if !is_needed && asks_only(scene) => Ok(Some(Instances::default())),
        Some(Err(problem)) if is_needed => Err(skipped(format!("{PREFIX}{ANNOTATION}{problem}"))),
        Some(Err(problem)) => {
            report.warn(
                FEATURE.name,
                format_args!("injected without log configuration: {PREFIX}{ANNOTATION}{problem}"),
            );
            Ok(None)
        }
    }
}

fn with_configuration(
    mut env: Vec<EnvVar>,
    instances: Option<Instances>,
    forwarder: &LogForwarder<'_>,
) -> Vec<EnvVar> {
    if let Some(instances) = instances
        && !(instances.json.is_empty() && env.iter().any(|entry| entry.name == JSON_CONFIG))
    {
        set(&mut env, JSON_CONFIG, instances.json);
    }
    if !forwarder.log_configs.is_empty() {
        let configs = forwarder.log_configs.to_owned();
        set(&mut env, LogForwarder::CONFIGS, configs);
    }
    env
}

fn asks_only(scene: &Scene<'_, '_>) -> bool {
    scene
        .annotation(ANNOTATION)
        .is_some_and(|text| text.trim().is_empty())
}

/// The annotation, which is there for this pod, wins over a variable of the settings.
fn set(env: &mut Vec<EnvVar>, name: &str, value: String) {
    env.retain(|entry| entry.name != name);
    env.push(env::plain(name, value));
}

fn directories(
    instances: Option<&Instances>,
    forwarder: &LogForwarder<'_>,
    report: &mut Report,
) -> Directories {
    let mut directories = Directories::new(&FEATURE, ReadBy::Sidecar);
    let files = instances.map(|instances| instances.log_files.as_slice());
    for file in files.unwrap_or_default() {
        directories.add(file, paths::directory_of(file), report);
    }
    for file in file_paths(forwarder.log_configs) {
        directories.add(&file, paths::directory_of(&file), report);
    }
    for path in &forwarder.log_volume_paths {
        directories.add(path, paths::directory(path), report);
    }
    directories
}

/// The mount of the volume with the pod's labels, unless log files lie where logfwd looks for them.
fn pod_info(
    template: &Template<'_>,
    mounts: &[VolumeMount],
    plan: &mut Plan,
) -> Option<VolumeMount> {
    if mounts.iter().any(|mount| mount.mount_path == POD_INFO) {
        return None;
    }
    let volume = plan.volume(
        template,
        "datakit-pod-info",
        VolumeKind::PodLabels,
        POD_INFO,
    );
    Some(VolumeMount {
        read_only: Some(true),
        ..mount(&volume, POD_INFO)
    })
}

/// What `admission.datakit/logfwd.instances` says.
#[derive(Debug, Default, PartialEq)]
struct Instances {
    /// The annotation without white space.
    json: String,
    log_files: Vec<String>,
}

impl Instances {
    /// Reads the annotation; nulls in it are skipped, as logfwd does.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that begins with the annotation's name.
    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err(" is empty".to_owned());
        }
        let node = Value::parse(text).map_err(|problem| format!(" {problem}"))?;
        if !matches!(node, Value::Array(_)) {
            return Err(format!(" must be a list, not {}", node.kind()));
        }
        let mut problems = Problems::only_first();
        let log_files = log_files(&node, &mut problems);
        // The problems begin with a path, like `[0].loggings`.
        if let Some(problem) = problems.list.first() {
            return Err(problem.to_string());
        }
        let json = json::compact(text);
        if !env::fits(JSON_CONFIG, &json) {
            return Err(format!(" {}", env::TOO_LONG));
        }
        Ok(Self { json, log_files })
    }
}

fn log_files(node: &Value<'_>, problems: &mut Problems) -> Vec<String> {
    let mut files = Vec::new();
    let root = Path::Root;
    for (index, instance) in problems.list(Some(node), root).iter().enumerate() {
        let path = root.index(index);
        problems.object(Some(instance), path);
        problems.string(instance.get("datakit_addr"), path.key("datakit_addr"));
        let path = path.key("loggings");
        let loggings = problems.list(instance.get("loggings"), path);
        for (index, logging) in loggings.iter().enumerate() {
            files.extend(log_files_of(logging, path.index(index), problems));
        }
    }
    files
}

fn log_files_of(logging: &Value<'_>, path: Path<'_>, problems: &mut Problems) -> Vec<String> {
    const STRINGS: [&str; 5] = [
        "source",
        "service",
        "pipeline",
        "character_encoding",
        "multiline_match",
    ];
    problems.object(Some(logging), path);
    for key in STRINGS {
        problems.string(logging.given(key), path.key(key));
    }
    let key = "remove_ansi_escape_codes";
    problems.boolean(logging.given(key), path.key(key));
    problems.strings(logging.given("ignore"), path.key("ignore"));
    let tags = path.key("tags");
    for (key, value) in problems
        .object(logging.given("tags"), tags)
        .into_iter()
        .flatten()
    {
        problems.string(Some(value), tags.key(key));
    }
    problems
        .strings(logging.given("logfiles"), path.key("logfiles"))
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn reads_the_annotation_and_skips_nulls() {
        let text = r#"[ null, {"loggings": [null, {"logfiles": ["/a/*.log", null], "source": null}]},
            {"loggings": null}, {"loggings": [{"logfiles": null, "unknown": 1}]} ]"#;
        assert_eq!(
            Instances::parse(text),
            Ok(Instances {
                json: json::compact(text),
                log_files: vec!["/a/*.log".to_owned()],
            })
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn says_where_the_annotation_is_wrong() {
        for (text, expected) in [
            ("", " is empty"),
            ("not json", " is not valid JSON (line 1, column 2)"),
            ("{}", " must be a list, not an object"),
            ("[1]", "[0]: must be an object, not a number"),
            (
                r#"[{"loggings":{}}]"#,
                "[0].loggings: must be a list, not an object",
            ),
            (
                r#"[{"loggings":[{"logfiles":"/a"}]}]"#,
                "[0].loggings[0].logfiles: must be a list, not a string",
            ),
            (
                r#"[{"loggings":[{"tags":{"a":1}}]}]"#,
                "[0].loggings[0].tags.a: must be a string, not a number",
            ),
            (
                &format!(r#"[{{"datakit_addr":"{}"}}]"#, "a".repeat(128 * 1024)),
                " is longer than 128 KiB, more than a variable can hold",
            ),
        ] {
            assert_eq!(Instances::parse(text), Err(expected.to_owned()), "{text}");
        }
    }
}
