//! flameshot: a sidecar that takes profiles of processes when they use much CPU or memory.
//!
//! | annotation of the template | effect |
//! |---|---|
//! | `admission.datakit/flameshot.enabled: "false"` | switches it off |
//! | `admission.datakit/flameshot.resources` | the resources of the sidecar, as JSON |
//!
//! Added: sidecar `datakit-flameshot`; volume `flameshot-volume` at `FLAMESHOT_PROFILING_PATH` on it
//! and the app containers; `shareProcessNamespace`; if the rule says so, the `prometheus.io/…`
//! annotations by which its metrics are scraped.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ContainerPort;

use super::feature::{Added, Feature};
use super::places::Place;
use super::processes::share_processes;
use super::programs;
use super::scene::{Decision, Declined, Scene, skipped};
use super::select::choose;
use super::variables::Variables;
use crate::env::{self, Env};
use crate::json::{Path, Value};
use crate::paths::{self, MountPath};
use crate::report::{Report, shown};
use crate::settings::{self, Document, OptIn, Place as SettingsPlace, Reader, RuleSet};
use crate::template::{
    AppContainer, Backing, Container, Plan, SecurityContext, Template, VolumeKind, mount,
};

pub(super) static FEATURE: Feature = Feature {
    name: "flameshot",
    switch: Some("flameshot.enabled"),
    asks: &[],
    adds: Some(Added::Sidecar(CONTAINER)),
    resources: Some("flameshot.resources"),
    place: SettingsPlace {
        section: None,
        list: "admission_inject_v2.flameshots",
    },
    sets: |_| Vec::new(),
    rules: |settings, reader| rules(settings, reader).outline(|_| None),
};

const CONTAINER: &str = "datakit-flameshot";

/// What a rule injects.
#[derive(Clone, Copy, Debug)]
pub struct Sampler<'a> {
    /// The value of `FLAMESHOT_PROCESSES`; empty makes the rule inert.
    pub processes: &'a str,
    pub prometheus_annotations: bool,
}

impl Sampler<'_> {
    /// The variable with `processes`.
    pub const PROCESSES: &'static str = "FLAMESHOT_PROCESSES";
    /// The variable with the directory in which profiles are put.
    pub const PATH: &'static str = "FLAMESHOT_PROFILING_PATH";
    /// The variable with the port that metrics and requests are served on.
    pub const PORT: &'static str = "FLAMESHOT_HTTP_LOCAL_PORT";

    /// The directory in which profiles are put, cleaned.
    #[must_use]
    pub fn profiling_path(envs: &[Env<'_>]) -> Option<String> {
        let path = value_of(envs, Self::PATH)?;
        let directory = paths::clean(path);
        paths::unmountable(path, &directory)
            .is_none()
            .then_some(directory)
    }

    /// The port that metrics and requests are served on.
    #[must_use]
    pub fn http_port(envs: &[Env<'_>]) -> Option<u16> {
        // `parse` would take a sign, which the port's container does not.
        value_of(envs, Self::PORT)
            .filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?
            .parse()
            .ok()
            .filter(|port| *port > 0)
    }
}

fn value_of<'n>(envs: &[Env<'n>], name: &str) -> Option<&'n str> {
    envs.iter()
        .find(|env| env.name == name)
        .map(|env| env.value)
}

fn rules<'n>(settings: &'n Document<'_>, reader: &mut Reader) -> RuleSet<'n, Sampler<'n>> {
    settings.read(reader, FEATURE.place.list, listed)
}

/// The first rule for the pod decides.
fn listed<'n>(
    reader: &mut Reader,
    list: Option<&'n Value<'_>>,
    path: Path<'_>,
) -> RuleSet<'n, Sampler<'n>> {
    let section = FEATURE.place.list;
    let mut rules = settings::listed(reader, list, path, section, sampler);
    // There is no annotation that asks for it, so `check_annotation` has nothing to check.
    for rule in &mut rules {
        rule.opt_in = OptIn::Scope;
    }
    RuleSet::first_decides(rules)
}

fn sampler<'n>(reader: &mut Reader, rule: &'n Value<'_>, path: Path<'_>) -> Option<Sampler<'n>> {
    let processes_path = path.key("processes");
    let processes = reader.string(rule.given("processes"), processes_path);
    let processes = processes.unwrap_or_default();
    if reader.checks && !processes.is_empty() {
        if !env::fits(Sampler::PROCESSES, processes) {
            reader.add(processes_path, env::TOO_LONG);
        }
        check_processes(processes, reader, processes_path);
        check_envs(reader, rule, path);
    }
    let prometheus = path.key("enable_prometheus_annotations");
    Some(Sampler {
        processes,
        prometheus_annotations: reader
            .boolean(rule.given("enable_prometheus_annotations"), prometheus)
            .unwrap_or_default(),
    })
}

fn check_processes(processes: &str, reader: &mut Reader, path: Path<'_>) {
    match Value::parse(processes) {
        Err(error) => reader.add_syntax(path, &error),
        Ok(Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                if !matches!(item, Value::Object(_)) {
                    let problem = format!("must be an object, not {}", item.kind());
                    reader.add(path.index(index), problem);
                }
            }
        }
        Ok(other) => {
            let problem = format!("the JSON must be a list, not {}", other.kind());
            reader.add(path, problem);
        }
    }
}

/// What the sidecar's form is made of must be in its variables.
fn check_envs(reader: &mut Reader, rule: &Value<'_>, path: Path<'_>) {
    let container = reader.unheard().container(rule, path, || None).read();
    let path = path.key("envs");
    if Sampler::profiling_path(&container.envs).is_none() {
        reader.add(
            path.key(Sampler::PATH),
            "must be an absolute path at which a volume can be mounted",
        );
    }
    if Sampler::http_port(&container.envs).is_none() {
        reader.add(path.key(Sampler::PORT), "must be a port from 1 to 65535");
    }
}

/// Plans the sidecar.
pub(super) fn plan(scene: &Scene<'_, '_>, report: &mut Report) -> Decision {
    let rules = rules(scene.settings, &mut scene.settings.reader());
    let chosen = choose(&FEATURE, &rules, scene, |_| None, report)?;
    scene.is_free(CONTAINER)?;
    let rule = chosen.rule;
    let settings = rule.container.read();
    if rule.what.processes.is_empty() {
        report.explain(FEATURE.name, || format!("{} has no processes", rule.origin));
        return Err(Declined::NotAsked);
    }
    let image = chosen.image(&FEATURE, "", report)?;
    let (Some(path), Some(port)) = (
        Sampler::profiling_path(&settings.envs),
        Sampler::http_port(&settings.envs),
    ) else {
        return Err(skipped(format!(
            "{} lacks {} or {}",
            rule.origin,
            Sampler::PATH,
            Sampler::PORT
        )));
    };
    if let Some(reason) = obstacle(scene, &path, port) {
        return Err(Declined::Skipped(reason));
    }
    let mut plan = Plan::default();
    plan.share_process_namespace = share_processes(scene.template)?;
    let volume = plan.volume(
        scene.template,
        "flameshot-volume",
        VolumeKind::EmptyDir,
        &path,
    );
    let path = MountPath::new(&path);
    if !plan_mounts(scene, &volume, &path, &mut plan, report) {
        return Err(skipped("every container was left out"));
    }
    if rule.what.prometheus_annotations {
        let annotations = prometheus_annotations(scene.template, port);
        if scene.template.has_room_for(&annotations) {
            plan.annotations = annotations;
        } else {
            report.warn(
                FEATURE.name,
                "no annotations for Prometheus: Kubernetes allows no more than 256 KiB of annotations",
            );
        }
    }
    let mut variables = Variables::new(scene, &settings.envs);
    let mut env = variables.of_added();
    variables.warn(&FEATURE, report);
    env.retain(|entry| entry.name != Sampler::PROCESSES);
    env.push(env::plain(Sampler::PROCESSES, rule.what.processes));
    plan.sidecar = Some(Container {
        name: CONTAINER.to_owned(),
        image: image.clone(),
        image_pull_policy: settings.image_pull_policy.name(),
        command: vec!["/flameshot/flameshot".to_owned()],
        env: env::in_order_of_reference(env),
        ports: vec![ContainerPort {
            container_port: i32::from(port),
            name: Some("flameshot-port".to_owned()),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }],
        resources: scene.resources(&settings, &FEATURE, report),
        security_context: SecurityContext::adding(&["SYS_PTRACE"]),
        volume_mounts: vec![mount(&volume, path.as_str())],
        ..Container::default()
    });
    plan.source = chosen.source(Some(&image));
    Ok(plan)
}

/// What keeps flameshot from a pod.
fn obstacle(scene: &Scene<'_, '_>, path: &str, port: u16) -> Option<String> {
    let template = scene.template;
    let at = || format!("{} {}", Sampler::PATH, shown(path));
    if let Some(problem) = paths::unfit(path, path) {
        return Some(format!("{}: the path {problem}", at()));
    }
    let programs = programs::in_directories(scene, &BTreeSet::from([path]), &[]);
    if let Some(program) = programs.get(path) {
        return Some(format!(
            "{} has the program of container {} ({})",
            at(),
            shown(program.container),
            program.field
        ));
    }
    if template.spec("hostNetwork") == Some(&Value::Bool(true)) {
        return Some(format!(
            "the pod uses the node's network, where port {port} belongs to the node"
        ));
    }
    is_taken(template, port).then(|| format!("a container of the pod already uses port {port}"))
}

/// The containers of a pod share their network, where two cannot listen on one port.
fn is_taken(template: &Template<'_>, port: u16) -> bool {
    let is_tcp = |protocol: Option<&Value>| {
        !matches!(protocol.and_then(Value::as_str), Some("UDP" | "SCTP"))
    };
    template
        .running_containers()
        .flat_map(AppContainer::ports)
        .any(|own| {
            own.get("containerPort")
                .is_some_and(|own| *own == u64::from(port))
                && is_tcp(own.get("protocol"))
        })
}

/// Plans the volume's mount on the app containers; says whether one of the pod's own can have it.
fn plan_mounts(
    scene: &Scene<'_, '_>,
    volume: &str,
    path: &MountPath<'_>,
    plan: &mut Plan,
    report: &mut Report,
) -> bool {
    let mut is_mounted = false;
    for (number, container) in scene.template.targets() {
        let is_ours = scene.is_sidecar(container);
        match place(scene, container, path, volume) {
            Ok(place) => {
                if place == Place::Free {
                    plan.mount(number, mount(volume, path.as_str()));
                }
                is_mounted |= !is_ours;
            }
            Err(_) if is_ours => {}
            Err(reason) => report.warn(
                FEATURE.name,
                format_args!("container {} left out: {reason}", shown(container.name())),
            ),
        }
    }
    is_mounted
}

/// The path is one of the settings, which know nothing of the container: its data may be there.
fn place<'s>(
    scene: &Scene<'s, '_>,
    container: AppContainer<'s>,
    path: &MountPath<'_>,
    volume: &str,
) -> Result<Place, String> {
    let place = scene.place(container, path, volume)?;
    let around = scene.around(container, path);
    match around.filter(|around| around.backing == Backing::Data && place == Place::Free) {
        Some(around) => Err(format!(
            "{} is in its mount {}, which has its own data",
            shown(path.as_str()),
            shown(around.path)
        )),
        None => Ok(place),
    }
}

/// The annotations by which the metrics are scraped; none where the pod says itself what of it is
/// scraped, by any annotation of Prometheus, for the two cannot be told apart.
fn prometheus_annotations(template: &Template<'_>, port: u16) -> Vec<(&'static str, String)> {
    let has_its_own = template
        .annotations()
        .is_some_and(|own| own.keys().any(|key| key.starts_with("prometheus.io/")));
    if has_its_own {
        return Vec::new();
    }
    vec![
        ("prometheus.io/scrape", "true".to_owned()),
        ("prometheus.io/scheme", "http".to_owned()),
        ("prometheus.io/port", port.to_string()),
        ("prometheus.io/path", "/metrics".to_owned()),
        ("prometheus.io/param_measurement", "flameshot".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn annotations(own: Value<'static>) -> Vec<(&'static str, String)> {
        let pod =
            json!({"metadata": {"annotations": own}, "spec": {"containers": [{"name": "a"}]}});
        prometheus_annotations(&Template::new(pod.clone()).unwrap(), 8089)
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaves_the_scraping_of_a_pod_that_says_how_alone() {
        let all = [
            ("prometheus.io/scrape", "true"),
            ("prometheus.io/scheme", "http"),
            ("prometheus.io/port", "8089"),
            ("prometheus.io/path", "/metrics"),
            ("prometheus.io/param_measurement", "flameshot"),
        ];
        let all = all.map(|(key, value)| (key, value.to_owned()));
        assert_eq!(annotations(json!(null)), all);
        assert_eq!(annotations(json!({"example.com/owner": "team"})), all);
        for own in ["prometheus.io/scrape", "prometheus.io/interval"] {
            assert_eq!(annotations(json!({own: "x"})), []);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_no_port_that_the_pod_has() {
        for (spec, expected) in [
            (json!({"ports": [{"containerPort": 80}]}), true),
            (
                json!({"ports": [{"containerPort": 80, "protocol": null}]}),
                true,
            ),
            (
                json!({"ports": [{"containerPort": 80, "protocol": "TCP"}]}),
                true,
            ),
            (
                json!({"ports": [{"containerPort": 80, "protocol": "UDP"}]}),
                false,
            ),
            (json!({"ports": [{"containerPort": 81}]}), false),
            (json!({}), false),
        ] {
            let mut container = spec;
            container["name"] = json!("a");
            let pod = json!({"spec": {"containers": [container]}});
            let taken = is_taken(&Template::new(pod.clone()).unwrap(), 80);
            assert_eq!(taken, expected, "{pod}");
        }
    }
}
