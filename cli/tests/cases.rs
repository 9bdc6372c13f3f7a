//! The cases in `tests/cases`: what the program prints for which files.

mod golden;
mod program;

use std::collections::BTreeSet;

#[test]
fn preview_prints_what_its_cases_expect() {
    golden::run_suite("preview");
}

#[test]
fn explain_prints_what_its_cases_expect() {
    golden::run_suite("explain");
}

#[test]
fn check_prints_what_its_cases_expect() {
    golden::run_suite("check");
}

#[test]
fn migrate_prints_what_its_cases_expect() {
    golden::run_suite("migrate");
}

#[test]
fn uninject_prints_what_its_cases_expect() {
    golden::run_suite("uninject");
}

#[test]
fn every_suite_has_a_test_and_every_input_a_case() {
    let tested = ["check", "explain", "migrate", "preview", "uninject"].map(str::to_owned);
    assert_eq!(golden::suites(), BTreeSet::from(tested));
    assert_eq!(golden::unused_inputs(), BTreeSet::new());
}
