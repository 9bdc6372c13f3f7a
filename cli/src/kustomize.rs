//! What kustomize builds of a folder, for `--kustomize`.

use std::io::ErrorKind;
use std::process::{Command, Output};

use crate::{Failure, input};

/// The programs that build, in the order in which they are tried.
const BUILDERS: [&[&str]; 2] = [&["kubectl", "kustomize"], &["kustomize", "build"]];

/// What is built of a folder: what messages call it, and its text.
///
/// # Errors
/// Where there is no program that builds, and what one says that fails.
pub fn build(folder: &str) -> Result<(String, String), Failure> {
    let name = format!("kustomize {folder}");
    for builder in BUILDERS {
        let Some((program, args)) = builder.split_first() else {
            continue;
        };
        match Command::new(program).args(args).arg(folder).output() {
            Ok(output) => {
                let text = text(output).map_err(|why| {
                    format!("{folder}: `{} {folder}` failed: {why}", builder.join(" "))
                })?;
                input::keep(&name, &text);
                return Ok((name, text));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{program}: cannot be run: {error}").into()),
        }
    }
    Err(format!(
        "{folder}: neither `kubectl` nor `kustomize` is in the PATH to build it; install one of them, or read what \
         `kustomize build {folder}` prints on another machine, as a file or with `-`"
    )
    .into())
}

fn text(output: Output) -> Result<String, String> {
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(match why.trim() {
            "" => output.status.to_string(),
            why => why.to_owned(),
        });
    }
    String::from_utf8(output.stdout).map_err(|error| format!("it prints no text: {error}"))
}
