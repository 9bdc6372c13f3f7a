//! What the API server takes as it is, it takes injected: every measured case and every example, as every kind.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use datakit_policy_cluster::api_server::root;
use datakit_policy_cluster::client::Store;
use datakit_policy_cluster::cluster::{Cluster, Level};
use datakit_policy_cluster::template::comparable;
use datakit_policy_cluster::workload::Kind;
use datakit_policy_host::yaml::{self, DuplicateKeys};
use flate2::read::GzDecoder;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::sequences::DEFAULT;

/// A template, and the settings under which it is injected.
#[derive(Clone)]
struct Case {
    id: String,
    template: Value,
    settings: Arc<Value>,
    /// Whether the policy has something for it, where that is known.
    changed: Option<bool>,
}

/// What was asked, in all trials.
#[derive(Default)]
pub struct Counts {
    asked: AtomicUsize,
    taken: AtomicUsize,
    taken_with_policy: AtomicUsize,
    injected: AtomicUsize,
}

impl Counts {
    /// One line for the end of the run.
    pub fn line(&self) -> String {
        format!(
            "{} objects tried, {} taken as they are, {} of these with the policy, {} injected",
            self.asked.load(Ordering::Relaxed),
            self.taken.load(Ordering::Relaxed),
            self.taken_with_policy.load(Ordering::Relaxed),
            self.injected.load(Ordering::Relaxed)
        )
    }
}

/// One trial for each namespace that the cases live in, since each namespace has settings of its own at a time.
pub fn trials(cluster: Option<&Arc<Cluster>>, counts: &Arc<Counts>) -> Vec<Trial> {
    cases_by_namespace()
        .into_iter()
        .map(|(namespace, cases)| {
            let name = format!(
                "what the server takes of {} cases in namespace {namespace}, it takes injected",
                cases.len()
            );
            let (cluster, counts) = (cluster.cloned(), counts.clone());
            Trial::test(name, move || {
                let cluster = cluster.ok_or("there is no cluster")?;
                take_all(&cluster, &namespace, &cases, &counts)
            })
        })
        .collect()
}

fn take_all(
    cluster: &Cluster,
    namespace: &str,
    cases: &[Case],
    counts: &Counts,
) -> Result<(), Failed> {
    static BARE: OnceLock<()> = OnceLock::new();
    BARE.get_or_init(|| cluster.create_namespace(WITHOUT_POLICY, Level::None, &[]));
    cluster.create_namespace(namespace, Level::All, &[]);
    let mut problems = Vec::new();
    for case in cases {
        cluster.bridge.configure(namespace, case.settings.clone());
        for kind in Kind::ALL {
            if let Err(problem) = take(cluster, namespace, case, kind, counts) {
                problems.push(format!("{} as {}: {problem}", case.id, kind.as_str()));
            }
        }
    }
    let (_, failures) = cluster.bridge.take(namespace);
    problems.extend(failures);
    match problems.as_slice() {
        [] => Ok(()),
        some => Err(format!(
            "{} problems, the first:\n{}",
            some.len(),
            some[..some.len().min(5)].join("\n")
        )
        .into()),
    }
}

/// Where objects are what the API server makes of them.
const WITHOUT_POLICY: &str = "without-policy";

fn take(
    cluster: &Cluster,
    namespace: &str,
    case: &Case,
    kind: Kind,
    counts: &Counts,
) -> Result<(), String> {
    let object = kind.around("web", case.template.clone());
    counts.asked.fetch_add(1, Ordering::Relaxed);
    let create = |namespace: &str| cluster.client.create(namespace, &object, Store::DryRun);
    let Ok(bare) = create(WITHOUT_POLICY) else {
        return Ok(());
    };
    counts.taken.fetch_add(1, Ordering::Relaxed);
    let injected = create(namespace).map_err(|refusal| refusal.message)?;
    counts.taken_with_policy.fetch_add(1, Ordering::Relaxed);
    let template = |object: &Value| {
        let template = object
            .pointer(kind.template_pointer())
            .unwrap_or(&Value::Null);
        let mut template = comparable(template);
        if kind == Kind::Pod {
            // What is about the pod itself.
            let metadata = &template["metadata"];
            template["metadata"] =
                json!({"labels": metadata["labels"], "annotations": metadata["annotations"]});
        }
        template
    };
    let changed = template(&bare) != template(&injected);
    if changed {
        counts.injected.fetch_add(1, Ordering::Relaxed);
    }
    match case.changed {
        Some(expected) if kind == Kind::Pod && changed != expected => {
            Err(format!("injected: {changed}, expected: {expected}"))
        }
        _ => Ok(()),
    }
}

fn cases_by_namespace() -> BTreeMap<String, Vec<Case>> {
    let mut cases: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for file in ["v1", "v2"] {
        for (namespace, case) in vectors(file) {
            cases.entry(namespace).or_default().push(case);
        }
    }
    cases.insert("examples".to_owned(), examples());
    cases
}

/// The measured answers of the operator, see `tests/vectors/README.md`.
fn vectors(file: &str) -> Vec<(String, Case)> {
    let path = root().join(format!("tests/vectors/{file}.jsonl.gz"));
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let namespace = line["request"]["namespace"].as_str().unwrap().to_owned();
            let template = template(line["request"]["object"].take());
            let case = Case {
                id: line["id"].as_str().unwrap().to_owned(),
                template,
                settings: Arc::new(line["settings"].take()),
                changed: line["changed"].as_bool(),
            };
            (namespace, case)
        })
        .collect()
}

/// The examples, the golden files, and what these came of.
fn examples() -> Vec<Case> {
    let mut cases = Vec::new();
    for folder in ["examples", "tests/golden"] {
        let mut files: Vec<_> = std::fs::read_dir(root().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|file| {
                file.extension()
                    .is_some_and(|extension| extension == "yaml")
            })
            .collect();
        files.sort();
        cases.extend(files.iter().map(|file| example(file)));
    }
    cases
}

fn example(file: &Path) -> Case {
    let text = std::fs::read_to_string(file).unwrap();
    let mut object = yaml::single(&text, DuplicateKeys::Refuse).unwrap();
    let template = match object.pointer_mut("/spec/template") {
        Some(template) => template.take(),
        None => object,
    };
    Case {
        id: file.file_name().unwrap().to_string_lossy().into_owned(),
        template: self::template(template),
        settings: DEFAULT.clone(),
        changed: None,
    }
}

/// The part of a pod that a template has. Each gets a label, which most kinds select by.
fn template(mut pod: Value) -> Value {
    let mut labels = pod["metadata"]["labels"].take();
    if labels.as_object().is_none_or(serde_json::Map::is_empty) {
        labels = json!({"name": "web"});
    }
    let annotations = pod["metadata"]["annotations"].take();
    json!({"metadata": {"labels": labels, "annotations": annotations}, "spec": pod["spec"].take()})
}
