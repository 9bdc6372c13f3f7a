//! A preview of 10,000 Deployments, compared with the time that the policy takes for them by itself.
//!
//! The program runs as users run it, on a List as `kubectl get deploy -A -o yaml` prints it. Then the policy answers
//! the same requests in this process, with nothing around it. The memory is the program's at its highest, as the
//! system counts it (Linux only).

mod deployment;

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use datakit_policy_host::policy::{Policy, payload};
use datakit_policy_host::request::{AdmissionRequest, Context};
use datakit_policy_host::settings;
use datakit_policy_host::yaml::to_yaml;
use deployment::{POLICY, SETTINGS, deployment};
use serde_json::{Value, json};

const DEPLOYMENTS: usize = 10_000;

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

    for format in ["diff", "summary", "yaml"] {
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
