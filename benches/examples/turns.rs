//! Compares modules: `cargo run --release --package datakit-policy-benches --example turns -- target/floor.wasm policy.wasm
//! other.wasm`. They take turns, so that what else the machine does falls on all of them.
//!
//! Of each it prints the instructions (wasmtime's fuel), the medians in a fresh and in the same instance, and both as a
//! ratio to the first module's.

use std::time::{Duration, Instant};

use datakit_policy_benches::meter::Counted;
use datakit_policy_benches::{Failure, cases};
use datakit_policy_host::policy::{Instance, Policy, PolicyError};

const ROUNDS: usize = 1_500;

struct Module {
    counted: Counted,
    policy: Policy,
    /// One that is asked again and again.
    instance: Instance,
}

impl Module {
    fn load(path: &str) -> Result<Self, Failure> {
        let bytes = std::fs::read(path)?;
        let policy = Policy::from_bytes(&bytes)?;
        let instance = policy.instance()?;
        Ok(Self {
            counted: Counted::new(&bytes),
            policy,
            instance,
        })
    }
}

fn main() -> Result<(), Failure> {
    let modules: Result<Vec<Module>, Failure> = std::env::args()
        .skip(1)
        .map(|path| Module::load(&path))
        .collect();
    let modules = modules?;
    let ours = modules.last().ok_or("name the modules")?;
    for case in cases(&ours.policy)? {
        print!("{:<28}", case.name);
        let mut times = vec![[Vec::new(), Vec::new()]; modules.len()];
        for _ in 0..ROUNDS {
            for (module, [fresh, same]) in modules.iter().zip(&mut times) {
                fresh.push(timed(|| {
                    module.policy.instance()?.call("validate", &case.payload)
                })?);
                same.push(timed(|| module.instance.call("validate", &case.payload))?);
            }
        }
        let medians: Vec<[f64; 2]> = times.into_iter().map(|times| times.map(median)).collect();
        for (module, [fresh, same]) in modules.iter().zip(&medians) {
            let fuel = module.counted.validate(&case.payload).fuel;
            print!("{fuel:>10} {fresh:>8.1} µs {:>5.2}", fresh / medians[0][0]);
            print!("{same:>8.1} µs {:>5.2}  |", same / medians[0][1]);
        }
        println!();
    }
    Ok(())
}

fn timed(call: impl FnOnce() -> Result<Vec<u8>, PolicyError>) -> Result<Duration, PolicyError> {
    let begin = Instant::now();
    call()?;
    Ok(begin.elapsed())
}

/// In microseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_nanos() as f64 / 1000.0
}
