//! A pod, and what the policy makes of it.

use std::path::{Path, PathBuf};

use datakit_policy_host::policy::Policy;
use datakit_policy_host::request::{AdmissionRequest, Context};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::kubelet::Sources;

/// The name of the pod that [`manifest`] gives.
pub const POD_NAME: &str = "web-7d4b9-x2x9k";
/// Its namespace.
pub const POD_NAMESPACE: &str = "shop";
/// Its label `app`.
pub const SERVICE: &str = "web";
/// The node that it is put on.
pub const NODE_NAME: &str = "node-1";

/// A pod whose only container has these variables.
#[must_use]
pub fn manifest(env: &[Value]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": POD_NAME,
            "namespace": POD_NAMESPACE,
            "labels": {"app": SERVICE},
        },
        "spec": {"containers": [{"name": "app", "image": "registry.example/app:1", "env": env}]},
    })
}

/// What the downward API says of it.
#[must_use]
pub fn sources() -> Sources {
    let fields = [
        ("metadata.name", POD_NAME),
        ("metadata.namespace", POD_NAMESPACE),
        ("metadata.labels['app']", SERVICE),
        ("spec.nodeName", NODE_NAME),
    ];
    let named = fields.map(|(path, value)| (format!("fieldRef {path}"), value.to_owned()));
    Sources::from(named)
}

/// The module that is tested, compiled.
///
/// # Errors
/// Where it is not built.
pub fn policy() -> Result<Policy, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = std::env::var_os("POLICY_WASM").map_or(root.join("policy.wasm"), PathBuf::from);
    let module = std::fs::read(&path);
    let module = module
        .map_err(|error| format!("{}: {error}; run `make policy.wasm` first", path.display()))?;
    Policy::from_bytes(&module).map_err(|error| error.to_string())
}

/// What a kubelet has to do for an injected pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Injected {
    /// The command of the init container that copies the agent.
    pub command: Vec<String>,
    /// Where the init container, and the app container, have the volume.
    pub directory: String,
    /// The variables of the app container.
    pub env: Vec<Value>,
}

/// Asks the policy.
///
/// # Errors
/// Where nothing is injected, or not in one piece.
pub fn inject(policy: &Policy, agent: Agent, port: u16, env: &[Value]) -> Result<Injected, String> {
    let settings = agent.settings(port);
    let object = manifest(env);
    let request = AdmissionRequest::for_object(&object, &Context::default());
    let request = request.map_err(|error| error.to_string())?;
    let instance = policy.instance().map_err(|error| error.to_string())?;
    let answer = instance.validate(&request, &settings);
    let answer = answer.map_err(|error| error.to_string())?;
    let pod = answer.mutated_object.unwrap_or_default();
    let said = || format!("not injected: {:?}", answer.warnings);

    let init = &pod["spec"]["initContainers"][0];
    let app = &pod["spec"]["containers"][0];
    let directories =
        [init, app].map(|container| container["volumeMounts"][0]["mountPath"].as_str());
    let [Some(directory), Some(same)] = directories else {
        return Err(said());
    };
    if directory != same {
        return Err(format!(
            "the agent is copied to {directory}, and looked for in {same}"
        ));
    }
    let words = init["command"].as_array().ok_or_else(said)?;
    Ok(Injected {
        command: words
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        directory: directory.to_owned(),
        env: app["env"].as_array().cloned().unwrap_or_default(),
    })
}
