//! `bench`: how long the policy takes for a request.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use datakit_policy_host::policy::{Instance, Policy, payload};
use serde_json::{Value, json};

use crate::input::PolicyArgs;
use crate::screen::stdout;
use crate::{Failure, input};

/// Measure how long the policy takes for an admission request
///
/// Two ways of calling it take turns: a fresh instance for every request, as policy-server does it, and one instance
/// for all, as `kwctl bench` does it.
#[derive(clap::Args)]
pub struct Args {
    /// The request: a JSON file with an AdmissionReview or an AdmissionRequest; - is standard input
    #[arg(short, long, value_name = "FILE")]
    request_path: String,

    /// The settings, recognised by their content, as for `preview`
    #[arg(short, long, alias = "settings-path", value_name = "FILE")]
    settings: Option<String>,

    /// How long to measure, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    measurement_time: u64,

    #[command(flatten)]
    policy: PolicyArgs,

    /// The same, as `kwctl bench` has it; it counts before the option
    #[arg(value_name = "POLICY", hide = true)]
    module: Option<String>,
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let policy = match &args.module {
        Some(module) => input::policy(Some(input::local_path(module)))?,
        None => args.policy.compile()?,
    };
    let settings = match &args.settings {
        Some(path) => input::settings(path)?.accepted_by(&policy)?,
        None => json!({}),
    };
    let request = input::request(&args.request_path)?;
    let payload = payload(&request, &settings)?;
    let time = Duration::from_secs(args.measurement_time);
    let timings = measure(&policy, &payload, time)?;
    write!(stdout(), "{}", report(timings, payload.len()))?;
    Ok(ExitCode::SUCCESS)
}

/// How long each call took.
#[derive(Default)]
struct Timings {
    fresh: Vec<Duration>,
    reused: Vec<Duration>,
}

/// Calls in turns, so that what else the machine does falls on both.
fn measure(policy: &Policy, payload: &[u8], time: Duration) -> Result<Timings, Failure> {
    let reused = policy.instance()?;
    // The first call grows the instance's memory, and shows a policy that does not work.
    ask(&reused, payload)?;
    let mut timings = Timings::default();
    let begin = Instant::now();
    while begin.elapsed() < time {
        let start = Instant::now();
        ask(&policy.instance()?, payload)?;
        timings.fresh.push(start.elapsed());
        let start = Instant::now();
        ask(&reused, payload)?;
        timings.reused.push(start.elapsed());
    }
    Ok(timings)
}

fn ask(instance: &Instance, payload: &[u8]) -> Result<Value, Failure> {
    let answer = instance.call("validate", payload)?;
    // Else the lines of all calls would be kept.
    instance.take_logs();
    Ok(serde_json::from_slice(&answer)?)
}

fn report(timings: Timings, bytes: usize) -> String {
    let calls = timings.fresh.len();
    let mut text = format!("{calls} calls each, with a payload of {bytes} bytes\n");
    let _ = writeln!(
        text,
        "{:<16}{:>10}{:>10}{:>10}",
        "", "median", "95 %", "fastest"
    );
    for (name, mut timings) in [
        ("fresh instance", timings.fresh),
        ("same instance", timings.reused),
    ] {
        timings.sort_unstable();
        let at = |percent: usize| timings.get((timings.len() * percent / 100).min(calls - 1));
        let [median, high, fastest] = [50, 95, 0].map(|percent| {
            let time = at(percent).copied().unwrap_or_default();
            format!("{} µs", time.as_micros())
        });
        let _ = writeln!(text, "{name:<16}{median:>10}{high:>10}{fastest:>10}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_the_middle_of_what_was_measured_and_its_ends() {
        let micros = |from: u64| (0..100).rev().map(move |n| Duration::from_micros(from + n));
        let timings = Timings {
            fresh: micros(1000).collect(),
            reused: micros(1).collect(),
        };
        assert_eq!(
            report(timings, 7),
            "100 calls each, with a payload of 7 bytes\n\
             \u{20}                   median      95 %   fastest\n\
             fresh instance     1050 µs   1095 µs   1000 µs\n\
             same instance        51 µs     96 µs      1 µs\n"
        );
    }
}
