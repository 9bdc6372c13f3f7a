//! Runs the program in a folder of its own.

#![allow(dead_code, reason = "every test file uses some of it")]

pub mod api_server;
#[path = "../../../host/tests/guest/mod.rs"]
pub mod guest;
pub mod registry;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use guest::{Reaction, guest};
use serde_json::Value;

/// A folder to run the program in.
pub struct Folder(tempfile::TempDir);

/// What the program did.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// What the program should have done.
pub fn outcome(code: i32, stdout: &str, stderr: &str) -> Outcome {
    Outcome {
        code: Some(code),
        stdout: stdout.to_owned(),
        stderr: stderr.to_owned(),
    }
}

/// A settings answer that lets everything pass.
pub fn valid() -> Reaction {
    Reaction::Answer(r#"{"valid":true,"message":null}"#.to_owned())
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With `policy.wasm`, which takes all settings and answers every request in one way.
    pub fn answering(answer: &Value) -> Self {
        let folder = Self::new();
        let reactions = [
            ("validate", Reaction::Answer(answer.to_string())),
            ("validate_settings", valid()),
        ];
        folder.write_policy("policy.wasm", &reactions);
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        path
    }

    pub fn write_policy(&self, name: &str, reactions: &[(&str, Reaction)]) -> PathBuf {
        self.write(name, guest(reactions))
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_datakit-policy"));
        command
            .args(args)
            .current_dir(self.path())
            .env_remove("DATAKIT_POLICY")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Outcome {
        finish(self.command(args), "")
    }

    pub fn run_with_stdin(&self, args: &[&str], stdin: &str) -> Outcome {
        finish(self.command(args), stdin)
    }
}

/// Runs a command to its end.
pub fn finish(mut command: Command, stdin: &str) -> Outcome {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its standard input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
