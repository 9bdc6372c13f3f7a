//! What the journal costs: updates of a Deployment that was injected, beside those of one that was not.
//!
//! The built policy answers in this process, with a fresh instance for each request, as policy-server does it. The
//! requests take turns, so that what else the machine does falls on all of them.

mod deployment;

use std::time::{Duration, Instant};

use datakit_operator_policy::template::journal::ANNOTATION;
use datakit_policy_host::policy::{Policy, payload};
use datakit_policy_host::request::{AdmissionRequest, Context, Operation};
use datakit_policy_host::settings;
use deployment::{POLICY, SETTINGS, deployment};
use serde_json::{Value, json};

const ROUNDS: usize = 1_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let policy = Policy::from_bytes(&std::fs::read(POLICY)?)?;
    let settings = settings::read_file(SETTINGS.as_ref())?;
    let logfwd = r#"[{"loggings": [{"logfiles": ["/var/log/app/*.log"], "source": "app"}]}]"#;
    let many = json!({
        "admission.datakit/java-lib.version": "",
        "admission.datakit/logfwd.instances": logfwd,
        "admission.datakit/java-profiler.version": ""
    });
    for (what, annotations) in [
        ("ddtrace", json!({"admission.datakit/java-lib.version": ""})),
        ("ddtrace, logfwd and profiler", many),
    ] {
        let bench = Bench::new(&policy, &settings, annotations)?;
        println!("{what}; the journal has {} bytes", bench.journal);
        bench.run()?;
    }
    Ok(())
}

/// The requests of one table.
struct Bench<'p> {
    policy: &'p Policy,
    settings: &'p Value,
    /// What they are, and what is sent.
    requests: Vec<(&'static str, Vec<u8>)>,
    /// How long the journal is.
    journal: usize,
}

impl<'p> Bench<'p> {
    fn new(policy: &'p Policy, settings: &'p Value, annotations: Value) -> Result<Self, Failure> {
        let mut bench = Self {
            policy,
            settings,
            requests: Vec::new(),
            journal: 0,
        };
        let mut manifest = deployment(1);
        let asked = annotations.as_object().cloned().unwrap_or_default();
        for (key, value) in asked {
            manifest["spec"]["template"]["metadata"]["annotations"][key] = value;
        }
        let request = AdmissionRequest::for_object(&manifest, &Context::default())?;
        let answer = policy.instance()?.validate(&request, settings)?;
        let injected = answer.mutated_object.ok_or("nothing is injected")?;
        let template = &injected["spec"]["template"];
        bench.journal = template["metadata"]["annotations"][ANNOTATION]
            .as_str()
            .map_or(0, str::len);

        let new_image =
            |object: &Value| with(object, "image", json!("registry.example.com/team/web:2"));
        let own_env =
            manifest["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"].clone();
        let mut set_back = injected.clone();
        set_back["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = own_env;

        bench.add("CREATE", true, &manifest, None)?;
        bench.add(
            "UPDATE, nothing changed, without a journal",
            false,
            &manifest,
            Some(&manifest),
        )?;
        bench.add(
            "UPDATE, nothing changed, with a journal",
            false,
            &injected,
            Some(&injected),
        )?;
        bench.add(
            "UPDATE, a variable set back, with a journal",
            true,
            &set_back,
            Some(&injected),
        )?;
        bench.add(
            "UPDATE, a new image, without a journal",
            true,
            &new_image(&manifest),
            Some(&manifest),
        )?;
        bench.add(
            "UPDATE, a new image, with a journal",
            false,
            &new_image(&injected),
            Some(&injected),
        )?;
        Ok(bench)
    }

    /// Adds a request, to which the answer has another object or not.
    fn add(
        &mut self,
        what: &'static str,
        changes: bool,
        object: &Value,
        old: Option<&Value>,
    ) -> Result<(), Failure> {
        let context = Context {
            operation: old.map_or(Operation::Create, |_| Operation::Update),
            old_object: old.cloned(),
            ..Context::default()
        };
        let request = AdmissionRequest::for_object(object, &context)?;
        let answer = self.policy.instance()?.validate(&request, self.settings)?;
        assert_eq!(answer.mutated_object.is_some(), changes, "{what}");
        self.requests
            .push((what, payload(&request, self.settings)?));
        Ok(())
    }

    fn run(&self) -> Result<(), Failure> {
        let mut times = vec![Vec::with_capacity(ROUNDS); self.requests.len()];
        for _ in 0..ROUNDS {
            for ((_, payload), times) in self.requests.iter().zip(&mut times) {
                let begin = Instant::now();
                self.policy.instance()?.call("validate", payload)?;
                times.push(begin.elapsed());
            }
        }
        println!("{:<46}{:>10}{:>12}{:>10}", "", "KiB", "median", "CREATE");
        let medians: Vec<Duration> = times.into_iter().map(median).collect();
        for ((what, payload), time) in self.requests.iter().zip(&medians) {
            println!(
                "{what:<46}{:>10.1}{:>9} µs{:>9.2}x",
                payload.len() as f64 / 1024.0,
                time.as_micros(),
                time.as_secs_f64() / medians[0].as_secs_f64()
            );
        }
        Ok(())
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The object with another field in its first container.
fn with(object: &Value, field: &str, value: Value) -> Value {
    let mut object = object.clone();
    object["spec"]["template"]["spec"]["containers"][0][field] = value;
    object
}
