//! The operating system that a pod is for. What is injected runs on Linux, and Kubernetes refuses some
//! of it in a Windows pod.

use crate::json::Value;

/// The labels that nodes have for their operating system.
const SYSTEM: [&str; 2] = ["kubernetes.io/os", "beta.kubernetes.io/os"];

/// The label that only Windows nodes have, with their build.
const WINDOWS_BUILD: &str = "node.kubernetes.io/windows-build";

/// Whether the pods of a template run on Windows: it says so itself (`os`), by the nodes that it selects
/// or requires, or by `hostProcess`, which only Windows has.
#[must_use]
pub fn is_windows(template: &Value) -> bool {
    let Some(spec) = template.get("spec") else {
        return false;
    };
    if let Some(name) = text(spec, &["os", "name"]) {
        return name == "windows";
    }
    selects_windows(spec) || requires_windows(spec) || has_host_processes(spec)
}

fn selects_windows(spec: &Value) -> bool {
    let is_windows = |key: &str| text(spec, &["nodeSelector", key]) == Some("windows");
    SYSTEM.into_iter().any(is_windows) || text(spec, &["nodeSelector", WINDOWS_BUILD]).is_some()
}

/// Whether every term of the required node affinity allows Windows alone; one of them has to fit.
fn requires_windows(spec: &Value) -> bool {
    const TERMS: [&str; 4] = [
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    ];
    let terms = at(spec, &TERMS).and_then(Value::as_array);
    terms.is_some_and(|terms| {
        !terms.is_empty()
            && terms.iter().all(|term| {
                let expressions = at(term, &["matchExpressions"]).and_then(Value::as_array);
                expressions.into_iter().flatten().any(allows_windows_alone)
            })
    })
}

fn allows_windows_alone(expression: &Value) -> bool {
    let key = text(expression, &["key"]).unwrap_or_default();
    let operator = text(expression, &["operator"]);
    if key == WINDOWS_BUILD {
        return matches!(operator, Some("In" | "Exists" | "Gt" | "Lt"));
    }
    let values = at(expression, &["values"]).and_then(Value::as_array);
    SYSTEM.contains(&key)
        && operator == Some("In")
        && values.is_some_and(|values| {
            !values.is_empty() && values.iter().all(|value| value == "windows")
        })
}

fn has_host_processes(spec: &Value) -> bool {
    const HOST_PROCESS: [&str; 3] = ["securityContext", "windowsOptions", "hostProcess"];
    let has = |owner: &Value| at(owner, &HOST_PROCESS) == Some(&Value::Bool(true));
    let containers = ["initContainers", "containers"]
        .into_iter()
        .filter_map(|list| spec.get(list)?.as_array());
    has(spec) || containers.flatten().any(has)
}

fn at<'v, 'a>(value: &'v Value<'a>, path: &[&str]) -> Option<&'v Value<'a>> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    at(value, path)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn requiring(terms: Value<'static>) -> Value<'static> {
        json!({"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
        }}})
    }

    fn term(key: &str, operator: &str, values: Value<'static>) -> Value<'static> {
        let expression = json!({"key": key, "operator": operator, "values": values});
        let zone = json!({"key": "zone", "operator": "In", "values": ["a"]});
        json!({"matchExpressions": [zone, expression]})
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn tells_a_windows_pod_by_all_that_makes_it_one() {
        let host_process = json!({"windowsOptions": {"hostProcess": true}});
        let windows = || term("kubernetes.io/os", "In", json!(["windows"]));
        for spec in [
            json!({"os": {"name": "windows"}}),
            json!({"nodeSelector": {"kubernetes.io/os": "windows"}}),
            json!({"nodeSelector": {"beta.kubernetes.io/os": "windows"}}),
            json!({"nodeSelector": {"node.kubernetes.io/windows-build": "10.0.20348"}}),
            requiring(json!([windows()])),
            requiring(json!([
                windows(),
                term("node.kubernetes.io/windows-build", "Exists", json!(null)),
                term("beta.kubernetes.io/os", "In", json!(["windows"]))
            ])),
            json!({"securityContext": host_process}),
            json!({"containers": [{"name": "a"}, {"name": "b", "securityContext": host_process}]}),
            json!({"initContainers": [{"name": "a", "securityContext": host_process}]}),
        ] {
            assert!(is_windows(&json!({"spec": spec})), "{spec}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_no_other_pod_for_a_windows_pod() {
        let windows = || term("kubernetes.io/os", "In", json!(["windows"]));
        let preferred = json!([{"weight": 1, "preference": windows()}]);
        for spec in [
            json!({}),
            json!({"os": {"name": "linux"}, "nodeSelector": {"kubernetes.io/os": "windows"}}),
            json!({"nodeSelector": {"kubernetes.io/os": "linux"}}),
            json!({"nodeSelector": {"other": "windows"}}),
            requiring(json!([])),
            requiring(json!([windows(), term("zone", "In", json!(["b"]))])),
            requiring(json!([windows(), {}])),
            requiring(json!([term(
                "kubernetes.io/os",
                "In",
                json!(["windows", "linux"])
            )])),
            requiring(json!([term("kubernetes.io/os", "In", json!([]))])),
            requiring(json!([term(
                "kubernetes.io/os",
                "NotIn",
                json!(["windows"])
            )])),
            requiring(json!([term(
                "node.kubernetes.io/windows-build",
                "DoesNotExist",
                json!(null)
            )])),
            json!({"affinity": {"nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": preferred
            }}}),
            json!({"securityContext": {"windowsOptions": {"hostProcess": false}}}),
            json!({"containers": [{"name": "a", "securityContext": {"windowsOptions": {}}}]}),
            // A virtual node's toleration, a taint of Windows nodes.
            json!({"tolerations": [{"key": "os", "value": "windows"}]}),
        ] {
            assert!(!is_windows(&json!({"spec": spec})), "{spec}");
        }
        assert!(!is_windows(&json!({})));
    }
}
