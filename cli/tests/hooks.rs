//! The hooks for pre-commit (`.pre-commit-hooks.yaml`): the program takes their commands.

mod program;

use std::path::Path;

use datakit_policy_host::yaml::{DuplicateKeys, single};
use program::{Folder, outcome};
use serde_json::Value;

/// What a hook runs: its arguments, or those that the user gives in their place, and the files that changed.
fn run(folder: &Folder, id: &str, args: Option<&[&str]>, changed: &[&str]) -> program::Outcome {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.pre-commit-hooks.yaml");
    let hooks = single(
        &std::fs::read_to_string(path).unwrap(),
        DuplicateKeys::Refuse,
    )
    .unwrap();
    let hooks = hooks.as_array().unwrap();
    let hook = hooks.iter().find(|hook| hook["id"] == id).unwrap();
    let entry: Vec<&str> = hook["entry"].as_str().unwrap().split(' ').collect();
    assert_eq!(entry[0], "datakit-policy");
    let own = hook["args"].as_array().into_iter().flatten();
    let own: Vec<&str> = own.filter_map(Value::as_str).collect();
    let changed = if hook["pass_filenames"] == false {
        &[]
    } else {
        changed
    };
    folder.run(&[&entry[1..], args.unwrap_or(&own), changed].concat())
}

#[test]
fn hooks_look_at_what_changed() {
    let folder = Folder::new();
    let pod =
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: main\n";
    folder.write("datakit-policy.yaml", "log_level: info\n");
    folder.write("web.yaml", pod);
    folder.write("tests/settings.yaml", "{}");
    folder.write("tests/web/input.yaml", pod);
    folder.write(
        "tests/web/expected.yaml",
        format!("---\n# nothing to inject: Pod default/web\n{pod}"),
    );

    let accepted = "datakit-policy.yaml: accepted\n";
    assert_eq!(
        run(
            &folder,
            "datakit-policy-check",
            None,
            &["datakit-policy.yaml"]
        ),
        outcome(0, accepted, "")
    );
    let settings: &[&str] = &["--settings", "datakit-policy.yaml"];
    assert_eq!(
        run(
            &folder,
            "datakit-policy-preview",
            Some(settings),
            &["web.yaml"]
        ),
        outcome(
            0,
            "nothing to inject: Pod default/web: web.yaml:1\n1 object: 0 injected, 1 skipped (1 nothing to inject)\n",
            ""
        )
    );
    assert_eq!(
        run(&folder, "datakit-policy-test", None, &["web.yaml"]),
        outcome(0, "ok:      web\n1 case: 1 ok\n", "")
    );
}
