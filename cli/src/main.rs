//! `datakit-policy`: runs, previews and ships the Datakit operator policy without a cluster.
#![forbid(unsafe_code)]

mod annotate;
mod check;
mod input;
mod inspect;
mod logs;
mod migrate;
mod paint;
mod preview;
mod registry;
mod run;
mod settings;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Why a command gave up: a message for the user. Exit code 1.
type Failure = Box<dyn std::error::Error>;

/// Runs, previews and ships the Datakit operator policy, without a cluster.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 an error or settings that the policy refuses, 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Args),
    Preview(preview::Args),
    Check(check::Args),
    Migrate(migrate::Args),
    Annotate(annotate::Args),
    Inspect(inspect::Args),
    Push(registry::PushArgs),
    Pull(registry::PullArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::exec(&args),
        Command::Preview(args) => preview::exec(&args),
        Command::Check(args) => check::exec(&args),
        Command::Migrate(args) => migrate::exec(&args),
        Command::Annotate(args) => annotate::exec(&args),
        Command::Inspect(args) => inspect::exec(&args),
        Command::Push(args) => registry::push(&args),
        Command::Pull(args) => registry::pull(&args),
    };
    match result {
        Ok(code) => code,
        Err(failure) if is_closed_pipe(&failure) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("Error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever reads the output (`head`, a pager) has seen enough.
fn is_closed_pipe(failure: &Failure) -> bool {
    failure
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
