//! How far a long preview is.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

use crate::screen;

/// So many objects take a second or so.
const MANY: usize = 500;

/// A bar on standard error, if that is a terminal and there is much to do.
pub struct Progress {
    bar: Option<ProgressBar>,
    /// Whether what is printed stays off the screen, so that the bar is not in its way.
    is_alone: bool,
}

impl Progress {
    /// For so many objects.
    pub fn new(objects: usize) -> Self {
        let is_shown = objects >= MANY && std::io::stderr().is_terminal();
        let bar = is_shown.then(|| bar(objects));
        let is_alone = bar.clone().is_some_and(|bar| {
            // Where a pager comes, it goes.
            screen::is_kept(move || bar.finish_and_clear())
        });
        Self { bar, is_alone }
    }

    /// One object is done.
    pub fn step(&self) {
        if let Some(bar) = self.running() {
            bar.inc(1);
        }
    }

    /// Prints something while the bar is out of the way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) if !self.is_alone => bar.suspend(print),
            _ => print(),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = self.running() {
            bar.finish_and_clear();
        }
    }

    /// The bar, unless a pager has the screen.
    fn running(&self) -> Option<&ProgressBar> {
        self.bar.as_ref().filter(|bar| !bar.is_finished())
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
