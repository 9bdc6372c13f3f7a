//! How far a long preview is.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

/// So many objects take a second or so.
const MANY: usize = 500;

/// A bar on standard error, if that is a terminal and there is much to do.
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// For so many objects.
    pub fn new(objects: usize) -> Self {
        let is_shown = objects >= MANY && std::io::stderr().is_terminal();
        Self(is_shown.then(|| bar(objects)))
    }

    /// One object is done.
    pub fn step(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
    }

    /// Prints something while the bar is out of the way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn bar(objects: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(objects).unwrap_or(u64::MAX));
    // The template is a constant: one that is none would show in the first test with a terminal.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} objects") {
        bar.set_style(style);
    }
    bar
}
