//! The documentation: its links lead somewhere, and its commands are run by a test or cannot be.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::{files, path, text};

#[path = "../docs/commands.rs"]
mod commands;

use commands::Command;

const SITE: &str = "https://github.com/datakit-policy/datakit-operator-policy/";

/// What shows that a command is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// The Makefile has the target.
    Target,
    /// The package has the benchmark or test.
    Cargo,
    /// cli/tests/docs.rs: the program takes the arguments.
    CommandLine,
    /// tests/cluster/docs.rs: the program takes the arguments, and tests/cluster/chart.rs does the like on an API server.
    Cluster,
    /// CI and the rehearsal of a release, with the real program.
    Hosts,
    /// It works on the output of another, as everywhere.
    Everywhere,
    /// It needs the published release; the page says that no test runs it.
    Nothing,
}

const PROGRAMS: [(&str, Shown); 14] = [
    ("cargo", Shown::Cargo),
    ("cosign", Shown::Nothing),
    ("crane", Shown::Nothing),
    ("datakit-policy", Shown::CommandLine),
    ("gh", Shown::Nothing),
    ("grep", Shown::Everywhere),
    ("helm", Shown::Cluster),
    ("jq", Shown::Everywhere),
    ("kubectl", Shown::Cluster),
    ("kwctl", Shown::Hosts),
    ("make", Shown::Target),
    ("oras", Shown::Nothing),
    ("sha256sum", Shown::Everywhere),
    ("sort", Shown::Everywhere),
];

fn problem(command: &Command) -> Option<String> {
    let Some((_, shown)) = PROGRAMS.iter().find(|(name, _)| *name == command.program) else {
        return Some("is of no known program".to_owned());
    };
    let argument = |name: &str| {
        let at = command
            .arguments
            .iter()
            .position(|argument| argument == name)?;
        command.arguments.get(at + 1)
    };
    match shown {
        Shown::Target => {
            let makefile = text("Makefile");
            let missing = command
                .arguments
                .iter()
                .filter(|argument| !argument.contains('='))
                .find(|target| !makefile.contains(&format!("\n{target}:")))?;
            Some(format!("has no target {missing}"))
        }
        Shown::Cargo => {
            let kinds = [("--bench", "benches"), ("--test", "tests")];
            let (name, folder) = kinds
                .iter()
                .find_map(|(flag, folder)| Some((argument(flag)?, folder)))?;
            let folders = ["", "cli/", "election/", "host/"];
            let is_there = folders.iter().any(|parent| {
                path(&format!("{parent}{folder}/{name}.rs")).is_file()
                    || path(&format!("{parent}{folder}/{name}/main.rs")).is_file()
            });
            (!is_there).then(|| format!("has no {name}"))
        }
        Shown::Nothing => (!text(&command.page).contains("no test runs them"))
            .then(|| "needs the published release, and the page does not say so".to_owned()),
        Shown::CommandLine | Shown::Cluster | Shown::Hosts | Shown::Everywhere => None,
    }
}

#[test]
fn every_command_of_the_documentation_is_run_by_a_test_or_cannot_be() {
    let all = commands::all(&path(""));
    assert!(all.len() > 80, "{}", all.len());
    let problems: Vec<String> = all
        .iter()
        .filter_map(|command| Some(format!("{command:?} {}", problem(command)?)))
        .collect();
    assert_eq!(problems, [""; 0]);
    // A row that no page needs any more.
    let used: BTreeSet<&str> = all.iter().map(|command| command.program.as_str()).collect();
    assert_eq!(used, PROGRAMS.iter().map(|(name, _)| *name).collect());
}

#[test]
fn a_command_that_is_wrong_is_seen() {
    let command = |program: &str, arguments: &[&str]| Command {
        page: "README.md".to_owned(),
        program: program.to_owned(),
        arguments: arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect(),
    };
    for (wrong, expected) in [
        (command("make", &["tset"]), "has no target tset"),
        (
            command("wget", &["https://example.com"]),
            "is of no known program",
        ),
        (
            command("cargo", &["bench", "--bench", "rollout"]),
            "has no rollout",
        ),
        (
            command("cosign", &["verify"]),
            "needs the published release, and the page does not say so",
        ),
    ] {
        assert_eq!(problem(&wrong).as_deref(), Some(expected));
    }
}

/// The names of a page's headings in links, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let Some(title) = line.strip_prefix('#').filter(|_| !in_code) else {
            continue;
        };
        let title = title.trim_start_matches('#').trim();
        let slug: String = title
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let count = seen.entry(slug.clone()).or_default();
        anchors.insert(match *count {
            0 => slug,
            count => format!("{slug}-{count}"),
        });
        *count += 1;
    }
    anchors
}

/// The targets of a page's links.
fn links(text: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if !in_code {
            let parts = line.split("](").skip(1);
            links.extend(parts.filter_map(|part| Some(part.split_once(')')?.0)));
        }
    }
    links
}

/// What is wrong with a link; nothing is asked of the network.
fn link_problem(page: &str, link: &str) -> Option<String> {
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let file = match target.strip_prefix(SITE) {
        Some(inside) => {
            let (kind, rest) = inside.split_once('/').unwrap_or((inside, ""));
            if !["blob", "tree"].contains(&kind) {
                return None;
            }
            let (branch, file) = rest.split_once('/')?;
            if branch != "main" {
                return Some(format!("leads to {branch}"));
            }
            file.to_owned()
        }
        None if target.contains("://") => return None,
        None if ["README.md", "charts/datakit-operator-policy/README.md"].contains(&page) => {
            return Some("is relative: Artifact Hub cannot follow it".to_owned());
        }
        None if target.is_empty() => page.to_owned(),
        None => {
            let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
            let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
            for part in target.split('/') {
                match part {
                    ".." => drop(parts.pop()),
                    part => parts.push(part),
                }
            }
            parts.join("/")
        }
    };
    if !path(&file).exists() {
        return Some("leads to no file".to_owned());
    }
    if anchor.is_empty() || !file.ends_with(".md") || anchors(&text(&file)).contains(anchor) {
        return None;
    }
    Some(format!("{file} has no such heading"))
}

#[test]
fn every_link_leads_somewhere() {
    let mut pages = commands::pages(&path(""));
    for file in files("tests").into_iter().chain([
        ".github/PULL_REQUEST_TEMPLATE.md".to_owned(),
        "CHANGELOG.md".to_owned(),
    ]) {
        if file.ends_with(".md") {
            pages.insert(file.clone(), text(&file));
        }
    }
    let mut problems = Vec::new();
    let mut checked = 0;
    for (page, text) in &pages {
        for link in links(text) {
            checked += 1;
            if let Some(problem) = link_problem(page, link) {
                problems.push(format!("{page}: {link} {problem}"));
            }
        }
    }
    assert_eq!(problems, [""; 0]);
    assert!(checked > 200, "{checked}");
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    for (page, link, expected) in [
        ("docs/install.md", "versions.md#kubernetes", None),
        ("docs/install.md", "#next", None),
        ("docs/install.md", "../deploy/README.md", None),
        ("docs/install.md", "https://example.com/nothing", None),
        ("docs/install.md", "version.md", Some("leads to no file")),
        (
            "docs/install.md",
            "versions.md#kubernetis",
            Some("docs/versions.md has no such heading"),
        ),
        (
            "README.md",
            "docs/install.md",
            Some("is relative: Artifact Hub cannot follow it"),
        ),
    ] {
        assert_eq!(link_problem(page, link).as_deref(), expected, "{link}");
    }
}

/// What a native reader stumbles over, and what to write.
const STUMBLES: [(&str, &str); 5] = [
    (" is no ", "is not a"),
    (" are no ", "are not"),
    (" for ever", "indefinitely"),
    (" whilst ", "while"),
    (" in order to ", "to"),
];

/// The places of a page that a native reader stumbles over.
fn stumbles(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = format!(" {line} ").to_lowercase();
        for (phrase, better) in STUMBLES {
            let is_meant = |(at, _): &(usize, &str)| !line.get(..*at).unwrap().ends_with(" there");
            if line.match_indices(phrase).any(|one| is_meant(&one)) {
                found.push(format!(
                    "line {}: `{}`: {better}",
                    number + 1,
                    phrase.trim()
                ));
            }
        }
    }
    found
}

#[test]
fn the_pages_for_users_are_plain_english() {
    let pages = [
        "README.md",
        "SECURITY.md",
        "charts/datakit-operator-policy/README.md",
        "deploy/README.md",
        "docs/air-gap.md",
        "docs/gitops.md",
        "docs/install.md",
        "docs/operations.md",
        "docs/troubleshooting.md",
        "docs/versions.md",
    ];
    for page in pages {
        assert_eq!(stumbles(&text(page)), [""; 0], "{page}");
    }
    assert_eq!(
        stumbles("There is no image.\n`x` is no boolean.\nIt waits for ever."),
        [
            "line 2: `is no`: is not a",
            "line 3: `for ever`: indefinitely"
        ]
    );
}
