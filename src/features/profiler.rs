//! Profilers: a sidecar that attaches to the processes of the app containers (async-profiler for
//! Java, py-spy for Python, go-pprof for Go).
//!
//! | annotation of the template | effect |
//! |---|---|
//! | `admission.datakit/{java,python,golang}-profiler.version` | asks for the profiler; the value, if not empty, is the version |
//! | `admission.datakit/profiler.enabled: "false"` | switches it off |
//!
//! Added: sidecar `datakit-profiler`; volumes `datakit-profiler-volume` (the profiler's programs),
//! `tmp` (through which a JVM is attached to) and `timezone` (the node's local time, read-only) on
//! the sidecar and the app containers; `shareProcessNamespace`.

use k8s_openapi::api::core::v1::VolumeMount;
use serde_json::Value;

use super::processes::share_processes;
use super::select::{choose, warn_of_unused};
use super::{Scene, is_sidecar};
use crate::env;
use crate::report::{Feature, Report, shown};
use crate::settings::Language;
use crate::template::{
    AppContainer, Container, Plan, SecurityContext, Template, VolumeKind, mount, mount_like,
};

const FEATURE: Feature = Feature::Profiler;
pub(super) const CONTAINER: &str = "datakit-profiler";
const DIRECTORY: &str = "/app/datakit-profiler";
const TMP: &str = "/tmp";
const LOCAL_TIME: &str = "/etc/localtime";
pub(super) const ASKING: [Language; 3] = [Language::Java, Language::Python, Language::Golang];

/// Plans the sidecar, if the template is to have it.
pub(super) fn plan(scene: &Scene<'_, '_>, report: &mut Report) -> Option<Plan> {
    if scene.has_container(CONTAINER, FEATURE, report) {
        return None;
    }
    let names = |language: &Language| vec![annotation_name(*language)];
    let chosen = choose(FEATURE, &scene.settings.profiler, scene, names, report);
    warn_of_unused(
        FEATURE,
        &ASKING.map(annotation_name),
        chosen.as_ref(),
        scene,
        report,
    );
    let chosen = chosen?;
    let language = chosen.rule.what.name();
    let image = chosen.image(FEATURE, &format!("for {language}"), report)?;

    let mut plan = Plan::default();
    let mounts = plan_mounts(scene.template, chosen.rule.what, &mut plan, report)?;
    let settings = &chosen.rule.container;
    plan.share_process_namespace = share_processes(FEATURE, scene.template, report);
    plan.sidecar = Some(Container {
        name: CONTAINER.to_owned(),
        image: image.clone(),
        image_pull_policy: settings.image_pull_policy.name(),
        command: vec!["bash".to_owned(), "cmd.sh".to_owned()],
        working_dir: Some(DIRECTORY),
        env: env::in_order_of_reference(scene.entries(&settings.envs)),
        resources: scene.resources(settings, FEATURE, report),
        security_context: Some(SecurityContext::adding(&["SYS_PTRACE", "SYS_ADMIN"])),
        volume_mounts: mounts,
        ..Container::default()
    });
    plan.source = chosen.source(&image);
    Some(plan)
}

pub(super) fn annotation_name(language: Language) -> String {
    format!("{}-profiler.version", language.name())
}

/// Plans the volumes and their mounts on the app containers, and gives those of the sidecar. `None`
/// if no container can have the profiler's programs, which are run in the container itself.
fn plan_mounts(
    template: &Template<'_>,
    language: Language,
    plan: &mut Plan,
    report: &mut Report,
) -> Option<Vec<VolumeMount>> {
    let programs = plan.volume(
        template,
        "datakit-profiler-volume",
        VolumeKind::EmptyDir,
        DIRECTORY,
    );
    let (targets, left_out): (Vec<_>, Vec<_>) = template
        .app_containers()
        .enumerate()
        .partition(|(_, container)| container.is_free(DIRECTORY) || has(*container, &programs));
    for (_, container) in &left_out {
        report.warn(
            FEATURE.name(),
            format_args!(
                "container {} left out, something else is mounted at {DIRECTORY}",
                shown(container.name())
            ),
        );
    }
    if targets.iter().all(|(_, container)| is_sidecar(*container)) {
        report.warn(
            FEATURE.name(),
            "nothing injected, every container was left out",
        );
        return None;
    }
    let own_tmp = targets
        .iter()
        .find_map(|(_, container)| own_tmp(*container));
    let all_have_tmp = targets.iter().all(|(_, container)| !container.is_free(TMP));
    let new_tmp = (own_tmp.is_none() || !all_have_tmp).then(|| {
        let volume = plan.volume(template, "tmp", VolumeKind::EmptyDir, TMP);
        mount(&volume, TMP)
    });
    let local_time = VolumeMount {
        read_only: Some(true),
        ..mount(
            &plan.volume(
                template,
                "timezone",
                VolumeKind::HostFile(LOCAL_TIME),
                LOCAL_TIME,
            ),
            LOCAL_TIME,
        )
    };
    let programs = mount(&programs, DIRECTORY);
    let shared_tmp = own_tmp.or_else(|| new_tmp.clone())?;
    for (place, container) in targets {
        let wanted = [Some(&programs), new_tmp.as_ref(), Some(&local_time)];
        for mount in wanted.into_iter().flatten() {
            if container.is_free(&mount.mount_path) {
                plan.mount(place, mount.clone());
            }
        }
        if language == Language::Java && !shares_tmp(container, &shared_tmp, new_tmp.as_ref()) {
            report.warn(
                FEATURE.name(),
                format_args!(
                    "{TMP} of container {} is another volume, its JVM cannot be attached to",
                    shown(container.name())
                ),
            );
        }
    }
    Some(vec![programs, shared_tmp, local_time])
}

fn has(container: AppContainer<'_>, programs: &str) -> bool {
    container
        .mount_at(DIRECTORY)
        .is_some_and(|mount| mount.get("name").and_then(Value::as_str) == Some(programs))
}

/// The container's own volume at `/tmp`, as the sidecar mounts it: the sockets through which a JVM
/// is attached to are there.
fn own_tmp(container: AppContainer<'_>) -> Option<VolumeMount> {
    let own = container
        .mount_at(TMP)
        .or_else(|| container.mount_at("/tmp/"))?;
    mount_like(own, TMP)
}

fn shares_tmp(
    container: AppContainer<'_>,
    sidecar: &VolumeMount,
    new: Option<&VolumeMount>,
) -> bool {
    if container.is_free(TMP) {
        return new == Some(sidecar);
    }
    own_tmp(container).as_ref() == Some(sidecar)
}
