//! The documentation: the program takes the arguments of every `datakit-policy` command that is shown.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::process::Command;

#[path = "../../tests/docs/commands.rs"]
mod commands;

#[test]
fn the_program_takes_the_commands_of_the_documentation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut problems = Vec::new();
    let mut checked = 0;
    for command in commands::all(&root) {
        if command.program != "datakit-policy" {
            continue;
        }
        checked += 1;
        // Everything before `--help` is read first, so that a wrong option is an error.
        let output = Command::new(env!("CARGO_BIN_EXE_datakit-policy"))
            .args(&command.arguments)
            .arg("--help")
            .output()
            .unwrap();
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            problems.push(format!("{command:?}: {why}"));
        }
    }
    assert_eq!(problems, [""; 0]);
    assert!(checked > 15, "{checked}");
}

/// The README leaves lines out, but what it shows is what comes.
#[test]
fn the_readme_shows_what_preview_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(env!("CARGO_BIN_EXE_datakit-policy"))
        .args([
            "preview",
            "examples/nginx.yaml",
            "--settings",
            "policy-settings/default.json",
        ])
        .current_dir(&root)
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let shown = readme.split("```diff\n").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    let mut lines = printed.lines();
    for line in shown.lines().filter(|line| !line.trim().is_empty()) {
        // `…` stands for lines, or for the rest of one.
        let start = line.split('…').next().unwrap();
        let is_whole = start.len() == line.len();
        let is_next = |next: &str| next.starts_with(start) && (!is_whole || next == line);
        assert!(
            start.trim().is_empty() || lines.any(is_next),
            "`{line}` is not in, or not there:\n{printed}"
        );
    }
    assert_eq!(lines.next(), None, "the README ends before");
}
