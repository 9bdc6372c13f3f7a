//! What the page is told, by the built policy.

use std::path::Path;
use std::sync::LazyLock;

use datakit_policy_host::policy::Policy;
use datakit_policy_playground::{Input, look};
use serde_json::{Value, json};

static MODULE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policy.wasm");
    std::fs::read(path).expect("`make policy.wasm` builds it")
});

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web, annotations: {admission.datakit/java-lib.version: '1'}}
spec: {containers: [{name: app, image: app}]}
";

const SETTINGS: &str = "admission_inject: {ddtrace: {images: {java_agent_image: repo/java}}}";

fn output(manifest: &str, settings: &str, old: Option<&str>) -> Value {
    let input = Input {
        manifest: manifest.to_owned(),
        settings: settings.to_owned(),
        old: old.map(str::to_owned),
        namespace: "shop".to_owned(),
    };
    let policy = Policy::from_bytes(&MODULE).unwrap();
    serde_json::to_value(look(policy, &input)).unwrap()
}

#[test]
fn tells_what_becomes_of_an_object() {
    let mut output = output(POD, SETTINGS, None);
    let object = &mut output["objects"][0];
    let explanation = object["explanation"].take();
    let explanation: Vec<&str> = explanation.as_str().unwrap().lines().take(3).collect();
    assert_eq!(
        explanation,
        [
            "Pod shop/web: manifest:1",
            "ddtrace: injected repo/java:1",
            "  admission_inject.ddtrace decides: annotation admission.datakit/java-lib.version",
        ]
    );
    // A pod has no journal, so the right side of the diff is the result.
    let result = object["result"].take();
    assert_eq!(object["diff"][1].take(), result);
    assert!(result.as_str().unwrap().contains("image: repo/java:1"));
    let patch = object["patch"].take();
    let paths: Vec<&Value> = patch
        .as_array()
        .unwrap()
        .iter()
        .map(|op| &op["path"])
        .collect();
    assert_eq!(
        paths,
        [
            "/spec/containers/0/env",
            "/spec/containers/0/volumeMounts",
            "/spec/initContainers",
            "/spec/volumes"
        ]
    );
    assert_eq!(
        output,
        json!({
            "form": "settings",
            "problems": [],
            "advice": [{"field": "settings", "line": 1, "column": 39, "message":
                "admission_inject.ddtrace.images.java_agent_image: has no tag, which means `latest`: pods of one workload may \
                 get different images"}],
            "objects": [{
                "title": "Pod shop/web",
                "line": 1,
                "verdict": "injected",
                "reason": null,
                "before": "none",
                "warnings": [],
                "doubts": [],
                "injected": [["ddtrace", "repo/java:1"]],
                "diff": [
                    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    \
                     admission.datakit/java-lib.version: \"1\"\nspec:\n  containers:\n  - name: app\n    image: app\n",
                    null
                ],
                "result": null,
                "patch": null,
                "explanation": null
            }]
        })
    );
}

#[test]
fn tells_what_is_wrong_in_which_field() {
    let manifest = "kind: Pod: x\n---\napiVersion: v1\n---\n- 1\n";
    let old = "apiVersion: v1\nkind: [\n";
    assert_eq!(
        output(manifest, "admission_inject:\n  ddtrac: {}\n", Some(old)),
        json!({
            "form": null,
            "problems": [
                {"field": "manifest", "line": 1, "column": 10, "message": "mapping values are not allowed in this context"},
                {"field": "manifest", "line": 3, "column": 1,
                 "message": "the object has no `kind`; every Kubernetes object needs `apiVersion` and `kind`"},
                {"field": "manifest", "line": 5, "column": 1,
                 "message": "expected a Kubernetes object, found a list"},
                {"field": "settings", "line": 2, "column": 3,
                 "message": "admission_inject.ddtrac: unknown key; did you mean `ddtrace`?"},
                {"field": "old", "line": 3, "column": 1,
                 "message": "while parsing a node, did not find expected node content"},
            ],
            "advice": [],
            "objects": []
        })
    );
}

#[test]
fn tells_settings_that_cannot_be_read() {
    let problem = |settings: &str| output("", settings, None)["problems"].take();
    assert_eq!(
        problem("a: b: c"),
        json!([{"field": "settings", "line": 1, "column": 5, "message": "mapping values are not allowed in this context"}])
    );
    assert_eq!(
        problem("apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"),
        json!([{"field": "settings", "line": 1, "column": 1, "message":
            "settings: it contains no settings; a Kubewarden policy has them in `spec.settings`, and the operator's \
             ConfigMap in `data.jsonconfig`, but this is Service web"}])
    );
}

#[test]
fn an_object_that_is_twice_among_the_old_ones_is_a_problem_there() {
    let old = format!("{POD}---\n{POD}");
    assert_eq!(
        output(POD, SETTINGS, Some(&old))["problems"],
        json!([{"field": "old", "line": 1, "column": 1, "message":
            "old manifest:6: Pod web is there twice; keep the one from the cluster"}])
    );
}

/// A policy of a kind, with a spec beside its module and settings.
fn policy(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: policies.kubewarden.io/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  module: m\n{spec}  \
         settings:\n    {SETTINGS}\n"
    )
}

const FOR_PODS: &str = "  mutating: true\n  rules:\n  - {apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}\n";

#[test]
fn asks_a_policy_as_the_api_server_does() {
    let verdict = |manifest: &str, kind: &str, spec: &str| {
        let output = output(manifest, &policy(kind, "datakit", spec), None);
        assert_eq!(output["problems"], json!([]));
        let object = &output["objects"][0];
        let told = ["verdict", "reason", "doubts"].map(|key| object[key].clone());
        (output["form"].clone(), told)
    };
    let selecting = format!(
        "{FOR_PODS}  namespaceSelector: {{matchExpressions: [{{key: team, operator: Exists}}]}}\n"
    );
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    let known = format!("{POD}---\n{namespace}");
    let cluster = || json!("ClusterAdmissionPolicy datakit");
    for (manifest, spec, expected) in [
        (POD, FOR_PODS, [json!("injected"), Value::Null, json!([])]),
        (
            POD,
            &selecting,
            [
                json!("injected"),
                Value::Null,
                json!([
                    "ClusterAdmissionPolicy datakit: its namespaceSelector requires `team`, and the labels of namespace shop \
                     are not known; it counts as met (add the Namespace to the manifest)"
                ]),
            ],
        ),
        (
            &known,
            &selecting,
            [
                json!("notAsked"),
                json!(
                    "its namespaceSelector requires `team`, which the namespace's labels do not meet"
                ),
                json!([]),
            ],
        ),
    ] {
        assert_eq!(
            verdict(manifest, "ClusterAdmissionPolicy", spec),
            (cluster(), expected)
        );
    }
    // Its namespace is the one in the field, as that of other objects.
    assert_eq!(
        verdict(POD, "AdmissionPolicy", FOR_PODS),
        (
            json!("AdmissionPolicy datakit"),
            [json!("injected"), Value::Null, json!([])]
        )
    );
}

#[test]
fn tells_all_that_is_wrong_with_several_policies() {
    let first = policy("ClusterAdmissionPolicy", "a", "  mutating: yes!\n");
    let second = policy("ClusterAdmissionPolicy", "b", FOR_PODS).replace("ddtrace", "ddtrac");
    let problem = |line: usize, column: usize, message: &str| json!({"field": "settings", "line": line, "column": column, "message": message});
    assert_eq!(
        output(POD, &format!("{first}---\n{second}"), None),
        json!({
            "form": null,
            "problems": [
                problem(4, 1, "spec.rules: it has none, so the policy is never asked"),
                problem(6, 3, "spec.mutating: must be true or false"),
                problem(19, 24, "admission_inject.ddtrac: unknown key; did you mean `ddtrace`?"),
            ],
            "advice": [],
            "objects": []
        })
    );
}

#[test]
fn settings_beside_a_policy_are_a_problem() {
    let operator = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: datakit-operator-config}\ndata: {jsonconfig: '{}'}\n";
    let settings = format!(
        "{}---\n{operator}",
        policy("ClusterAdmissionPolicy", "a", FOR_PODS)
    );
    assert_eq!(
        output(POD, &settings, None)["problems"],
        json!([{"field": "settings", "line": 12, "column": 1, "message":
            "`data.jsonconfig` of ConfigMap datakit-operator-config are not a policy; to use several settings together, put \
             each into a ClusterAdmissionPolicy or an AdmissionPolicy"}])
    );
}
