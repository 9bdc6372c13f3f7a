//! The program between a terminal and other programs: pipes that close, progress.

mod program;

use std::process::{Output, Stdio};

use program::{Folder, finish};
use serde_json::{Value, json};

const POD: &str = "\
kind: Pod
apiVersion: v1
metadata:
  name: a
spec:
  containers: [{name: main, image: app}]
";

fn answering(answer: &Value) -> Folder {
    let folder = Folder::answering(answer);
    folder.write("settings.json", "{}");
    folder
}

/// What becomes of a long preview of which nobody reads the output, or what is said beside it.
fn unread(args: &[&str], is_output: bool) -> Output {
    let folder = answering(&json!({"accepted": true, "warnings": ["x".repeat(1000)]}));
    folder.write("many.yaml", format!("{POD}---\n").repeat(300));
    let args = [&["preview", "-p", "policy.wasm", "many.yaml"], args].concat();
    let mut child = folder
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if is_output {
        drop(child.stdout.take());
    } else {
        drop(child.stderr.take());
    }
    child.wait_with_output().unwrap()
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let output = unread(&[], true);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn where_the_exit_code_tells_of_changes_what_was_not_looked_at_is_an_error() {
    let output = unread(&["--exit-code"], true);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn the_output_is_whole_where_nobody_reads_what_is_said_beside_it() {
    let output = unread(&["-o", "yaml", "--verbose"], false);
    assert_eq!(output.status.code(), Some(0));
    let objects = String::from_utf8(output.stdout).unwrap();
    assert_eq!(objects.matches("---\n").count(), 300);
}

/// `script` gives the program a terminal.
#[test]
fn a_long_preview_shows_its_progress_on_a_terminal_alone() {
    let folder = answering(&json!({"accepted": true}));
    folder.write("many.yaml", format!("{POD}---\n").repeat(600));
    let line = format!(
        "{} preview -p policy.wasm -s settings.json many.yaml -o yaml",
        env!("CARGO_BIN_EXE_datakit-policy")
    );
    let stderr = |command: &str, args: &[&str]| {
        let mut command = std::process::Command::new(command);
        command.args(args).current_dir(folder.path());
        let result = finish(command, "");
        assert_eq!(result.code, Some(0));
        result.stdout + &result.stderr
    };
    let in_terminal = format!("{line} >objects.yaml");
    let shown = stderr("script", &["-qec", &in_terminal, "/dev/null"]);
    assert!(shown.contains("1/600 objects"), "{shown}");
    // Nothing of it is left at the end.
    let end = shown.rsplit("\u{1b}[2K").next().unwrap();
    assert_eq!(
        end.trim(),
        "600 objects: 0 injected, 600 skipped (600 nothing to inject)"
    );
    let redirected = stderr("sh", &["-c", &in_terminal]);
    assert_eq!(
        redirected,
        "600 objects: 0 injected, 600 skipped (600 nothing to inject)\n"
    );
}
