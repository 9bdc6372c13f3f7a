//! logfwd: a sidecar that forwards the log files of the app containers, through volumes that they
//! share.
//!
//! | annotation of the template | effect |
//! |---|---|
//! | `admission.datakit/logfwd.instances` | what to forward, as JSON; asks for the sidecar |
//! | `admission.datakit/logfwd.enabled: "false"` | switches it off |
//!
//! Added: sidecar `datakit-logfwd`; for every directory that log files lie in a volume
//! `datakit-logfwd-volume-N` on the app containers, read-only on the sidecar; by rules of
//! `admission_inject_v2` also volume `datakit-pod-info` with the pod's labels.

use k8s_openapi::api::core::v1::{EnvVar, VolumeMount};

use super::Scene;
use super::directories::Directories;
use super::select::{choose, warn_of_unused};
use crate::env;
use crate::json::{self, Node, Path, Problems};
use crate::paths;
use crate::report::{Feature, Report, shown};
use crate::settings::{LogForwarder, file_paths};
use crate::template::{Container, Plan, Template, VolumeKind, mount};

const FEATURE: Feature = Feature::Logfwd;
pub(super) const CONTAINER: &str = "datakit-logfwd";
pub(super) const ANNOTATION: &str = "logfwd.instances";
const POD_INFO: &str = "/etc/podinfo";
const JSON_CONFIG: &str = "LOGFWD_JSON_CONFIG";

/// Plans the sidecar, if the template is to have it.
pub(super) fn plan(scene: &Scene<'_, '_>, report: &mut Report) -> Option<Plan> {
    let names = [ANNOTATION.to_owned()];
    let chosen = choose(
        FEATURE,
        &scene.settings.logfwd,
        scene,
        |_| names.to_vec(),
        report,
    );
    if chosen.is_none() {
        warn_of_unused(FEATURE, &names, chosen.as_ref(), scene, report);
    }
    let chosen = chosen?;
    if scene.has_container(CONTAINER, FEATURE, report) {
        return None;
    }
    let forwarder = &chosen.rule.what;
    let image = chosen.rule.image;
    let Some(image) = image else {
        report.warn(
            FEATURE.name(),
            format_args!("nothing injected, {} has no image", chosen.rule.origin),
        );
        return None;
    };
    let instances = match scene.annotation(ANNOTATION).map(Instances::parse) {
        None => None,
        Some(Ok(instances)) => Some(instances),
        // An empty annotation only asks, where that is enough.
        Some(Err(_)) if !forwarder.needs_instances && asks_only(scene) => {
            Some(Instances::default())
        }
        Some(Err(problem)) => {
            let done = if forwarder.needs_instances {
                "nothing injected"
            } else {
                "injected without it"
            };
            report.warn(
                FEATURE.name(),
                format_args!("{done}, admission.datakit/{ANNOTATION}{problem}"),
            );
            None
        }
    };
    if instances.is_none() && forwarder.needs_instances {
        return None;
    }

    let mut plan = Plan::default();
    let directories = directories(instances.as_ref(), forwarder, report);
    if forwarder.needs_free_directories
        && let Some(directory) = directories.mounted_already(scene.template)
    {
        report.warn(
            FEATURE.name(),
            format_args!(
                "nothing injected, {} is mounted already and `reuse_exist_volume` is \"false\"",
                shown(directory)
            ),
        );
        return None;
    }
    let shared = directories.share("datakit-logfwd-volume", FEATURE, scene, &mut plan, report);
    let mut mounts = shared.mounts;
    if mounts.is_empty() && shared.some_expand {
        report.warn(
            FEATURE.name(),
            "nothing injected, there is nothing that it could read",
        );
        return None;
    }
    for mount in &mut mounts {
        mount.read_only = Some(true);
    }
    if forwarder.pod_info {
        mounts.extend(pod_info(scene.template, &mounts, &mut plan));
    }
    let settings = &chosen.rule.container;
    let mut env = scene.entries(&settings.envs);
    if let Some(instances) = instances
        && !(instances.json.is_empty() && env.iter().any(|entry| entry.name == JSON_CONFIG))
    {
        set(&mut env, JSON_CONFIG, instances.json);
    }
    if !forwarder.log_configs.is_empty() {
        set(
            &mut env,
            LogForwarder::CONFIGS,
            forwarder.log_configs.to_owned(),
        );
    }
    plan.sidecar = Some(Container {
        name: CONTAINER.to_owned(),
        image: image.to_owned(),
        image_pull_policy: settings.image_pull_policy.name(),
        env: env::in_order_of_reference(env),
        resources: scene.resources(settings, FEATURE, report),
        volume_mounts: mounts,
        ..Container::default()
    });
    plan.source = chosen.source(image);
    Some(plan)
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
    let mut directories = Directories::default();
    let files = instances.map(|instances| instances.log_files.as_slice());
    for file in files.unwrap_or_default() {
        directories.add(file, paths::directory_of(file), FEATURE, report);
    }
    for file in file_paths(forwarder.log_configs) {
        directories.add(&file, paths::directory_of(&file), FEATURE, report);
    }
    for path in &forwarder.log_volume_paths {
        directories.add(path, paths::directory(path), FEATURE, report);
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
        let node = Node::parse(text).map_err(|problem| format!(" {problem}"))?;
        if !matches!(node, Node::List(_)) {
            return Err(format!(" must be a list, is {}", node.kind()));
        }
        let mut problems = Problems::only_first();
        let log_files = log_files(&node, &mut problems);
        // The problems begin with a path, like `[0].loggings`.
        if let Some(problem) = problems.list.first() {
            return Err(problem.clone());
        }
        let json = json::compact(text);
        if !env::fits(JSON_CONFIG, &json) {
            return Err(format!(" {}", env::TOO_LONG));
        }
        Ok(Self { json, log_files })
    }
}

fn log_files(node: &Node<'_>, problems: &mut Problems) -> Vec<String> {
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

fn log_files_of(logging: &Node<'_>, path: Path<'_>, problems: &mut Problems) -> Vec<String> {
    const STRINGS: [&str; 5] = [
        "source",
        "service",
        "pipeline",
        "character_encoding",
        "multiline_match",
    ];
    problems.object(Some(logging), path);
    for key in STRINGS {
        problems.string(logging.get(key), path.key(key));
    }
    let key = "remove_ansi_escape_codes";
    problems.boolean(logging.get(key), path.key(key));
    problems.strings(logging.get("ignore"), path.key("ignore"));
    let tags = path.key("tags");
    for (key, value) in problems.object(logging.get("tags"), tags) {
        problems.string(Some(value), tags.key(key));
    }
    problems
        .strings(logging.get("logfiles"), path.key("logfiles"))
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
            ("{}", " must be a list, is an object"),
            ("[1]", "[0]: must be an object, is a number"),
            (
                r#"[{"loggings":{}}]"#,
                "[0].loggings: must be a list, is an object",
            ),
            (
                r#"[{"loggings":[{"logfiles":"/a"}]}]"#,
                "[0].loggings[0].logfiles: must be a list, is a string",
            ),
            (
                r#"[{"loggings":[{"tags":{"a":1}}]}]"#,
                "[0].loggings[0].tags.a: must be a string, is a number",
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
