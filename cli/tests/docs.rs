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
