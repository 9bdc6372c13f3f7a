//! What becomes of the manifests in `examples/`, and of workloads with fields that the policy does not
//! know, as files to read and compare.
//!
//! `UPDATE_GOLDEN=1 cargo test --test policy golden` writes them anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use datakit_policy_host::yaml::{self, DuplicateKeys};
use json_patch::PatchOperation;
use serde_json::{Value, json};

use crate::parts::{assert_same, assert_whole};
use crate::support::{create, root, template_pointer, validate};

/// The examples, and the file in `tests/golden` that has each after injection.
const CASES: [(&str, &str); 5] = [
    ("nginx.yaml", "nginx.yaml"),
    ("logging-deployment.yaml", "logging-deployment.yaml"),
    ("movies-java.yaml", "movies-java.yaml"),
    ("movies-python.yaml", "movies-python.yaml"),
    ("logging-pod.yaml", "logging-pod.yaml"),
];

/// Workloads with fields that the policy does not know, which stand beside what becomes of them.
const UNKNOWN_FIELDS: [(&str, &str); 3] = [
    ("newest-fields.before.yaml", "newest-fields.yaml"),
    ("newest-pod.before.yaml", "newest-pod.yaml"),
    ("invented-fields.before.yaml", "invented-fields.yaml"),
];

/// Workloads in which something cannot work, or would harm, and what the user is told of each. Beside
/// `NAME.before.yaml` stands `NAME.yaml`, with what becomes of it.
const CASES_THAT_WARN: [(&str, &[&str]); 8] = [
    (
        "program-beside-its-log",
        &[
            "datakit logfwd: no volume at `/srv/orders`: it would hide the program of container `orders` \
             (workingDir); log to another directory",
        ],
    ),
    (
        "logs-on-volumes",
        &[
            "datakit logfwd: no volume for `/logs/$(POD_NAME)/*.log`: the path contains a variable, which a mount does not expand; write the path out",
            "datakit logfwd: no volume for `/opt/*.log`: the path is in a system directory, which a volume would hide; log to a subdirectory",
            "datakit logfwd: no volume at `/data/log` in container `ledger`: it would hide the data of its mount `/data/`; log elsewhere",
            "datakit logfwd: the volume at `/node/log` in container `ledger` hides the files of the node there, by hostPath `/node`",
            "datakit logfwd: no volume at `/shared/log` in container `ledger`: its mount `/shared` \
             is read-only; mount an emptyDir there",
            "datakit logfwd: `/pods` of container `ledger` has a subPathExpr, so its files are not read; use subPath or none",
        ],
    ),
    (
        "process-one",
        &[
            "datakit policy: preStop of container `gateway` refers to process 1, which is another one with shareProcessNamespace; find it by name",
        ],
    ),
    (
        "pod-that-ends",
        &[
            NO_SERVICE,
            "datakit ddtrace: another agent is in command of container `report`; \
             remove one of the two",
            "datakit policy: ephemeral-storage limits are below 1Gi in total (container `report`): injected files count too; raise them",
        ],
    ),
    (
        "fargate",
        &[
            NO_SERVICE,
            "datakit profiler: nothing injected: Fargate (its label) does not allow added capabilities",
        ],
    ),
    (
        "second-agent",
        &[
            NO_SERVICE,
            "datakit ddtrace: another agent is in CATALINA_OPTS of container `billing` \
             (and of one more); remove one of the two",
        ],
    ),
    ("own-tmp", &[]),
    (
        "on-the-node",
        &[
            "datakit policy: label `admission.datakit/python-lib.version` has no effect; make it an annotation",
            "datakit logfwd: the volume at `/var/log` hides the files of the image of container `exporter`; log to a subdirectory",
            "datakit policy: on a virtual node (virtual-kubelet.io/provider) the pod does not start \
             with datakit-profiler; select other nodes",
            "datakit policy: LOGFWD_JSON_CONFIG names a Service, which the pod's DNS cannot resolve; set dnsPolicy: ClusterFirstWithHostNet",
        ],
    ),
];

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    yaml::single(&text, DuplicateKeys::Refuse).unwrap()
}

fn example(name: &str) -> Value {
    read(&root().join("examples").join(name))
}

fn golden(name: &str) -> PathBuf {
    root().join("tests/golden").join(name)
}

fn default_settings() -> Value {
    read(&root().join("policy-settings/default.json"))
}

/// What is said of a workload without the label that the default settings have the service's name from.
const NO_SERVICE: &str = "datakit ddtrace: variables refer to labels or annotations that do not exist, and are empty: DD_SERVICE";

/// The example after injection with `settings`.
fn injected(example_name: &str, settings: &Value) -> Value {
    let answer = validate(&create("default", &example(example_name)), settings);
    let warnings = (example_name == "nginx.yaml").then(|| vec![NO_SERVICE.to_owned()]);
    assert_eq!(answer.warnings, warnings, "{example_name}");
    answer.mutated_object.unwrap()
}

#[test]
fn injects_the_examples_as_the_golden_files_have_them() {
    let settings = default_settings();
    for (example, file) in CASES {
        assert_golden(&injected(example, &settings), file, &settings);
    }
}

#[track_caller]
fn assert_golden(mutated: &Value, file: &str, settings: &Value) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden(file), yaml::to_yaml(mutated)).unwrap();
    }
    assert_same(mutated, &read(&golden(file)));
    assert_whole(mutated, settings);
}

#[test]
fn passes_unknown_fields_through_beside_an_injection() {
    let mut settings = default_settings();
    let images = &mut settings["admission_inject"]["ddtrace"]["images"];
    images["python_agent_image"] = json!("example.com/python:1");
    for (file, injected_file) in UNKNOWN_FIELDS {
        let before = read(&golden(file));
        let answer = validate(&create("default", &before), &settings);
        let patch = datakit_policy_host::response::patch(&before, &answer).unwrap();
        let mutated = answer.mutated_object.unwrap();
        assert_golden(&mutated, injected_file, &settings);
        let injected: Vec<String> = answer.audit_annotations.unwrap().into_keys().collect();
        assert!(injected.len() > 1, "{file}: {injected:?}");
        // But for variables, which are merged, nothing that was there is in the patch.
        for operation in &patch.0 {
            let path = operation.path().to_string();
            let is_added = matches!(operation, PatchOperation::Add(_));
            assert!(is_added || path.contains("/env/"), "{file}: {operation}");
        }
    }
}

#[test]
fn warns_of_what_cannot_work_and_hides_no_data() {
    let mut settings = default_settings();
    let images = &mut settings["admission_inject"]["ddtrace"]["images"];
    images["python_agent_image"] = json!("example.com/python:1");
    for (name, warnings) in CASES_THAT_WARN {
        let before = read(&golden(&format!("cases/{name}.before.yaml")));
        let answer = validate(&create("default", &before), &settings);
        assert_eq!(answer.warnings.unwrap_or_default(), warnings, "{name}");
        let mutated = answer.mutated_object.unwrap();
        let injected_file = format!("cases/{name}.yaml");
        assert_golden(&mutated, &injected_file, &settings);
    }
}

#[test]
fn has_a_test_for_every_golden_file_and_every_example() {
    let files = |folder: &str| -> BTreeSet<String> {
        std::fs::read_dir(root().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect()
    };
    let cases = CASES_THAT_WARN
        .iter()
        .flat_map(|(name, _)| [format!("{name}.before.yaml"), format!("{name}.yaml")]);
    assert_eq!(files("tests/golden/cases"), BTreeSet::from_iter(cases));
    let examples: Vec<String> = CASES.map(|(example, _)| example.to_owned()).into();
    let mut golden: Vec<String> = CASES.map(|(_, golden)| golden.to_owned()).into();
    for (before, after) in UNKNOWN_FIELDS {
        golden.extend([before, after].map(str::to_owned));
    }
    assert_eq!(files("examples"), BTreeSet::from_iter(examples));
    assert_eq!(files("tests/golden"), BTreeSet::from_iter(golden));
}

#[test]
fn uses_settings_that_the_policy_takes() {
    let instance = crate::support::POLICY.instance().unwrap();
    let answer = instance.validate_settings(&default_settings()).unwrap();
    assert!(answer.valid, "{:?}", answer.message);
}

/// What `kubectl get pod -o=jsonpath=EXPRESSION` prints of a pod of the example.
fn jsonpath(example: &str, expression: &str) -> String {
    let kind = self::example(example)["kind"].as_str().unwrap().to_owned();
    let mutated = injected(example, &default_settings());
    let pod = mutated.pointer(template_pointer(&kind)).unwrap();
    let path = format!("${}", expression.trim_matches(['{', '}']));
    let found = jsonpath_lib::select(pod, &path).unwrap();
    let texts: Vec<&str> = found.iter().map(|value| value.as_str().unwrap()).collect();
    texts.join(" ")
}

#[test]
fn passes_the_verification_commands_of_the_documentation() {
    for (example, expression, printed) in [
        (
            "nginx.yaml",
            "{.spec.initContainers[*].name}",
            "datakit-lib-init",
        ),
        (
            "logging-deployment.yaml",
            "{.spec.containers[*].name}",
            "log-container datakit-logfwd",
        ),
        (
            "movies-java.yaml",
            "{.spec.containers[*].name}",
            "movies-java datakit-profiler",
        ),
        (
            "movies-python.yaml",
            "{.spec.containers[*].name}",
            "movies-python datakit-profiler",
        ),
        // `kubectl describe pod | grep datakit-profiler`: the volume, in both containers.
        (
            "movies-java.yaml",
            "{.spec.containers[*].volumeMounts[?(@.name=='datakit-profiler-volume')].mountPath}",
            "/app/datakit-profiler /app/datakit-profiler",
        ),
        (
            "movies-python.yaml",
            "{.spec.containers[*].volumeMounts[?(@.name=='datakit-profiler-volume')].mountPath}",
            "/app/datakit-profiler /app/datakit-profiler",
        ),
        (
            "movies-java.yaml",
            "{.spec.containers[1].image}",
            "pubrepo.guance.com/datakit-operator/async-profiler:0.4.4",
        ),
        (
            "logging-pod.yaml",
            "{.spec.containers[*].volumeMounts[*].mountPath}",
            "/tmp/opt",
        ),
    ] {
        assert_eq!(
            jsonpath(example, expression),
            printed,
            "{example} {expression}"
        );
    }
}

#[test]
fn makes_the_logging_pod_that_the_documentation_shows() {
    let config =
        r#"[{"disable":false,"type":"file","path":"/tmp/opt/**/*.log","source":"logging-tmp"}]"#;
    let settings = json!({"admission_mutate": {"loggings": [{
        "namespace_selectors": ["middleware"],
        "label_selectors": ["app=logging"],
        "config": config
    }]}});
    let mut expected = example("logging-pod.yaml");
    expected["metadata"]["annotations"] = json!({"datakit/logs": config});
    expected["spec"]["containers"][0]["volumeMounts"] =
        json!([{"mountPath": "/tmp/opt", "name": "datakit-logs-volume-0"}]);
    expected["spec"]["volumes"] = json!([{"emptyDir": {}, "name": "datakit-logs-volume-0"}]);
    assert_same(&injected("logging-pod.yaml", &settings), &expected);
}
