//! What it costs to ask the host for the level of the namespace (`policy.pod_security: namespace`), beside what the other
//! words cost. The host of this process answers from memory, as a policy server does from its cache.
//!
//! Fresh instances, whose requests take turns, as in the benchmark of rollouts.

mod deployment;

use std::sync::Arc;
use std::time::{Duration, Instant};

use datakit_policy_host::cluster::{Cluster, Objects};
use datakit_policy_host::policy::{Policy, payload};
use datakit_policy_host::request::{AdmissionRequest, Context};
use datakit_policy_host::settings;
use deployment::{POLICY, SETTINGS, deployment};
use serde_json::json;

const ROUNDS: usize = 2_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let policy = Policy::from_bytes(&std::fs::read(POLICY)?)?;
    let mut settings = settings::read_file(SETTINGS.as_ref())?;
    let request = AdmissionRequest::for_object(&deployment(2), &Context::default())?;
    let namespace = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": request.namespace,
            "labels": {"pod-security.kubernetes.io/enforce": "privileged"},
        },
    });
    let cluster: Arc<dyn Cluster> = Arc::new(Objects(vec![namespace]));
    let words = ["none", "auto", "restricted", "namespace"];
    let mut payloads = Vec::new();
    for word in words {
        settings["policy"] = json!({"pod_security": word});
        payloads.push(payload(&request, &settings)?);
    }
    let answer = policy.instance()?.validate(&request, &settings)?;
    assert!(answer.mutated_object.is_some(), "nothing is injected");
    let mut times = vec![Vec::with_capacity(ROUNDS); words.len()];
    for _ in 0..ROUNDS {
        for (payload, times) in payloads.iter().zip(&mut times) {
            let begin = Instant::now();
            let instance = policy.instance_in(cluster.clone())?;
            instance.call("validate", payload)?;
            times.push(begin.elapsed());
        }
    }
    let medians: Vec<Duration> = times.into_iter().map(median).collect();
    println!("{:<12}{:>12}{:>10}", "", "median", "none");
    for (word, time) in words.iter().zip(&medians) {
        let ratio = time.as_secs_f64() / medians[0].as_secs_f64();
        println!("{word:<12}{:>9} µs{ratio:>9.2}x", time.as_micros());
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
