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

/// Tells errors, and whether there are some.
pub fn tell_errors(errors: impl IntoIterator<Item = impl Display>) -> bool {
    let mut has_errors = false;
    for error in errors {
        say(format_args!("Error: {error}"));
        has_errors = true;
    }
    has_errors
}

/// [`tell_errors`] about what cannot be read, before anything else is printed.
///
/// # Errors
/// Where there is something: nothing else is to be printed then.
pub fn stop_at_errors(errors: impl IntoIterator<Item = impl Display>) -> Result<(), Failure> {
    if tell_errors(errors) {
        return Err("nothing is printed, because some of the input cannot be read; --keep-going prints the rest".into());
    }
    Ok(())
}
