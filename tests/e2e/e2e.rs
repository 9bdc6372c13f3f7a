//! Injected workloads on a real node. `make test-e2e` runs it against the cluster that `KUBECONFIG` names.
//!
//! | variable | is | without it |
//! |---|---|---|
//! | `E2E_REGISTRY` | a registry without TLS, which the nodes reach by the same name | `127.0.0.1:5055` |
//! | `E2E_BUSYBOX` | a static busybox, of which the images are made | `/usr/bin/busybox` |

mod cases;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use datakit_policy_e2e::cluster::Namespace;
use datakit_policy_e2e::images;
use datakit_policy_host::policy::Policy;
use datakit_policy_host::request::{AdmissionRequest, Context};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

use crate::cases::{Case, End};

/// What the tests have in common.
struct Bench {
    policy: Policy,
    registry: String,
}

static BENCH: OnceLock<Result<Bench, String>> = OnceLock::new();

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Most of the time a test waits for the node.
    arguments.test_threads.get_or_insert(4);
    let trials = cases::all().into_iter().map(|case| {
        let case = Arc::new(case);
        Trial::test(case.name, move || run(&case))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

impl Bench {
    fn make() -> Result<Self, String> {
        let variable = |name: &str, other: &str| std::env::var(name).unwrap_or(other.to_owned());
        let registry = variable("E2E_REGISTRY", "127.0.0.1:5055");
        let busybox = variable("E2E_BUSYBOX", "/usr/bin/busybox");
        let busybox = std::fs::read(&busybox).map_err(|error| format!("{busybox}: {error}"))?;
        images::push_all(&registry, &busybox)
            .map_err(|error| format!("the images cannot be pushed to {registry}: {error}"))?;
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policy.wasm");
        let module = std::fs::read(module).map_err(|error| format!("policy.wasm: {error}"))?;
        let policy = Policy::from_bytes(&module).map_err(|error| error.to_string())?;
        Ok(Self { policy, registry })
    }

    /// The object as the policy wants it.
    fn inject(&self, object: &Value, settings: &Value, namespace: &str) -> Result<Value, String> {
        let context = Context {
            namespace: namespace.to_owned(),
            ..Context::default()
        };
        let request =
            AdmissionRequest::for_object(object, &context).map_err(|error| error.to_string())?;
        let instance = self.policy.instance().map_err(|error| error.to_string())?;
        let answer = instance
            .validate(&request, settings)
            .map_err(|error| error.to_string())?;
        answer
            .mutated_object
            .ok_or_else(|| format!("nothing is injected: {:?}", answer.warnings))
    }
}

fn run(case: &Case) -> Result<(), Failed> {
    let bench = BENCH.get_or_init(Bench::make).as_ref()?;
    let namespace = Namespace::create(&format!("e2e-{}", case.namespace()), case.enforces)?;
    let object = case.object(&bench.registry);
    let settings = case.settings(&bench.registry);
    let injected = bench.inject(&object, &settings, &namespace.name)?;
    namespace.kubectl(&["apply", "--filename", "-"], &injected.to_string())?;
    for (container, expected) in &case.prints {
        namespace.wait_for(|| {
            let printed = namespace.log(container)?;
            if printed == *expected {
                Ok(())
            } else {
                Err(format!(
                    "container {container} prints {printed:?}, not {expected:?}"
                ))
            }
        })?;
    }
    namespace.wait_for(|| ended(&namespace, case.ends))?;
    if case.starts_with_sidecar {
        starts_with_sidecar(&namespace)?;
    }
    Ok(())
}

/// Whether the pod has come to where it should.
fn ended(namespace: &Namespace, end: End) -> Result<(), String> {
    let pod = namespace.pod()?.ok_or("there is no pod")?;
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    let is_over = |container: &Value| !container["state"]["terminated"].is_null();
    let containers = pod["status"]["containerStatuses"].as_array();
    let over = containers
        .into_iter()
        .flatten()
        .filter(|container| is_over(container))
        .count();
    match (end, phase) {
        (End::GoesOn, "Running") if over == 0 => Ok(()),
        (End::Completes, "Succeeded") => Ok(()),
        // The application is over, and a sidecar keeps the pod.
        (End::IsKept, "Running") if over == 1 => Ok(()),
        _ => Err(format!(
            "the pod is {phase}, {over} of its app containers are over"
        )),
    }
}

/// Whether a native sidecar has started before the application.
fn starts_with_sidecar(namespace: &Namespace) -> Result<(), String> {
    let pod = namespace.pod()?.ok_or("there is no pod")?;
    let started = |list: &str| {
        let last = pod["status"][list].as_array().and_then(|list| list.last());
        let state = &last.unwrap_or(&Value::Null)["state"];
        state["running"]["startedAt"].as_str().map(str::to_owned)
    };
    let (sidecar, application) = (
        started("initContainerStatuses"),
        started("containerStatuses"),
    );
    // Times of one form: their order is that of their texts.
    if sidecar.is_some() && sidecar <= application {
        Ok(())
    } else {
        Err(format!(
            "the sidecar started at {sidecar:?}, the application at {application:?}"
        ))
    }
}
