//! `annotate`: writes metadata into a module, as `kwctl annotate` does.

use std::path::PathBuf;
use std::process::ExitCode;

use datakit_policy_host::annotate;
use datakit_policy_host::metadata::Metadata;

use crate::{Failure, input};

/// Named in the metadata in the place of kwctl's version: this is not kwctl, and does not claim to be.
const TOOL: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

/// Write a policy's metadata into its module, as `kwctl annotate` does
#[derive(clap::Args)]
pub struct Args {
    /// The module as it was built
    #[arg(value_name = "POLICY")]
    module: PathBuf,

    /// The metadata: metadata.yml
    #[arg(short, long, value_name = "FILE")]
    metadata_path: PathBuf,

    /// A text about the policy's use, Markdown: README.md
    #[arg(short, long, value_name = "FILE")]
    usage_path: Option<PathBuf>,

    /// Where to write the annotated module
    #[arg(short, long, value_name = "FILE")]
    output_path: PathBuf,
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let file = args.metadata_path.display().to_string();
    let metadata = Metadata::read(&file, &input::text(&file)?)?;
    let usage = match &args.usage_path {
        Some(path) => Some(input::text(&path.display().to_string())?),
        None => None,
    };
    let module = input::bytes(&args.module)?;
    let annotated = annotate::annotate(&module, metadata, usage, TOOL)
        .map_err(|error| format!("{}: {error}", args.module.display()))?;
    input::write(&args.output_path, &annotated)?;
    Ok(ExitCode::SUCCESS)
}
