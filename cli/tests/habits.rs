//! The table for those who know other tools (`docs/command-line.md`): every line of it does what it says.

mod program;

use std::path::Path;
use std::process::Command;

use program::{Folder, Outcome, finish};

/// The lines of the table: the command, and its exit code.
fn lines() -> Vec<(String, i32)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/command-line.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page
        .split("## For those who know other tools\n")
        .nth(1)
        .unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        // A cell has its pipes escaped.
        let command = cells[1].trim_matches('`').replace("\\|", "|");
        (command, cells[2].parse().unwrap())
    })
    .collect()
}

fn policy(name: &str, namespace: &str) -> String {
    format!(
        "apiVersion: policies.kubewarden.io/v1\nkind: AdmissionPolicy\n\
         metadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  module: registry://policy\n  mutating: true\n  \
         rules: [{{apiGroups: [apps], apiVersions: [v1], resources: [deployments], operations: [CREATE]}}]\n  \
         settings:\n    admission_inject_v2:\n      ddtraces:\n        \
         - {{name: java, language: java, image: \"repo/java:1\", namespace_selectors: [shop], \
         resources: {{requests: {{cpu: 10m, memory: 32Mi}}}}}}\n"
    )
}

fn deployment(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\n\
         spec: {{template: {{spec: {{containers: [{{name: main, image: app}}]}}}}}}\n"
    )
}

/// Runs a line as a shell does. In its PATH are the program, and stand-ins for other programs in the folder `bin`.
fn run(folder: &Folder, line: &str) -> Outcome {
    let program = Path::new(env!("CARGO_BIN_EXE_datakit-policy"));
    let mut folders = vec![
        folder.path().join("bin"),
        program.parent().unwrap().to_owned(),
    ];
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .current_dir(folder.path())
        .env_remove("DATAKIT_POLICY")
        .env("PATH", std::env::join_paths(folders).unwrap());
    finish(command, "")
}

#[test]
fn every_line_of_the_table_does_what_it_says() {
    let folder = Folder::new();
    folder.write("policy.yaml", policy("ours", "shop"));
    folder.write("other-policy.yaml", policy("other", "elsewhere"));
    folder.write("app.yaml", deployment("web"));
    folder.write("other.yaml", deployment("api"));
    folder.write("manifests/below/web.yaml", deployment("web"));
    folder.write("manifests/api.yaml", deployment("api"));
    folder.write_program("bin/helm", "[ \"$*\" = 'template chart' ] && cat app.yaml");
    folder.write_program(
        "bin/kubectl",
        "[ \"$*\" = 'kustomize overlays/prod' ] && cat app.yaml",
    );
    folder.write("tests/settings.yaml", "{}");
    folder.write("tests/web/input.yaml", "{apiVersion: v1, kind: Service}");
    folder.write(
        "tests/web/expected.yaml",
        "---\n# no workload: Service default/(no name)\napiVersion: v1\nkind: Service\n",
    );
    folder.write("twice.yaml", deployment("web") + "kind: Deployment\n");

    let lines = lines();
    let mut done = Vec::new();
    for (command, _) in &lines {
        let outcome = run(&folder, command);
        let code = outcome.code.unwrap();
        let is_broken = command.contains("twice.yaml");
        assert_eq!(
            outcome.stderr.contains("Error: "),
            is_broken,
            "{command}: {outcome:?}"
        );
        assert_eq!(
            outcome.stdout.is_empty(),
            is_broken,
            "{command}: {outcome:?}"
        );
        done.push((command.clone(), code));
    }
    assert_eq!(done, lines);
    assert_eq!(done.len(), 26);
}
