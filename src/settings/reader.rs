//! What the sections of the settings have in common, read and, where asked, checked.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as QuantityText;

use super::keys;
use super::rules::{ContainerSettings, ImagePullPolicy, Language};
use super::scope::Selectors;
use crate::env::{self, Env};
use crate::image;
use crate::json::{Path, Problem, Problems, SyntaxError, Value, is_shown};
use crate::namespace::NamespacePattern;
use crate::quantity::Quantity;
use crate::report::shown;
use crate::selector::LabelSelector;

/// Reads settings. Two ways of reading share this code, so that they cannot drift apart: for a
/// request only what is needed is read, when the policy is loaded everything is checked as well.
#[derive(Debug)]
pub struct Reader {
    pub(super) problems: Problems,
    /// Whether to look for problems that reading does not come across.
    pub(crate) checks: bool,
    env_order: EnvOrder,
}

/// The resources of a container where the settings have none.
pub(crate) type DefaultResources = fn() -> Option<ResourceRequirements>;

/// The settings of the container of a rule. Most rules are not chosen: they are read of the one that is.
#[derive(Clone, Copy, Debug)]
pub struct Unread<'n> {
    /// The object with the keys.
    node: Option<&'n Value<'n>>,
    default: DefaultResources,
    env_order: EnvOrder,
}

impl<'n> Unread<'n> {
    /// Of a rule that adds no container.
    pub(crate) const NONE: Self = Self {
        node: None,
        default: || None,
        env_order: EnvOrder::Alphabetical,
    };

    /// Reads them.
    #[must_use]
    pub fn read(&self) -> ContainerSettings<'n> {
        let mut reader = Reader::new(self.env_order, false);
        let node = self.node.unwrap_or(&Value::Null);
        reader.container_settings(node, Path::Root, self.default)
    }
}

/// The order of the variables of an `envs` object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EnvOrder {
    /// Policy hosts sort the keys, so no other order can be kept.
    Alphabetical,
    /// In text the order is that of the writer.
    Written,
}

/// The default for sidecars and, in `admission_inject_v2`, for all containers.
pub(super) fn default_resources() -> Option<ResourceRequirements> {
    let amounts = |cpu: &str, memory: &str| {
        let mut amounts = BTreeMap::new();
        for (resource, amount) in [("cpu", cpu), ("memory", memory)] {
            amounts.insert(resource.to_owned(), QuantityText(amount.to_owned()));
        }
        Some(amounts)
    };
    Some(ResourceRequirements {
        requests: amounts("100m", "64Mi"),
        limits: amounts("500m", "512Mi"),
        ..ResourceRequirements::default()
    })
}

impl Reader {
    pub(super) fn new(env_order: EnvOrder, checks: bool) -> Self {
        Self {
            problems: Problems::default(),
            checks,
            env_order,
        }
    }

    /// One that finds no problems, for what is read a second time.
    pub(crate) fn unheard(&self) -> Self {
        Self::new(self.env_order, false)
    }

    /// The string at `path`; null counts as absent.
    pub(crate) fn string<'n>(
        &mut self,
        node: Option<&'n Value<'_>>,
        path: Path<'_>,
    ) -> Option<&'n str> {
        self.problems.string(node, path)
    }

    /// The strings of the list at `path`.
    pub(crate) fn strings<'n>(
        &mut self,
        node: Option<&'n Value<'_>>,
        path: Path<'_>,
    ) -> Vec<&'n str> {
        self.problems.strings(node, path)
    }

    /// The boolean at `path`; null counts as absent.
    pub(crate) fn boolean(&mut self, node: Option<&Value<'_>>, path: Path<'_>) -> Option<bool> {
        self.problems.boolean(node, path)
    }

    /// The percentage at `path`; null counts as absent.
    pub(crate) fn percentage(&mut self, node: Option<&Value<'_>>, path: Path<'_>) -> Option<u64> {
        self.problems.percentage(node, path)
    }

    /// The items of the list at `path`.
    pub(crate) fn list<'n, 'a>(
        &mut self,
        node: Option<&'n Value<'a>>,
        path: Path<'_>,
    ) -> &'n [Value<'a>] {
        self.problems.list(node, path)
    }

    /// Notes a problem at `path`.
    pub(crate) fn add(&mut self, path: Path<'_>, problem: impl fmt::Display) {
        self.problems.add(path, problem);
    }

    /// Notes that the text at `path` is no JSON.
    pub(crate) fn add_syntax(&mut self, path: Path<'_>, error: &SyntaxError) {
        self.problems.add_syntax(path, error);
    }

    /// Reports the keys of the object at `path` that its section does not have, with the nearest that it has.
    pub(crate) fn keys(&mut self, node: Option<&Value<'_>>, path: Path<'_>) {
        self.keys_of(node, path, || keys::of(&path.section()));
    }

    /// The same for the object at `path`, which has the keys of a section that stands in several places.
    fn keys_of_shared(&mut self, node: Option<&Value<'_>>, path: Path<'_>, section: &str) {
        self.keys_of(node, path, || keys::of(section));
    }

    fn keys_of(
        &mut self,
        node: Option<&Value<'_>>,
        path: Path<'_>,
        known: impl FnOnce() -> Vec<&'static str>,
    ) {
        if !self.checks {
            return;
        }
        let object = self.problems.object(node, path);
        let Some(object) = object.filter(|object| !object.is_empty()) else {
            return;
        };
        let known = known();
        for key in object.keys() {
            if !known.contains(&key) {
                let in_another_case = known.iter().find(|name| name.eq_ignore_ascii_case(key));
                let hint = match (in_another_case, nearest(key, &known)) {
                    (Some(name), _) => format!("has the wrong case; write `{name}`"),
                    (None, Some(near)) => format!("unknown key; did you mean `{near}`?"),
                    (None, None) => format!("unknown key; known keys are {}", listed(&known)),
                };
                let place = if is_shown(key) { path.key(key) } else { path };
                self.problems.add(place, hint);
            }
        }
    }

    /// The keys `envs`, `resources` and `image_pull_policy` of the object at `path`.
    pub(crate) fn container<'n>(
        &mut self,
        node: &'n Value<'_>,
        path: Path<'_>,
        default: DefaultResources,
    ) -> Unread<'n> {
        if self.checks {
            self.container_settings(node, path, default);
        }
        Unread {
            node: Some(node),
            default,
            env_order: self.env_order,
        }
    }

    fn container_settings<'n>(
        &mut self,
        node: &'n Value<'_>,
        path: Path<'_>,
        default: DefaultResources,
    ) -> ContainerSettings<'n> {
        ContainerSettings {
            envs: self.envs(node.given("envs"), path.key("envs")),
            resources: self
                .resources(node.given("resources"), path.key("resources"))
                .or_else(default),
            image_pull_policy: self.one_of(
                node.given("image_pull_policy"),
                path.key("image_pull_policy"),
                &ImagePullPolicy::ALL.map(|policy| (policy.name(), policy)),
            ),
        }
    }

    fn envs<'n>(&mut self, node: Option<&'n Value<'_>>, path: Path<'_>) -> Vec<Env<'n>> {
        let envs = match node {
            Some(Value::Array(items)) => self.env_list(items, path),
            node => self.env_object(node, path),
        };
        if self.checks {
            for env in &envs {
                if !env::is_name(env.name) {
                    let length = env.name.chars().count();
                    self.problems.add(
                        path,
                        format_args!(
                            "a name of {length} characters is not a variable name: \
                             letters, digits, `_`, `-`, `.`, no digit first"
                        ),
                    );
                } else if !env::fits(env.name, env.value) {
                    self.problems.add(path.key(env.name), env::TOO_LONG);
                } else if let Some(problem) = env::problem(env.value) {
                    self.problems.add(path.key(env.name), problem);
                }
            }
        }
        envs
    }

    fn env_object<'n>(&mut self, node: Option<&'n Value<'_>>, path: Path<'_>) -> Vec<Env<'n>> {
        let mut envs: Vec<Env<'n>> = Vec::new();
        for (name, value) in self.problems.object(node, path).into_iter().flatten() {
            let place = if is_shown(name) { path.key(name) } else { path };
            if let Some(value) = self.env_value(Some(value), place) {
                let place = match self.env_order {
                    // Hosts send them sorted, so this is the end.
                    EnvOrder::Alphabetical => envs.partition_point(|env| env.name <= name),
                    EnvOrder::Written => envs.len(),
                };
                envs.insert(place, Env { name, value });
            }
        }
        envs
    }

    fn env_list<'n>(&mut self, items: &'n [Value<'_>], path: Path<'_>) -> Vec<Env<'n>> {
        let mut envs: Vec<Env<'n>> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = path.index(index);
            self.keys_of_shared(Some(item), path, "envs[]");
            let name = self.problems.string(item.given("name"), path.key("name"));
            let value = self.env_value(item.given("value"), path.key("value"));
            match (name, value) {
                (Some(name), _) if envs.iter().any(|env| env.name == name) => {
                    self.problems
                        .add(path.key("name"), "repeats the name of an earlier entry");
                }
                (Some(name), Some(value)) => envs.push(Env { name, value }),
                (None, _) if item.given("name").is_none() => {
                    self.problems.add(path.key("name"), "is missing");
                }
                _ => {}
            }
        }
        envs
    }

    /// Unlike elsewhere null is a problem: the variable would silently be gone.
    fn env_value<'n>(&mut self, node: Option<&'n Value<'_>>, path: Path<'_>) -> Option<&'n str> {
        match node {
            None | Some(Value::Null) => {
                self.problems
                    .add(path, "must be a string, but is null or missing");
                None
            }
            node => self.problems.string(node, path),
        }
    }

    /// `None` where nothing is set, which is the default and not "no resources".
    fn resources(
        &mut self,
        node: Option<&Value<'_>>,
        path: Path<'_>,
    ) -> Option<ResourceRequirements> {
        self.keys_of_shared(node, path, "resources");
        let node = node?;
        let mut amounts = |bound: &str| {
            let path = path.key(bound);
            let node = node.given(bound);
            self.keys_of_shared(node, path, &format!("resources.{bound}"));
            self.amounts(node, path)
        };
        let requests = amounts("requests");
        let limits = amounts("limits");
        if self.checks {
            self.refuse_requests_above_limits(&requests, &limits, path);
        }
        let some = |amounts: BTreeMap<_, _>| (!amounts.is_empty()).then_some(amounts);
        let resources = ResourceRequirements {
            requests: some(requests),
            limits: some(limits),
            ..ResourceRequirements::default()
        };
        (resources != ResourceRequirements::default()).then_some(resources)
    }

    fn amounts(
        &mut self,
        node: Option<&Value<'_>>,
        path: Path<'_>,
    ) -> BTreeMap<String, QuantityText> {
        let mut amounts = BTreeMap::new();
        for resource in ["cpu", "memory"] {
            let path = path.key(resource);
            let amount = node.and_then(|node| node.given(resource));
            if let Some(text) = self.quantity(amount, path) {
                amounts.insert(resource.to_owned(), QuantityText(text.to_owned()));
            }
        }
        amounts
    }

    /// An amount of a resource, as it is written.
    pub(super) fn quantity<'n>(
        &mut self,
        node: Option<&'n Value<'_>>,
        path: Path<'_>,
    ) -> Option<&'n str> {
        let text = self.problems.string(node, path)?;
        if self.checks && Quantity::parse(text).is_none() {
            let problem = format!("{} is not a quantity like `500m` or `512Mi`", shown(text));
            self.problems.add(path, problem);
        }
        Some(text)
    }

    fn refuse_requests_above_limits(
        &mut self,
        requests: &BTreeMap<String, QuantityText>,
        limits: &BTreeMap<String, QuantityText>,
        path: Path<'_>,
    ) {
        for (resource, request) in requests {
            let Some(limit) = limits.get(resource) else {
                continue;
            };
            let amounts = (Quantity::parse(&request.0), Quantity::parse(&limit.0));
            if let (Some(asked), Some(most)) = amounts
                && asked > most
            {
                let problem = format!("{} is above the limit {}", request.0, limit.0);
                let requests = path.key("requests");
                self.problems.add(requests.key(resource), problem);
            }
        }
    }

    /// An image; an empty one counts as absent, as in the operator.
    pub(crate) fn image<'n>(
        &mut self,
        node: Option<&'n Value<'_>>,
        path: Path<'_>,
    ) -> Option<&'n str> {
        let text = self.problems.string(node, path)?;
        if text.is_empty() {
            return None;
        }
        if self.checks && !image::is_reference(text) {
            let problem = format!("{} is not an image reference", shown(text));
            self.problems.add(path, problem);
        }
        Some(text)
    }

    /// The selectors of a rule at its two `keys`: patterns for namespaces, and label selectors.
    pub(crate) fn selectors<'n>(
        &mut self,
        node: &'n Value<'_>,
        path: Path<'_>,
        keys: [&'static str; 2],
        pattern: fn(&'n str) -> NamespacePattern<'n>,
    ) -> Selectors<'n> {
        let [namespaces_key, labels_key] = keys;
        let namespaces_path = path.key(namespaces_key);
        let texts = self
            .problems
            .strings(node.given(namespaces_key), namespaces_path);
        let mut namespaces = Vec::new();
        for (index, text) in texts.into_iter().enumerate() {
            namespaces.extend(self.namespace(text, namespaces_path.index(index), pattern));
        }
        let labels_path = path.key(labels_key);
        let texts = self.problems.strings(node.given(labels_key), labels_path);
        let mut labels = Vec::new();
        for (index, text) in texts.into_iter().enumerate() {
            labels.extend(self.label_selector(text, labels_path.index(index)));
        }
        Selectors { namespaces, labels }
    }

    /// A pattern for namespaces. A blank one is a place left empty, not "every namespace".
    pub(crate) fn namespace<'n>(
        &mut self,
        text: &'n str,
        path: Path<'_>,
        pattern: fn(&'n str) -> NamespacePattern<'n>,
    ) -> Option<NamespacePattern<'n>> {
        if text.trim().is_empty() {
            return None;
        }
        let pattern = pattern(text);
        if self.checks
            && let Some(problem) = pattern.problem()
        {
            self.problems
                .add(path, format_args!("is not a namespace pattern: {problem}"));
        }
        Some(pattern)
    }

    /// A label selector. A blank one is a place left empty, not "all pods".
    pub(crate) fn label_selector<'n>(&mut self, text: &'n str, path: Path<'_>) -> Option<&'n str> {
        if text.trim().is_empty() {
            return None;
        }
        if self.checks
            && let Err(problem) = LabelSelector::parse(text)
        {
            self.problems
                .add(path, format_args!("is not a label selector: {problem}"));
        }
        Some(text)
    }

    /// One of a few words; absent and empty are `T`'s default.
    pub(crate) fn one_of<T: Copy + Default>(
        &mut self,
        node: Option<&Value<'_>>,
        path: Path<'_>,
        words: &[(&str, T)],
    ) -> T {
        let text = self.problems.string(node, path).unwrap_or_default();
        if text.is_empty() {
            return T::default();
        }
        let known = words.iter().find(|(word, _)| *word == text);
        if known.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let problem = format!(
                "{} is unknown; known values are {}",
                shown(text),
                listed(&words)
            );
            self.problems.add(path, problem);
        }
        known.map(|(_, value)| *value).unwrap_or_default()
    }

    /// A language; without one a rule can inject nothing.
    pub(crate) fn language(
        &mut self,
        node: Option<&Value<'_>>,
        path: Path<'_>,
        languages: &[(&str, Language)],
    ) -> Option<Language> {
        if matches!(node, None | Some(Value::Null)) {
            self.problems.add(path, "is missing");
            return None;
        }
        let text = self.problems.string(node, path)?;
        let known = languages.iter().find(|(name, _)| *name == text);
        if known.is_none() {
            let names: Vec<&str> = languages.iter().map(|(name, _)| *name).collect();
            let problem = format!(
                "{} is an unknown language; known are {}",
                shown(text),
                listed(&names)
            );
            self.problems.add(path, problem);
        }
        known.map(|(_, language)| *language)
    }
}

/// Resources in JSON, with the rules of the settings.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn resources(text: &str) -> Result<ResourceRequirements, Problem> {
    let mut reader = Reader::new(EnvOrder::Written, true);
    let root = Path::Root;
    let mut resources = None;
    match Value::parse(text) {
        Ok(Value::Null) => reader.add(root, "must be an object, not null"),
        Ok(node) => resources = reader.resources(Some(&node), root),
        Err(error) => reader.add_syntax(root, &error),
    }
    match reader.problems.list.into_iter().next() {
        Some(problem) => Err(problem),
        None => Ok(resources.unwrap_or_default()),
    }
}

/// The known word that differs least from `key`, if it differs little.
#[must_use]
pub fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let most = key.chars().count().div_euclid(3).max(1);
    known
        .iter()
        .map(|name| (strsim::osa_distance(key, name), *name))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

/// Whether an object of the settings has an entry.
pub(super) fn has_entries(node: Option<&Value<'_>>) -> bool {
    match node {
        Some(Value::Object(entries)) => !entries.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        _ => false,
    }
}
