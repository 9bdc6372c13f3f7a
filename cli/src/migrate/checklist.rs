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

/// The list, as text for a terminal.
pub fn write(
    file: &SettingsFile,
    operator: &Operator,
    resource: &Resource,
    output: Option<&Path>,
    settings: &Value,
) -> String {
    let policy = output.map_or("policy.yaml".to_owned(), |path| path.display().to_string());
    let mut steps = vec![
        look_through(resource.level, output, &policy),
        remove_webhook(file, operator),
        format!(
            "Apply the policy, and wait until it is active. Until then new pods start without injection:\n\
             kubectl apply -f {policy}\n\
             kubectl wait --for=condition=PolicyActive clusteradmissionpolicy/{} --timeout=2m",
            resource.name()
        ),
    ];
    steps.extend(remove_the_rest(file, operator, settings));

    let nothing = if settings.as_object().is_some_and(Map::is_empty) {
        "; there is nothing in it, so the policy will inject nothing"
    } else {
        ""
    };
    let mut text = format!("{}: read {}{nothing}\n\n", file.name, file.found.form);
    text.push_str(
        "To move over, in this order; operator and policy must not inject side by side:\n",
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

fn look_through(level: Level, output: Option<&Path>, policy: &str) -> String {
    let save = match output {
        Some(_) => format!("Look through {policy}, above all its comments."),
        None => {
            format!("Save the policy as {policy}, and look through it, above all its comments.")
        }
    };
    let into = match level {
        Level::Workloads => {
            "It injects into workloads, whose users see its warnings; `--on pods` is for GitOps tools."
        }
        Level::Pods => {
            "It injects into pods alone; its warnings reach the controllers that create them, and no user."
        }
    };
    format!("{save}\n{into}")
}

fn remove_webhook(file: &SettingsFile, operator: &Operator) -> String {
    match (&operator.webhook, &file.found.form) {
        (Some(webhook), _) if webhook.is_shared => format!(
            "Take the operator's webhook out of MutatingWebhookConfiguration {0}, which has others too:\n\
             kubectl edit mutatingwebhookconfiguration {0}",
            webhook.configuration
        ),
        (Some(webhook), _) => format!(
            "Delete the operator's webhook. What is injected already stays:\n\
             kubectl delete mutatingwebhookconfiguration {}",
            webhook.configuration
        ),
        (None, Form::HelmValues) => format!(
            "Uninstall the operator. What is injected already stays:\n\
             helm uninstall datakit-operator -n datakit\n\
             If Datakit elects the leaders of its collectors with it, delete its webhook alone, and know that an\n\
             upgrade of the release would bring it back:\n\
             kubectl delete mutatingwebhookconfiguration {WEBHOOK}"
        ),
        (None, _) => format!(
            "Delete the operator's webhook; the file does not have it, its releases call it {WEBHOOK}.\n\
             What is injected already stays:\n\
             kubectl get mutatingwebhookconfigurations\n\
             kubectl delete mutatingwebhookconfiguration {WEBHOOK}"
        ),
    }
}

fn remove_the_rest(file: &SettingsFile, operator: &Operator, settings: &Value) -> Option<String> {
    let service = refers_to_operator(settings, String::new());
    if file.found.form == Form::HelmValues && service.is_none() {
        return None;
    }
    let mut step = "When all works, delete the rest of the operator. Keep all of it but the webhook if Datakit elects \
                    the\nleaders of its collectors with it"
        .to_owned();
    match &service {
        Some(path) => {
            let _ = write!(step, ", or as long as\n{path} refers to its Service:");
        }
        None => step.push(':'),
    }
    if operator.webhook.is_none() {
        step.push_str("\nthe objects of its release file, but for the namespace.");
    } else {
        for command in deletions(&operator.objects) {
            let _ = write!(step, "\n{command}");
        }
    }
    if !operator.others.is_empty() {
        let names: Vec<String> = operator.others.iter().map(ToString::to_string).collect();
        let _ = write!(
            step,
            "\nThe rest of the file is not the operator's: {}.",
            names.join(", ")
        );
    }
    Some(step)
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
