//! The answers to the policy host: an admission is always accepted, whatever the payload is, for an
//! error or a trap would be shown as a refusal that no failure policy softens.

use std::borrow::Cow;

use kubewarden_policy_sdk::response::ValidationResponse;
use kubewarden_policy_sdk::settings::SettingsValidationResponse;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use slog::Level;
use wapc_guest::CallResult;

use crate::features::{self, Context};
use crate::json::{Node, syntax_error};
use crate::report::Report;
use crate::settings::Document;
use crate::template::Template;
use crate::workload::{Act, Workload};

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    request: Request<'a>,
    #[serde(borrow, default)]
    settings: Node<'a>,
}

/// What the policy reads of an AdmissionRequest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow, default)]
    kind: Option<Kind<'a>>,
    #[serde(borrow, default)]
    sub_resource: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    operation: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(default)]
    object: Value,
    /// Read only where an update has to be told from a change of the template.
    #[serde(borrow, default)]
    old_object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, default)]
    group: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
}

/// Answers `validate`: `{"request": AdmissionRequest, "settings": {…}}` in, a `ValidationResponse`
/// out, with the object in it if it changed.
///
/// # Errors
/// None: the signature is waPC's.
pub fn validate(payload: &[u8]) -> CallResult {
    let mut report = Report::new(Level::Info);
    let object = match serde_json::from_slice::<Payload<'_>>(payload) {
        Ok(payload) => mutated(payload, &mut report),
        Err(error) => {
            report.warn(
                "policy",
                format_args!("nothing injected, the request {}", problem(&error)),
            );
            None
        }
    };
    Ok(serde_json::to_vec(&ValidationResponse {
        accepted: true,
        message: None,
        code: None,
        mutated_object: object,
        audit_annotations: report.audit_annotations(),
        warnings: report.warnings(),
    })?)
}

/// A message for an error that may hold a part of the payload, which must not be shown.
fn problem(error: &serde_json::Error) -> String {
    if error.classify() == serde_json::error::Category::Data {
        return format!("is no admission request (column {})", error.column());
    }
    syntax_error(error)
}

/// The object with what was injected, or `None` if nothing was.
fn mutated(payload: Payload<'_>, report: &mut Report) -> Option<Value> {
    let Request {
        kind,
        sub_resource,
        operation,
        namespace,
        mut object,
        old_object,
    } = payload.request;
    if sub_resource.is_some_and(|name| !name.is_empty()) {
        return None;
    }
    let kind = kind?;
    let workload = Workload::of(&kind.group.unwrap_or_default(), &kind.kind?)?;
    let document = Document::new(payload.settings);
    let settings = match document.settings() {
        Ok(settings) => settings,
        Err(problem) => {
            report.warn("settings", format_args!("nothing injected, {problem}"));
            return None;
        }
    };
    report.set_level(settings.log_level);
    let operation = operation.unwrap_or_default();
    match workload.act(&operation, &object, old_object.map(RawValue::get)) {
        Act::Inject => {}
        Act::LeaveAlone(reason) => {
            report.explain("policy", || reason);
            return None;
        }
        Act::Warn(reason) => {
            report.warn("policy", format_args!("nothing injected, {reason}"));
            return None;
        }
    }
    let context = Context {
        workload,
        namespace: &namespace.unwrap_or_default(),
        settings: &settings,
        beside: &features::beside_the_template(workload, &object),
    };
    inject(context, &mut object, report).then_some(object)
}

/// More containers than run in any pod. Something is added to each: an object of many would come out
/// as one that is too large to be stored.
const MOST_CONTAINERS: usize = 1000;

fn inject(context: Context<'_>, object: &mut Value, report: &mut Report) -> bool {
    let workload = context.workload;
    let template = match workload.template_mut(object) {
        Some(template) => Template::new(template),
        None => {
            match workload.template_path() {
                [] => report.warn("policy", "nothing injected, there is no object"),
                path => report.warn(
                    "policy",
                    format_args!("nothing injected, the object has no {}", path.join(".")),
                ),
            }
            return false;
        }
    };
    match template {
        Ok(template) if template.app_containers().count() > MOST_CONTAINERS => {
            report.warn(
                "policy",
                format_args!("nothing injected, there are more than {MOST_CONTAINERS} containers"),
            );
            false
        }
        Ok(mut template) => features::inject(context, &mut template, report),
        Err(malformed) => {
            let path = malformed.to_string();
            let at = if path.is_empty() { "" } else { " at " };
            report.warn(
                "policy",
                format_args!("nothing injected, the template is malformed{at}{path}"),
            );
            false
        }
    }
}

/// Answers `validate_settings`: all problems in one message.
///
/// # Errors
/// None: the signature is waPC's.
pub fn validate_settings(payload: &[u8]) -> CallResult {
    let problems = match serde_json::from_slice::<Node<'_>>(payload) {
        Ok(root) => Document::new(root).problems(),
        Err(error) => vec![format!("the JSON {}", syntax_error(&error))],
    };
    Ok(serde_json::to_vec(&SettingsValidationResponse {
        valid: problems.is_empty(),
        message: message(&problems),
    })?)
}

fn message(problems: &[String]) -> Option<String> {
    match problems {
        [] => None,
        [problem] => Some(problem.clone()),
        problems => Some(format!(
            "{} problems:\n- {}",
            problems.len(),
            problems.join("\n- ")
        )),
    }
}
