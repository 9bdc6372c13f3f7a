//! A preview of 5,000 Deployments, compared with the time that the policy takes for them by itself.
//!
//! The program runs as users run it, on a List as `kubectl get deploy -A -o yaml` prints it. Then the policy answers
//! the same requests in this process, with nothing around it. The memory is the program's at its highest, as the
//! system counts it (Linux only).

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use datakit_policy_host::policy::{Policy, payload};
use datakit_policy_host::request::{AdmissionRequest, Context};
use datakit_policy_host::settings;
use datakit_policy_host::yaml::to_yaml;
use serde_json::{Value, json};

const DEPLOYMENTS: usize = 5_000;
const SETTINGS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../policy-settings/default.json"
);
const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../policy.wasm");

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let deployments: Vec<Value> = (0..DEPLOYMENTS).map(deployment).collect();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("deployments.yaml");
    let list = to_yaml(&json!({"apiVersion": "v1", "kind": "List", "items": deployments}));
    std::fs::write(&file, &list)?;
    println!(
        "{DEPLOYMENTS} Deployments, {} KiB of YAML",
        list.len() / 1024
    );

    for format in ["diff", "summary"] {
        let program = Command::new(env!("CARGO_BIN_EXE_datakit-policy"))
            .args(["preview", "-o", format, "-s", SETTINGS, "-f"])
            .arg(&file)
            .env_remove("DATAKIT_POLICY")
            .stdout(Stdio::null())
            .spawn()?;
        let run = Run::of(program)?;
        assert!(run.status.success());
        print_time(&format!("preview -o {format}"), run.time);
        println!(
            "{:<36}{:>8} MiB",
            "  its memory at the highest",
            run.memory / 1024
        );
    }
    let policy = policys_own(&deployments)?;
    print_time("policy, fresh instances", policy);
    Ok(())
}

fn print_time(what: &str, time: Duration) {
    let each = time / u32::try_from(DEPLOYMENTS).unwrap_or(u32::MAX);
    println!(
        "{what:<36}{:>8} ms{:>8} µs each",
        time.as_millis(),
        each.as_micros()
    );
}

/// A run of a program, to its end.
struct Run {
    status: ExitStatus,
    time: Duration,
    /// In KiB.
    memory: u64,
}

impl Run {
    fn of(mut program: Child) -> Result<Self, Failure> {
        let begin = Instant::now();
        let mut memory = 0;
        loop {
            if let Some(status) = program.try_wait()? {
                let time = begin.elapsed();
                return Ok(Self {
                    status,
                    time,
                    memory,
                });
            }
            memory = peak_memory(program.id()).unwrap_or(memory).max(memory);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The most memory that a process has had, in KiB.
fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// The time in the policy: an instance for each, and its answer.
fn policys_own(deployments: &[Value]) -> Result<Duration, Failure> {
    let policy = Policy::from_bytes(&std::fs::read(POLICY)?)?;
    let settings = settings::read_file(SETTINGS.as_ref())?;
    let mut payloads = Vec::with_capacity(deployments.len());
    for deployment in deployments {
        let request = AdmissionRequest::for_object(deployment, &Context::default())?;
        payloads.push(payload(&request, &settings)?);
    }
    let begin = Instant::now();
    for payload in &payloads {
        policy.instance()?.call("validate", payload)?;
    }
    Ok(begin.elapsed())
}

/// A Deployment like those in clusters: probes, resources, what controllers wrote. Every other asks for an agent.
fn deployment(number: usize) -> Value {
    let mut annotations =
        json!({"prometheus.io/scrape": "true", "checksum/config": "0".repeat(64)});
    if number.is_multiple_of(2) {
        annotations["admission.datakit/java-lib.version"] = json!("");
    }
    let name = format!("service-{number}");
    let labels = json!({"app": name, "team": format!("team-{}", number % 40), "version": "v1"});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": format!("namespace-{}", number % 200),
            "labels": labels,
            "generation": 3,
            "resourceVersion": "8412345",
            "annotations": {"deployment.kubernetes.io/revision": "3"}
        },
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": {
                    "containers": [{
                        "name": "app",
                        "image": format!("registry.example.com/team/{name}:1.2.{number}"),
                        "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
                        "env": [
                            {"name": "JAVA_TOOL_OPTIONS", "value": "-XX:MaxRAMPercentage=75"},
                            {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": name, "key": "password"}}},
                            {"name": "DD_TAGS", "value": "tier:backend"}
                        ],
                        "resources": {
                            "requests": {"cpu": "250m", "memory": "512Mi"},
                            "limits": {"memory": "1Gi"}
                        },
                        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10},
                        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
                        "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}]
                    }],
                    "volumes": [{"name": "config", "configMap": {"name": name}}],
                    "serviceAccountName": name
                }
            }
        },
        "status": {"replicas": 3, "readyReplicas": 3, "observedGeneration": 3}
    })
}
