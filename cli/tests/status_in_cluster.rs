//! `status` on a real API server: what is injected, what is outdated, and the commands that mend it. `make test-cluster`
//! runs it.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use datakit_policy_cluster::client::{Client, PatchType, Store};
use datakit_policy_cluster::cluster::{Cluster, Level};
use datakit_policy_cluster::kubectl::Kubectl;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};

const NAMESPACE: &str = "status";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let name =
        "status tells what is injected and outdated, and its commands bring today's settings";
    let trial = Trial::test(name, || {
        settings_change_and_the_commands_follow(&Cluster::start())
    });
    libtest_mimic::run(&arguments, vec![trial]).exit_code()
}

/// Settings with an agent of this version.
fn settings(version: u32) -> Value {
    json!({"admission_inject": {"ddtrace": {
        "images": {"java_agent_image": format!("example.com/java:{version}")},
        "envs": {"DD_SERVICE": "{fieldRef:metadata.labels['app']}"}
    }}})
}

fn template(annotations: &Value) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}, "annotations": annotations},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]}
    })
}

fn deployment(name: &str, annotations: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template(annotations)}
    })
}

fn cron_job(name: &str, annotations: &Value) -> Value {
    let mut template = template(annotations);
    template["spec"]["restartPolicy"] = json!("Never");
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}}
    })
}

fn settings_change_and_the_commands_follow(cluster: &Cluster) -> Result<(), Failed> {
    let asks = json!({"admission.datakit/java-lib.version": ""});
    cluster.create_namespace(NAMESPACE, Level::Workloads, &[]);
    cluster.bridge.configure(NAMESPACE, Arc::new(settings(1)));
    let create = |object: &Value| -> Result<(), Failed> {
        cluster
            .client
            .create(NAMESPACE, object, Store::Yes)
            .map_err(|refusal| refusal.message)?;
        Ok(())
    };
    for object in [
        deployment("web", &asks),
        deployment("half", &asks),
        deployment("quiet", &json!({})),
        cron_job("nightly", &asks),
    ] {
        create(&object)?;
    }
    let status = Status {
        kubectl: &cluster.kubectl,
    };
    status.expect(
        &settings(1),
        &[
            ["deployment/half", "injected"],
            ["deployment/quiet", "none"],
            ["deployment/web", "injected"],
            ["cronjob/nightly", "injected"],
        ],
    )?;

    // Another version, a workload that the policy did not see, and one that lost a part.
    cluster.bridge.set_away(NAMESPACE, true);
    create(&deployment("late", &asks))?;
    take_a_variable_away(&cluster.client)?;
    cluster.bridge.set_away(NAMESPACE, false);
    cluster.bridge.configure(NAMESPACE, Arc::new(settings(2)));
    status.expect(
        &settings(1),
        &[
            ["deployment/half", "incomplete"],
            ["deployment/late", "missing"],
            ["deployment/quiet", "none"],
            ["deployment/web", "injected"],
            ["cronjob/nightly", "injected"],
        ],
    )?;
    status.expect(
        &settings(2),
        &[
            ["deployment/half", "outdated"],
            ["deployment/late", "missing"],
            ["deployment/quiet", "none"],
            ["deployment/web", "outdated"],
            ["cronjob/nightly", "outdated"],
        ],
    )?;

    status.run_restart_commands(&settings(2))?;
    status.expect(
        &settings(2),
        &[
            ["deployment/half", "injected"],
            ["deployment/late", "injected"],
            ["deployment/quiet", "none"],
            ["deployment/web", "injected"],
            ["cronjob/nightly", "injected"],
        ],
    )
}

/// Takes a variable that was injected out, as an apply does while the policy is away.
fn take_a_variable_away(client: &Client) -> Result<(), Failed> {
    let env = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "app", "env": [{"name": "DD_SERVICE", "$patch": "delete"}]}
    ]}}}});
    let half = deployment("half", &json!({}));
    client
        .patch(NAMESPACE, &half, PatchType::Strategic, &env)
        .map_err(|refusal| refusal.message)?;
    Ok(())
}

/// The program, for the cluster that kubectl is for.
struct Status<'k> {
    kubectl: &'k Kubectl,
}

impl Status<'_> {
    fn run(&self, settings: &Value, args: &[&str]) -> Result<String, Failed> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("settings.json");
        std::fs::write(&file, settings.to_string())?;
        let output = Command::new(env!("CARGO_BIN_EXE_datakit-policy"))
            .args(["status", "--namespace", NAMESPACE, "--kubeconfig"])
            .arg(&self.kubectl.configuration)
            .arg("--settings")
            .arg(&file)
            .args(args)
            .env("DATAKIT_POLICY", module())
            .output()?;
        let said = String::from_utf8(output.stderr)?;
        if output.status.code() != Some(0) || !said.is_empty() {
            return Err(format!("{:?}: {said}", output.status.code()).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Holds the workloads and their states against what is expected.
    fn expect(&self, settings: &Value, expected: &[[&str; 2]]) -> Result<(), Failed> {
        let printed: Value = serde_json::from_str(&self.run(settings, &["-o", "json"])?)?;
        let workloads = printed["workloads"].as_array().ok_or("no workloads")?;
        let text =
            |workload: &Value, key: &str| workload[key].as_str().unwrap_or_default().to_owned();
        let states: Vec<[String; 2]> = workloads
            .iter()
            .map(|workload| {
                let kind = text(workload, "kind").to_lowercase();
                [
                    format!("{kind}/{}", text(workload, "name")),
                    text(workload, "state"),
                ]
            })
            .collect();
        if states == expected {
            return Ok(());
        }
        Err(format!("{printed:#}\nexpected: {expected:?}").into())
    }

    /// Runs what `--restart-commands` prints, in a shell that has this cluster's kubectl.
    fn run_restart_commands(&self, settings: &Value) -> Result<(), Failed> {
        let commands = self.run(settings, &["--restart-commands"])?;
        let folder = self
            .kubectl
            .program
            .parent()
            .ok_or("kubectl is in no folder")?;
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("sh")
            .args(["-e", "-c", &commands])
            .env("KUBECONFIG", &self.kubectl.configuration)
            .env("HOME", &self.kubectl.home)
            .env("PATH", format!("{}:{path}", folder.display()))
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{commands}\n{}", String::from_utf8_lossy(&output.stderr)).into())
    }
}

/// The policy that the cluster asks, too.
fn module() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy.wasm")
}
