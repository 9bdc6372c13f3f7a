//! Standard output on a terminal: a pager for what is longer than the screen, lines that are as wide as it is, colours.

mod pager;

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use terminal_size::{Height, Width, terminal_size};

use crate::paint::{Paint, When};
use pager::Pager;

/// When to use colours, as git takes it.
#[derive(clap::Args)]
pub struct ColorArgs {
    /// When to use colours; without WHEN always
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        num_args = 0..=1,
        default_value_t = When::Auto,
        default_missing_value = "always"
    )]
    color: When,

    /// Use no colours, as --color never
    #[arg(long, conflicts_with = "color")]
    no_color: bool,
}

impl ColorArgs {
    /// Colours for standard output.
    pub fn paint(&self) -> Paint {
        Paint::new(if self.no_color {
            When::Never
        } else {
            self.color
        })
    }
}

/// What becomes of what is printed.
enum Screen {
    /// It is printed.
    Plain,
    /// It is kept as long as it fits on the screen.
    Waiting(Waiting),
    /// A pager shows it.
    Paged(Pager),
}

struct Waiting {
    text: Vec<u8>,
    rows: usize,
    columns: usize,
    /// Takes away what else is on the screen.
    clear: Option<Box<dyn FnOnce() + Send>>,
}

static SCREEN: Mutex<Screen> = Mutex::new(Screen::Plain);

fn screen() -> MutexGuard<'static, Screen> {
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has a pager show what is longer than the screen from now on, if standard output is a terminal.
pub fn open() {
    if !io::stdout().is_terminal() || pager::command().is_none() {
        return;
    }
    if let Some((Width(columns), Height(rows))) = terminal_size() {
        *screen() = Screen::Waiting(Waiting {
            text: Vec::new(),
            rows: rows.into(),
            columns: usize::from(columns).max(1),
            clear: None,
        });
    }
}

/// Prints what was kept, and waits until the pager's user has seen enough.
pub fn close() {
    let mut screen = screen();
    match std::mem::replace(&mut *screen, Screen::Plain) {
        Screen::Plain => {}
        Screen::Waiting(waiting) => {
            let _ = io::stdout().write_all(&waiting.text);
        }
        Screen::Paged(pager) => pager.wait(),
    }
}

/// Whether what is printed is kept or paged. Where it is kept, `clear` is called before a pager takes the screen.
pub fn is_kept(clear: impl FnOnce() + Send + 'static) -> bool {
    match &mut *screen() {
        Screen::Plain => false,
        Screen::Waiting(waiting) => {
            waiting.clear = Some(Box::new(clear));
            true
        }
        Screen::Paged(_) => true,
    }
}

/// Shows a line that is meant for standard error, where a terminal shows both and one of them is kept or paged.
pub fn takes_aside(line: &str) -> bool {
    let mut screen = screen();
    if matches!(*screen, Screen::Plain) || !io::stderr().is_terminal() {
        return false;
    }
    // Where nobody reads it any more, the work goes on.
    let _ = screen.write(line.as_bytes());
    true
}

/// Standard output, by way of the pager where there is one.
pub fn stdout() -> Stdout {
    Stdout
}

/// See [`stdout`].
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        screen().write(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut *screen() {
            Screen::Plain => io::stdout().flush(),
            Screen::Waiting(_) => Ok(()),
            Screen::Paged(pager) => pager.flush(),
        }
    }
}

impl Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain => io::stdout().write_all(bytes),
            Self::Paged(pager) => pager.write_all(bytes),
            Self::Waiting(waiting) => {
                waiting.text.extend_from_slice(bytes);
                if waiting.fits() {
                    return Ok(());
                }
                let text = std::mem::take(&mut waiting.text);
                if let Some(clear) = waiting.clear.take() {
                    clear();
                }
                *self = match Pager::start() {
                    Some(pager) => Self::Paged(pager),
                    None => Self::Plain,
                };
                self.write(&text)
            }
        }
    }
}

impl Waiting {
    /// Whether all of it can be seen, with the shell's prompt below it.
    fn fits(&self) -> bool {
        let text = String::from_utf8_lossy(&self.text);
        let rows = text.lines().map(|line| {
            let width = textwrap::core::display_width(line);
            width.div_ceil(self.columns).max(1)
        });
        rows.sum::<usize>() < self.rows
    }
}

/// Text for standard output with lines that are no wider than the terminal, if it is one.
pub fn wrapped(text: &str) -> Cow<'_, str> {
    match terminal_size::terminal_size_of(io::stdout()) {
        Some((width, _)) => Cow::Owned(wrap(text, width)),
        None => Cow::Borrowed(text),
    }
}

/// Likewise for standard error.
pub fn wrapped_aside(text: &str) -> Cow<'_, str> {
    match terminal_size::terminal_size_of(io::stderr()) {
        Some((width, _)) => Cow::Owned(wrap(text, width)),
        None => Cow::Borrowed(text),
    }
}

/// What goes on in the next line is indented by so much more.
const FURTHER: usize = 2;

/// Words are not cut: paths and commands stay as they are, to be copied.
fn wrap(text: &str, Width(width): Width) -> String {
    /// Where there is less room, lines would be single words.
    const LEAST: usize = 40;
    let width = usize::from(width).max(LEAST);
    let wrap_line = |line: &str| {
        let indent = " ".repeat(line.len() - line.trim_start_matches(' ').len() + FURTHER);
        let options = textwrap::Options::new(width)
            .subsequent_indent(&indent)
            .break_words(false)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        textwrap::fill(line, options) + end
    };
    text.split_inclusive('\n').map(wrap_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_wide_goes_on_below_itself() {
        let text = "short\n  \u{1b}[33mwarning\u{1b}[0m: the first words that fit, and a-path/that/is/longer/than/the-terminal.yaml then more\n\nend";
        assert_eq!(
            wrap(text, Width(40)),
            "short\n  \u{1b}[33mwarning\u{1b}[0m: the first words that fit, and\n    \
             a-path/that/is/longer/than/the-terminal.yaml\n    then more\n\nend"
        );
    }

    #[test]
    fn rows_are_counted_as_the_terminal_shows_them() {
        let fits = |text: &str| {
            Waiting {
                text: text.as_bytes().to_vec(),
                rows: 4,
                columns: 10,
                clear: None,
            }
            .fits()
        };
        for (text, expected) in [
            ("1\n2\n3\n", true),
            ("1\n2\n3\n4", false),
            ("1234567890\n2\n3\n", true),
            ("12345678901\n2\n3\n", false),
            ("\u{1b}[1m1234567890\u{1b}[0m\n\n3\n", true),
        ] {
            assert_eq!(fits(text), expected, "{text:?}");
        }
    }
}
