//! The Pod Security Standards, as of Kubernetes 1.36: what a pod and its containers may have at each level.
//! One table serves to judge the pod as it came and what is added to it.
//!
//! Source: `pod-security-admission/policy` of Kubernetes, and the page "Pod Security Standards".

use crate::json::{Object, Value};

use crate::report::shown;

/// A level of the standards; each asks for what those before it ask for, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The standards call it "privileged".
    #[default]
    None,
    Baseline,
    Restricted,
}

impl Level {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// What a level asks for.
struct Control {
    level: Level,
    /// What messages call it.
    name: &'static str,
    is_met: fn(&Subject<'_>) -> bool,
}

const fn baseline(name: &'static str, is_met: fn(&Subject<'_>) -> bool) -> Control {
    let level = Level::Baseline;
    Control {
        level,
        name,
        is_met,
    }
}

const fn restricted(name: &'static str, is_met: fn(&Subject<'_>) -> bool) -> Control {
    let level = Level::Restricted;
    Control {
        level,
        name,
        is_met,
    }
}

/// What is asked of the pod.
const OF_THE_POD: [Control; 10] = [
    baseline("host namespaces", |pod| {
        let is_on = |key: &str| is_true(pod.part.get(key));
        !["hostNetwork", "hostPID", "hostIPC"].into_iter().any(is_on)
    }),
    baseline("hostPath volumes", |pod| {
        pod.volumes()
            .all(|volume| is_absent(volume.get("hostPath")))
    }),
    baseline("hostProcess", |pod| has_no_host_process(pod.context())),
    baseline("AppArmor", |pod| {
        has_app_armor(pod.context()) && pod.pod.annotations.is_none_or(annotations_keep_app_armor)
    }),
    baseline("SELinux options", |pod| has_se_linux(pod.context())),
    baseline("seccomp", |pod| {
        seccomp(pod.context()) != Some("Unconfined")
    }),
    baseline("sysctls", |pod| {
        let sysctls = pod.context().and_then(|context| context.get("sysctls"));
        list(sysctls)
            .all(|sysctl| text(sysctl.get("name")).is_some_and(|own| SYSCTLS.contains(&own)))
    }),
    restricted("volume types", |pod| {
        pod.volumes().all(is_restricted_volume)
    }),
    restricted("runAsUser 0", |pod| {
        pod.has_user_namespace() || !is_root(pod.context())
    }),
    // Also where each container says better.
    restricted("runAsNonRoot", |pod| {
        pod.has_user_namespace() || pod.field("runAsNonRoot") != Some(&Value::Bool(false))
    }),
];

/// What is asked of each container.
const OF_CONTAINERS: [Control; 15] = [
    baseline("hostProcess", |own| has_no_host_process(own.context())),
    baseline("privileged", |own| !is_true(own.field("privileged"))),
    baseline("capabilities", |own| own.adds_only(&CAPABILITIES)),
    baseline("hostPort", |own| {
        let ports = list(own.part.get("ports"));
        ports
            .map(|port| port.get("hostPort"))
            .all(|port| port.is_none_or(|port| port.is_null() || *port == 0_u64))
    }),
    baseline("AppArmor", |own| has_app_armor(own.context())),
    baseline("SELinux options", |own| has_se_linux(own.context())),
    baseline("procMount", |own| {
        own.has_user_namespace() || matches!(text(own.field("procMount")), None | Some("Default"))
    }),
    baseline("seccomp", |own| {
        seccomp(own.context()) != Some("Unconfined")
    }),
    baseline("a host in probes or hooks", |own| !names_a_host(own.part)),
    restricted("procMount", |own| {
        matches!(text(own.field("procMount")), None | Some("Default"))
    }),
    restricted("allowPrivilegeEscalation", |own| {
        own.field("allowPrivilegeEscalation") == Some(&Value::Bool(false))
    }),
    restricted("runAsNonRoot", |own| {
        let of_the_pod = own.context_of_the_pod();
        let inherited = || of_the_pod.and_then(|context| context.get("runAsNonRoot"));
        own.has_user_namespace()
            || is_true(
                own.field("runAsNonRoot")
                    .filter(|own| !own.is_null())
                    .or_else(inherited),
            )
    }),
    restricted("runAsUser 0", |own| {
        own.has_user_namespace() || !is_root(own.context())
    }),
    restricted("seccomp", |own| {
        let own_or_inherited = seccomp(own.context()).or_else(|| seccomp(own.context_of_the_pod()));
        matches!(own_or_inherited, Some("RuntimeDefault" | "Localhost"))
    }),
    restricted("capabilities", |own| {
        own.drops_all() && own.adds_only(&["NET_BIND_SERVICE"])
    }),
];

const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

const SE_LINUX_TYPES: [&str; 5] = [
    "",
    "container_engine_t",
    "container_init_t",
    "container_kvm_t",
    "container_t",
];

/// What a control looks at.
#[derive(Clone, Copy)]
struct Subject<'t> {
    pod: Pod<'t>,
    /// A container, or the pod's spec itself: both have a security context.
    part: &'t Object<'t>,
}

impl<'t> Subject<'t> {
    fn context(&self) -> Option<&'t Object<'t>> {
        context(self.part)
    }

    fn context_of_the_pod(&self) -> Option<&'t Object<'t>> {
        context(self.pod.spec)
    }

    fn volumes(&self) -> impl Iterator<Item = &'t Object<'t>> {
        list(self.pod.spec.get("volumes"))
    }

    fn has_user_namespace(&self) -> bool {
        self.pod.has_user_namespace()
    }

    fn field(&self, key: &str) -> Option<&'t Value<'t>> {
        self.context()?.get(key)
    }

    fn capabilities(&self, key: &str) -> impl Iterator<Item = &'t Value<'t>> {
        let list = self.field("capabilities").and_then(|own| own.get(key));
        list.and_then(Value::as_array).into_iter().flatten()
    }

    fn adds_only(&self, allowed: &[&str]) -> bool {
        self.capabilities("add")
            .all(|own| own.as_str().is_some_and(|own| allowed.contains(&own)))
    }

    fn drops_all(&self) -> bool {
        self.capabilities("drop").any(|own| own == "ALL")
    }
}

/// A pod as the standards look at it: its annotations and its spec.
#[derive(Clone, Copy, Debug)]
pub struct Pod<'t> {
    pub annotations: Option<&'t Object<'t>>,
    pub spec: &'t Object<'t>,
}

impl Pod<'_> {
    /// What keeps the pod from `level`, if something does: what, and of which container.
    #[must_use]
    pub fn falls_short_of(&self, level: Level) -> Option<String> {
        let pod = self.part(self.spec);
        if let Some(control) = unmet(&OF_THE_POD, level, pod) {
            return Some(control.to_owned());
        }
        let mut containers = ["initContainers", "containers", "ephemeralContainers"]
            .into_iter()
            .flat_map(|key| list(self.spec.get(key)));
        containers.find_map(|own| {
            let control = unmet(&OF_CONTAINERS, level, self.part(own))?;
            let name = shown(text(own.get("name")).unwrap_or_default());
            Some(format!("{control} of container {name}"))
        })
    }

    /// What keeps a container that is added to the pod from `level`.
    #[must_use]
    pub fn added_falls_short_of(&self, level: Level, added: &Object) -> Option<&'static str> {
        unmet(&OF_CONTAINERS, level, self.part(added))
    }

    /// With a user namespace of its own, root in a container is nobody on the node.
    #[must_use]
    pub fn has_user_namespace(&self) -> bool {
        self.spec.get("hostUsers") == Some(&Value::Bool(false))
    }

    fn part<'s>(&'s self, part: &'s Object) -> Subject<'s> {
        Subject { pod: *self, part }
    }
}

fn unmet(controls: &[Control], level: Level, subject: Subject<'_>) -> Option<&'static str> {
    controls
        .iter()
        .filter(|control| control.level <= level)
        .find(|control| !(control.is_met)(&subject))
        .map(|control| control.name)
}

fn context<'o, 'a>(of: &'o Object<'a>) -> Option<&'o Object<'a>> {
    of.get("securityContext")?.as_object()
}

fn is_true(value: Option<&Value>) -> bool {
    value == Some(&Value::Bool(true))
}

fn is_absent(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_null)
}

fn text<'v>(value: Option<&'v Value<'_>>) -> Option<&'v str> {
    value?.as_str()
}

fn list<'v, 'a>(value: Option<&'v Value<'a>>) -> impl Iterator<Item = &'v Object<'a>> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_object)
}

fn is_root(context: Option<&Object>) -> bool {
    context.is_some_and(|context| context.get("runAsUser").is_some_and(|user| *user == 0_u64))
}

fn profile<'t>(context: Option<&'t Object<'t>>, key: &str) -> Option<&'t str> {
    text(context?.get(key)?.get("type"))
}

fn seccomp<'t>(context: Option<&'t Object<'t>>) -> Option<&'t str> {
    profile(context, "seccompProfile")
}

fn has_app_armor(context: Option<&Object>) -> bool {
    matches!(
        profile(context, "appArmorProfile"),
        None | Some("RuntimeDefault" | "Localhost")
    )
}

fn annotations_keep_app_armor(annotations: &Object) -> bool {
    annotations
        .iter()
        .filter(|(key, _)| key.starts_with("container.apparmor.security.beta.kubernetes.io/"))
        .all(|(_, value)| {
            text(Some(value)).is_some_and(|own| {
                own.is_empty() || own == "runtime/default" || own.starts_with("localhost/")
            })
        })
}

fn has_no_host_process(context: Option<&Object>) -> bool {
    let options = context.and_then(|context| context.get("windowsOptions"));
    !is_true(options.and_then(|options| options.get("hostProcess")))
}

fn has_se_linux(context: Option<&Object>) -> bool {
    let Some(options) = context.and_then(|context| context.get("seLinuxOptions")) else {
        return true;
    };
    let own = |key: &str| text(options.get(key)).unwrap_or_default();
    SE_LINUX_TYPES.contains(&own("type")) && own("user").is_empty() && own("role").is_empty()
}

fn is_restricted_volume(volume: &Object) -> bool {
    volume
        .iter()
        .all(|(key, source)| key == "name" || source.is_null() || VOLUMES.contains(&key))
}

fn names_a_host(container: &Object) -> bool {
    let probes = ["livenessProbe", "readinessProbe", "startupProbe"];
    let probes = probes.into_iter().filter_map(|key| container.get(key));
    let lifecycle = container.get("lifecycle");
    let hooks = ["postStart", "preStop"].into_iter();
    let hooks = hooks.filter_map(|key| lifecycle?.get(key));
    probes.chain(hooks).any(|handler| {
        ["httpGet", "tcpSocket"]
            .into_iter()
            .filter_map(|key| text(handler.get(key)?.get("host")))
            .any(|host| !host.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    /// A pod that meets "restricted" in full, changed.
    fn judged(level: Level, change: impl FnOnce(&mut Value)) -> Option<String> {
        let mut pod = json!({"metadata": {"annotations": {}}, "spec": {
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [{"name": "files", "emptyDir": {}}],
            "containers": [{"name": "a", "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}
            }}]
        }});
        change(&mut pod);
        let annotations = pod["metadata"]["annotations"].as_object();
        let spec = pod["spec"].as_object().unwrap();
        Pod { annotations, spec }.falls_short_of(level)
    }

    // A table is read in rows.
    #[rustfmt::skip]
    #[wasm_bindgen_test(unsupported = test)]
    fn finds_what_keeps_a_pod_from_a_level() {
        assert_eq!(judged(Level::Restricted, |_| {}), None);
        let context = "/spec/containers/0/securityContext";
        for (pointer, key, value, level, what) in [
            ("/spec", "hostPID", json!(true), Level::Baseline, "host namespaces"),
            ("/spec", "volumes", json!([{"name": "x", "hostPath": {}}]), Level::Baseline, "hostPath volumes"),
            ("/spec", "volumes", json!([{"name": "x", "nfs": {}}]), Level::Restricted, "volume types"),
            ("/spec/securityContext", "windowsOptions", json!({"hostProcess": true}), Level::Baseline, "hostProcess"),
            ("/spec/securityContext", "sysctls", json!([{"name": "kernel.sem"}]), Level::Baseline, "sysctls"),
            ("/spec/securityContext", "runAsUser", json!(0), Level::Restricted, "runAsUser 0"),
            ("/spec/securityContext", "seLinuxOptions", json!({"type": "spc_t"}), Level::Baseline, "SELinux options"),
            ("/spec/securityContext", "appArmorProfile", json!({"type": "Unconfined"}), Level::Baseline, "AppArmor"),
            ("/metadata/annotations", "container.apparmor.security.beta.kubernetes.io/a", json!("unconfined"), Level::Baseline, "AppArmor"),
            ("/spec/securityContext", "seccompProfile", json!({"type": "Unconfined"}), Level::Baseline, "seccomp"),
            ("/spec/securityContext", "seccompProfile", json!(null), Level::Restricted, "seccomp of container `a`"),
            ("/spec/securityContext", "runAsNonRoot", json!(null), Level::Restricted, "runAsNonRoot of container `a`"),
            (context, "privileged", json!(true), Level::Baseline, "privileged of container `a`"),
            (context, "capabilities", json!({"drop": ["ALL"], "add": ["SYS_PTRACE"]}), Level::Baseline, "capabilities of container `a`"),
            (context, "capabilities", json!({"drop": ["ALL"], "add": ["CHOWN"]}), Level::Restricted, "capabilities of container `a`"),
            (context, "capabilities", json!(null), Level::Restricted, "capabilities of container `a`"),
            (context, "procMount", json!("Unmasked"), Level::Baseline, "procMount of container `a`"),
            (context, "seccompProfile", json!({"type": "Unconfined"}), Level::Baseline, "seccomp of container `a`"),
            (context, "allowPrivilegeEscalation", json!(null), Level::Restricted, "allowPrivilegeEscalation of container `a`"),
            (context, "runAsNonRoot", json!(false), Level::Restricted, "runAsNonRoot of container `a`"),
            (context, "runAsUser", json!(0), Level::Restricted, "runAsUser 0 of container `a`"),
            ("/spec/containers/0", "ports", json!([{"hostPort": 80}]), Level::Baseline, "hostPort of container `a`"),
            ("/spec/containers/0", "livenessProbe", json!({"httpGet": {"host": "x"}}), Level::Baseline, "a host in probes or hooks of container `a`"),
            ("/spec/containers/0", "lifecycle", json!({"preStop": {"tcpSocket": {"host": "x"}}}), Level::Baseline, "a host in probes or hooks of container `a`"),
        ] {
            let change = |pod: &mut Value| pod.pointer_mut(pointer).unwrap()[key] = value.clone();
            assert_eq!(
                judged(Level::Restricted, change).as_deref(),
                Some(what),
                "{key}"
            );
            let at_baseline = (level == Level::Baseline).then_some(what);
            assert_eq!(
                judged(Level::Baseline, change).as_deref(),
                at_baseline,
                "{key}"
            );
            assert_eq!(judged(Level::None, change), None, "{key}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_what_the_standards_take() {
        for (pointer, key, value) in [
            (
                "/spec",
                "volumes",
                json!([{"name": "x", "image": {}, "hostPath": null}]),
            ),
            (
                "/spec/securityContext",
                "sysctls",
                json!([{"name": "net.ipv4.tcp_rmem"}]),
            ),
            ("/spec/securityContext", "runAsUser", json!(1)),
            ("/spec/containers/0", "ports", json!([{"hostPort": 0}])),
            (
                "/spec/containers/0",
                "livenessProbe",
                json!({"httpGet": {"host": ""}}),
            ),
            (
                "/spec/containers/0/securityContext",
                "capabilities",
                json!({"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
            ),
        ] {
            let change = |pod: &mut Value| pod.pointer_mut(pointer).unwrap()[key] = value.clone();
            assert_eq!(judged(Level::Restricted, change), None, "{key}");
        }
        let in_a_user_namespace = |pod: &mut Value| {
            pod["spec"]["hostUsers"] = json!(false);
            pod["spec"]["securityContext"]["runAsNonRoot"] = json!(false);
            pod["spec"]["securityContext"]["runAsUser"] = json!(0);
        };
        assert_eq!(judged(Level::Restricted, in_a_user_namespace), None);
    }
}
