//! Updates that a real API server asked about, and the answers that were right there; see `tests/sequences/README.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use datakit_policy_host::response;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::support::{root, validate};

const FILE: &str = "updates.jsonl.gz";

fn updates() -> Vec<Value> {
    let file = std::fs::File::open(root().join("tests/sequences").join(FILE)).unwrap();
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn answers_updates_as_on_a_real_api_server() {
    let updates = updates();
    let mut differences = Vec::new();
    for update in &updates {
        let answer = validate(&update["request"], &update["settings"]);
        let actual = json!({
            "patch": response::patch(&update["request"]["object"], &answer),
            "warnings": answer.warnings,
            "auditAnnotations": answer.audit_annotations,
        });
        for key in ["patch", "warnings", "auditAnnotations"] {
            if actual[key] != update[key] {
                let (expected, actual) = (&update[key], &actual[key]);
                let sequence = &update["sequence"];
                differences.push(format!(
                    "{sequence}: {key}\nexpected {expected}\nanswered {actual}"
                ));
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{} differences in {} updates, the first:\n{}",
        differences.len(),
        updates.len(),
        differences[..differences.len().min(5)].join("\n\n")
    );
}

/// Without these the recording would say little.
#[test]
fn has_updates_of_every_kind_that_change_something_and_that_change_nothing() {
    let mut kinds: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    for update in updates() {
        let kind = update["request"]["kind"]["kind"].as_str().unwrap();
        let changes = kinds.entry(kind.to_owned()).or_default();
        changes.insert(!update["patch"].is_null());
    }
    let all = [
        "CronJob",
        "DaemonSet",
        "Deployment",
        "Job",
        "ReplicaSet",
        "StatefulSet",
    ];
    let both = BTreeSet::from([false, true]);
    assert_eq!(
        kinds,
        all.map(|kind| (kind.to_owned(), both.clone())).into()
    );
}

#[test]
fn has_a_test_for_every_recording() {
    let files: BTreeSet<String> = std::fs::read_dir(root().join("tests/sequences"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        files,
        BTreeSet::from([FILE, "README.md"].map(str::to_owned))
    );
}
