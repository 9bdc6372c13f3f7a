//! What the inputs cost, in instructions and memory: bounded by their size, whatever is in them, and never by what
//! an instance was asked before.

use std::time::{Duration, Instant};

use datakit_policy_benches::meter::Metered;

use super::inputs::{INPUTS, Input};
use super::{COUNTED, ordinary, payload_of};
use crate::support::{POLICY, root};

/// The fuel of any request, and what each of its bytes adds to it at the most. On the machine of `docs/limits.md` a
/// second is about five billion; policy hosts stop a policy after two seconds.
const FUEL: u64 = 500_000_000;
const FUEL_OF_A_BYTE: u64 = 1_500;

/// The memory of any request, and what each of its bytes adds to it at the most. A JSON value of two bytes takes many
/// more when it is read.
const MEMORY: u64 = 32 << 20;
const MEMORY_OF_A_BYTE: u64 = 72;

fn bytes(payload: &[u8]) -> u64 {
    u64::try_from(payload.len()).unwrap()
}

#[track_caller]
fn assert_bounded(title: &str, payload: &[u8], cost: &Metered) {
    let fuel = FUEL + FUEL_OF_A_BYTE * bytes(payload);
    assert!(cost.fuel <= fuel, "{title}: {} fuel", cost.fuel);
    let memory = MEMORY + MEMORY_OF_A_BYTE * bytes(payload);
    assert!(cost.memory <= memory, "{title}: {} memory", cost.memory);
}

/// Warnings as API servers show them, and not more of them than anybody reads.
#[track_caller]
fn assert_short(title: &str, warnings: &[String]) {
    assert!(warnings.len() <= 21, "{title}: {} warnings", warnings.len());
    for warning in warnings {
        assert!(warning.chars().count() <= 256, "{title}: {warning}");
    }
}

/// Bounded by the size, and growing with it: twice the size costs no more than twice.
#[track_caller]
fn check(input: &Input) {
    let title = input.title();
    let payload = (input.build)(input.size);
    let whole = COUNTED.validate(&payload);
    assert_bounded(&title, &payload, &whole);
    assert_short(&title, &whole.answer().warnings.unwrap_or_default());
    let half = COUNTED.validate(&(input.build)(input.size / 2));
    // Names and numbers get longer, and trees deeper.
    let most = half.fuel * 9 / 4 + 5_000_000;
    assert!(whole.fuel <= most, "{title}: {} {}", half.fuel, whole.fuel);
}

#[test]
fn costs_are_bounded_by_the_size_of_the_request() {
    INPUTS.iter().step_by(2).for_each(check);
}

/// The other half: tests run beside each other.
#[test]
fn costs_are_bounded_by_the_size_of_the_request_too() {
    INPUTS.iter().skip(1).step_by(2).for_each(check);
}

/// Hosts take a fresh instance for every request. One that is taken again has to be as good.
#[test]
fn a_hostile_request_leaves_nothing_behind() {
    let normal = payload_of(&ordinary());
    let fresh = COUNTED.validate(&normal);
    assert!(fresh.answer().mutated_object.is_some());
    for input in INPUTS {
        let mut meter = COUNTED.instance();
        meter.call("validate", &(input.build)(input.size / 4));
        let after = meter.call("validate", &normal);
        let title = input.title();
        assert_eq!(after.answer(), fresh.answer(), "{title}");
        // The allocator's lists of free memory differ.
        let most = fresh.fuel + fresh.fuel / 20;
        assert!(after.fuel <= most, "{title}: {} {}", fresh.fuel, after.fuel);
    }
}

#[test]
fn a_thousand_requests_take_the_memory_of_a_few() {
    let normal = payload_of(&ordinary());
    let hostile: Vec<Vec<u8>> = INPUTS.iter().map(|input| (input.build)(50)).collect();
    let mut meter = COUNTED.instance();
    let mut memory = 0;
    for round in 0..1_000 {
        let payload = &hostile[round % hostile.len()];
        meter.call("validate", payload);
        let cost = meter.call("validate", &normal);
        if round == 100 {
            memory = cost.memory;
        }
    }
    assert_eq!(meter.call("validate", &normal).memory, memory);
}

/// The quickest of a few, each in a fresh instance as hosts take it, without counting.
fn time(payload: &[u8]) -> Duration {
    let times = (0..5).map(|_| {
        let begin = Instant::now();
        POLICY
            .instance()
            .unwrap()
            .call("validate", payload)
            .unwrap();
        begin.elapsed()
    });
    times.min().unwrap()
}

fn row(input: &Input) -> String {
    let payload = (input.build)(input.size);
    let cost = COUNTED.validate(&payload);
    format!(
        "| {} | {} | {} | {} | {:.1} |",
        input.title(),
        bytes(&payload).div_ceil(1024),
        cost.fuel.div_ceil(1_000_000),
        cost.memory / 1024,
        time(&payload).as_secs_f64() * 1000.0,
    )
}

#[test]
#[ignore = "prints the table of docs/limits.md: make limits"]
fn prints_the_table() {
    // Compiled once, before anything is measured.
    POLICY.instance().unwrap();
    println!("| input | KiB | million instructions | memory, KiB | ms |");
    println!("|---|--:|--:|--:|--:|");
    for input in INPUTS {
        println!("{}", row(input));
    }
}

#[test]
fn the_documentation_has_a_row_for_each_input() {
    let page = std::fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let documented: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .skip_while(|cell| *cell != "input")
        .skip(1)
        .take(INPUTS.len())
        .collect();
    let titles: Vec<String> = INPUTS.iter().map(Input::title).collect();
    assert_eq!(documented, titles);
}
