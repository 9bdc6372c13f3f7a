//! The policies that an object passes, as the API server and a policy server see to it: whether each is asked, in which
//! order, and what becomes of its answer.

use std::fmt;
use std::sync::Arc;

use datakit_policy_host::cluster::{Cluster, Nothing, Objects};
use datakit_policy_host::policy::{self, LogLine, Policy};
use datakit_policy_host::request::AdmissionRequest;
use datakit_policy_reach::{self as reach, Doubt, Mode, Namespaces, Question, Verdict};
use serde_json::{Value, json};

use crate::Failure;
use crate::settings::SettingsFile;

/// One module, with the settings of each policy that runs it.
pub struct Policies {
    module: Policy,
    /// In the order in which the API server asks them.
    all: Vec<Asked>,
    namespaces: Namespaces,
    /// What a policy sees of the cluster that may look.
    cluster: Arc<dyn Cluster>,
}

/// Settings, and the rest of the policy that they are in.
pub struct Asked {
    settings: Value,
    /// None for settings as such: the policy is asked about every workload.
    resource: Option<reach::Policy>,
}

/// What was heard of all policies about an object.
pub struct Heard {
    pub said: Said,
    pub logs: Vec<LogLine>,
    /// What cannot be told without the cluster.
    pub doubts: Vec<Doubted>,
    /// What the policies do not say themselves: that there are several, and what becomes of an answer.
    pub remarks: Vec<String>,
}

/// Something about a policy that cannot be told without the cluster.
pub struct Doubted {
    /// The policy's title.
    pub policy: String,
    pub doubt: Doubt,
}

impl fmt::Display for Doubted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.policy, self.doubt)
    }
}

/// What comes of it.
pub enum Said {
    Answer(policy::Answer),
    /// No policy is asked; why.
    NotAsked(String),
    /// The API server, or the policy server, refuses the object by itself.
    Refused(String),
}

impl Policies {
    /// The policies that are in files, or one with the settings there; without a file one without settings. `namespace` is
    /// that of objects which name none.
    ///
    /// # Errors
    /// Where the settings, or the rest of a policy, cannot be used.
    pub fn of_files(
        module: Policy,
        files: &[SettingsFile],
        namespace: &str,
    ) -> Result<Self, Failure> {
        let asked = |file: &SettingsFile| {
            let resource = file.policy(namespace)?;
            Ok(Asked::new(file.accepted_by(&module)?, resource))
        };
        let mut all = files
            .iter()
            .map(asked)
            .collect::<Result<Vec<_>, Failure>>()?;
        if all.is_empty() {
            all.push(Asked::new(json!({}), None));
        }
        Ok(Self::new(module, all))
    }

    /// Policies with settings that they take.
    pub fn new(module: Policy, mut all: Vec<Asked>) -> Self {
        in_turns(&mut all);
        Self {
            module,
            all,
            namespaces: Namespaces::default(),
            cluster: Arc::new(Nothing),
        }
    }

    /// Takes the labels of namespaces that are known.
    pub fn know(&mut self, namespaces: Namespaces) {
        self.cluster = Arc::new(Objects(namespaces.objects().collect()));
        self.namespaces = namespaces;
    }

    fn cluster_of(&self, policy: &Asked) -> Arc<dyn Cluster> {
        let sees = policy
            .resource
            .as_ref()
            .is_none_or(|resource| resource.sees_namespaces);
        if sees {
            Arc::clone(&self.cluster)
        } else {
            Arc::new(Nothing)
        }
    }

    /// Asks all that are to be asked about a request; each sees the object as the one before left it.
    ///
    /// # Errors
    /// Where the module cannot be started.
    pub fn ask(&self, mut request: AdmissionRequest) -> Result<Heard, Failure> {
        let mut heard = Heard {
            said: Said::NotAsked(String::new()),
            logs: Vec::new(),
            doubts: Vec::new(),
            remarks: Vec::new(),
        };
        let (mut answer, mut asked, mut reasons) = (None, Vec::new(), Vec::new());
        for policy in &self.all {
            match policy.verdict(&request, &self.namespaces)? {
                Verdict::Asked(doubts) => {
                    let title = policy.title();
                    heard.doubts.extend(doubts.into_iter().map(|doubt| Doubted {
                        policy: title.clone(),
                        doubt,
                    }));
                    asked.push(title);
                }
                Verdict::NotAsked(reason) => {
                    reasons.push((policy.title(), reason.to_string()));
                    continue;
                }
                Verdict::Refused(reason) => {
                    let message = format!("the API server refuses it: {reason}");
                    heard.said = Said::Refused(message);
                    return Ok(heard);
                }
            }
            // A fresh instance for every object, as in policy-server: an object cannot depend on the one before.
            let instance = self.module.instance_in(self.cluster_of(policy))?;
            let said = instance.validate(&request, &policy.settings);
            let said = said.map_err(|error| error.to_string());
            heard.logs.extend(instance.take_logs());
            match policy.take(said, &request, &mut heard.remarks) {
                Ok(said) if !said.accepted => {
                    heard.said = Said::Answer(said);
                    return Ok(heard);
                }
                Ok(said) => {
                    if said.mutated_object.is_some() {
                        request.object.clone_from(&said.mutated_object);
                    }
                    answer = Some(joined(answer, said));
                }
                Err(message) => {
                    heard.said = Said::Refused(message);
                    return Ok(heard);
                }
            }
        }
        if asked.len() > 1 {
            let titles = asked.join(" and ");
            heard.remarks.push(format!(
                "{titles} are both asked about it; make sure that only one selects it"
            ));
        }
        heard.said = match answer {
            Some(answer) => Said::Answer(answer),
            None => Said::NotAsked(in_words(&reasons)),
        };
        Ok(heard)
    }
}

impl Asked {
    /// Settings that the policy has accepted, and the rest of the policy. It will log every decision.
    pub fn new(settings: Value, resource: Option<reach::Policy>) -> Self {
        let settings = at_debug(settings);
        Self { settings, resource }
    }

    fn title(&self) -> String {
        let resource = self.resource.as_ref();
        resource.map_or_else(|| "the policy".to_owned(), reach::Policy::title)
    }

    fn verdict(
        &self,
        request: &AdmissionRequest,
        namespaces: &Namespaces,
    ) -> Result<Verdict, Failure> {
        let Some(resource) = &self.resource else {
            return Ok(Verdict::Asked(Vec::new()));
        };
        let question = Question {
            operation: &request.operation,
            group: &request.resource.group,
            version: &request.resource.version,
            resource: &request.resource.resource,
            namespace: request.namespace.as_deref(),
            object: request.object.as_ref().unwrap_or(&Value::Null),
            old_object: request.old_object.as_ref(),
            request: &json!({
                "uid": request.uid,
                "kind": request.kind,
                "resource": request.resource,
                "subResource": "",
                "requestKind": request.kind,
                "requestResource": request.resource,
                "requestSubResource": "",
                "name": request.name.as_deref().unwrap_or_default(),
                "namespace": request.namespace.as_deref().unwrap_or_default(),
                "operation": request.operation,
                "userInfo": request.user_info,
                "dryRun": false,
                "options": request.options,
            }),
        };
        Ok(resource.decide(&question, namespaces))
    }

    /// What a policy server makes of an answer, or of a policy that fails. `mode: monitor` counts before all else: nothing
    /// is refused then, whatever the policy wants and may do.
    ///
    /// # Errors
    /// Where it refuses the request for it.
    fn take(
        &self,
        said: Result<policy::Answer, String>,
        request: &AdmissionRequest,
        remarks: &mut Vec<String>,
    ) -> Result<policy::Answer, String> {
        let Some(resource) = &self.resource else {
            return said;
        };
        let changes = |said: &policy::Answer| {
            said.mutated_object.is_some() && said.mutated_object != request.object
        };
        if resource.mode == Mode::Monitor {
            let would = match &said {
                Err(error) => Some(format!("that the policy fails ({error})")),
                Ok(said) if !said.accepted => {
                    let message = said.message.as_deref().unwrap_or_default();
                    Some(format!("that the policy would refuse it ({message})"))
                }
                Ok(said) => changes(said).then(|| "what it would inject".to_owned()),
            };
            remarks.extend(would.map(|would| {
                format!(
                    "{} has `mode: monitor`: the policy server logs {would}, and the object stays as it is",
                    self.title()
                )
            }));
            return Ok(policy::Answer {
                accepted: true,
                warnings: said.ok().and_then(|said| said.warnings),
                ..policy::Answer::default()
            });
        }
        let said = said?;
        if changes(&said) && !resource.is_mutating {
            return Err(format!(
                "{} has `mutating: false` and would change the object, so the policy server refuses it",
                self.title()
            ));
        }
        Ok(said)
    }
}

/// Sorts policies as the API server asks them.
fn in_turns(all: &mut [Asked]) {
    all.sort_by_key(|asked| asked.resource.as_ref().map(reach::Policy::turn));
}

/// The answers of two policies, of which the later saw what the earlier made.
fn joined(earlier: Option<policy::Answer>, later: policy::Answer) -> policy::Answer {
    let Some(mut joined) = earlier else {
        return later;
    };
    joined.mutated_object = later.mutated_object.or(joined.mutated_object);
    let annotations = later.audit_annotations.unwrap_or_default();
    joined
        .audit_annotations
        .get_or_insert_default()
        .extend(annotations);
    joined
        .warnings
        .get_or_insert_default()
        .extend(later.warnings.unwrap_or_default());
    joined
}

/// Why no policy is asked; of several, policy by policy.
fn in_words(reasons: &[(String, String)]) -> String {
    match reasons {
        [(_, reason)] => reason.clone(),
        _ => {
            let told = reasons
                .iter()
                .map(|(title, reason)| format!("{title}: {reason}"));
            told.collect::<Vec<_>>().join("; ")
        }
    }
}

/// Settings with which the policy logs every decision.
fn at_debug(settings: Value) -> Value {
    let with_level = |settings: Value| {
        let mut settings = settings;
        if let Some(keys) = settings.as_object_mut() {
            keys.insert("log_level".to_owned(), json!("debug"));
        }
        settings
    };
    let pasted = settings.get("jsonconfig").and_then(Value::as_str);
    match pasted.map(serde_json::from_str) {
        Some(Ok(pasted)) => json!({ "jsonconfig": with_level(pasted).to_string() }),
        // Empty text, which the policy takes for no settings.
        Some(Err(_)) => settings,
        None => with_level(settings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(kind: &str, name: &str, spec: &Value) -> Asked {
        let mut spec = spec.clone();
        spec["rules"] = json!([{
            "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"]
        }]);
        let resource = json!({
            "apiVersion": "policies.kubewarden.io/v1", "kind": kind, "metadata": {"name": name},
            "spec": spec
        });
        Asked::new(
            json!({}),
            Some(reach::Policy::read(&resource, "shop").unwrap()),
        )
    }

    fn request() -> AdmissionRequest {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}});
        let context = datakit_policy_host::request::Context::default();
        AdmissionRequest::for_object(&pod, &context).unwrap()
    }

    #[test]
    fn mutating_policies_are_asked_first_and_each_sort_by_the_names_of_webhooks() {
        let mut all: Vec<_> = [
            ("ClusterAdmissionPolicy", "a", false),
            ("AdmissionPolicy", "b", true),
            ("AdmissionPolicy", "a", true),
            ("ClusterAdmissionPolicy", "z", true),
        ]
        .into_iter()
        .map(|(kind, name, mutating)| policy(kind, name, &json!({"mutating": mutating})))
        .collect();
        in_turns(&mut all);
        let titles: Vec<_> = all.iter().map(Asked::title).collect();
        assert_eq!(
            titles,
            [
                "ClusterAdmissionPolicy z",
                "AdmissionPolicy shop/a",
                "AdmissionPolicy shop/b",
                "ClusterAdmissionPolicy a"
            ]
        );
    }

    #[test]
    fn in_monitor_mode_nothing_is_refused_and_nothing_changes() {
        let changed = json!({"kind": "Pod", "metadata": {"name": "b"}});
        let answer = |accepted, mutated_object| policy::Answer {
            accepted,
            mutated_object,
            message: Some("no".to_owned()),
            warnings: Some(vec!["a warning".to_owned()]),
            ..policy::Answer::default()
        };
        let warnings = || Some(vec!["a warning".to_owned()]);
        for (said, warnings, logged) in [
            (
                Ok(answer(true, Some(changed))),
                warnings(),
                Some("what it would inject"),
            ),
            (Ok(answer(true, None)), warnings(), None),
            (
                Ok(answer(false, None)),
                warnings(),
                Some("that the policy would refuse it (no)"),
            ),
            (
                Err("trap".to_owned()),
                None,
                Some("that the policy fails (trap)"),
            ),
        ] {
            // A policy that may not change objects, too.
            let spec = json!({"mode": "monitor", "mutating": false});
            let watching = policy("ClusterAdmissionPolicy", "watching", &spec);
            let mut remarks = Vec::new();
            let taken = watching.take(said, &request(), &mut remarks);
            let expected = policy::Answer {
                accepted: true,
                warnings,
                ..policy::Answer::default()
            };
            assert_eq!(taken, Ok(expected));
            let logged = logged.map(|logged| {
                format!(
                    "ClusterAdmissionPolicy watching has `mode: monitor`: the policy server logs {logged}, and the object \
                     stays as it is"
                )
            });
            assert_eq!(remarks, Vec::from_iter(logged));
        }
    }

    #[test]
    fn sets_the_level_wherever_the_settings_are() {
        for (settings, expected) in [
            (json!({}), json!({"log_level": "debug"})),
            (
                json!({"log_level": "info", "admission_inject": {}}),
                json!({"log_level": "debug", "admission_inject": {}}),
            ),
            (
                json!({"jsonconfig": "{\"b\": {\"z\": 1, \"a\": 2}, \"log_level\": \"warn\"}"}),
                json!({"jsonconfig": "{\"b\":{\"z\":1,\"a\":2},\"log_level\":\"debug\"}"}),
            ),
            (json!({"jsonconfig": ""}), json!({"jsonconfig": ""})),
        ] {
            assert_eq!(at_debug(settings), expected);
        }
    }
}
