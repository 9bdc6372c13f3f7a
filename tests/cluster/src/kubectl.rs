//! kubectl, as a user runs it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use std::io::Write as _;

/// kubectl with the configuration of one cluster.
#[derive(Clone)]
pub struct Kubectl {
    /// The program.
    pub program: PathBuf,
    /// Its kubeconfig file.
    pub configuration: PathBuf,
    /// Where it keeps what it discovered.
    pub home: PathBuf,
}

/// What a command printed.
#[derive(Clone, Debug)]
pub struct Output {
    /// Whether it ended with 0.
    pub succeeded: bool,
    /// Standard output.
    pub printed: String,
    /// Standard error: warnings, and why it failed.
    pub complained: String,
}

impl Kubectl {
    /// Runs a command in `namespace` with `input` on its standard input.
    ///
    /// # Panics
    /// Where kubectl cannot be started.
    #[must_use]
    pub fn run(&self, namespace: &str, arguments: &[&str], input: &str) -> Output {
        self.run_with_editor(namespace, arguments, input, "false")
    }

    /// Runs a command that starts `editor` with the name of a file, as `kubectl edit` does.
    ///
    /// # Panics
    /// Where kubectl cannot be started.
    #[must_use]
    pub fn run_with_editor(
        &self,
        namespace: &str,
        arguments: &[&str],
        input: &str,
        editor: &str,
    ) -> Output {
        let mut child = Command::new(&self.program)
            .args(["--namespace", namespace])
            .args(arguments)
            .env("KUBECONFIG", &self.configuration)
            .env("HOME", &self.home)
            .env("KUBE_EDITOR", editor)
            // It ends before collecting garbage pays: a quarter less work.
            .env("GOGC", "off")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("kubectl cannot be started: {error}"));
        // A command that does not read its input closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Output {
            succeeded: output.status.success(),
            printed: String::from_utf8_lossy(&output.stdout).into_owned(),
            complained: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
