//! The program in a terminal, which `script` gives it: a pager for what is longer than the screen, lines as wide as it.

mod program;

use program::{Folder, finish};

const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: main, image: app}]}}\n";

fn folder(pods: usize) -> Folder {
    let folder = Folder::new();
    folder.write("settings.json", "{}");
    folder.write("pods.yaml", format!("{POD}---\n").repeat(pods));
    // It shows that it was there, what it was told, and what it was given.
    folder.write_program("pager", "echo \"paged $LESS\"; cat; echo end");
    folder
}

/// What a screen of 10 rows and 60 columns shows, after a line of the shell.
fn shown(folder: &Folder, line: &str) -> String {
    let program = env!("CARGO_BIN_EXE_datakit-policy");
    let line = format!(
        "stty rows 10 cols 60; {}",
        line.replace("datakit-policy", program)
    );
    let mut command = std::process::Command::new("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .current_dir(folder.path())
        .env_remove("DATAKIT_POLICY")
        .env_remove("DATAKIT_POLICY_PAGER")
        .env_remove("LESS")
        .env("NO_COLOR", "1")
        .env("PAGER", "./pager");
    let result = finish(command, "");
    assert_eq!(result.stderr, "");
    result.stdout.replace("\r\n", "\n")
}

const PREVIEW: &str = "datakit-policy preview pods.yaml -s settings.json";

#[test]
fn what_is_longer_than_the_screen_is_paged() {
    let long = folder(9);
    let text = (0..9)
        .map(|pod| {
            format!(
                "nothing to inject: Pod default/web: pods.yaml:{}\n",
                2 * pod + 1
            )
        })
        .collect::<String>()
        + "9 objects: 0 injected, 9 skipped (9 nothing to inject)\n";
    assert_eq!(shown(&long, PREVIEW), format!("paged FRX\n{text}end\n"));
    for line in [
        format!("{PREVIEW} --no-pager"),
        format!("PAGER= {PREVIEW}"),
        format!("PAGER=cat {PREVIEW}"),
        format!("DATAKIT_POLICY_PAGER=cat {PREVIEW}"),
        format!("{PREVIEW} >file; cat file"),
    ] {
        assert_eq!(shown(&long, &line), text, "{line}");
    }
    let named = format!("LESS=S PAGER=other DATAKIT_POLICY_PAGER='./pager; true' {PREVIEW}");
    assert_eq!(shown(&long, &named), format!("paged S\n{text}end\n"));
}

#[test]
fn what_fits_is_printed() {
    let short = folder(7);
    let screen = shown(&short, PREVIEW);
    assert!(screen.starts_with("nothing to inject: "), "{screen}");
    assert_eq!(screen.lines().count(), 8);
}

#[test]
fn a_pager_that_cannot_be_started_is_told_and_all_is_printed() {
    let screen = shown(&folder(9), &format!("PAGER=no-such-pager {PREVIEW}"));
    let (note, rest) = screen.split_once('\n').unwrap();
    assert_eq!(
        note,
        "note: the pager `no-such-pager` cannot be started: No such file or directory (os error 2); DATAKIT_POLICY_PAGER \
         or PAGER names another, --no-pager takes none"
    );
    assert_eq!(rest.lines().count(), 10);
}

#[test]
fn a_pager_that_has_seen_enough_is_no_error() {
    let folder = folder(3000);
    folder.write_program("pager", "head -n 1");
    let screen = shown(&folder, &format!("{PREVIEW}; echo $?"));
    // The progress bar is gone when the pager comes.
    let (bar, paged) = screen.rsplit_once("\u{1b}[2K").unwrap();
    assert!(bar.contains("1/3000 objects"), "{bar}");
    assert_eq!(
        paged,
        "nothing to inject: Pod default/web: pods.yaml:1\n0\n"
    );
}

#[test]
fn messages_are_where_the_output_is() {
    let folder = folder(9);
    folder.write("broken.yaml", "{");
    let line = format!("{PREVIEW} broken.yaml --keep-going");
    let screen = shown(&folder, &line);
    assert!(screen.starts_with("paged FRX\n"), "{screen}");
    assert!(
        screen.contains("\nError: broken.yaml:2:1, document 1: "),
        "{screen}"
    );
    assert!(screen.ends_with("; 1 error\nend\n"), "{screen}");
    // Elsewhere, they are no part of it.
    let screen = shown(&folder, &format!("{line} 2>errors"));
    assert!(!screen.contains("Error: "), "{screen}");
}

#[test]
fn long_lines_go_on_below_themselves_without_cutting_words() {
    let folder = folder(1);
    let explain = "datakit-policy explain pods.yaml -s settings.json --no-pager";
    let screen = shown(&folder, explain);
    assert!(screen.lines().all(|line| line.len() <= 60), "{screen}");
    let whole = shown(&folder, &format!("{explain} >file; cat file"));
    assert!(whole.lines().any(|line| line.len() > 60), "{whole}");
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(words(&screen), words(&whole));
}

#[test]
fn colours_are_as_git_takes_them() {
    let folder = folder(1);
    let explain = "NO_COLOR= datakit-policy explain pods.yaml -s settings.json";
    for (line, expected) in [
        (explain.to_owned(), true),
        (format!("{explain} --no-color"), false),
        (format!("{explain} --color never"), false),
        (format!("{explain} >file; cat file"), false),
        (format!("{explain} --color >file; cat file"), true),
        (format!("{explain} --color=always >file; cat file"), true),
        (format!("{explain} --color always >file; cat file"), true),
    ] {
        let screen = shown(&folder, &line);
        assert_eq!(
            screen.contains("\u{1b}[1mPod default/web"),
            expected,
            "{line}: {screen}"
        );
    }
}
