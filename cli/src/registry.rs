//! `push` and `pull`: policies in OCI registries.

use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use datakit_policy_host::oci::{self, Reference, Sources};

use crate::{Failure, input};

/// Which registries are trusted, and how far.
#[derive(clap::Args)]
struct SourceArgs {
    /// A registry to talk to without encryption (plain HTTP), as host:port; can be given more than once
    #[arg(long = "insecure-registry", value_name = "HOST:PORT")]
    insecure_registries: Vec<String>,

    /// A sources.yml as kwctl reads it: `insecure_sources` and `source_authorities`
    #[arg(long, value_name = "FILE")]
    sources_path: Option<PathBuf>,
}

/// Push an annotated policy to an OCI registry, as `kwctl push` does
///
/// Prints the reference by which exactly this policy can be pulled. Uses the credentials of `docker login`.
#[derive(clap::Args)]
pub struct PushArgs {
    /// The annotated module (a path or file://…)
    #[arg(value_name = "POLICY")]
    module: String,

    /// Where to push it: registry://host[:port]/name:tag
    #[arg(value_name = "REFERENCE")]
    reference: String,

    #[command(flatten)]
    sources: SourceArgs,
}

/// Pull a policy from an OCI registry, as `kwctl pull` does
///
/// The module is checked against the digest in its manifest. Prints the reference by which exactly this policy can be
/// pulled. Uses the credentials of `docker login`.
#[derive(clap::Args)]
pub struct PullArgs {
    /// Where to pull it from: registry://host[:port]/name:tag
    #[arg(value_name = "REFERENCE")]
    reference: String,

    /// Where to write the module
    #[arg(short, long, value_name = "FILE")]
    output_path: PathBuf,

    #[command(flatten)]
    sources: SourceArgs,
}

pub fn push(args: &PushArgs) -> Result<ExitCode, Failure> {
    let path = input::local_path(&args.module);
    let reference = Reference::parse(&args.reference)?;
    let sources = sources(&args.sources)?;
    let module = input::bytes(path)?;
    let pushed = oci::push(&module, &reference, &sources)
        .map_err(|error| format!("{}: cannot be pushed: {error}", path.display()))?;
    writeln!(stdout(), "{pushed}")?;
    Ok(ExitCode::SUCCESS)
}

pub fn pull(args: &PullArgs) -> Result<ExitCode, Failure> {
    let reference = Reference::parse(&args.reference)?;
    let pulled = oci::pull(&reference, &sources(&args.sources)?)?;
    input::write(&args.output_path, &pulled.module)?;
    writeln!(stdout(), "{}", pulled.immutable_reference)?;
    Ok(ExitCode::SUCCESS)
}

fn sources(args: &SourceArgs) -> Result<Sources, Failure> {
    let mut sources = match &args.sources_path {
        Some(path) => Sources::read_file(path)?,
        None => Sources::default(),
    };
    for registry in &args.insecure_registries {
        sources.add_insecure(registry);
    }
    Ok(sources)
}
