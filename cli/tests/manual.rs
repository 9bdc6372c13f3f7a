//! Completions and man pages name every command and option; `bench` measures.

mod program;

use program::Folder;
use serde_json::json;

const COMMANDS: [&str; 10] = [
    "preview",
    "explain",
    "check",
    "migrate",
    "status",
    "uninject",
    "test",
    "bench",
    "completions",
    "man",
];

/// Commands that stand in for kwctl's, and that nobody is shown.
const OF_KWCTL: [&str; 5] = ["run", "annotate", "inspect", "push", "pull"];

#[test]
fn the_commands_of_kwctl_work_and_are_not_shown() {
    let folder = Folder::new();
    let help = folder.run(&["--help"]).stdout;
    let commands = help.split("Commands:\n").nth(1).unwrap();
    let commands = commands.split("\n\n").next().unwrap();
    let shown: Vec<&str> = commands
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(shown[..], [&COMMANDS[..], &["help"]].concat());
    for command in OF_KWCTL {
        assert_eq!(folder.run(&[command, "--help"]).code, Some(0), "{command}");
    }
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = folder.run(&["completions", shell]).stdout;
        let names = OF_KWCTL.map(|command| format!("datakit-policy__{command}"));
        assert!(names.iter().all(|name| !script.contains(name)), "{shell}");
        assert!(!script.contains("kwctl push"), "{shell}");
    }
}

#[test]
fn completions_are_scripts_that_the_shell_takes() {
    let folder = Folder::new();
    let script = folder.run(&["completions", "bash"]);
    assert_eq!((script.code, script.stderr.as_str()), (Some(0), ""));
    folder.write("completions.bash", &script.stdout);
    // What the shell would offer after `datakit-policy pre`, and after `preview --exit`.
    let complete = |words: &str, word: usize| {
        let ask = format!(
            "source completions.bash; COMP_WORDS=({words}); COMP_CWORD={word}; \
             _datakit-policy datakit-policy \"${{COMP_WORDS[{word}]}}\" \"\"; echo \"${{COMPREPLY[*]}}\""
        );
        let output = std::process::Command::new("bash")
            .args(["-c", &ask])
            .current_dir(folder.path())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("datakit-policy pre", 1), "preview");
    assert_eq!(complete("datakit-policy preview --exit", 2), "--exit-code");
    assert_eq!(folder.run(&["completions", "tcsh"]).code, Some(2));
}

#[test]
fn there_is_a_man_page_for_every_command() {
    let folder = Folder::new();
    let result = folder.run(&["man", "--folder", "pages/man1"]);
    assert_eq!(result, program::outcome(0, "", ""));
    let mut pages: Vec<String> = std::fs::read_dir(folder.path().join("pages/man1"))
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let mut expected = COMMANDS
        .map(|command| format!("datakit-policy-{command}.1"))
        .to_vec();
    expected.push("datakit-policy.1".to_owned());
    expected.sort();
    assert_eq!(pages, expected);
    let page = folder.run(&["man"]).stdout;
    assert!(page.contains(".TH datakit-policy 1"), "{page}");
    for command in OF_KWCTL {
        assert!(
            !page.contains(&format!("datakit\\-policy\\-{command}")),
            "{command}"
        );
    }
    for command in COMMANDS {
        assert!(
            page.contains(&format!("datakit\\-policy\\-{command}(1)")),
            "{command}"
        );
    }
}

#[test]
fn bench_measures_both_ways_of_calling_the_policy() {
    let folder = Folder::new();
    let request = json!({
        "uid": "1", "operation": "CREATE", "userInfo": {}, "namespace": "default",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "object": {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a"}]}}
    });
    folder.write("request.json", request.to_string());
    let result = folder.run(&["bench", "-r", "request.json", "--measurement-time", "1"]);
    assert_eq!((result.code, result.stderr.as_str()), (Some(0), ""));
    let lines: Vec<Vec<&str>> = result
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let [head, columns, fresh, same] = &lines[..] else {
        panic!("{}", result.stdout);
    };
    let calls: usize = head[0].parse().unwrap();
    assert!(calls > 0);
    assert_eq!(columns[..], ["median", "95", "%", "fastest"]);
    assert_eq!((fresh[0], same[0]), ("fresh", "same"));
    for line in [fresh, same] {
        let times = [line[2], line[4], line[6]].map(|time| time.parse::<u64>().unwrap());
        assert!(times[2] <= times[0] && times[0] <= times[1], "{line:?}");
    }
    assert_eq!(
        folder.run(&["bench", "-r", "missing.json"]),
        program::outcome(
            1,
            "",
            "Error: missing.json: cannot be read: No such file or directory (os error 2)\n"
        )
    );
}
