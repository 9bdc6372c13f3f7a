//! `completions` and `man`: made from the same definitions as the commands themselves.

use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use crate::{Cli, Failure, Shown};

const PROGRAM: &str = env!("CARGO_PKG_NAME");

/// Print a script that completes commands and options in a shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  datakit-policy completions bash > ~/.local/share/bash-completion/completions/datakit-policy
  datakit-policy completions zsh > \"${fpath[1]}/_datakit-policy\"
  datakit-policy completions fish > ~/.config/fish/completions/datakit-policy.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual as a man page, or write the pages of all commands into a folder
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  datakit-policy man | man -l -
  datakit-policy man --folder ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Write a page for the program and one for each of its commands into this folder
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

pub fn completions(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut Cli::<Shown>::command(),
        PROGRAM,
        &mut script,
    );
    stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub fn man(args: &ManArgs) -> Result<ExitCode, Failure> {
    let mut program = Cli::<Shown>::command();
    // Gives the commands their whole names.
    program.build();
    let Some(folder) = &args.folder else {
        stdout().write_all(&page(program)?)?;
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::create_dir_all(folder)
        .map_err(|error| format!("{}: cannot be made: {error}", folder.display()))?;
    let commands = program.get_subcommands().cloned();
    for command in commands.chain([program.clone()]) {
        if command.get_name() == "help" {
            continue;
        }
        let name = command.get_display_name().unwrap_or(PROGRAM).to_owned();
        crate::input::write(&folder.join(format!("{name}.1")), &page(command)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn page(command: Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}
