//! The programs of this machine that run applications, and the applications.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::agent::Language;

/// Java, Node.js and Python of this machine, and an application for each.
#[derive(Debug)]
pub struct Runtimes {
    java: PathBuf,
    node: PathBuf,
    python: PathBuf,
    /// Java's application, compiled.
    classes: PathBuf,
}

impl Runtimes {
    /// Finds them, and compiles what has to be into `folder`.
    ///
    /// # Errors
    /// All that is missing.
    pub fn find(folder: &Path) -> Result<Self, String> {
        let mut missing = Vec::new();
        let mut find = |program: &str, arguments: &[&str]| {
            said_path(program, arguments).unwrap_or_else(|problem| {
                missing.push(problem);
                PathBuf::new()
            })
        };
        // The programs themselves: a version manager's stand-ins need variables that an application does not have.
        let runtimes = Self {
            java: find("sh", &["-c", "command -v java"]),
            node: find("node", &["--print", "process.execPath"]),
            python: find("python3", &["-c", "import sys; print(sys.executable)"]),
            classes: folder.to_owned(),
        };
        if let Err(problem) = output(
            "javac",
            &["-d".as_ref(), folder, &applications().join("App.java")],
        ) {
            missing.push(problem);
        }
        match missing.is_empty() {
            true => Ok(runtimes),
            false => Err(missing.join("\n")),
        }
    }

    /// The command of a container with the application.
    #[must_use]
    pub fn application(&self, language: Language) -> Vec<OsString> {
        match language {
            Language::Java => vec![
                self.java.clone().into(),
                // Quick to start: an application that lives for seconds.
                "-XX:TieredStopAtLevel=1".into(),
                "-cp".into(),
                self.classes.clone().into(),
                "App".into(),
            ],
            Language::NodeJs => vec![
                self.node.clone().into(),
                applications().join("app.js").into(),
            ],
            Language::Python => vec![
                self.python.clone().into(),
                applications().join("app.py").into(),
            ],
        }
    }
}

fn applications() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("applications")
}

fn said_path(program: &str, arguments: &[&str]) -> Result<PathBuf, String> {
    let arguments: Vec<&Path> = arguments.iter().map(Path::new).collect();
    output(program, &arguments).map(|text| PathBuf::from(text.trim_end()))
}

fn output(program: &str, arguments: &[&Path]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        let complained = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "{program} {arguments:?}: {}: {complained}",
            output.status
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
