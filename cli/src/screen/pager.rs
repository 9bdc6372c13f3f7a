//! The program that shows what is longer than the screen.

use std::env;
use std::io::{self, ErrorKind, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Variables that name the pager; the first that is set counts.
const VARIABLES: [&str; 2] = ["DATAKIT_POLICY_PAGER", "PAGER"];

const DEFAULT: &str = "less";

/// What less and lv are told where their users tell them nothing, as git does: show colours, end where all is seen, and
/// leave it on the screen.
const OPTIONS: [(&str, &str); 2] = [("LESS", "FRX"), ("LV", "-c")];

/// A pager that is running.
pub struct Pager {
    child: Child,
    stdin: ChildStdin,
}

/// The pager to take; none where its users want none.
pub fn command() -> Option<String> {
    let named = VARIABLES.iter().find_map(|name| env::var(name).ok());
    chosen(named.as_deref().unwrap_or(DEFAULT))
}

fn chosen(named: &str) -> Option<String> {
    let command = named.trim();
    (!command.is_empty() && command != "cat").then(|| command.to_owned())
}

impl Pager {
    /// Starts it; none where it cannot be started.
    pub fn start() -> Option<Self> {
        let named = command()?;
        let mut command = process(&named)?;
        for (name, value) in OPTIONS {
            if env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let mut child = match command.stdin(Stdio::piped()).spawn() {
            Ok(child) => child,
            // A machine without less is not at fault.
            Err(error) if error.kind() == ErrorKind::NotFound && named == DEFAULT => return None,
            Err(error) => {
                let _ = writeln!(
                    io::stderr(),
                    "note: the pager `{named}` cannot be started: {error}; {} names another, --no-pager takes none",
                    VARIABLES.join(" or ")
                );
                return None;
            }
        };
        let stdin = child.stdin.take()?;
        leave_interrupts_to_it();
        Some(Self { child, stdin })
    }

    /// Waits until its user has seen enough.
    pub fn wait(mut self) {
        drop(self.stdin);
        let _ = self.child.wait();
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stdin.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdin.flush()
    }
}

/// A command as users write it, run by a shell where it takes one.
fn process(command: &str) -> Option<Command> {
    const OF_A_SHELL: &str = "|&;<>()$`\\\"'*?[#~=%";
    if command.contains(|letter| OF_A_SHELL.contains(letter)) {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]);
        return Some(shell);
    }
    let mut words = command.split_whitespace();
    let mut process = Command::new(words.next()?);
    process.args(words);
    Some(process)
}

/// Ctrl-C means what the pager takes it for. If this program ended by it, the pager and the shell would both read the
/// keyboard.
#[cfg(unix)]
fn leave_interrupts_to_it() {
    let noticed = std::sync::Arc::default();
    let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, noticed);
}

#[cfg(not(unix))]
fn leave_interrupts_to_it() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_cat_stand_for_no_pager() {
        for (named, expected) in [
            ("", None),
            (" ", None),
            ("cat", None),
            ("less -S", Some("less -S")),
        ] {
            assert_eq!(chosen(named).as_deref(), expected);
        }
    }

    #[test]
    fn a_shell_runs_what_only_it_understands() {
        let words = |command: &str| {
            let process = process(command).unwrap();
            let words = std::iter::once(process.get_program()).chain(process.get_args());
            let words = words.map(|word| word.to_str().unwrap().to_owned());
            words.collect::<Vec<_>>()
        };
        assert_eq!(words("less -S  -R"), ["less", "-S", "-R"]);
        assert_eq!(words("LESS=R less"), ["sh", "-c", "LESS=R less"]);
    }
}
