//! The workflows and the actions that they use.

use crate::files::{files, text};

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
