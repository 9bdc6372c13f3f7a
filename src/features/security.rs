//! What injected containers may have in the pod that they come into: which level of the Pod Security
//! Standards they are held to, and how they are made to meet it.
//!
//! A namespace that enforces a level refuses a pod of which one container falls short of it; and a kubelet
//! does not start an image that runs as root where the pod is `runAsNonRoot`.

use crate::json::Value;

use super::scene::{Declined, PREFIX, skipped};
use crate::cluster;
use crate::report::{Event, Report, shown};
use crate::settings::{Held, Own};
use crate::standards::{Level, Pod};
use crate::template::{AppContainer, Container, Object, Plan, Template, name_of};

/// The annotation by which a template decides for itself, behind the prefix.
pub(super) const ANNOTATION: &str = "pod-security";

/// Who runs a container for which nothing says it: nobody, by convention.
const NOBODY: u64 = 65532;

/// What the injected containers of a pod are held to, which is found out before anything is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    level: Level,
    /// The pod, or its first app container, says that nothing of it runs as root.
    is_non_root: bool,
    /// With a user namespace of its own, a pod may run as root under any level.
    has_user_namespace: bool,
}

impl Hold {
    /// `asked` is what the template [says itself](asked).
    pub fn of(
        asked: Option<Held>,
        template: &Template<'_>,
        own: &Own<'_>,
        namespace: &str,
        report: &Report,
    ) -> Self {
        let pod = template.as_pod();
        Self {
            level: level(asked, template, own, namespace, report),
            is_non_root: is_non_root(template),
            has_user_namespace: pod.is_some_and(|pod| pod.has_user_namespace()),
        }
    }

    /// Makes what a plan adds to `template` meet the level.
    ///
    /// # Errors
    /// It cannot.
    pub fn apply(&self, plan: &mut Plan, template: &Template<'_>) -> Result<(), Declined> {
        if self.level == Level::None && !self.is_non_root {
            return Ok(());
        }
        let user = user(plan, template);
        for container in plan.added_mut() {
            self.hold(container, user, template)?;
        }
        if self.level > Level::None && plan.adds_files_of_the_node() {
            return Err(self.not_allowed("hostPath volumes"));
        }
        Ok(())
    }

    fn hold(
        &self,
        container: &mut Container,
        user: u64,
        template: &Template<'_>,
    ) -> Result<(), Declined> {
        if self.is_non_root && container.needs_root() {
            return Err(self.needs_root());
        }
        let must_not_be_root = self.is_non_root || !self.has_user_namespace;
        if self.level == Level::Restricted {
            container.restrict();
            if must_not_be_root {
                container.secure("runAsNonRoot", true);
                container.secure("runAsUser", user);
            }
        } else if self.is_non_root && !starts_as_it_is(container, template) {
            container.secure("runAsUser", user);
        }
        let pod = template.as_pod().filter(|_| self.level > Level::None);
        let short =
            pod.and_then(|pod| pod.added_falls_short_of(self.level, &container.to_object()));
        short.map_or(Ok(()), |what| Err(self.not_allowed(what)))
    }

    fn not_allowed(&self, what: &str) -> Declined {
        skipped(format!(
            "Pod Security {} does not allow its {what}; {PREFIX}{ANNOTATION}: none allows it",
            self.level.name()
        ))
    }

    fn needs_root(&self) -> Declined {
        let reason = "it needs root, and the pod is runAsNonRoot";
        if self.level == Level::None {
            return skipped(reason);
        }
        skipped(format!(
            "{reason}; without that, {PREFIX}{ANNOTATION}: none allows it"
        ))
    }
}

/// The level, which the template says itself, or else the settings.
fn level(
    asked: Option<Held>,
    template: &Template<'_>,
    own: &Own<'_>,
    namespace: &str,
    report: &Report,
) -> Level {
    let (held, why) = match asked {
        Some(held) => (held, "its annotation says so"),
        None => (own.held(namespace), "policy.pod_security says so"),
    };
    let (level, why) = match held {
        Held::At(level) => (level, why),
        Held::Auto => (fitting(template), "as the pod meets it"),
        Held::Namespace => match cluster::enforced_level(namespace) {
            Some(level) => (level, "as its namespace enforces it"),
            None => (fitting(template), "the namespace's level is not known"),
        },
    };
    if level > Level::None {
        report.tell("policy", Event::Note, || {
            format!(
                "what is injected meets Pod Security {}, {why}",
                level.name()
            )
        });
    }
    level
}

/// What the template says itself. An annotation that says nothing is told of, whatever comes of it.
pub(super) fn asked(template: &Template<'_>, report: &mut Report) -> Option<Held> {
    let text = template.annotation_below(PREFIX, ANNOTATION)?;
    let held = Held::of_a_template(text);
    if held.is_none() {
        report.warn(
            "policy",
            format_args!(
                "{PREFIX}{ANNOTATION}: {} has no effect; it is not one of {}",
                shown(text),
                Held::words_of_templates().join(", ")
            ),
        );
    }
    held
}

/// "Restricted" for a pod that meets it in full, for a namespace that demands it would refuse another one.
fn fitting(template: &Template<'_>) -> Level {
    let level = Level::Restricted;
    let meets = |pod: Pod<'_>| pod.falls_short_of(level).is_none();
    if template.as_pod().is_some_and(meets) {
        level
    } else {
        Level::None
    }
}

fn is_non_root(template: &Template<'_>) -> bool {
    let says = |context: &Object| context.get("runAsNonRoot") == Some(&Value::Bool(true));
    let first = template.first_container().and_then(context_in);
    of_the_pod(template).is_some_and(says) || first.is_some_and(says)
}

/// Who runs what a plan adds: whoever runs the container that it shares files with, else the first app
/// container, else the pod.
fn user(plan: &Plan, template: &Template<'_>) -> u64 {
    let added: Vec<&str> = plan
        .mounts_of_added()
        .map(|mount| mount.name.as_str())
        .collect();
    let shares = |(place, container): &(usize, AppContainer<'_>)| {
        let own = container.mounts().map(name_of);
        let planned = plan
            .mounts_at(*place)
            .iter()
            .map(|mount| mount.name.as_str());
        own.chain(planned).any(|volume| added.contains(&volume))
    };
    let sharing = template
        .targets()
        .find(shares)
        .map(|(_, container)| container.object());
    let first = template.first_container();
    [sharing, first]
        .into_iter()
        .flatten()
        .map(context_in)
        .find_map(|context| effective_user(context, template))
        .unwrap_or(NOBODY)
}

/// Whether a container with a copy of the app's security context starts as it is: somebody runs it who is not
/// root, or it may be root. Others are always told who runs them.
fn starts_as_it_is(container: &Container, template: &Template<'_>) -> bool {
    let own = container.security_context.fields();
    let says = own.and_then(|own| own.get("runAsNonRoot"));
    container.security_context.is_copied()
        && (says == Some(&Value::Bool(false)) || effective_user(own, template).is_some())
}

fn effective_user(context: Option<&Object>, template: &Template<'_>) -> Option<u64> {
    let user = template.effective(context, "runAsUser")?.as_u64();
    user.filter(|user| *user != 0)
}

fn of_the_pod<'t>(template: &'t Template<'_>) -> Option<&'t Object<'t>> {
    template.spec("securityContext")?.as_object()
}

fn context_in<'c, 'a>(container: &'c Object<'a>) -> Option<&'c Object<'a>> {
    container.get("securityContext")?.as_object()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use crate::template::{SecurityContext, VolumeKind, mount};
    use slog::Level as LogLevel;
    use wasm_bindgen_test::wasm_bindgen_test;

    /// A pod that meets "restricted" in full.
    fn restricted() -> Value<'static> {
        json!({"metadata": {"annotations": {}}, "spec": {
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {"name": "a", "securityContext": {
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}
                }},
                {"name": "b", "volumeMounts": [{"name": "logs", "mountPath": "/b"}], "securityContext": {
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}
                }}
            ]
        }})
    }

    fn annotated(mut pod: Value<'static>, says: &str) -> Value<'static> {
        pod["metadata"]["annotations"]["admission.datakit/pod-security"] = json!(says);
        pod
    }

    /// The security context with which a sidecar that mounts the volume `logs` comes out, or why it does not.
    fn secured(pod: Value<'static>, own: SecurityContext) -> Result<Value<'static>, Declined> {
        let template = Template::new(pod.clone()).unwrap();
        let mut report = Report::new(LogLevel::Error);
        let asked = asked(&template, &mut report);
        let hold = Hold::of(asked, &template, &Own::default(), "default", &report);
        let mut plan = Plan::default();
        plan.sidecar = Some(Container {
            security_context: own,
            volume_mounts: vec![mount("logs", "/logs")],
            ..Container::default()
        });
        hold.apply(&mut plan, &template)?;
        let context = plan.sidecar.unwrap().security_context;
        Ok(context.fields().cloned().map_or(Value::Null, Value::Object))
    }

    fn in_full(user: u64) -> Value<'static> {
        json!({
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
            "runAsNonRoot": true,
            "runAsUser": user
        })
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn meets_restricted_where_the_pod_does_or_says_so() {
        assert_eq!(
            secured(restricted(), SecurityContext::default()),
            Ok(in_full(NOBODY))
        );
        let mut falls_short = restricted();
        falls_short["spec"]["hostPID"] = json!(true);
        falls_short["spec"]["securityContext"]["runAsNonRoot"] = json!(null);
        assert_eq!(
            secured(falls_short.clone(), SecurityContext::default()),
            Ok(json!(null))
        );
        let told = annotated(falls_short.clone(), "restricted");
        assert_eq!(
            secured(told, SecurityContext::default()),
            Ok(in_full(NOBODY))
        );
        let told = annotated(falls_short, "baseline");
        assert_eq!(secured(told, SecurityContext::default()), Ok(json!(null)));
        let told = annotated(restricted(), "none");
        assert_eq!(
            secured(told, SecurityContext::default()),
            Ok(json!({"runAsUser": NOBODY}))
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn runs_as_the_user_whose_files_it_shares() {
        let user = |of_the_pod: Value<'static>, of_a: Value<'static>, of_b: Value<'static>| {
            let mut pod = restricted();
            pod["spec"]["securityContext"]["runAsUser"] = of_the_pod;
            for (place, user) in [of_a, of_b].into_iter().enumerate() {
                pod["spec"]["containers"][place]["securityContext"]["runAsUser"] = user;
            }
            secured(pod, SecurityContext::default())
        };
        let none = || json!(null);
        for (of_the_pod, of_a, of_b, expected) in [
            (none(), none(), json!(3), 3),
            (json!(1), json!(2), json!(3), 3),
            (json!(1), json!(2), none(), 1),
            (none(), json!(2), none(), 2),
            (json!(1), none(), none(), 1),
            (none(), none(), none(), NOBODY),
        ] {
            assert_eq!(user(of_the_pod, of_a, of_b), Ok(in_full(expected)));
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn lets_who_has_a_user_namespace_be_root() {
        let mut pod = restricted();
        pod["spec"]["hostUsers"] = json!(false);
        assert_eq!(
            secured(pod.clone(), SecurityContext::default()),
            Ok(in_full(NOBODY))
        );
        pod["spec"]["securityContext"]["runAsNonRoot"] = json!(null);
        let mut without_user = in_full(NOBODY);
        for key in ["runAsNonRoot", "runAsUser"] {
            without_user.as_object_mut().unwrap().remove(key);
        }
        assert_eq!(secured(pod, SecurityContext::default()), Ok(without_user));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaves_a_copy_its_user() {
        let pod = |of_the_pod: Value| json!({"spec": {"securityContext": of_the_pod, "containers": [{"name": "a"}]}});
        let copied =
            |context: Value<'static>| SecurityContext::copied(context.as_object().cloned());
        let non_root = json!({"runAsNonRoot": true});
        let read_only = json!({"readOnlyRootFilesystem": true});
        assert_eq!(
            secured(pod(non_root.clone()), copied(read_only.clone())),
            Ok(json!({"readOnlyRootFilesystem": true, "runAsUser": NOBODY}))
        );
        let with_user = json!({"runAsNonRoot": true, "runAsUser": 5});
        assert_eq!(
            secured(pod(with_user.clone()), copied(read_only.clone())),
            Ok(read_only)
        );
        assert_eq!(
            secured(pod(with_user), SecurityContext::default()),
            Ok(json!({"runAsUser": 5}))
        );
        assert_eq!(
            secured(pod(json!({"runAsUser": 5})), SecurityContext::default()),
            Ok(json!(null))
        );
        let may_be_root = json!({"runAsNonRoot": false});
        let kept = secured(pod(non_root), copied(may_be_root.clone()));
        assert_eq!(kept, Ok(may_be_root));
        let adds =
            json!({"capabilities": {"add": ["CHOWN"]}, "seccompProfile": {"type": "Localhost"}});
        let told = annotated(restricted(), "restricted");
        assert_eq!(secured(told, copied(adds)), Ok(in_full(NOBODY)));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaves_out_what_a_level_does_not_allow() {
        let needs = || SecurityContext::adding(&["SYS_PTRACE"]);
        let plain =
            json!({"metadata": {"annotations": {}}, "spec": {"containers": [{"name": "a"}]}});
        let kept = json!({"capabilities": {"add": ["SYS_PTRACE"]}});
        assert_eq!(secured(plain.clone(), needs()), Ok(kept));
        let refused = |level: &str, what: &str| {
            Err(skipped(format!(
                "Pod Security {level} does not allow its {what}; admission.datakit/pod-security: none allows it"
            )))
        };
        for level in ["baseline", "restricted"] {
            let pod = annotated(plain.clone(), level);
            assert_eq!(secured(pod, needs()), refused(level, "capabilities"));
        }
        let root = "it needs root, and the pod is runAsNonRoot";
        assert_eq!(
            secured(restricted(), needs()),
            Err(skipped(format!(
                "{root}; without that, admission.datakit/pod-security: none allows it"
            )))
        );
        let told = annotated(restricted(), "none");
        assert_eq!(secured(told, needs()), Err(skipped(root)));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaves_out_files_of_the_node() {
        let applied = |level: &str| {
            let pod = annotated(
                json!({"metadata": {"annotations": {}}, "spec": {"containers": [{"name": "a"}]}}),
                level,
            );
            let template = Template::new(pod.clone()).unwrap();
            let mut report = Report::new(LogLevel::Error);
            let asked = asked(&template, &mut report);
            let hold = Hold::of(asked, &template, &Own::default(), "default", &report);
            let mut plan = Plan::default();
            plan.volume(
                &template,
                "timezone",
                VolumeKind::HostFile("/etc/localtime"),
                "/etc/localtime",
            );
            hold.apply(&mut plan, &template)
        };
        assert_eq!(applied("none"), Ok(()));
        for level in ["baseline", "restricted"] {
            assert!(
                matches!(applied(level), Err(Declined::Skipped(_))),
                "{level}"
            );
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn warns_of_an_annotation_that_says_nothing() {
        let pod = annotated(restricted(), "namespace");
        let template = Template::new(pod.clone()).unwrap();
        let mut report = Report::new(LogLevel::Error);
        assert_eq!(asked(&template, &mut report), None);
        let warning = "datakit policy: admission.datakit/pod-security: `namespace` has no effect; it is not one of \
                       auto, none, baseline, restricted";
        assert_eq!(report.warnings(), Some(vec![warning.to_owned()]));
    }
}
