//! The answers to the policy host: an admission is always accepted, whatever the payload is, for an
//! error or a trap would be shown as a refusal that no failure policy softens.

use kubewarden_policy_sdk::settings::SettingsValidationResponse;
use slog::Level;
use wapc_guest::CallResult;

use crate::answer::Answer;
use crate::features::{self, Context};
use crate::json::{Problem, Value};
use crate::owner::Owner;
use crate::payload::{Payload, Unreadable};
use crate::report::Report;
use crate::rollout::{self, Course};
use crate::settings::Document;
use crate::system::is_windows;
use crate::template::Template;
use crate::workload::Workload;

/// Answers `validate`: `{"request": AdmissionRequest, "settings": {…}}` in, a validation response out, with the object in
/// it if it changed.
///
/// # Errors
/// None: the signature is waPC's.
pub fn validate(payload: &[u8]) -> CallResult {
    let mut report = Report::new(Level::Info);
    let object = match Payload::read(payload) {
        Ok(request) => mutated(&request, &mut report).map_err(|Unread| Unreadable::of(payload)),
        Err(problem) => Err(problem),
    };
    let object = object.unwrap_or_else(|problem| {
        report.warn(
            "policy",
            format_args!("nothing injected: the request {problem}"),
        );
        None
    });
    Ok(Answer { object, report }.into_bytes())
}

/// A part of the payload is not valid JSON.
struct Unread;

fn parsed(text: &str) -> Result<Value<'_>, Unread> {
    match text {
        "" => Ok(Value::Null),
        // So deep is an object in a payload. In an answer it is not so deep: the host can read it again.
        text => Value::parse_below(text, 2).map_err(|_| Unread),
    }
}

/// The object as it should be, or `None` if it stays as it came.
///
/// # Errors
/// The object, or the settings where they are looked at, are not valid JSON.
fn mutated<'a>(payload: &Payload<'a>, report: &mut Report) -> Result<Option<Value<'a>>, Unread> {
    let request = &payload.request;
    if !request.sub_resource.is_empty() {
        return Ok(None);
    }
    let Some(workload) = Workload::of(&request.group, &request.kind) else {
        return Ok(None);
    };
    let is_new = match &*request.operation {
        "CREATE" => true,
        // What was made of a pod is not applied over what was injected into it.
        "UPDATE" if workload != Workload::Pod => false,
        _ => return Ok(None),
    };
    // Most updates are of something else.
    if !is_new && workload.has_the_same_template(request.object, request.old_object) {
        return Ok(None);
    }
    let mut object = parsed(request.object)?;
    if let Some(reason) = workload.is_left_alone(&object) {
        report.set_level(Document::new(payload.settings().ok_or(Unread)?).log_level());
        report.explain("policy", || reason);
        return Ok(None);
    }
    let before = if is_new {
        Before::Nothing
    } else {
        Before::of(workload, request.old_object)
    };
    // The API server writes both alike, others need not.
    if before
        .template()
        .is_some_and(|before| workload.template(&object) == Some(before))
    {
        return Ok(None);
    }
    let document = Document::new(payload.settings().ok_or(Unread)?);
    report.set_level(document.log_level());
    let injection = Injection {
        workload,
        namespace: &request.namespace,
        owner: &Owner::of(workload, &object),
        document: &document,
        beside: &features::beside_the_template(workload, &object),
    };
    let changed = match workload.template_mut(&mut object) {
        Some(template) => injection.follow(template, &before, report),
        None => Err(missing(workload)),
    };
    match changed {
        Ok(changed) => Ok(changed.then_some(object)),
        Err(obstacle) => {
            obstacle.tell(report);
            Ok(None)
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
        report.warn(self.about, format_args!("nothing injected: {}", self.what));
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
enum Before<'a> {
    /// The object is created.
    Nothing,
    /// Why it is not known, as the end of a sentence.
    Unknown(&'static str),
    Template(Value<'a>),
}

impl<'a> Before<'a> {
    /// `old` is the text of the object before the update.
    fn of(workload: Workload, old: &'a str) -> Self {
        let old = parsed(old).ok();
        let template = old.and_then(|mut old| workload.template_mut(&mut old).map(Value::take));
        match template {
            None => Self::Unknown("the update does not include the old object"),
            Some(template) if has_too_many_containers(&template) => {
                Self::Unknown("the old object has too many containers")
            }
            Some(template) => Self::Template(template),
        }
    }

    fn template(&self) -> Option<&Value<'a>> {
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
    fn follow<'a>(
        &self,
        template: &mut Value<'a>,
        before: &Before<'a>,
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

    fn can_inject(&self, before: &Before<'_>, report: &Report) -> bool {
        let is_too_late = self.workload == Workload::Job && before.template().is_some();
        if is_too_late {
            report.explain("policy", || "the pod template of a Job cannot change");
        }
        !is_too_late
    }

    /// Injects into `part`, the user's part of `template`, which becomes that: also where settings cannot be
    /// read, for a merge may have mixed entries that the API server refuses.
    fn inject<'a>(
        &self,
        part: Option<Value<'a>>,
        template: &mut Value<'a>,
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

    fn inject_into(&self, place: &mut Value<'_>, report: &mut Report) -> Result<bool, Obstacle> {
        if is_windows(place) {
            if features::asks_for_a_feature(place) {
                report.warn(
                    "policy",
                    "nothing injected: there are no agents for Windows",
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
        let mut template = Template::take(place).map_err(|malformed| {
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
        let injected = features::inject(context, &mut template, report);
        *place = template.into_value();
        Ok(injected)
    }
}

/// Answers `validate_settings`: all problems in one message.
///
/// # Errors
/// None: the signature is waPC's.
pub fn validate_settings(payload: &[u8]) -> CallResult {
    let problems = match Value::from_bytes(payload) {
        Ok(root) => features::problems(&Document::new(root)),
        Err(error) => vec![Problem::of_syntax(String::new(), &error)],
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
