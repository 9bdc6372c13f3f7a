//! What the program writes for other programs is as its schemas say: its own (`cli/schemas`) and those of SARIF and JUnit.

mod program;

use std::path::{Path, PathBuf};
use std::process::Command;

use program::{Folder, Outcome, finish};
use quick_junit::TestCaseStatus;
use serde_json::{Value, json};

/// The arguments of a command on inputs of the golden cases, with all that reports can have: updates, policies, lists,
/// notes, warnings, what is refused and what cannot be read.
const INPUTS: [&[&str]; 5] = [
    &[
        "explain",
        "manifests/broken.yaml",
        "manifests/malformed.yaml",
        "-s",
        "manifests/settings-v1.yaml",
    ],
    &[
        "explain",
        "manifests/edited.yaml",
        "--old",
        "manifests/live.yaml",
        "-s",
        "manifests/settings-v1.yaml",
    ],
    &[
        "explain",
        "manifests/reach.yaml",
        "manifests/crds.yaml",
        "-s",
        "manifests/policies.yaml",
    ],
    &[
        "explain",
        "cases/check/other-file/service.yaml",
        "-s",
        "manifests/settings-v1.yaml",
    ],
    &[
        "explain",
        "manifests/live.yaml",
        "-s",
        "cases/check/refused-in-text/configmap.yaml",
    ],
];

const SETTINGS: [&str; 5] = [
    "cases/check/strict/settings.yaml",
    "cases/check/refused-in-text/configmap.yaml",
    "cases/check/other-file/service.yaml",
    "manifests/broken.yaml",
    "missing.yaml",
];

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Runs the program in the folder of the tests.
fn run(args: &[&str], format: &str) -> Outcome {
    let folder = Folder::new();
    let mut command = folder.command(args);
    command.args(["-o", format]).current_dir(tests());
    finish(command, "")
}

/// What commands report, with the command.
fn reports(format: &str) -> Vec<(&'static str, String)> {
    let check: Vec<&str> = std::iter::once("check").chain(SETTINGS).collect();
    let mut reports = vec![("check", run(&check, format).stdout)];
    for args in INPUTS {
        reports.push(("explain", run(args, format).stdout));
        if matches!(format, "json" | "github") {
            let args: Vec<&str> = std::iter::once("preview")
                .chain(args[1..].iter().copied())
                .collect();
            let format = if format == "json" { "report" } else { format };
            reports.push(("preview", run(&args, format).stdout));
        }
    }
    reports
}

/// Cases of which one is right, one differs and one has no result.
fn cases() -> Folder {
    let folder = Folder::new();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: main\n    image: app\n";
    folder.write("settings.yaml", "{}");
    for case in ["right", "differs", "new"] {
        folder.write(&format!("{case}/input.yaml"), pod);
    }
    folder.write(
        "right/expected.yaml",
        format!("---\n# nothing to inject: Pod default/web\n{pod}"),
    );
    folder.write(
        "differs/expected.yaml",
        format!("---\n# injected: Pod default/web\n{pod}"),
    );
    folder
}

fn assert_valid(schema: &Value, report: &str) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let report: Value =
        serde_json::from_str(report).unwrap_or_else(|error| panic!("{error}: {report}"));
    let errors: Vec<String> = validator
        .iter_errors(&report)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, [""; 0], "{report:#}");
}

fn json_file(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn reports_in_json_are_as_their_schemas_say() {
    let schema = |command: &str| json_file(&tests().join(format!("../schemas/{command}.json")));
    for (command, report) in reports("json") {
        assert_valid(&schema(command), &report);
    }
    assert_valid(
        &schema("test"),
        &cases().run(&["test", ".", "-o", "json"]).stdout,
    );
}

#[test]
fn a_schema_tells_a_report_from_another() {
    let schema = json_file(&tests().join("../schemas/check.json"));
    for other in [
        json!({"apiVersion": "datakit-policy/v2", "kind": "CheckReport", "files": []}),
        json!({"apiVersion": "datakit-policy/v1", "kind": "TestReport", "files": []}),
        json!({"apiVersion": "datakit-policy/v1", "kind": "CheckReport"}),
    ] {
        assert!(!jsonschema::is_valid(&schema, &other), "{other}");
    }
}

/// The schema of SARIF, which comes with the crate that writes it.
fn sarif_schema() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            "host-tuple",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages
        .iter()
        .find(|package| package["name"] == "serde-sarif");
    let manifest = Path::new(package.unwrap()["manifest_path"].as_str().unwrap());
    let mut schema = json_file(&manifest.with_file_name("src").join("schema.json"));
    // Its pattern of a language has a bracket too many, which the validator does not take. We name no language.
    for of in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][of]["properties"]["language"];
        language.as_object_mut().unwrap().remove("pattern").unwrap();
    }
    schema
}

#[test]
fn sarif_is_as_its_schema_says() {
    let schema = sarif_schema();
    for (_, report) in reports("sarif") {
        assert_valid(&schema, &report);
    }
    assert_valid(&schema, &cases().run(&["test", ".", "-o", "sarif"]).stdout);
}

#[test]
fn sarif_has_each_finding_with_its_rule_and_place() {
    let folder = Folder::new();
    folder.write("my settings.yaml", "log_level: 1");
    let report = folder.run(&["check", "my settings.yaml", "-o", "sarif"]);
    assert_eq!((report.code, report.stderr.as_str()), (Some(1), ""));
    let log: Value = serde_json::from_str(&report.stdout).unwrap();
    let run = &log["runs"][0];
    assert_eq!(
        run["results"],
        json!([{
            "level": "error",
            "ruleId": "invalid-settings",
            "message": {"text": "log_level: must be a string, not a number"},
            "locations": [{
                "logicalLocations": [{"fullyQualifiedName": "my settings.yaml"}],
                "physicalLocation": {
                    "artifactLocation": {"uri": "my%20settings.yaml"},
                    "region": {"startColumn": 1, "startLine": 1}
                }
            }]
        }])
    );
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["semanticVersion"], env!("CARGO_PKG_VERSION"));
    let rules = driver["rules"].as_array().unwrap().iter();
    let rules: Vec<_> = rules
        .map(|rule| {
            (
                rule["id"].as_str().unwrap(),
                rule["defaultConfiguration"]["level"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        rules,
        [
            ("unreadable", "error"),
            ("invalid-settings", "error"),
            ("refused", "error"),
            ("unexpected", "error"),
            ("advice", "warning"),
            ("warning", "warning"),
            ("note", "note"),
        ]
    );
}

#[test]
fn junit_counts_what_fails() {
    let mut reports = reports("junit");
    reports.push(("test", cases().run(&["test", ".", "-o", "junit"]).stdout));
    for (command, report) in &reports {
        let report = quick_junit::Report::deserialize_from_str(report).unwrap();
        let suite = &report.test_suites[0];
        assert_eq!(
            (report.test_suites.len(), suite.name.as_str()),
            (1, *command)
        );
        let fails = |case: &&quick_junit::TestCase| {
            matches!(case.status, TestCaseStatus::NonSuccess { .. })
        };
        let failing = suite.test_cases.iter().filter(fails).count();
        assert_eq!(
            (suite.tests, suite.failures),
            (suite.test_cases.len(), failing),
            "{command}"
        );
        assert!(failing > 0 || *command == "explain", "{command}");
    }
    assert_eq!(reports.len(), INPUTS.len() + 2);
}

#[test]
fn what_comes_from_standard_input_has_no_file() {
    let folder = Folder::new();
    folder.write("settings.yaml", "{}");
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}}";
    let report = folder.run_with_stdin(
        &["preview", "-", "-s", "settings.yaml", "-o", "report"],
        pod,
    );
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(report["objects"][0]["place"], json!({"line": 1}));
    let report = folder.run_with_stdin(&["check", "-", "-o", "github"], "log_level: 1");
    assert_eq!(
        report.stdout,
        "::error title=standard input::log_level: must be a string, not a number\n"
    );
}

#[test]
fn a_format_changes_no_exit_code() {
    let settings = SETTINGS.map(|settings| vec!["check", settings, "--strict"]);
    for args in INPUTS.map(<[&str]>::to_vec).iter().chain(&settings) {
        let text = run(args, "text").code;
        assert_eq!(run(args, "json").code, text, "{args:?}");
    }
}
