//! The pages about safety and rollouts: the tests that they name are there, and try as many cases as they say.

use crate::files::{path, text};

/// The text of a test, or of a module of tests: `module::test` in `tests/SUITE`.
fn source(suite: &str, name: &str) -> Option<String> {
    let mut folder = format!("tests/{suite}");
    let mut file: Option<String> = None;
    for part in name.split("::") {
        let candidates = [
            format!("{folder}/{part}.rs"),
            format!("{folder}/{part}/mod.rs"),
        ];
        let Some(found) = candidates.into_iter().find(|found| path(found).is_file()) else {
            let module = text(&file?);
            let (_, test) = module.split_once(&format!("#[test]\nfn {part}()"))?;
            return Some(test.split("\n}\n").next()?.to_owned());
        };
        file = Some(found);
        folder = format!("{folder}/{part}");
    }
    file.map(|file| text(&file))
}

/// How many cases a row speaks of.
fn cases(row: &str) -> Option<u32> {
    let (before, _) = row.split_once(" cases")?;
    let number = before.rsplit(' ').next()?;
    number.replace(',', "").parse().ok()
}

/// Checks the tables of a page that has at least so many references to tests.
fn check(page: &str, least: usize) {
    let mut named = 0;
    for row in text(page).lines().filter(|line| line.starts_with("| ")) {
        let spans = row.split('`').skip(1).step_by(2);
        let tests: Vec<String> = spans
            .filter_map(|span| span.split_once(": "))
            .filter(|(suite, _)| path(&format!("tests/{suite}")).is_dir())
            .map(|(suite, name)| source(suite, name).unwrap_or_else(|| panic!("{suite}: {name}")))
            .collect();
        named += tests.len();
        if let Some(cases) = cases(row) {
            let tried = format!("holds({cases}, ");
            assert!(tests.iter().any(|test| test.contains(&tried)), "{row}");
        }
    }
    assert!(named >= least, "{page}: {named}");
}

#[test]
fn the_page_about_safety_names_tests_and_figures_that_are_true() {
    check("docs/safety.md", 21);
}

#[test]
fn the_page_about_rollouts_names_tests_and_figures_that_are_true() {
    check("docs/rollouts.md", 17);
}
