//! What is said beside the output, on standard error.

use std::fmt::Display;
use std::io::{Write as _, stderr};

use crate::{Failure, screen};

/// Says something in lines of its own. Where nobody reads it any more (`2>&1 | head`), the work goes on.
pub fn say(text: impl Display) {
    let text = format!("{text}\n");
    let text = screen::wrapped_aside(&text);
    if !screen::takes_aside(&text) {
        let _ = stderr().write_all(text.as_bytes());
    }
}

/// Tells all that cannot be read.
///
/// # Errors
/// Where there is something: nothing else is to be printed then.
pub fn stop_at_errors<T>(documents: &[Result<T, Failure>]) -> Result<(), Failure> {
    let mut errors = documents
        .iter()
        .filter_map(|document| document.as_ref().err())
        .peekable();
    if errors.peek().is_none() {
        return Ok(());
    }
    for error in errors {
        say(format_args!("Error: {error}"));
    }
    Err("nothing is printed, because some of the input cannot be read; --keep-going prints the rest".into())
}
