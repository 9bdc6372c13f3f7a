//! The workflows and the actions that they use.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::files::{files, list, parse_one, text};

/// What is wrong with the actions that a workflow uses.
fn pin_problems(workflow: &str) -> Vec<String> {
    workflow
        .lines()
        .filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: "))
        .filter(|action| !action.starts_with("./"))
        .filter(|action| {
            let (commit, version) = action
                .split_once('@')
                .and_then(|(_, pin)| pin.split_once(" # v"))
                .unwrap_or_default();
            let is_commit = commit.len() == 40
                && commit
                    .chars()
                    .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
            !is_commit || !version.starts_with(|c: char| c.is_ascii_digit())
        })
        .map(|action| format!("{action}: no commit with its version as a comment"))
        .collect()
}

#[test]
fn actions_are_pinned_by_commit() {
    let workflows = files(".github/workflows");
    assert_eq!(
        workflows.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            ".github/workflows/programs.yml",
            ".github/workflows/release.yml",
            ".github/workflows/test.yml"
        ]
    );
    for file in workflows {
        let workflow = text(&file);
        assert!(workflow.contains("uses: "), "{file} uses no action");
        assert_eq!(pin_problems(&workflow), [""; 0], "in {file}");
    }
}

#[test]
fn an_action_that_is_not_pinned_is_seen() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let workflow = format!(
        "steps:\n  - uses: a/b@{commit} # v1.2.3\n  - uses: ./.github/c\n  - uses: d/e@v1\n    \
         uses: f/g@{commit}\n  - uses: h/i@main # v2"
    );
    assert_eq!(
        pin_problems(&workflow),
        [
            "d/e@v1: no commit with its version as a comment".to_owned(),
            format!("f/g@{commit}: no commit with its version as a comment"),
            "h/i@main # v2: no commit with its version as a comment".to_owned(),
        ]
    );
}

fn release() -> Value {
    parse_one(&text(".github/workflows/release.yml"))
}

#[test]
fn a_release_builds_the_command_line_for_every_target() {
    let targets = text("release/targets");
    let rows: Vec<Vec<&str>> = targets
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().take(2).collect())
        .collect();
    let programs = parse_one(&text(".github/workflows/programs.yml"));
    let matrix = list(&programs["jobs"]["build"]["strategy"]["matrix"]["include"]);
    let built: Vec<Vec<&str>> = matrix
        .iter()
        .map(|one| {
            ["target", "runner"]
                .map(|key| one[key].as_str().unwrap())
                .to_vec()
        })
        .collect();
    assert_eq!(built, rows);
}

/// The jobs that may write somewhere and run without a tag.
fn publish_without_a_tag(workflow: &Value) -> Vec<String> {
    let jobs = workflow["jobs"].as_object().unwrap();
    let needs = |job: &Value| -> BTreeSet<String> {
        let one = job["needs"].as_str().map(str::to_owned);
        let many = list(&job["needs"]).iter().filter_map(Value::as_str);
        one.into_iter().chain(many.map(str::to_owned)).collect()
    };
    // A job runs for a tag alone if it says so, or needs one that does.
    let mut tagged = BTreeSet::new();
    for _ in 0..jobs.len() {
        for (name, job) in jobs {
            let says_so = job["if"] == "github.ref_type == 'tag'";
            if says_so || needs(job).iter().any(|needed| tagged.contains(needed)) {
                tagged.insert(name.clone());
            }
        }
    }
    jobs.iter()
        .filter(|(name, job)| {
            let rights = job["permissions"].as_object().unwrap();
            rights.values().any(|right| right == "write") && !tagged.contains(*name)
        })
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn nothing_is_published_without_a_tag() {
    let mut release = release();
    assert_eq!(publish_without_a_tag(&release), [""; 0]);
    // What is published was rehearsed, and the tests are those of every push.
    assert_eq!(release["jobs"]["push"]["needs"], "rehearse");
    assert_eq!(release["jobs"]["push-images"]["needs"], "rehearse");
    assert_eq!(
        release["jobs"]["test"]["uses"],
        "./.github/workflows/test.yml"
    );

    release["jobs"]["push"]
        .as_object_mut()
        .unwrap()
        .remove("if");
    assert_eq!(publish_without_a_tag(&release), ["push"]);
}
