//! The cluster that `KUBECONFIG` names, by kubectl.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than a pod takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Runs kubectl with `input`, and gives what it prints.
///
/// # Errors
/// What it complained of.
pub fn kubectl(arguments: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new("kubectl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("kubectl cannot be started: {error}"))?;
    // A command that does not read its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!(
            "kubectl {}: {}",
            arguments.join(" "),
            text(&output.stderr)
        ))
    }
}

/// A namespace that goes with the test.
pub struct Namespace {
    pub name: String,
}

impl Namespace {
    /// Makes one, with a label of Pod Security if it is to enforce something.
    ///
    /// # Errors
    /// The API server's refusal.
    pub fn create(name: &str, enforces: Option<&str>) -> Result<Self, String> {
        let name = format!("{name}-{}", std::process::id());
        kubectl(&["create", "namespace", &name], "")?;
        if let Some(level) = enforces {
            let label = format!("pod-security.kubernetes.io/enforce={level}");
            kubectl(&["label", "namespace", &name, &label], "")?;
        }
        Ok(Self { name })
    }

    /// Runs kubectl in it.
    ///
    /// # Errors
    /// What it complained of.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut all = vec!["--namespace", &self.name];
        all.extend(arguments);
        kubectl(&all, input)
    }

    /// Its first pod.
    ///
    /// # Errors
    /// What kubectl complained of.
    pub fn pod(&self) -> Result<Option<Value>, String> {
        let list = self.kubectl(&["get", "pods", "--output", "json"], "")?;
        let list: Value = serde_json::from_str(&list).map_err(|error| error.to_string())?;
        Ok(list["items"].get(0).cloned())
    }

    /// What a container of the first pod wrote.
    ///
    /// # Errors
    /// There is no such container, or it has not started.
    pub fn log(&self, container: &str) -> Result<String, String> {
        let pod = self.pod()?.ok_or("there is no pod")?;
        let name = pod["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        self.kubectl(&["logs", &name, "--container", container], "")
    }

    /// Asks until `look` is content.
    ///
    /// # Errors
    /// What `look` said last, and what the cluster says of the pods.
    pub fn wait_for(&self, look: impl Fn() -> Result<(), String>) -> Result<(), String> {
        let start = Instant::now();
        loop {
            match look() {
                Ok(()) => return Ok(()),
                Err(why) if start.elapsed() > PATIENCE => {
                    let events = self.kubectl(&["get", "pods,events", "--output", "wide"], "");
                    return Err(format!("{why}\n{}", events.unwrap_or_else(|error| error)));
                }
                Err(_) => sleep(Duration::from_millis(500)),
            }
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = kubectl(&["delete", "namespace", &self.name, "--wait=false"], "");
        let _ = self.kubectl(
            &["delete", "pods", "--all", "--force", "--grace-period=0"],
            "",
        );
    }
}
