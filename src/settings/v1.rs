//! `admission_inject`: the settings of operator 1.5, where pods ask by annotation for what is
//! configured once for all, and ddtrace can be switched on by namespace and label as well.

use super::AGENT_LANGUAGES;
use super::narrowing::Narrowing;
use super::reader::{Reader, default_resources};
use super::rules::{Language, LogForwarder, OptIn, Origin, PhpLoader, Rule, RuleSet, Tracer};
use super::scope::{Scope, Selectors};
use crate::json::{Path, Value};
use crate::namespace::NamespacePattern;

/// The order in which the annotations of a pod are looked for, and the key of each image.
const AGENT_IMAGES: [(Language, &str); 4] = [
    (Language::Java, "java_agent_image"),
    (Language::Python, "python_agent_image"),
    (Language::NodeJs, "js_agent_image"),
    (Language::Php, "php_agent_image"),
];

const PROFILER_IMAGES: [(Language, &str); 3] = [
    (Language::Java, "java_profiler_image"),
    (Language::Python, "python_profiler_image"),
    (Language::Golang, "golang_profiler_image"),
];

/// `admission_inject.ddtrace`: annotations first, then label selectors, then namespaces.
pub(crate) fn ddtrace<'n>(
    reader: &mut Reader,
    section: Option<&'n Value<'_>>,
    path: Path<'_>,
) -> RuleSet<'n, Tracer> {
    let section = section.unwrap_or(&Value::Null);
    reader.keys(Some(section), path);
    let container = reader.container(section, path, || None);
    let images = images(reader, section, path, &AGENT_IMAGES);
    let rule = |origin: &'static str, index, opt_in, scope, language| Rule {
        origin: Origin {
            section: origin,
            index,
        },
        name: "",
        scope,
        narrowing: Narrowing::default(),
        opt_in,
        container: container,
        image: image_for(&images, language),
        what: Tracer {
            language,
            php_loader: PhpLoader::default(),
        },
    };
    let mut rules: Vec<_> = AGENT_IMAGES
        .into_iter()
        .map(|(language, _)| {
            let section = "admission_inject.ddtrace";
            rule(
                section,
                None,
                OptIn::Annotation,
                Scope::Everywhere,
                language,
            )
        })
        .collect();
    for (index, selectors, language) in enabled(reader, section, path, &BY_LABEL) {
        let section = "admission_inject.ddtrace.enabled_labelselectors";
        let scope = Scope::Both(selectors);
        rules.push(rule(section, Some(index), OptIn::Scope, scope, language));
    }
    for (index, selectors, language) in enabled(reader, section, path, &BY_NAMESPACE) {
        let section = "admission_inject.ddtrace.enabled_namespaces";
        let scope = Scope::Both(selectors);
        rules.push(rule(section, Some(index), OptIn::Scope, scope, language));
    }
    RuleSet::all_are_tried(rules)
}

type Enabled<'n> = Vec<(usize, Selectors<'n>, Language)>;

/// A list whose entries each have one selector.
struct EntryList {
    key: &'static str,
    selector: &'static str,
    read: for<'n> fn(&mut Reader, &'n str, Path<'_>) -> Option<Selectors<'n>>,
}

const BY_LABEL: EntryList = EntryList {
    key: "enabled_labelselectors",
    selector: "labelselector",
    read: by_label,
};
const BY_NAMESPACE: EntryList = EntryList {
    key: "enabled_namespaces",
    selector: "namespace",
    read: by_namespace,
};

fn by_label<'n>(reader: &mut Reader, text: &'n str, path: Path<'_>) -> Option<Selectors<'n>> {
    Some(Selectors {
        labels: vec![reader.label_selector(text, path)?],
        ..Selectors::default()
    })
}

fn by_namespace<'n>(reader: &mut Reader, text: &'n str, path: Path<'_>) -> Option<Selectors<'n>> {
    let pattern = NamespacePattern::name_or_expression;
    Some(Selectors {
        namespaces: vec![reader.namespace(text, path, pattern)?],
        ..Selectors::default()
    })
}

impl EntryList {
    /// Reads the entries that are there: `entry` gets the place of each, its selector if it has one, and its
    /// language with its path.
    fn read<'n>(
        &self,
        reader: &mut Reader,
        section: &'n Value<'_>,
        path: Path<'_>,
        mut entry: impl FnMut(
            &mut Reader,
            usize,
            Option<Selectors<'n>>,
            Option<&'n Value<'_>>,
            Path<'_>,
        ),
    ) {
        let path = path.key(self.key);
        let entries = reader.problems.list(section.given(self.key), path);
        for (index, node) in entries.iter().enumerate() {
            let path = path.index(index);
            reader.keys(Some(node), path);
            if matches!(node, Value::Null) {
                continue;
            }
            let selector = path.key(self.selector);
            let text = reader.problems.string(node.given(self.selector), selector);
            let selectors = text.and_then(|text| (self.read)(reader, text, selector));
            let language = path.key("language");
            entry(reader, index, selectors, node.given("language"), language);
        }
    }
}

fn enabled<'n>(
    reader: &mut Reader,
    section: &'n Value<'_>,
    path: Path<'_>,
    list: &EntryList,
) -> Enabled<'n> {
    let mut enabled = Vec::new();
    list.read(
        reader,
        section,
        path,
        |reader, index, selectors, language, path| {
            let language = reader.language(language, path, &AGENT_LANGUAGES);
            if let (Some(selectors), Some(language)) = (selectors, language) {
                enabled.push((index, selectors, language));
            }
        },
    );
    enabled
}

/// `admission_inject.logfwd`: for pods with the annotation.
pub(crate) fn logfwd<'n>(
    reader: &mut Reader,
    section: Option<&'n Value<'_>>,
    path: Path<'_>,
) -> RuleSet<'n, LogForwarder<'n>> {
    const ORIGIN: &str = "admission_inject.logfwd";
    let section = section.unwrap_or(&Value::Null);
    reader.keys(Some(section), path);
    let images_path = path.key("images");
    let images = section.given("images");
    reader.keys(images, images_path);
    let image = images.and_then(|images| images.given("logfwd_image"));
    let rule = Rule {
        origin: origin(ORIGIN),
        name: "",
        scope: Scope::Everywhere,
        narrowing: Narrowing::default(),
        opt_in: OptIn::Annotation,
        container: reader.container(section, path, default_resources),
        image: reader.image(image, images_path.key("logfwd_image")),
        what: LogForwarder {
            needs_instances: true,
            needs_free_directories: !reuses_volumes(reader, section, path),
            ..LogForwarder::default()
        },
    };
    RuleSet::first_decides(vec![rule])
}

/// `options.reuse_exist_volume` of logfwd; true where it is not there, as the operator's manual says.
fn reuses_volumes(reader: &mut Reader, section: &Value<'_>, path: Path<'_>) -> bool {
    let path = path.key("options");
    let options = section.given("options");
    reader.keys(options, path);
    let reuse = options.and_then(|options| options.given("reuse_exist_volume"));
    let path = path.key("reuse_exist_volume");
    let words = [("true", Reuse(true)), ("false", Reuse(false))];
    reader.one_of(reuse, path, &words).0
}

/// Whether volumes are reused.
#[derive(Clone, Copy)]
struct Reuse(bool);

impl Default for Reuse {
    fn default() -> Self {
        Self(true)
    }
}

/// `admission_inject.profiler`: for pods with the annotation of a language, in all namespaces or, as in operators since
/// 1.8, those that an entry of its lists is for.
pub(crate) fn profiler<'n>(
    reader: &mut Reader,
    section: Option<&'n Value<'_>>,
    path: Path<'_>,
) -> RuleSet<'n, Language> {
    let section = section.unwrap_or(&Value::Null);
    reader.keys(Some(section), path);
    let container = reader.container(section, path, default_resources);
    let images = images(reader, section, path, &PROFILER_IMAGES);
    let narrowed = profiler_selectors(reader, section, path);
    let scope = || match &narrowed {
        None => Scope::Everywhere,
        Some(selectors) => Scope::Either(selectors.clone()),
    };
    let rules = PROFILER_IMAGES
        .into_iter()
        .map(|(language, _)| Rule {
            origin: origin("admission_inject.profiler"),
            name: "",
            scope: scope(),
            narrowing: Narrowing::default(),
            opt_in: OptIn::Annotation,
            container: container,
            image: image_for(&images, language),
            what: language,
        })
        .collect();
    RuleSet::all_are_tried(rules)
}

/// The entries of both lists; `None` where both are empty. Their languages are not looked at.
fn profiler_selectors<'n>(
    reader: &mut Reader,
    section: &'n Value<'_>,
    path: Path<'_>,
) -> Option<Selectors<'n>> {
    let mut narrowed: Option<Selectors<'n>> = None;
    for list in [BY_LABEL, BY_NAMESPACE] {
        list.read(
            reader,
            section,
            path,
            |reader, _, selectors, language, path| {
                let all = narrowed.get_or_insert_default();
                reader.problems.string(language, path);
                if let Some(read) = selectors {
                    all.namespaces.extend(read.namespaces);
                    all.labels.extend(read.labels);
                }
            },
        );
    }
    narrowed
}

fn origin(section: &'static str) -> Origin {
    Origin {
        section,
        index: None,
    }
}

type Images<'n> = Vec<(Language, Option<&'n str>)>;

fn images<'n>(
    reader: &mut Reader,
    section: &'n Value<'_>,
    path: Path<'_>,
    known: &[(Language, &'static str)],
) -> Images<'n> {
    let path = path.key("images");
    let node = section.given("images");
    reader.keys(node, path);
    known
        .iter()
        .map(|(language, key)| {
            let image = node.and_then(|node| node.given(key));
            (*language, reader.image(image, path.key(key)))
        })
        .collect()
}

fn image_for<'n>(images: &Images<'n>, language: Language) -> Option<&'n str> {
    images
        .iter()
        .find(|(known, _)| *known == language)
        .and_then(|(_, image)| *image)
}
