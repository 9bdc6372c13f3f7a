//! What `migrate` writes is what was read, as a policy that the module takes.

mod program;

use std::path::Path;

use datakit_policy_host::policy::Policy;
use datakit_policy_host::settings::{find_file, read_policy_resources};
use program::{Folder, Outcome, finish};
use serde_json::{Value, json};

fn run(folder: &Folder, args: &[&str]) -> Outcome {
    finish(folder.command(args), "")
}

/// The settings key by key, also where they are the operator's text.
fn settings_of(path: &Path) -> Value {
    let settings = find_file(path).unwrap().settings;
    match settings.get("jsonconfig").and_then(Value::as_str) {
        Some(text) => serde_json::from_str(text).unwrap(),
        None => settings,
    }
}

fn in_workspace(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn module() -> Policy {
    let module = std::fs::read(in_workspace("policy.wasm"))
        .unwrap_or_else(|error| panic!("policy.wasm: {error}; run `make policy.wasm` first"));
    Policy::from_bytes(&module).unwrap()
}

const FILES: [&str; 11] = [
    "cli/tests/files/release-1.5.yaml",
    "cli/tests/files/release-1.8.yaml",
    "cli/tests/files/values.yaml",
    "cli/tests/files/configmaps.yaml",
    "policy-settings/all-keys.yaml",
    "policy-settings/default.json",
    "policy-settings/default-v2.json",
    "policy-settings/jsonconfig.yaml",
    "policy-settings/loggings.json",
    "policy-settings/minimal.json",
    "policy-settings/selectors.json",
];

/// Of these files, those whose logging rules depend on the operator, which they do not name.
const NAMES_NO_OPERATOR: [&str; 2] = [
    "policy-settings/default.json",
    "policy-settings/loggings.json",
];

#[test]
fn the_policy_has_the_settings_that_were_read_in_their_order() {
    let module = module();
    for file in FILES {
        let source = in_workspace(file);
        let folder = Folder::new();
        let source_path = source.to_str().unwrap();
        let mut args = vec!["migrate", source_path, "-o", "policy.yaml"];
        if NAMES_NO_OPERATOR.contains(&file) {
            args.extend(["--operator", "1.6"]);
        }
        let outcome = run(&folder, &args);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (Some(0), ""),
            "{file}: {}",
            outcome.stderr
        );

        let policies = read_policy_resources(&folder.path().join("policy.yaml")).unwrap();
        let [policy] = policies.as_slice() else {
            panic!("{file}: {policies:?}");
        };
        let mut settings = policy.settings.clone();
        let all = json!({"logging_match": "all"});
        // What operators since 1.7 do is written out.
        if settings.get("policy") == Some(&all) {
            settings.as_object_mut().unwrap().shift_remove("policy");
        }
        // As text: maps that differ in order are equal.
        let written = settings.to_string();
        assert_eq!(written, settings_of(&source).to_string(), "{file}");

        let verdict = module
            .instance()
            .unwrap()
            .validate_settings(&policy.settings);
        assert_eq!(verdict.unwrap().message, None, "{file}");
    }
}

#[test]
fn what_cannot_be_written_is_said() {
    let folder = Folder::new();
    let source = in_workspace("cli/tests/files/values.yaml");
    let outcome = run(
        &folder,
        &[
            "migrate",
            source.to_str().unwrap(),
            "-o",
            "no/such/folder.yaml",
        ],
    );
    assert_eq!(
        outcome,
        program::outcome(
            1,
            "",
            "Error: no/such/folder.yaml: cannot be written: No such file or directory (os error 2)\n"
        )
    );
}

#[test]
fn the_file_that_is_read_is_never_written_however_it_is_named() {
    let folder = Folder::new();
    folder.write("operator.yaml", "{}");
    std::os::unix::fs::symlink("operator.yaml", folder.path().join("link.yaml")).unwrap();
    for output in ["operator.yaml", "./operator.yaml", "link.yaml"] {
        let result = run(&folder, &["migrate", "operator.yaml", "-o", output]);
        let message = "Error: operator.yaml: is the input file; choose another output file\n";
        assert_eq!(result, program::outcome(1, "", message), "{output}");
    }
    let text = std::fs::read_to_string(folder.path().join("operator.yaml")).unwrap();
    assert_eq!(text, "{}");
}

#[test]
fn a_dash_is_standard_output() {
    let folder = Folder::new();
    folder.write("operator.yaml", "{}");
    let without = run(&folder, &["migrate", "operator.yaml"]);
    assert_eq!(
        run(&folder, &["migrate", "operator.yaml", "-o", "-"]),
        without
    );
    assert!(!folder.path().join("-").exists());
}

/// The configurations that the operator's releases shipped, where they are: they are not ours to have here.
#[test]
fn every_release_of_the_operator_becomes_a_policy_that_is_accepted() {
    let releases = in_workspace("../shared/releases");
    let Ok(entries) = std::fs::read_dir(&releases) else {
        return;
    };
    let module = module();
    let mut refused = Vec::new();
    let mut count = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        count += 1;
        let folder = Folder::new();
        let source = path.to_str().unwrap();
        let migrated = run(&folder, &["migrate", source, "-o", "policy.yaml"]);
        if migrated.code != Some(0) {
            refused.push(format!("{source}: {migrated:?}"));
            continue;
        }
        // What `check` asks too.
        let policy = find_file(&folder.path().join("policy.yaml")).unwrap();
        let instance = module.instance().unwrap();
        let verdict = instance.validate_settings(&policy.settings).unwrap();
        refused.extend(
            verdict
                .message
                .map(|problem| format!("{source}: {problem}")),
        );
    }
    assert_eq!(refused, Vec::<String>::new());
    assert_eq!(count, 51);
}
