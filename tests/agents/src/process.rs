//! An application that runs until it is told to end.

use std::io::{Read as _, Seek as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::mounts::Prepared;

/// How long an application is waited for, until it has done its part and again until it has ended, before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running application. It ends with this.
pub struct Application<'m> {
    child: Child,
    output: std::fs::File,
    deadline: Instant,
    _program: Prepared<'m>,
}

/// What an application left behind.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Whether it ended well.
    pub succeeded: bool,
    /// Both of its outputs.
    pub output: String,
}

impl<'m> Application<'m> {
    /// Starts it.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(mut program: Prepared<'m>) -> Result<Self, String> {
        let problem = |error: std::io::Error| error.to_string();
        let output = tempfile::tempfile().map_err(problem)?;
        let child = program
            .command
            .stdin(Stdio::piped())
            .stdout(output.try_clone().map_err(problem)?)
            .stderr(output.try_clone().map_err(problem)?)
            .spawn()
            .map_err(problem)?;
        Ok(Self {
            child,
            output,
            deadline: Instant::now() + PATIENCE,
            _program: program,
        })
    }

    /// Whether there is something to wait for.
    pub fn goes_on(&mut self) -> bool {
        Instant::now() < self.deadline && matches!(self.child.try_wait(), Ok(None))
    }

    /// Tells it to end.
    ///
    /// # Errors
    /// Where its output cannot be read.
    pub fn end(mut self) -> Result<Ended, String> {
        drop(self.child.stdin.take());
        self.deadline = Instant::now() + PATIENCE;
        while self.goes_on() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let status = self.child.try_wait().map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        let read = self
            .output
            .rewind()
            .and_then(|()| self.output.read_to_end(&mut bytes));
        read.map_err(|error| error.to_string())?;
        Ok(Ended {
            succeeded: status.is_some_and(|status| status.success()),
            output: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }
}

impl Drop for Application<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
