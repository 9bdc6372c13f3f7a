//! `inspect`: shows the metadata in a module.

use std::io::{Write as _, stdout};
use std::process::ExitCode;

use datakit_policy_host::annotate;
use datakit_policy_host::yaml::to_yaml;

use crate::{Failure, input};

/// Show the metadata in an annotated policy, as YAML
#[derive(clap::Args)]
pub struct Args {
    /// The annotated module (a path or file://…)
    #[arg(value_name = "POLICY")]
    module: String,
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let path = input::local_path(&args.module);
    let metadata = annotate::read(&input::bytes(path)?)
        .map_err(|error| format!("{}: {error}", path.display()))?
        .ok_or_else(|| {
            format!(
                "{}: it contains no metadata; add it with `datakit-policy annotate`",
                path.display()
            )
        })?;
    write!(stdout(), "{}", to_yaml(&metadata))?;
    Ok(ExitCode::SUCCESS)
}
