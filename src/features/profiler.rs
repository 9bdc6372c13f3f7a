//! Profilers: a sidecar that attaches to the processes of the app containers (async-profiler for
//! Java, py-spy for Python, go-pprof for Go).
//!
//! | annotation of the template | effect |
//! |---|---|
//! | `admission.datakit/{java,python,golang}-profiler.version` | asks for the profiler; the value, if not empty, is the version |
//! | `admission.datakit/profiler.enabled: "false"` | switches it off |
//! | `admission.datakit/profiler.resources` | the resources of the sidecar, as JSON |
//!
//! Added: sidecar `datakit-profiler`; volumes `datakit-profiler-volume` (the profiler's programs),
//! `tmp` (through which a JVM is attached to) and `timezone` (the node's local time, read-only) on
//! the sidecar and the app containers; `shareProcessNamespace`.

use k8s_openapi::api::core::v1::VolumeMount;

use super::feature::{Added, Ask, Feature};
use super::places::Place;
use super::processes::share_processes;
use super::scene::{Decision, Declined, Scene, skipped};
use super::select::{choose, warn_of_unused};
use super::variables::Variables;
use crate::env;
use crate::json::{Path, Value};
use crate::paths::MountPath;
use crate::report::{Report, shown};
use crate::settings::{
    self, Document, Language, PROFILER_LANGUAGES, Place as SettingsPlace, Reader, RuleSet, v1,
};
use crate::template::{
    AppContainer, Backing, Container, Plan, SecurityContext, VolumeKind, mount, mount_like,
};

pub(super) static FEATURE: Feature = Feature {
    name: "profiler",
    switch: Some("profiler.enabled"),
    asks: &[
        Ask::of("java-profiler.version", Language::Java),
        Ask::of("python-profiler.version", Language::Python),
        Ask::of("golang-profiler.version", Language::Golang),
    ],
    adds: Some(Added::Sidecar(CONTAINER)),
    resources: Some("profiler.resources"),
    place: SettingsPlace {
        section: Some("admission_inject.profiler"),
        list: "admission_inject_v2.profilers",
    },
    sets: |_| Vec::new(),
    rules: |settings, reader| rules(settings, reader).outline(Some),
};

const CONTAINER: &str = "datakit-profiler";
const DIRECTORY: &str = "/app/datakit-profiler";
const TMP: &str = "/tmp";
const LOCAL_TIME: &str = "/etc/localtime";

fn rules<'n>(settings: &'n Document<'_>, reader: &mut Reader) -> RuleSet<'n, Language> {
    settings.rules(reader, &FEATURE.place, v1::profiler, listed)
}

/// The first rule for the pod decides.
fn listed<'n>(
    reader: &mut Reader,
    list: Option<&'n Value<'_>>,
    path: Path<'_>,
) -> RuleSet<'n, Language> {
    let section = FEATURE.place.list;
    RuleSet::first_decides(settings::listed(
        reader,
        list,
        path,
        section,
        |reader, rule, path| settings::language(reader, rule, path, &PROFILER_LANGUAGES),
    ))
}

/// Plans the sidecar.
pub(super) fn plan(scene: &Scene<'_, '_>, report: &mut Report) -> Decision {
    let rules = rules(scene.settings, &mut scene.settings.reader());
    let language = |language: &Language| Some(*language);
    let chosen = choose(&FEATURE, &rules, scene, language, report);
    warn_of_unused(&FEATURE, chosen.as_ref().ok(), scene, report);
    let chosen = chosen?;
    scene.is_free(CONTAINER)?;
    let language = chosen.rule.what.name();
    let image = chosen.image(&FEATURE, &format!(" for {language}"), report)?;

    let mut plan = Plan::default();
    plan.share_process_namespace = share_processes(scene.template)?;
    let mounts = plan_mounts(scene, chosen.rule.what, &mut plan, report)?;
    let settings = chosen.rule.container.read();
    let mut variables = Variables::new(scene, &settings.envs);
    let env = variables.of_added();
    variables.warn(&FEATURE, report);
    plan.sidecar = Some(Container {
        name: CONTAINER.to_owned(),
        image: image.clone(),
        image_pull_policy: settings.image_pull_policy.name(),
        command: vec!["bash".to_owned(), "cmd.sh".to_owned()],
        working_dir: Some(DIRECTORY),
        env: env::in_order_of_reference(env),
        resources: scene.resources(&settings, &FEATURE, report),
        security_context: SecurityContext::adding(&["SYS_PTRACE", "SYS_ADMIN"]),
        volume_mounts: mounts,
        ..Container::default()
    });
    plan.source = chosen.source(Some(&image));
    Ok(plan)
}

/// Plans the volumes and their mounts on the app containers, and gives those of the sidecar.
///
/// # Errors
/// No container can have the profiler's programs, which are run in the container itself.
fn plan_mounts(
    scene: &Scene<'_, '_>,
    language: Language,
    plan: &mut Plan,
    report: &mut Report,
) -> Result<Vec<VolumeMount>, Declined> {
    let template = scene.template;
    let programs = plan.volume(
        template,
        "datakit-profiler-volume",
        VolumeKind::EmptyDir,
        DIRECTORY,
    );
    let targets = targets(scene, &programs, report);
    let of_the_user = || {
        let containers = targets.iter().map(|target| target.container);
        containers.filter(|container| !scene.is_sidecar(*container))
    };
    if of_the_user().next().is_none() {
        return Err(skipped("every container was left out"));
    }
    let tmp = MountPath::new(TMP);
    let own_tmp = of_the_user().find_map(own_tmp);
    // A sidecar of the policy is no reason for a volume.
    let all_have_tmp = of_the_user().all(|container| !container.is_free(&tmp));
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
    let shared_tmp = own_tmp.or_else(|| new_tmp.clone());
    let shared_tmp = shared_tmp.ok_or(Declined::NotAsked)?;
    for target in targets {
        let Target {
            number,
            container,
            has_programs,
        } = target;
        if !has_programs {
            plan.mount(number, programs.clone());
        }
        if let Some(new_tmp) = &new_tmp
            && container.is_free(&tmp)
        {
            plan.mount(number, new_tmp.clone());
        }
        if can_have_local_time(scene, container) {
            plan.mount(number, local_time.clone());
        }
        let is_cut_off = language == Language::Java
            && !scene.is_sidecar(container)
            && !shares_tmp(container, &shared_tmp, new_tmp.as_ref());
        if is_cut_off {
            report.warn(
                FEATURE.name,
                format_args!(
                    "{TMP} of container {} is another volume, so the profiler cannot attach to its JVM",
                    shown(container.name())
                ),
            );
        }
    }
    Ok(vec![programs, shared_tmp, local_time])
}

/// A container that can have the profiler's programs.
struct Target<'s> {
    number: usize,
    container: AppContainer<'s>,
    has_programs: bool,
}

fn targets<'s>(scene: &Scene<'s, '_>, programs: &str, report: &mut Report) -> Vec<Target<'s>> {
    let directory = MountPath::new(DIRECTORY);
    let mut targets = Vec::new();
    for (number, container) in scene.template.targets() {
        match scene.place(container, &directory, programs) {
            Ok(place) => targets.push(Target {
                number,
                container,
                has_programs: place == Place::HasIt,
            }),
            Err(_) if scene.is_sidecar(container) => {}
            Err(reason) => report.warn(
                FEATURE.name,
                format_args!("container {} left out: {reason}", shown(container.name())),
            ),
        }
    }
    targets
}

/// Where `/etc` is a volume with data of its own, it may have another time zone.
fn can_have_local_time<'s>(scene: &Scene<'s, '_>, container: AppContainer<'s>) -> bool {
    let path = MountPath::new(LOCAL_TIME);
    let around = scene.around(container, &path);
    container.is_free(&path)
        && around.is_none_or(|around| !around.is_read_only && around.backing != Backing::Data)
}

/// The container's own volume at `/tmp`, as the sidecar mounts it: the sockets through which a JVM
/// is attached to are there.
fn own_tmp(container: AppContainer<'_>) -> Option<VolumeMount> {
    mount_like(container.mount_at(&MountPath::new(TMP))?, TMP)
}

fn shares_tmp(
    container: AppContainer<'_>,
    sidecar: &VolumeMount,
    new: Option<&VolumeMount>,
) -> bool {
    if container.is_free(&MountPath::new(TMP)) {
        return new == Some(sidecar);
    }
    own_tmp(container).as_ref() == Some(sidecar)
}
