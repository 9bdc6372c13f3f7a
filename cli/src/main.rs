//! `datakit-policy`: previews, explains, runs and ships the Datakit operator policy without a cluster.
#![forbid(unsafe_code)]

mod annotate;
mod aside;
mod bench;
mod check;
mod explain;
mod input;
mod inputs;
mod inspect;
mod logs;
mod manual;
mod migrate;
mod namespaces;
mod notes;
mod preview;
mod registry;
mod report;
mod run;
mod test;
mod uninject;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use datakit_policy::{
    Failure, explanation, journal, live, order, paint, policies, session, settings, shape,
};

/// Previews, explains, runs and ships the Datakit operator policy, without a cluster
///
/// The policy is part of the program. Colours are used on a terminal, unless NO_COLOR is set.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 an error or settings that the policy refuses, 2 wrong usage; \
                  the help of a command lists others."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Preview(preview::Args),
    Explain(explain::Args),
    Check(check::Args),
    Migrate(migrate::Args),
    Uninject(uninject::Args),
    Test(test::Args),
    Run(run::Args),
    Bench(bench::Args),
    Annotate(annotate::Args),
    Inspect(inspect::Args),
    Push(registry::PushArgs),
    Pull(registry::PullArgs),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Preview(args) => preview::exec(&args),
        Command::Explain(args) => explain::exec(&args),
        Command::Check(args) => check::exec(&args),
        Command::Migrate(args) => migrate::exec(&args),
        Command::Uninject(args) => uninject::exec(&args),
        Command::Test(args) => test::exec(&args),
        Command::Run(args) => run::exec(&args),
        Command::Bench(args) => bench::exec(&args),
        Command::Annotate(args) => annotate::exec(&args),
        Command::Inspect(args) => inspect::exec(&args),
        Command::Push(args) => registry::push(&args),
        Command::Pull(args) => registry::pull(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
    };
    match result {
        Ok(code) => code,
        Err(failure) if is_closed_pipe(&failure) => ExitCode::SUCCESS,
        Err(failure) => {
            aside::say(format_args!("Error: {failure}"));
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
