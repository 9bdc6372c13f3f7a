//! `datakit-policy`: previews, explains, runs and ships the Datakit operator policy without a cluster.
#![forbid(unsafe_code)]

mod annotate;
mod aside;
mod bench;
mod check;
mod explain;
mod gathered;
mod input;
mod inputs;
mod inspect;
mod kustomize;
mod logs;
mod manifests;
mod manual;
mod migrate;
mod namespaces;
mod notes;
mod objects;
mod only;
mod preview;
mod registry;
mod report;
mod run;
mod screen;
mod spool;
mod status;
mod test;
mod uninject;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

use datakit_policy::{
    Failure, advice, explanation, journal, live, order, paint, policies, session, settings, shape,
};

/// Manifests are many small values, which the allocators of most systems are slow with, that of musl most of all.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Previews, explains and checks the Datakit operator policy, without a cluster
///
/// The policy is part of the program. Colours are used on a terminal, unless NO_COLOR is set, and a pager for what is
/// longer than the screen: DATAKIT_POLICY_PAGER, PAGER or less.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 an error or settings that the policy refuses, 2 wrong usage; \
                  the help of a command lists others."
)]
struct Cli<C: Subcommand> {
    /// Print at once what is longer than the screen
    #[arg(long, global = true, display_order = 1000)]
    no_pager: bool,

    #[command(subcommand)]
    command: C,
}

/// All commands.
#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Shown(Shown),
    #[command(flatten)]
    OfKwctl(OfKwctl),
}

/// The commands that help, completions and man pages show.
#[derive(Subcommand)]
enum Shown {
    Preview(preview::Args),
    Explain(explain::Args),
    Check(check::Args),
    Migrate(migrate::Args),
    Status(status::Args),
    Uninject(uninject::Args),
    Test(test::Args),
    Bench(bench::Args),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
}

/// Commands that stand in for those of kwctl where tests and scripts have no kwctl. Users are better served by it.
#[derive(Subcommand)]
enum OfKwctl {
    #[command(hide = true)]
    Run(run::Args),
    #[command(hide = true)]
    Annotate(annotate::Args),
    #[command(hide = true)]
    Inspect(inspect::Args),
    #[command(hide = true)]
    Push(registry::PushArgs),
    #[command(hide = true)]
    Pull(registry::PullArgs),
}

fn main() -> ExitCode {
    let cli = Cli::<Command>::parse();
    if cli.command.is_to_be_read() && !cli.no_pager {
        screen::open();
    }
    let result = cli.command.exec();
    let code = match result {
        Ok(code) => code,
        Err(failure) if is_closed_pipe(&failure) => ExitCode::SUCCESS,
        Err(failure) => {
            aside::say(format_args!("Error: {failure}"));
            ExitCode::FAILURE
        }
    };
    screen::close();
    code
}

impl Command {
    fn exec(&self) -> Result<ExitCode, Failure> {
        match self {
            Self::Shown(command) => command.exec(),
            Self::OfKwctl(command) => command.exec(),
        }
    }

    /// Whether people read what it prints, and not programs alone.
    fn is_to_be_read(&self) -> bool {
        match self {
            Self::Shown(command) => !matches!(command, Shown::Completions(_) | Shown::Man(_)),
            Self::OfKwctl(_) => false,
        }
    }
}

impl Shown {
    fn exec(&self) -> Result<ExitCode, Failure> {
        match self {
            Self::Preview(args) => preview::exec(args),
            Self::Explain(args) => explain::exec(args),
            Self::Check(args) => check::exec(args),
            Self::Migrate(args) => migrate::exec(args),
            Self::Status(args) => status::exec(args),
            Self::Uninject(args) => uninject::exec(args),
            Self::Test(args) => test::exec(args),
            Self::Bench(args) => bench::exec(args),
            Self::Completions(args) => manual::completions(args),
            Self::Man(args) => manual::man(args),
        }
    }
}

impl OfKwctl {
    fn exec(&self) -> Result<ExitCode, Failure> {
        match self {
            Self::Run(args) => run::exec(args),
            Self::Annotate(args) => annotate::exec(args),
            Self::Inspect(args) => inspect::exec(args),
            Self::Push(args) => registry::push(args),
            Self::Pull(args) => registry::pull(args),
        }
    }
}

/// Whoever reads the output (`head`, a pager) has seen enough.
fn is_closed_pipe(failure: &Failure) -> bool {
    failure
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
