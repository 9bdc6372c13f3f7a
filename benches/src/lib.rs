//! The admissions that are measured: requests and settings as they come in clusters, each in the bytes that a policy
//! host sends.

pub mod meter;

use std::path::{Path, PathBuf};

use datakit_policy_host::policy::{Policy, payload};
use datakit_policy_host::request::{AdmissionRequest, Context, Operation};
use datakit_policy_host::{manifest, settings};
use serde_json::{Value, json};

pub type Failure = Box<dyn std::error::Error>;

/// A file of the repository.
#[must_use]
pub fn file(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

/// A file in the folder of what is built.
#[must_use]
pub fn built(path: &str) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or(file("target"), PathBuf::from)
        .join(path)
}

/// The floor policy.
///
/// # Errors
/// It was not built.
pub fn floor() -> Result<Vec<u8>, Failure> {
    let path = built("floor.wasm");
    std::fs::read(&path)
        .map_err(|error| format!("{}: {error}; run `make floor` first", path.display()).into())
}

/// One admission.
pub struct Case {
    pub name: String,
    /// What the host sends.
    pub payload: Vec<u8>,
    /// Whether something is injected.
    pub injects: bool,
}

impl Case {
    fn new(name: &str, object: &Value, settings: &Value, injects: bool) -> Result<Self, Failure> {
        let request = AdmissionRequest::for_object(object, &Context::default())?;
        Ok(Self {
            name: name.to_owned(),
            payload: payload(&request, settings)?,
            injects,
        })
    }
}

/// The admissions whose cost is compared with the floor.
///
/// # Errors
/// Where a file of the repository cannot be read.
pub fn cases(policy: &Policy) -> Result<Vec<Case>, Failure> {
    let default = settings::read_file(&file("policy-settings/default.json"))?;
    let nginx = nginx()?;
    let mut cases = vec![
        Case::new(
            "nothing to do",
            &without_annotations(&nginx),
            &default,
            false,
        )?,
        Case::new("nginx", &nginx, &default, true)?,
        Case::new("all features", &all_features(&nginx), &default, true)?,
        Case::new(
            "50 containers",
            &with_containers(&nginx, 50),
            &default,
            true,
        )?,
        Case::new(
            "Deployment of 200 KB",
            &with_bytes(&nginx, 200_000),
            &default,
            true,
        )?,
        unchanged(policy, &nginx, &default)?,
    ];
    for rules in [1, 20, 200] {
        cases.push(Case::new(
            &format!("{rules} rules"),
            &without_annotations(&nginx),
            &rules_of(rules),
            false,
        )?);
    }
    Ok(cases)
}

/// Admissions of ever larger Deployments, with their size in bytes.
///
/// # Errors
/// Where a file of the repository cannot be read.
pub fn by_size() -> Result<Vec<(usize, Case)>, Failure> {
    let default = settings::read_file(&file("policy-settings/default.json"))?;
    let nginx = nginx()?;
    [2, 8, 32, 128, 512]
        .into_iter()
        .map(|kilobytes| {
            let object = with_bytes(&nginx, kilobytes * 1000);
            Ok((
                kilobytes,
                Case::new(&kilobytes.to_string(), &object, &default, true)?,
            ))
        })
        .collect()
}

/// Admissions with ever more rules in the settings, none of which fits, with their number.
///
/// # Errors
/// Where a file of the repository cannot be read.
pub fn by_rules() -> Result<Vec<(usize, Case)>, Failure> {
    let object = without_annotations(&nginx()?);
    [1, 10, 50, 100, 200]
        .into_iter()
        .map(|rules| {
            Ok((
                rules,
                Case::new(&rules.to_string(), &object, &rules_of(rules), false)?,
            ))
        })
        .collect()
}

/// The Deployment of the documentation.
fn nginx() -> Result<Value, Failure> {
    let documents = manifest::read_file(&file("examples/nginx.yaml"));
    Ok(documents.into_iter().next().ok_or("no document")??.object)
}

fn without_annotations(object: &Value) -> Value {
    with_annotations(object, json!({}))
}

fn with_annotations(object: &Value, annotations: Value) -> Value {
    let mut object = object.clone();
    object["spec"]["template"]["metadata"]["annotations"] = annotations;
    object
}

fn all_features(object: &Value) -> Value {
    let logfwd = r#"[{"loggings": [{"logfiles": ["/var/log/app/*.log"], "source": "app"}]}]"#;
    let logs = r#"[{"type": "file", "path": "/tmp/opt/*.log", "source": "app"}]"#;
    with_annotations(
        object,
        json!({
            "admission.datakit/java-lib.version": "",
            "admission.datakit/logfwd.instances": logfwd,
            "admission.datakit/java-profiler.version": "",
            "datakit/logs": logs
        }),
    )
}

fn with_containers(object: &Value, count: usize) -> Value {
    let mut object = object.clone();
    let containers = &mut object["spec"]["template"]["spec"]["containers"];
    let first = containers[0].clone();
    let named = (0..count).map(|place| {
        let mut container = first.clone();
        container["name"] = json!(format!("nginx-{place}"));
        container
    });
    *containers = named.collect();
    object
}

/// With variables, as generated manifests have them, until it has about that many bytes.
fn with_bytes(object: &Value, bytes: usize) -> Value {
    let mut object = object.clone();
    let variable = |place: usize| json!({"name": format!("SETTING_{place}"), "value": format!("https://service-{place}.example.com/path")});
    let room = bytes.saturating_sub(object.to_string().len());
    let each = variable(1000).to_string().len() + 1;
    let variables: Vec<Value> = (0..room / each).map(variable).collect();
    object["spec"]["template"]["spec"]["containers"][0]["env"] = json!(variables);
    object
}

/// An update of something else than the template, which was injected.
fn unchanged(policy: &Policy, object: &Value, settings: &Value) -> Result<Case, Failure> {
    let request = AdmissionRequest::for_object(object, &Context::default())?;
    let answer = policy.instance()?.validate(&request, settings)?;
    let old = answer.mutated_object.ok_or("nothing is injected")?;
    let mut new = old.clone();
    new["spec"]["replicas"] = json!(3);
    let context = Context {
        operation: Operation::Update,
        ..Context::default()
    };
    let mut request = serde_json::to_value(AdmissionRequest::for_object(&new, &context)?)?;
    request["oldObject"] = old;
    Ok(Case {
        name: "UPDATE, template unchanged".to_owned(),
        payload: payload(&request, settings)?,
        injects: false,
    })
}

/// Settings with rules for other namespaces and labels: names, globs, regular expressions.
fn rules_of(count: usize) -> Value {
    let rule = |place: usize| {
        json!({
            "namespace_selectors": [format!("team-{place}"), format!("^shop-{place}-[a-z]+$")],
            "label_selectors": [format!("app=service-{place},tier in (web, api)")],
            "language": "java",
            "image": "repo.example.com/dd-lib-java-init:v1.30.1",
            "envs": {
                "DD_AGENT_HOST": "datakit-service.datakit.svc",
                "DD_TRACE_AGENT_PORT": "9529",
                "DD_SERVICE": "{fieldRef:metadata.labels['service']}",
                "POD_NAME": "{fieldRef:metadata.name}"
            },
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}
        })
    };
    let rules: Vec<Value> = (0..count).map(rule).collect();
    json!({"admission_inject_v2": {"ddtraces": rules}})
}
