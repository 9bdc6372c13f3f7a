//! Colours, where they help.

use std::fmt::Display;
use std::io::IsTerminal as _;

/// When to use colours.
#[derive(Clone, Copy)]
#[cfg_attr(feature = "program", derive(clap::ValueEnum))]
pub enum When {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What a piece of text is.
#[derive(Clone, Copy)]
pub enum Ink {
    Title,
    Place,
    Added,
    Removed,
    Warning,
}

/// Writes text with or without colours.
#[derive(Clone, Copy)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// Colours for standard output.
    pub fn new(when: When) -> Self {
        let on = match when {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                let is_refused =
                    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !is_refused && std::io::stdout().is_terminal()
            }
        };
        Self { on }
    }

    /// The text as it is to be printed.
    pub fn ink(self, ink: Ink, text: impl Display) -> String {
        let code = match ink {
            Ink::Title => "1",
            Ink::Place => "36",
            Ink::Added => "32",
            Ink::Removed => "31",
            Ink::Warning => "33",
        };
        if self.on {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_string()
        }
    }
}
