//! What is left to do: in an order in which operator and policy never inject side by side.

use std::fmt::Write as _;
use std::path::Path;

use datakit_policy_host::settings::{Form, ObjectName};
use serde_json::{Map, Value};

use super::Level;
use super::operator::Operator;
use super::resource::Resource;
use crate::settings::SettingsFile;

/// The name of the operator's webhook in its releases.
const WEBHOOK: &str = "datakit-operator-mutation";

/// What names the operator's Service in objects of the cluster.
const CALLERS: &str =
    "LOGFWD_DATAKIT_OPERATOR_ENDPOINT|ENV_DATAKIT_OPERATOR|ENV_ELECTION_OPERATOR_URL";

/// What takes the place of the operator's Service.
const ELECTION: &str = "\nIf the election service takes over, it can have the Service's name; no Datakit has to be changed then. Apply\n\
                        it right after the deletion:\n\
                        kubectl apply -k deploy/election/as-operator";

/// What a file says.
pub struct Found<'f> {
    pub file: &'f SettingsFile,
    pub operator: &'f Operator,
    pub settings: &'f Value,
    /// What was not read, as sentences.
    pub not_read: &'f [String],
}

/// The list, as text for a terminal.
pub fn write(found: &Found<'_>, resource: &Resource, output: Option<&Path>) -> String {
    let policy = output.map_or("policy.yaml".to_owned(), |path| path.display().to_string());
    let steps = [
        look_through(resource.level, found.operator.level(), output, &policy),
        remove_webhook(found.file, found.operator),
        apply(resource, &policy),
        find_callers(found.settings),
        remove_the_rest(found.file, found.operator),
    ];

    let is_empty = found.settings.as_object().is_some_and(Map::is_empty);
    let nothing = if is_empty {
        "; there is nothing in it, so the policy will inject nothing"
    } else {
        ""
    };
    let file = found.file;
    let mut text = format!("{}: read {}{nothing}\n", file.name, file.found.form);
    for sentence in found.not_read {
        let _ = writeln!(text, "{}: not read: {sentence}", file.name);
    }
    text.push_str(
        "\nTo move over, in this order; operator and policy must not inject side by side:\n",
    );
    for (index, step) in steps.iter().enumerate() {
        let mut lines = step.lines();
        let _ = writeln!(
            text,
            "\n{}. {}",
            index + 1,
            lines.next().unwrap_or_default()
        );
        for line in lines {
            // A command, or more words.
            let indent = if is_command(line) { "     " } else { "   " };
            let _ = writeln!(text, "{indent}{line}");
        }
    }
    let _ = write!(
        text,
        "\nTo go back: kubectl delete -f {policy}, and then install the operator's webhook again."
    );
    text
}

fn is_command(line: &str) -> bool {
    line.starts_with("kubectl ") || line.starts_with("helm ")
}

fn look_through(level: Level, of_operator: Level, output: Option<&Path>, policy: &str) -> String {
    let save = match output {
        Some(_) => format!("Look through {policy}, above all its comments."),
        None => {
            format!("Save the policy as {policy}, and look through it, above all its comments.")
        }
    };
    let into = match level {
        Level::Workloads => "workloads, whose users see its warnings",
        Level::Pods => "pods; its warnings reach the controllers that create them, and no user",
    };
    let like = match of_operator {
        of_operator if of_operator == level => "As the operator, it",
        Level::Workloads => "Unlike the operator, which injects into workloads, it",
        Level::Pods => "Unlike the operator, which injects into pods, it",
    };
    format!("{save}\n{like} injects into {into}.")
}

fn remove_webhook(file: &SettingsFile, operator: &Operator) -> String {
    const WHAT_STAYS: &str =
        "What is injected already stays, and so does the rest of the operator until step 5";
    match (&operator.webhook, &file.found.form) {
        (Some(webhook), _) if webhook.is_shared => format!(
            "Take the operator's webhook out of MutatingWebhookConfiguration {0}, which has others too.\n\
             {WHAT_STAYS}:\n\
             kubectl edit mutatingwebhookconfiguration {0}",
            webhook.configuration
        ),
        (Some(webhook), _) => format!(
            "Delete the operator's webhook alone.\n\
             {WHAT_STAYS}:\n\
             kubectl delete mutatingwebhookconfiguration {}",
            webhook.configuration
        ),
        (None, Form::HelmValues) => format!(
            "Delete the operator's webhook alone; do not upgrade the release from here on, which brings it back.\n\
             {WHAT_STAYS}:\n\
             kubectl delete mutatingwebhookconfiguration {WEBHOOK}"
        ),
        (None, _) => format!(
            "Delete the operator's webhook alone; the file does not have it, its releases call it\n\
             {WEBHOOK}. {WHAT_STAYS}:\n\
             kubectl get mutatingwebhookconfigurations\n\
             kubectl delete mutatingwebhookconfiguration {WEBHOOK}"
        ),
    }
}

fn apply(resource: &Resource, policy: &str) -> String {
    let mut step = format!(
        "Apply the policy, and wait until it is active. Until then new pods start without injection:\n\
         kubectl apply -f {policy}\n\
         kubectl wait --for=condition=PolicyActive clusteradmissionpolicy/{} --timeout=2m",
        resource.name()
    );
    if resource.level == Level::Workloads {
        step.push_str(
            "\nPods are injected only when their workload is made anew or restarted: those that a workload of today\n\
             starts later, when it is scaled or a node fails, come without injection until then. For each of them:\n\
             kubectl rollout restart -n NAMESPACE deployment/NAME",
        );
    }
    step
}

/// The operator answers more than its webhook; the election service takes most of it over.
fn find_callers(settings: &Value) -> String {
    let mut step = format!(
        "See who still calls the operator's Service. It serves what a policy cannot. These variables name it; the\n\
         first one is in pods that were injected, too:\n\
         kubectl get pods,daemonsets,deployments,statefulsets -A -o yaml | grep -A1 -E '{CALLERS}'\n\
         kubectl get clusterloggingconfigs.logging.datakits.io\n\
         The service in deploy/election takes over the election of Datakit's collectors (/v1/dk-election,\n\
         /v1/datakit/election). With the component deploy/election/logging, which has the CRD, it also takes over the\n\
         log configurations by ClusterLoggingConfig (/v1/logging/configs). docs/election.md says how.\n\
         The pods of the cluster (/v1/cluster/) remain with the operator alone: keep it if something asks for them."
    );
    if let Some(path) = refers_to_operator(settings, String::new()) {
        let _ = write!(
            step,
            "\nIn the policy {path} names it:\nremove that, or keep the Service, the operator's or the election service under its name."
        );
    }
    step
}

fn remove_the_rest(file: &SettingsFile, operator: &Operator) -> String {
    let mut step =
        "When all works, and nobody calls the Service except for what the election service takes over, delete the\n\
         rest of the operator:"
            .to_owned();
    if file.found.form == Form::HelmValues {
        step.push_str("\nhelm uninstall datakit-operator -n datakit");
    } else if operator.objects.is_empty() || operator.webhook.is_none() {
        step.push_str("\nthe objects of its release file, but for the namespace.");
    } else {
        for command in deletions(&operator.objects) {
            let _ = write!(step, "\n{command}");
        }
    }
    step.push_str(ELECTION);
    if !operator.others.is_empty() {
        let names: Vec<String> = operator.others.iter().map(ToString::to_string).collect();
        let _ = write!(
            step,
            "\nThe rest of the file is not the operator's: {}.",
            names.join(", ")
        );
    }
    step
}

/// A command for each namespace, what was created last first.
fn deletions(objects: &[ObjectName]) -> Vec<String> {
    let mut groups: Vec<(Option<&str>, Vec<String>)> = Vec::new();
    for object in objects.iter().rev() {
        let namespace = object.namespace.as_deref();
        let name = format!("{}/{}", object.kind.to_lowercase(), object.name);
        match groups.iter_mut().find(|(of, _)| *of == namespace) {
            Some((_, names)) => names.push(name),
            None => groups.push((namespace, vec![name])),
        }
    }
    let command = |(namespace, names): (Option<&str>, Vec<String>)| match namespace {
        Some(namespace) => format!("kubectl delete -n {namespace} {}", names.join(" ")),
        None => format!("kubectl delete {}", names.join(" ")),
    };
    groups.into_iter().map(command).collect()
}

/// The path of the first value that names the operator's Service.
fn refers_to_operator(value: &Value, path: String) -> Option<String> {
    match value {
        Value::String(text) => text.contains("datakit-operator.").then_some(path),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| refers_to_operator(item, format!("{path}[{index}]"))),
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            let dot = if path.is_empty() { "" } else { "." };
            refers_to_operator(value, format!("{path}{dot}{key}"))
        }),
        _ => None,
    }
}
