//! The keys of the settings: what there is to be read, and what is said of it.

mod about;
// A key is a line, however long.
#[rustfmt::skip]
mod rows;

#[cfg(not(target_arch = "wasm32"))]
pub use about::About;
pub use about::{Absent, Key, Kind, Section};
pub use rows::SECTIONS;

/// Keys that releases of the operator have, and that no operator ever read. They are accepted, whatever they hold.
pub const NEVER_READ: &[&str] = &[
    "admission_inject.ddtrace.options",
    "admission_inject.profiler.options",
    "admission_mutate.logging",
];

/// The names of the keys of a section; none where there is no such section.
#[must_use]
pub fn of(section: &str) -> Vec<&'static str> {
    let found = SECTIONS.iter().find(|own| own.path == section);
    let keys = found.map_or(&[][..], |section| section.keys);
    keys.iter().map(|key| key.name).collect()
}
