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
use crate::json::{Node, Problem, SyntaxError};
use crate::owner::Owner;
use crate::report::Report;
use crate::rollout::{self, Course};
use crate::settings::Document;
use crate::system::is_windows;
use crate::template::Template;
use crate::workload::Workload;

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
    /// Read only on an update of what the policy may act on.
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
        // Of what was there already nothing was injected.
        audit_annotations: report.audit_annotations().filter(|_| object.is_some()),
        mutated_object: object,
        warnings: report.warnings(),
    })?)
}

/// A message for an error that may hold a part of the payload, which must not be shown.
fn problem(error: &serde_json::Error) -> String {
    if error.classify() == serde_json::error::Category::Data {
        return format!("is no admission request (column {})", error.column());
    }
    SyntaxError::from(error).to_string()
}

/// The object as it should be, or `None` if it stays as it came.
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
    let is_new = match operation.unwrap_or_default().as_ref() {
        "CREATE" => true,
        // What was made of a pod is not applied over what was injected into it.
        "UPDATE" if workload != Workload::Pod => false,
        _ => return None,
    };
    if let Some(reason) = workload.is_left_alone(&object) {
        report.set_level(Document::new(payload.settings).log_level());
        report.explain("policy", || reason);
        return None;
    }
    let before = if is_new {
        Before::Nothing
    } else {
        Before::of(workload, old_object)
    };
    // Before the settings are read: most updates are of something else.
    if before
        .template()
        .is_some_and(|before| workload.template(&object) == Some(before))
    {
        return None;
    }
    let document = Document::new(payload.settings);
    report.set_level(document.log_level());
    let injection = Injection {
        workload,
        namespace: &namespace.unwrap_or_default(),
        owner: &Owner::of(workload, &object),
        document: &document,
        beside: &features::beside_the_template(workload, &object),
    };
    let changed = match workload.template_mut(&mut object) {
        Some(template) => injection.follow(template, &before, report),
        None => Err(missing(workload)),
    };
    match changed {
        Ok(changed) => changed.then_some(object),
        Err(obstacle) => {
            obstacle.tell(report);
            None
        }
    }
}

/// Why nothing can be injected.
struct Obstacle {
    /// What it is about: the policy, or its settings.
    about: &'static str,
    /// The end of a sentence.
    what: String,
}

/// What an obstacle in the settings is about.
const SETTINGS: &str = "settings";

impl Obstacle {
    fn tell(&self, report: &mut Report) {
        report.warn(self.about, format_args!("nothing injected, {}", self.what));
    }
}

fn obstacle(what: impl Into<String>) -> Obstacle {
    let (about, what) = ("policy", what.into());
    Obstacle { about, what }
}

fn missing(workload: Workload) -> Obstacle {
    obstacle(match workload.template_path() {
        [] => "there is no object".to_owned(),
        path => format!("the object has no {}", path.join(".")),
    })
}

/// The template before an update.
enum Before {
    /// The object is created.
    Nothing,
    /// Why it is not known, as the end of a sentence.
    Unknown(&'static str),
    Template(Value),
}

impl Before {
    fn of(workload: Workload, old: Option<&RawValue>) -> Self {
        // From bytes like the payload: two readers would both be in the module.
        let old = old.and_then(|old| serde_json::from_slice::<Value>(old.get().as_bytes()).ok());
        let template = old.and_then(|mut old| workload.template_mut(&mut old).map(Value::take));
        match template {
            None => Self::Unknown("the update came without the object as it was before"),
            Some(template) if has_too_many_containers(&template) => {
                Self::Unknown("the object had too many containers before")
            }
            Some(template) => Self::Template(template),
        }
    }

    fn template(&self) -> Option<&Value> {
        match self {
            Self::Template(template) => Some(template),
            Self::Nothing | Self::Unknown(_) => None,
        }
    }
}

/// More containers than run in any pod. Something is added to each: an object of many would come out
/// as one that is too large to be stored.
const MOST_CONTAINERS: usize = 1000;

fn has_too_many_containers(template: &Value) -> bool {
    let containers = template.get("spec").and_then(|spec| spec.get("containers"));
    containers
        .and_then(Value::as_array)
        .is_some_and(|containers| containers.len() > MOST_CONTAINERS)
}

/// What an injection into a template depends on.
struct Injection<'i> {
    workload: Workload,
    namespace: &'i str,
    owner: &'i Owner,
    document: &'i Document<'i>,
    beside: &'i [String],
}

impl Injection<'_> {
    /// Makes of `template` what it should be; says whether that is another than came.
    ///
    /// # Errors
    /// Why nothing can be injected; the template is then as it came.
    fn follow(
        &self,
        template: &mut Value,
        before: &Before,
        report: &mut Report,
    ) -> Result<bool, Obstacle> {
        if has_too_many_containers(template) {
            return Err(obstacle(format!(
                "there are more than {MOST_CONTAINERS} containers"
            )));
        }
        let course = match before {
            Before::Nothing => rollout::on_create(template, report),
            Before::Template(before) => rollout::on_update(template, before, report),
            Before::Unknown(why) => return Err(obstacle(*why)),
        };
        match (course, before) {
            (Course::PutBack, Before::Template(before)) => {
                template.clone_from(before);
                Ok(true)
            }
            (Course::Inject(part), before) if self.can_inject(before, report) => {
                self.inject(part, template, report)
            }
            _ => Ok(false),
        }
    }

    fn can_inject(&self, before: &Before, report: &Report) -> bool {
        let is_too_late = self.workload == Workload::Job && before.template().is_some();
        if is_too_late {
            report.explain(
                "policy",
                || "the template of a job cannot be changed any more",
            );
        }
        !is_too_late
    }

    /// Injects into `part`, the user's part of `template`, which becomes that: also where settings cannot be
    /// read, for a merge may have mixed entries that the API server refuses.
    fn inject(
        &self,
        part: Option<Value>,
        template: &mut Value,
        report: &mut Report,
    ) -> Result<bool, Obstacle> {
        let Some(mut part) = part else {
            return self.inject_into(template, report);
        };
        match self.inject_into(&mut part, report) {
            Err(obstacle) if obstacle.about == SETTINGS => obstacle.tell(report),
            injected => {
                injected?;
            }
        }
        let changed = part != *template;
        *template = part;
        Ok(changed)
    }

    fn inject_into(&self, template: &mut Value, report: &mut Report) -> Result<bool, Obstacle> {
        if is_windows(template) {
            if features::asks_for_a_feature(template) {
                report.warn(
                    "policy",
                    "nothing injected, there are no agents for Windows pods",
                );
            } else {
                report.explain("policy", || "it runs on Windows");
            }
            return Ok(false);
        }
        self.document.check_form().map_err(|what| Obstacle {
            about: SETTINGS,
            what,
        })?;
        let mut template = Template::new(template).map_err(|malformed| {
            let path = malformed.to_string();
            let at = if path.is_empty() { "" } else { " at " };
            obstacle(format!("the template is malformed{at}{path}"))
        })?;
        let context = Context {
            workload: self.workload,
            namespace: self.namespace,
            owner: self.owner,
            settings: self.document,
            beside: self.beside,
        };
        Ok(features::inject(context, &mut template, report))
    }
}

/// Answers `validate_settings`: all problems in one message.
///
/// # Errors
/// None: the signature is waPC's.
pub fn validate_settings(payload: &[u8]) -> CallResult {
    let problems = match serde_json::from_slice::<Node<'_>>(payload) {
        Ok(root) => features::problems(&Document::new(root)),
        Err(error) => vec![Problem::of_syntax(
            String::new(),
            &SyntaxError::from(&error),
        )],
    };
    let report = Report::new(Level::Error);
    for problem in &problems {
        report.tell_of_problem(problem);
    }
    Ok(serde_json::to_vec(&SettingsValidationResponse {
        valid: problems.is_empty(),
        message: message(&problems),
    })?)
}

fn message(problems: &[Problem]) -> Option<String> {
    match problems {
        [] => None,
        [problem] => Some(problem.to_string()),
        problems => {
            let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
            Some(format!(
                "{} problems:\n- {}",
                lines.len(),
                lines.join("\n- ")
            ))
        }
    }
}
