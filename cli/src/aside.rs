//! What is said beside the output, on standard error.

use std::fmt::Display;
use std::io::{Write as _, stderr};

/// Says something in lines of its own. Where nobody reads it any more (`2>&1 | head`), the work goes on.
pub fn say(text: impl Display) {
    let _ = writeln!(stderr(), "{text}");
}
