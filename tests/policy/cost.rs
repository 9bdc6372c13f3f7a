//! What requests cost, held against what they cost when it was last accepted (`benches/baseline.json`).
//!
//! Instructions are counted, which no other work of the machine disturbs, and divided by those of the floor policy, which
//! is built in the same run: so the figures are of the policy, and not of the compiler.

use std::collections::BTreeMap;
use std::process::Command;

use datakit_policy_benches::meter::Counted;
use datakit_policy_benches::{Case, cases, file, floor};
use serde::{Deserialize, Serialize};

use crate::support::{POLICY, module};

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Baseline {
    /// What the modules were built with. Others build modules that differ by more than a change of the policy.
    tools: String,
    /// The size of the module in bytes.
    module: u64,
    /// By case, the instructions for one of the floor's.
    instructions: BTreeMap<String, f64>,
    /// By case, the memory of the instance in KiB.
    memory: BTreeMap<String, u64>,
}

/// How much more is a change that has to be accepted.
const SAME_TOOLS: f64 = 1.03;
const OTHER_TOOLS: f64 = 1.25;

fn tools() -> String {
    let version = |tool: &str| {
        let output = Command::new(tool).arg("--version").output().ok();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_else(|| format!("no {tool}"))
    };
    format!("{}, {}", version("rustc"), version("wasm-opt"))
}

/// Fuel in instances that did not answer before, and their memory then.
fn measured() -> Baseline {
    let (module, floor) = (module(), floor().unwrap());
    let (policy, least) = (Counted::new(&module), Counted::new(&floor));
    let mut baseline = Baseline {
        tools: tools(),
        module: module.len() as u64,
        instructions: BTreeMap::new(),
        memory: BTreeMap::new(),
    };
    for Case { name, payload, .. } in cases(&POLICY).unwrap() {
        let cost = policy.validate(&payload);
        let ratio = cost.fuel as f64 / least.validate(&payload).fuel as f64;
        baseline
            .instructions
            .insert(name.clone(), (ratio * 1000.0).round() / 1000.0);
        baseline.memory.insert(name, cost.memory / 1024);
    }
    baseline
}

#[test]
fn costs_no_more_than_what_was_accepted() {
    let path = file("benches/baseline.json");
    let measured = measured();
    if std::env::var_os("UPDATE_BASELINE").is_some() {
        let text = serde_json::to_string_pretty(&measured).unwrap();
        std::fs::write(&path, text + "\n").unwrap();
        return;
    }
    let accepted = std::fs::read_to_string(&path).unwrap();
    let accepted: Baseline = serde_json::from_str(&accepted).unwrap();
    let most = if accepted.tools == measured.tools {
        SAME_TOOLS
    } else {
        OTHER_TOOLS
    };
    let mut above = Vec::new();
    let mut compare = |what: String, was: f64, is: f64| {
        if is > was * most {
            above.push(format!("{what}: {is}, accepted are {was}"));
        }
    };
    compare(
        "bytes of the module".to_owned(),
        accepted.module as f64,
        measured.module as f64,
    );
    for (case, is) in &measured.instructions {
        let was = accepted.instructions.get(case).copied().unwrap_or_default();
        compare(
            format!("instructions for one of the floor's, {case}"),
            was,
            *is,
        );
    }
    for (case, is) in &measured.memory {
        let was = accepted.memory.get(case).copied().unwrap_or_default();
        compare(format!("KiB of memory, {case}"), was as f64, *is as f64);
    }
    assert!(
        above.is_empty(),
        "more than {most} times what was accepted:\n{}\n`make accept-costs` accepts it; say in the commit why it is worth it",
        above.join("\n")
    );
    let known: Vec<&String> = accepted.instructions.keys().collect();
    assert_eq!(
        known,
        measured.instructions.keys().collect::<Vec<_>>(),
        "run `make accept-costs`"
    );
}
