//! Every key of the settings, by section. What stands in several places stands once in the table.

use std::collections::{BTreeMap, BTreeSet};

use datakit_operator_policy::settings::{Kind, SECTIONS, Section};
use serde_json::{Value, json};

use crate::support::problems;

pub type Sections = BTreeMap<String, BTreeSet<String>>;

/// The sections that stand in several places, and the key that they are below.
const SHARED: [(&str, &str); 4] = [
    ("resources", "resources"),
    ("resources.requests", "resources"),
    ("resources.limits", "resources"),
    ("envs[]", "envs"),
];

fn is_shared(section: &Section) -> bool {
    SHARED.iter().any(|(shared, _)| *shared == section.path)
}

/// The sections that describe a container which is added: they have `envs`, `resources` and `image_pull_policy`.
pub fn container_sections() -> impl Iterator<Item = &'static str> {
    let has_container = |section: &&Section| {
        let mut kinds = section.keys.iter().map(|key| key.about.kind);
        kinds.any(|kind| kind == Kind::Resources)
    };
    SECTIONS
        .iter()
        .filter(has_container)
        .map(|section| section.path)
}

/// All sections and their keys.
pub fn sections() -> Sections {
    let keys = |section: &Section| section.keys.iter().map(|key| key.name.to_owned()).collect();
    let (shared, own): (Vec<&Section>, Vec<&Section>) =
        SECTIONS.iter().partition(|section| is_shared(section));
    let mut sections = Sections::new();
    for section in own {
        sections.insert(section.path.to_owned(), keys(section));
    }
    for container in container_sections() {
        for section in &shared {
            sections.insert(format!("{container}.{}", section.path), keys(section));
        }
    }
    sections
}

/// The path of a key of a section.
pub fn join(section: &str, key: &str) -> String {
    match section {
        "" => key.to_owned(),
        section => format!("{section}.{key}"),
    }
}

/// The paths of all keys.
pub fn paths() -> BTreeSet<String> {
    sections()
        .iter()
        .flat_map(|(section, keys)| keys.iter().map(|key| join(section, key)))
        .collect()
}

/// Sets what is at `path` of settings, where `[]` is the first of a list; what is on the way is made.
pub fn set(settings: &mut Value, path: &str, value: Value) {
    *slot(settings, path) = value;
}

/// Removes what is at `path`.
pub fn remove(settings: &mut Value, path: &str) {
    let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
    let section = match section {
        "" => settings,
        section => slot(settings, section),
    };
    section.as_object_mut().unwrap().remove(key).unwrap();
}

fn slot<'v>(settings: &'v mut Value, path: &str) -> &'v mut Value {
    path.split('.').fold(settings, |value, part| {
        if value.is_null() {
            *value = json!({});
        }
        match part.strip_suffix("[]") {
            None => &mut value[part],
            Some(part) => {
                if value[part].is_null() {
                    value[part] = json!([null]);
                }
                &mut value[part][0]
            }
        }
    })
}

/// The policy itself says which keys a section has, where it finds one that it does not know.
#[test]
fn the_sections_have_the_keys_that_the_policy_knows() {
    for (section, keys) in sections() {
        let unknown = join(&section, "zzzzzzzzzzzzzzzz");
        let mut settings = json!({});
        set(&mut settings, &unknown, json!(""));
        let start = format!(
            "{}: unknown key; known keys are ",
            unknown.replace("[]", "[0]")
        );
        let known: BTreeSet<String> = problems(&settings)
            .iter()
            .find_map(|problem| problem.strip_prefix(&start))
            .unwrap_or_else(|| panic!("{section}: {:?}", problems(&settings)))
            .split(", ")
            .map(|key| key.trim_matches('`').to_owned())
            .collect();
        assert_eq!(known, keys, "{section}");
    }
}
