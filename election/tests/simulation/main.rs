//! Both protocols on a virtual clock: the real service, three replicas of it, Datakits as they are,
//! and an API server that is slow, away and in doubt; replicas and Datakits come, go and stall.
//!
//! `SCHEDULES=n` sets how many schedules run for each protocol, `SEED=n` runs that one alone.

mod cluster;
mod lease;
mod random;
mod store;
mod tasks;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use random::Random;

/// Runs a schedule for each seed below `schedules`, on all cores. A failure names the seed.
fn run_schedules<T: Send>(schedules: u64, schedule: impl Fn(Random) -> T + Sync) -> Vec<T> {
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text: String| text.parse().unwrap())
    };
    if let Some(seed) = number("SEED") {
        return vec![run_one(seed, &schedule)];
    }
    let schedules = number("SCHEDULES").unwrap_or(schedules);
    let threads = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    thread::scope(|scope| {
        let schedule = &schedule;
        let spawn = |first| {
            scope.spawn(move || {
                let seeds = (first..schedules).step_by(threads as usize);
                seeds
                    .map(|seed| run_one(seed, schedule))
                    .collect::<Vec<_>>()
            })
        };
        let running: Vec<_> = (0..threads).map(spawn).collect();
        running
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

fn run_one<T>(seed: u64, schedule: impl Fn(Random) -> T) -> T {
    store::take_notes();
    catch_unwind(AssertUnwindSafe(|| schedule(Random::new(seed)))).unwrap_or_else(|panic| {
        eprintln!("{}\nseed {seed} failed", store::take_notes());
        resume_unwind(panic)
    })
}
