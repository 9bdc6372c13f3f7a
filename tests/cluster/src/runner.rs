//! Runs sequences, and holds every step to the rule.
//!
//! Each sequence is run on two objects: one that the policy sees, and a twin in a namespace without the policy. What
//! the twin's template is after a step is the user's part, whatever kubectl and the API server made of the step. So
//!
//! - where the twin's template changed, the live template is what creating the twin anew gives, journal aside;
//! - where it did not, the live template is the one that it was;
//! - what is refused for the one is refused for the other, and nothing else is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::api_server::CONTROLLERS;
use crate::bridge::Exchange;
use crate::client::{PatchType, Refusal, Store};
use crate::cluster::{Cluster, Level};
use crate::kubectl::Output;
use crate::rollout;
use crate::sequence::{Sequence, Step, Style};
use crate::template::{
    comparable, difference, journal, same_part, without_identity, without_journal,
};
use crate::workload::Kind;

/// What kubectl says of a second `rollout restart` within a second.
const RESTARTED_BEFORE: &str = "restart has already been triggered within the past second";

/// Words of the API server that refuses an object for what it is. Another failure is a mistake in the sequence.
const INVALID: [&str; 2] = [" is invalid: ", "field is immutable"];

/// The name of every workload.
const NAME: &str = "web";

/// A workload that is being acted on, and its twin.
pub struct Runner<'c> {
    cluster: &'c Cluster,
    kind: Kind,
    style: Style,
    live: String,
    twin: String,
    /// The user's part that the live template followed last.
    followed: Value,
    /// Whether a manifest was refused for the live object alone, while the policy was away. Until the next one arrives the
    /// two have nothing in common.
    diverged: bool,
    /// How often the live template has changed.
    changes: u64,
    exchanges: Vec<Exchange>,
}

/// What went wrong in a step.
type Problem = String;

/// What a step did to the object and to its twin.
struct Outcome {
    live: Result<(), String>,
    twin: Result<(), String>,
}

impl Outcome {
    fn of(live: &Output, twin: &Output) -> Self {
        let result = |output: &Output| match output.succeeded {
            true => Ok(()),
            false => Err(output.complained.clone()),
        };
        Self {
            live: result(live),
            twin: result(twin),
        }
    }

    fn nothing() -> Self {
        Self {
            live: Ok(()),
            twin: Ok(()),
        }
    }
}

/// Runs a whole sequence, and gives what the policy was asked on the way.
///
/// # Errors
/// The step that went wrong, and how.
pub fn run(
    cluster: &Cluster,
    sequence: &Sequence,
    kind: Kind,
    style: Style,
) -> Result<Vec<Exchange>, Problem> {
    let mut runner = Runner::new(cluster, kind, style, &sequence.settings);
    let first = runner
        .create(&sequence.first)
        .map_err(|problem| format!("the first manifest: {problem}"));
    let mut result = first;
    for (place, step) in sequence.steps.iter().enumerate() {
        if result.is_ok() {
            result = runner
                .step(step)
                .map_err(|problem| format!("step {} ({step}): {problem}", place + 1));
        }
    }
    runner.finish(result)
}

impl<'c> Runner<'c> {
    /// Two namespaces, one with the policy and one without.
    #[must_use]
    pub fn new(cluster: &'c Cluster, kind: Kind, style: Style, settings: &Arc<Value>) -> Self {
        static NAMESPACES: AtomicUsize = AtomicUsize::new(0);
        let number = NAMESPACES.fetch_add(1, Ordering::Relaxed);
        let (live, twin) = (format!("live-{number}"), format!("twin-{number}"));
        cluster.create_namespace(&live, Level::Workloads, &[]);
        cluster.create_namespace(&twin, Level::None, &[]);
        cluster.bridge.configure(&live, settings.clone());
        Self {
            cluster,
            kind,
            style,
            live,
            twin,
            followed: Value::Null,
            diverged: false,
            changes: 0,
            exchanges: Vec::new(),
        }
    }

    /// The first manifest.
    ///
    /// # Errors
    /// Where the object is not what creating it gives.
    pub fn create(&mut self, template: &Value) -> Result<(), Problem> {
        let outcome = match self.style {
            Style::Replace => self.both(&["create", "-f", "-"], &self.manifest(template)),
            _ => self.apply(template),
        };
        self.check(None, outcome)
    }

    /// One step.
    ///
    /// # Errors
    /// Where the template is another one than the rule says.
    pub fn step(&mut self, step: &Step) -> Result<(), Problem> {
        let before = self.template(&self.live)?;
        let result = self.take(step, &before);
        if self.template(&self.live)? != before {
            self.changes += 1;
        }
        result
    }

    fn take(&mut self, step: &Step, before: &Value) -> Result<(), Problem> {
        match step {
            Step::ApplyWhileAway(template) => return self.apply_while_away(template),
            Step::Journal(text) => return self.tamper(text.as_deref(), before),
            _ => {}
        }
        let outcome = match step {
            Step::Apply(template) => self.apply(template),
            Step::Run(command) => self.command(command),
            Step::Edit(script) => self.edit(script),
            Step::Patch(kind, patch) => self.patch(*kind, patch),
            Step::Put(template) => Outcome {
                live: self.put(&self.live, template),
                twin: self.put(&self.twin, template),
            },
            Step::Export => Outcome {
                live: self.export(&self.live),
                twin: self.export(&self.twin),
            },
            Step::Settings(settings) => {
                self.cluster.bridge.configure(&self.live, settings.clone());
                Outcome::nothing()
            }
            Step::ApplyWhileAway(_) | Step::Journal(_) => unreachable!("they are done above"),
        };
        if self.diverged && !matches!(step, Step::Apply(_) | Step::Put(_)) {
            return self.collect();
        }
        self.diverged = false;
        self.check(Some(before), outcome)
    }

    /// Removes the objects, and gives what the policy was asked.
    ///
    /// # Errors
    /// `result`, or that the policy failed in between.
    pub fn finish(mut self, result: Result<(), Problem>) -> Result<Vec<Exchange>, Problem> {
        let result = result.and_then(|()| self.check_rollouts());
        let object = self.object();
        for namespace in [&self.live, &self.twin] {
            let _ = self.cluster.client.delete(namespace, &object);
        }
        result?;
        self.collect()?;
        Ok(self.exchanges)
    }

    /// A Deployment has no more revisions than its template has changed: the controller found each of its ReplicaSets
    /// again.
    fn check_rollouts(&self) -> Result<(), Problem> {
        if self.kind != Kind::Deployment || !self.cluster.has_controllers() {
            return Ok(());
        }
        let revision = rollout::revision(self.cluster, &self.live, &self.object())?;
        if revision > self.changes + 1 {
            let changes = self.changes;
            return Err(format!(
                "{revision} revisions, but the template changed {changes} times"
            ));
        }
        Ok(())
    }

    fn collect(&mut self) -> Result<(), Problem> {
        let (exchanges, failures) = self.cluster.bridge.take(&self.live);
        self.exchanges
            .extend(exchanges.into_iter().filter(is_of_user));
        match failures.as_slice() {
            [] => Ok(()),
            failures => Err(format!("the policy failed: {}", failures.join("; "))),
        }
    }

    fn check(&mut self, before: Option<&Value>, outcome: Outcome) -> Result<(), Problem> {
        match (&outcome.live, &outcome.twin) {
            (Ok(()), Ok(())) => {}
            (Err(_), Err(problem)) if INVALID.iter().any(|words| problem.contains(words)) => {}
            (Err(_), Err(problem)) => {
                return Err(format!("it fails, without the policy too: {problem}"));
            }
            (Err(problem), Ok(())) => {
                let refused = self.last_request();
                return Err(format!(
                    "refused, which it is not without the policy: {problem}{refused}"
                ));
            }
            (Ok(()), Err(problem)) => {
                return Err(format!(
                    "let in, which it is not without the policy: {problem}"
                ));
            }
        }
        let part = self.template(&self.twin)?;
        let actual = self.template(&self.live)?;
        let unchanged = before.filter(|_| same_part(&self.followed, &part));
        self.followed = part;
        let problem = match unchanged {
            Some(before) if *before == actual => None,
            Some(before) => Some((
                "nothing of the user's part changed, but the template did",
                difference(before, &actual),
            )),
            None => self.follows(&actual)?,
        };
        match problem {
            None => self.collect(),
            Some((what, difference)) => {
                Err(format!("{what}:\n{difference}{}", self.last_request()))
            }
        }
    }

    /// Whether the live template is what creating the twin anew gives.
    fn follows(&self, actual: &Value) -> Result<Option<(&'static str, String)>, Problem> {
        let anew = self.anew()?;
        let bare = |template| without_journal(&comparable(template));
        let (expected, got) = (bare(&anew), bare(actual));
        if expected != got {
            let what = "the template is not what creating the user's manifest anew gives";
            return Ok(Some((what, difference(&expected, &got))));
        }
        if journal(&anew).is_some() != journal(actual).is_some() {
            let what = "a journal is there and should not be, or the other way round";
            return Ok(Some((what, difference(&anew, actual))));
        }
        Ok(None)
    }

    /// The template of the twin, created anew where the policy sees it, without keeping it.
    fn anew(&self) -> Result<Value, Problem> {
        let mut object = self.get(&self.twin)?;
        let metadata = json!({"name": "anew", "namespace": self.live});
        object["metadata"] = metadata;
        if let Some(object) = object.as_object_mut() {
            object.shift_remove("status");
        }
        if self.kind == Kind::Job {
            // The API server makes both for each Job.
            if let Some(spec) = object["spec"].as_object_mut() {
                spec.shift_remove("selector");
            }
            object["spec"]["template"] = without_identity(&object["spec"]["template"]);
        }
        let created = self
            .cluster
            .client
            .create(&self.live, &object, Store::DryRun)
            .map_err(|refusal| format!("the twin cannot be created anew: {}", refusal.message))?;
        Ok(self.template_of(&created))
    }

    fn apply_while_away(&mut self, template: &Value) -> Result<(), Problem> {
        self.cluster.bridge.set_away(&self.live, true);
        let outcome = self.apply(template);
        self.cluster.bridge.set_away(&self.live, false);
        // What a merge with the injected template gives can be refused; then the object is as it was.
        match (outcome.live, outcome.twin) {
            (Ok(()), Ok(())) => self.followed = self.template(&self.twin)?,
            (Err(_), Err(_)) => {}
            (Err(_), Ok(())) => self.diverged = true,
            (Ok(()), Err(problem)) => {
                return Err(format!(
                    "let in, which it is not without injection: {problem}"
                ));
            }
        }
        Ok(())
    }

    fn tamper(&mut self, text: Option<&str>, before: &Value) -> Result<(), Problem> {
        if self.diverged {
            return Ok(());
        }
        let annotations = json!({"metadata": {"annotations": {crate::template::JOURNAL: text}}});
        let patch = self.around_template(annotations);
        let live = self
            .cluster
            .client
            .patch(&self.live, &self.object(), PatchType::Merge, &patch)
            .map(|_| ())
            .map_err(|refusal| refusal.message);
        self.check(Some(before), Outcome { live, twin: Ok(()) })
    }

    fn apply(&self, template: &Value) -> Outcome {
        self.apply_manifests(&self.manifest(template), &self.manifest(template))
    }

    fn apply_manifests(&self, live: &str, twin: &str) -> Outcome {
        let arguments: &[&str] = match self.style {
            Style::Client => &["apply", "--validate=true", "-f", "-"],
            Style::Server => &["apply", "--server-side", "--validate=true", "-f", "-"],
            Style::Replace => &["replace", "--validate=true", "-f", "-"],
        };
        let run = |arguments: &[&str]| {
            Outcome::of(
                &self.cluster.kubectl.run(&self.live, arguments, live),
                &self.cluster.kubectl.run(&self.twin, arguments, twin),
            )
        };
        match run(arguments) {
            // After `kubectl set` and the like both are told of a conflict: no matter of the policy. A variable that the
            // policy extends has another value than its manager wrote, so a second manager conflicts, once.
            Outcome {
                live: Err(live),
                twin,
            } if live.contains("conflict")
                && (live.contains(".env[name=")
                    || twin.as_ref().is_err_and(|twin| twin.contains("conflict"))) =>
            {
                let forced = [arguments, &["--force-conflicts"]].concat();
                run(&forced)
            }
            outcome => outcome,
        }
    }

    fn export(&self, namespace: &str) -> Result<(), String> {
        let mut object = self.get(namespace)?;
        if let Some(metadata) = object["metadata"].as_object_mut() {
            // Whoever exports a manifest keeps these out, or could not apply it a second time.
            for key in [
                "uid",
                "resourceVersion",
                "generation",
                "creationTimestamp",
                "managedFields",
            ] {
                metadata.shift_remove(key);
            }
        }
        let manifest = object.to_string();
        let arguments: &[&str] = match self.style {
            Style::Client => &["apply", "-f", "-"],
            // What was injected gets an owner, and what another manager owns changes hands.
            Style::Server => &["apply", "--server-side", "--force-conflicts", "-f", "-"],
            Style::Replace => &["replace", "-f", "-"],
        };
        let output = self.cluster.kubectl.run(namespace, arguments, &manifest);
        output.succeeded.then_some(()).ok_or(output.complained)
    }

    fn command(&self, command: &str) -> Outcome {
        let object = self.kind.named(NAME);
        let arguments: Vec<&str> = command
            .split_whitespace()
            .map(|word| if word == "@" { object.as_str() } else { word })
            .collect();
        self.both(&arguments, "")
    }

    fn edit(&self, script: &str) -> Outcome {
        let object = self.kind.named(NAME);
        let editor = format!("sed -i {script}");
        let run = |namespace: &str| {
            let arguments = ["edit", &object];
            self.cluster
                .kubectl
                .run_with_editor(namespace, &arguments, "", &editor)
        };
        Outcome::of(&run(&self.live), &run(&self.twin))
    }

    fn patch(&self, kind: PatchType, patch: &Value) -> Outcome {
        let patch = match kind {
            PatchType::Json => self.paths_from_the_template(patch.clone()),
            _ => self.around_template(patch.clone()),
        };
        let object = self.kind.named(NAME);
        let kind = format!("--type={}", kind.as_str());
        self.both(&["patch", &object, &kind, "-p", &patch.to_string()], "")
    }

    fn put(&self, namespace: &str, template: &Value) -> Result<(), String> {
        // A controller that has written its status in between is not meant.
        loop {
            match self.put_once(namespace, template) {
                Err(refusal) if refusal.status == 409 => {}
                Err(refusal) => return Err(refusal.message),
                Ok(()) => return Ok(()),
            }
        }
    }

    fn put_once(&self, namespace: &str, template: &Value) -> Result<(), Refusal> {
        let mut object = self.cluster.client.get(namespace, &self.object())?;
        let raw = self.kind.around(NAME, template.clone());
        let pointer = self.kind.template_pointer();
        if let (Some(place), Some(raw)) = (object.pointer_mut(pointer), raw.pointer(pointer)) {
            *place = raw.clone();
        }
        self.cluster.client.replace(namespace, &object).map(|_| ())
    }

    fn both(&self, arguments: &[&str], input: &str) -> Outcome {
        let run = |namespace: &str| {
            let output = self.cluster.kubectl.run(namespace, arguments, input);
            if output.complained.contains(RESTARTED_BEFORE) {
                std::thread::sleep(Duration::from_secs(1));
                return self.cluster.kubectl.run(namespace, arguments, input);
            }
            output
        };
        Outcome::of(&run(&self.live), &run(&self.twin))
    }

    fn manifest(&self, template: &Value) -> String {
        self.kind.around(NAME, template.clone()).to_string()
    }

    fn object(&self) -> Value {
        self.kind.around(NAME, json!({}))
    }

    fn get(&self, namespace: &str) -> Result<Value, Problem> {
        self.cluster
            .client
            .get(namespace, &self.object())
            .map_err(|refusal| refusal.message)
    }

    fn template(&self, namespace: &str) -> Result<Value, Problem> {
        Ok(self.template_of(&self.get(namespace)?))
    }

    fn template_of(&self, object: &Value) -> Value {
        let template = object.pointer(self.kind.template_pointer());
        without_identity(template.unwrap_or(&Value::Null))
    }

    /// An object that has nothing but this in its template.
    fn around_template(&self, part: Value) -> Value {
        self.kind
            .template_pointer()
            .rsplit('/')
            .filter(|key| !key.is_empty())
            .fold(part, |inner, key| json!({key: inner}))
    }

    fn paths_from_the_template(&self, mut patch: Value) -> Value {
        for operation in patch.as_array_mut().into_iter().flatten() {
            let path = operation["path"].as_str().unwrap_or_default().to_owned();
            operation["path"] = json!(format!("{}{path}", self.kind.template_pointer()));
        }
        patch
    }

    /// What the policy was asked last, for a message.
    fn last_request(&self) -> String {
        let (exchanges, failures) = self.cluster.bridge.take(&self.live);
        let failures = match failures.as_slice() {
            [] => String::new(),
            failures => format!("\nfailures: {}", failures.join("; ")),
        };
        let last = exchanges.iter().rfind(|exchange| is_of_user(exchange));
        let asked = last.map_or_else(String::new, |exchange| {
            let mut request = serde_json::to_value(&exchange.request).unwrap_or_default();
            for object in ["object", "oldObject"] {
                let metadata = request.pointer_mut(&format!("/{object}/metadata"));
                if let Some(metadata) = metadata.and_then(Value::as_object_mut) {
                    metadata.shift_remove("managedFields");
                }
            }
            format!(
                "\nthe policy was asked:\n{request}\nand answered:\n{}",
                json!(exchange.answer)
            )
        });
        format!("{failures}{asked}")
    }
}

fn is_of_user(exchange: &Exchange) -> bool {
    exchange.request.user_info.username.as_deref() != Some(CONTROLLERS)
}
