//! What the program prints, as files to read and compare.
//!
//! A case is a folder in `tests/cases/SUITE`:
//!
//! - `args`: the arguments, one in a line;
//! - `stdin`: what the program reads there, if anything;
//! - `stdout`, `stderr`, `code`: what it should print, and its exit code. One that is not there stands for nothing, and
//!   for 0;
//! - any other file: an input. All inputs of the case and of `tests/files` are in the folder that the program runs in,
//!   and so are the folders `manifests`, `examples` and `policy-settings`.
//!
//! `UPDATE_GOLDEN=1 cargo test --workspace --test cases` writes the expected files anew.

#![allow(dead_code, reason = "every test file uses some of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::program::{Folder, Outcome, finish};

/// Folders that are in the folder that the program runs in.
const LINKED: [&str; 3] = ["manifests", "../../examples", "../../policy-settings"];

const EXPECTED: [&str; 3] = ["code", "stderr", "stdout"];

/// Runs all cases of a suite, and says which of them did something else than expected.
pub fn run_suite(suite: &str) {
    if cfg!(not(carries_policy)) {
        panic!("the program carries no policy: run `make policy.wasm` first");
    }
    let differing: Vec<String> = folders(&root().join("cases").join(suite))
        .into_iter()
        .filter_map(|case| difference(&case))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// The suites that there are.
pub fn suites() -> BTreeSet<String> {
    let folders = folders(&root().join("cases"));
    folders.iter().map(|folder| name(folder)).collect()
}

/// Inputs that no case names in its arguments, nor another input: files that nobody reads.
pub fn unused_inputs() -> BTreeSet<String> {
    let mut unused = BTreeSet::new();
    let mut shared: BTreeSet<String> = files(&root().join("files")).into_keys().collect();
    shared.extend(entries(&root().join("manifests")).map(|path| name(&path)));
    for case in folders(&root().join("cases"))
        .iter()
        .flat_map(|suite| folders(suite))
    {
        let files = files(&case);
        let args = &files["args"];
        shared.retain(|file| !args.contains(file.as_str()));
        let is_known = |file: &str| file == "args" || file == "stdin" || EXPECTED.contains(&file);
        for file in files.keys() {
            if !is_known(file) && !args.contains(file.as_str()) {
                unused.insert(format!("{}/{file}", name(&case)));
            }
        }
    }
    unused.extend(shared);
    unused
}

fn difference(case: &Path) -> Option<String> {
    let files = files(case);
    let folder = Folder::new();
    let inputs = self::files(&root().join("files"))
        .into_iter()
        .chain(files.clone());
    for (file, contents) in inputs {
        folder.write(&file, contents);
    }
    let args: Vec<&str> = files["args"].lines().collect();
    for linked in LINKED {
        let path = root().join(linked).canonicalize().unwrap();
        symlink(&path, folder.path().join(name(&path))).unwrap();
    }
    let command = folder.command(&args);
    let stdin = files.get("stdin").map_or("", String::as_str);
    let outcome = finish(command, stdin);

    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        update(case, &outcome);
        return None;
    }
    let text = |file: &str| files.get(file).cloned().unwrap_or_default();
    let expected = Outcome {
        code: Some(text("code").trim().parse().unwrap_or(0)),
        stdout: text("stdout"),
        stderr: text("stderr"),
    };
    let parts = [
        (
            "code",
            format!("{:?}", outcome.code),
            format!("{:?}", expected.code),
        ),
        ("stdout", outcome.stdout, expected.stdout),
        ("stderr", outcome.stderr, expected.stderr),
    ];
    let differing: Vec<String> = parts
        .into_iter()
        .filter(|(_, found, expected)| found != expected)
        .map(|(part, found, expected)| {
            format!(
                "{}: {part} is\n{found}\nand should be\n{expected}",
                case.display()
            )
        })
        .collect();
    (!differing.is_empty()).then(|| differing.join("\n"))
}

fn update(case: &Path, outcome: &Outcome) {
    let code = match outcome.code {
        Some(0) => String::new(),
        Some(code) => format!("{code}\n"),
        None => panic!("{}: ended by a signal", case.display()),
    };
    for (file, contents) in [
        ("code", &code),
        ("stdout", &outcome.stdout),
        ("stderr", &outcome.stderr),
    ] {
        let path = case.join(file);
        if contents.is_empty() {
            // There may be none.
            let _ = std::fs::remove_file(path);
        } else {
            std::fs::write(path, contents).unwrap();
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = entries(path).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn files(path: &Path) -> BTreeMap<String, String> {
    entries(path)
        .filter(|path| path.is_file())
        .map(|path| (name(&path), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

fn entries(path: &Path) -> impl Iterator<Item = PathBuf> {
    let entries =
        std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    entries.map(|entry| entry.unwrap().path())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}
