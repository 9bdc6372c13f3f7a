//! `questions-ui.yml`, the form that Rancher shows, and its copy in the Artifact Hub package.

use datakit_operator_policy::settings::{Absent, Key, Kind};
use datakit_policy_host::yaml::to_yaml;
use serde_json::{Value, json};

use super::{keys_of, sentence};
use crate::support::settings;

const HEAD: &str = "\
# The settings form that Rancher's Kubewarden extension shows for this policy, for the settings of the operator's
# document (`admission_inject`, `admission_mutate`) and of the policy itself. `admission_inject_v2` has too many shapes for a form: Rancher's
# \"Edit YAML\" takes it as it is.
#
# Made of the table of keys by `make docs`. Two things to know before changing it:
# - The form fills in the `default` of every `map[` question first. The lists of a `sequence[` must be in its parent's
#   default: the form's \"Add\" creates a missing list at the wrong place when its path has more than two parts.
# - A field without a default stays out of the settings until someone types into it. `resources` counts on that: an
#   empty string is no quantity, and the policy would refuse it.
";

/// The older names of languages, which the form need not offer.
const OLDER: [&str; 1] = ["js"];

/// The whole file.
pub fn text() -> String {
    let form = Form {
        default: settings("policy-settings/default.json"),
    };
    let mut questions = Vec::new();
    form.ask("", &mut questions);
    format!("{HEAD}{}", to_yaml(&json!({ "questions": questions })))
}

/// The package with the form in its annotation.
pub fn within(package: &str, form: &str) -> String {
    const KEY: &str = "  kubewarden/questions-ui: |\n";
    let (before, after) = package.split_once(KEY).unwrap();
    let is_inside = |line: &&str| line.is_empty() || line.starts_with("    ");
    let rest: Vec<&str> = after.lines().skip_while(is_inside).collect();
    let mut made = format!("{before}{KEY}");
    for line in form.lines() {
        let indent = if line.is_empty() { "" } else { "    " };
        made.push_str(&format!("{indent}{line}\n"));
    }
    for line in rest {
        made.push_str(line);
        made.push('\n');
    }
    made
}

/// Makes questions of keys; a form that nobody touches makes the default settings.
struct Form {
    default: Value,
}

impl Form {
    /// Adds the questions for the keys of a section, and for those of the objects in it that are no question
    /// themselves.
    fn ask(&self, section: &str, questions: &mut Vec<Value>) {
        for key in keys_of(section) {
            let path = match section {
                "" => key.name.to_owned(),
                section => format!("{section}.{}", key.name),
            };
            match (key.about.label, key.about.kind) {
                ("", Kind::Object)
                    if path.starts_with("admission_inject.")
                        || ["admission_inject", "policy"].contains(&path.as_str()) =>
                {
                    self.ask(&path, questions);
                }
                ("", _) => {}
                (container, Kind::Resources) => questions.extend(resources(&path, key, container)),
                _ => questions.push(self.question(&path, key)),
            }
        }
    }

    fn question(&self, path: &str, key: &Key) -> Value {
        let default = self
            .default
            .pointer(&format!("/{}", path.replace('.', "/")));
        let mut question = question(path, group(path), key, default);
        match key.about.kind {
            Kind::Object => {
                let mut inner = Vec::new();
                self.ask(path, &mut inner);
                // What the form has to find there, for its lists.
                let lists = inner
                    .iter()
                    .filter(|question| question["type"] == "sequence[");
                let mut defaults = json!({});
                for list in lists {
                    let name = list["variable"]
                        .as_str()
                        .unwrap()
                        .rsplit('.')
                        .next()
                        .unwrap();
                    // Nothing is active that nobody asked for.
                    defaults[name] = json!([]);
                }
                if defaults != json!({}) {
                    question["default"] = defaults;
                }
                question["subquestions"] = json!(inner);
            }
            Kind::List => {
                let items = keys_of(&format!("{path}[]")).iter();
                let asked = items.filter(|item| !item.about.label.is_empty());
                let questions = asked.map(|item| self.item(path, item));
                question["sequence_questions"] = questions.collect();
            }
            _ => {}
        }
        question
    }

    /// A question about a key of a list's items.
    fn item(&self, list: &str, key: &Key) -> Value {
        let pointer = format!("/{}/0/{}", list.replace('.', "/"), key.name);
        let default = match key.about.kind {
            Kind::Json => self.default.pointer(&pointer).cloned(),
            Kind::Words(words) => Some(json!(words[0])),
            Kind::Names | Kind::LabelSelectors => Some(json!([])),
            _ => Some(json!("")),
        };
        let mut question = question(key.name, group(list), key, default.as_ref());
        question["required"] = json!(!matches!(
            key.about.kind,
            Kind::Names | Kind::LabelSelectors
        ));
        question
    }
}

fn question(variable: &str, group: &str, key: &Key, default: Option<&Value>) -> Value {
    let about = &key.about;
    let mut question = json!({"variable": variable, "label": about.label});
    let explains = if matches!(
        about.kind,
        Kind::Object | Kind::List | Kind::Envs | Kind::Names | Kind::LabelSelectors
    ) {
        "description"
    } else {
        "tooltip"
    };
    question[explains] = json!(sentence(about.meaning));
    question["group"] = json!(group);
    question["type"] = json!(match about.kind {
        Kind::Object | Kind::Envs => "map[",
        Kind::List => "sequence[",
        Kind::Names | Kind::LabelSelectors | Kind::ContainerNames => "array[",
        Kind::Words(_) | Kind::WordsOrList(_) | Kind::Suggested(_) => "enum",
        Kind::Boolean => "boolean",
        Kind::Json => "multiline",
        Kind::Text | Kind::Image | Kind::Quantity => "string",
        other => panic!("{other:?} has no field in the form"),
    });
    if matches!(about.kind, Kind::Object | Kind::List) {
        question["hide_input"] = json!(true);
    }
    question["required"] = json!(about.absent == Absent::Required);
    match (about.kind, default) {
        (Kind::Object, _) => {}
        (Kind::List, _) => question["default"] = json!([]),
        (_, Some(default)) => question["default"] = default.clone(),
        _ => {}
    }
    if let Kind::Words(words) | Kind::WordsOrList(words) | Kind::Suggested(words) = about.kind {
        let offered: Vec<&str> = words
            .iter()
            .copied()
            .filter(|word| !OLDER.contains(word))
            .collect();
        question["options"] = json!(offered);
    }
    question
}

/// Four fields for the resources of a container.
fn resources(path: &str, key: &Key, container: &str) -> Vec<Value> {
    let has_defaults = key.about.absent == Absent::Resources;
    let field = |bound: &str, resource: &str, standard: &str| {
        let (label, example) = match (bound, resource) {
            ("requests", "cpu") => ("CPU requested by", "A quantity such as 100m."),
            ("requests", _) => ("Memory requested by", "A quantity such as 64Mi."),
            (_, "cpu") => ("CPU limit of", "A quantity, not below the request."),
            _ => ("Memory limit of", "A quantity, not below the request."),
        };
        let without = match (has_defaults, bound) {
            (true, "requests") => {
                format!("If no resources are set at all, {standard} are requested.")
            }
            (true, _) => format!("If no resources are set at all, the limit is {standard}."),
            (false, "requests") => "Left out, the container requests nothing.".to_owned(),
            (false, _) => "Left out, the container has no limit.".to_owned(),
        };
        json!({
            "variable": format!("{path}.{bound}.{resource}"),
            "label": format!("{label} the {container}"),
            "tooltip": format!("{example} {without}"),
            "group": group(path),
            "type": "string",
            "required": false
        })
    };
    vec![
        field("requests", "cpu", "100m"),
        field("requests", "memory", "64Mi"),
        field("limits", "cpu", "500m"),
        field("limits", "memory", "512Mi"),
    ]
}

/// The part of the form that a path belongs to.
fn group(path: &str) -> &'static str {
    match path.split('.').take(2).collect::<Vec<_>>().as_slice() {
        ["admission_inject", "ddtrace"] => "DDTrace",
        ["admission_inject", "logfwd"] => "logfwd",
        ["admission_inject", "profiler"] => "Profiler",
        ["admission_mutate", ..] => "Logging",
        ["policy", ..] => "The policy itself",
        _ => "General",
    }
}
