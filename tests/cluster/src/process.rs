//! Programs that run beside a test and end with it.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A program in the background. Its output is in a file.
pub struct Background {
    program: Child,
    watch: Child,
    log: PathBuf,
}

/// Ends the program where the pipe to this shell is closed, as happens when the test is killed. Asked to end, an API server
/// would wait for an etcd that is gone.
const WATCH: &str = r#"read -r _; kill -KILL "$1""#;

impl Background {
    /// Starts a command with its output in `log`.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn start(mut command: Command, log: PathBuf) -> Self {
        let output = File::create(&log).unwrap();
        let program = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
        let watch = Command::new("sh")
            .args(["-c", WATCH, "sh", &program.id().to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            program,
            watch,
            log,
        }
    }

    /// Whether it has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        matches!(self.program.try_wait(), Ok(None))
    }

    /// The last lines that it wrote.
    #[must_use]
    pub fn last_lines(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // First the watch: it must not end a program that has got the same id meanwhile.
        for child in [&mut self.watch, &mut self.program] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
