//! `test`: cases of users.

mod program;

use program::{Folder, outcome};

const SETTINGS: &str = "\
admission_inject_v2:
  ddtraces:
    - {name: java, language: java, image: \"repo/java:1\", namespace_selectors: [shop]}
";

fn deployment(namespace: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: {namespace}\nspec:\n  template:\n    \
         spec:\n      containers:\n      - name: main\n        image: app\n"
    )
}

fn policy(namespace: &str) -> String {
    format!(
        "apiVersion: policies.kubewarden.io/v1\nkind: AdmissionPolicy\nmetadata: {{name: ours, namespace: {namespace}}}\n\
         spec:\n  module: registry://policy\n  mutating: true\n  rules: [{{apiGroups: [apps], apiVersions: [v1], \
         resources: [deployments], operations: [CREATE]}}]\n"
    )
}

/// Settings for all, a case that they are not for, and one with a policy of its own.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("tests/settings.yaml", SETTINGS);
    folder.write("tests/elsewhere/input.yaml", deployment("front"));
    folder.write("tests/own/policy/policy.yaml", policy("front"));
    folder.write("tests/own/policy/manifests/web.yaml", deployment("shop"));
    folder
}

#[test]
fn what_is_expected_is_written_and_then_compared() {
    let folder = folder();
    let missing = "there is no expected.yaml; --update writes it";
    let new = format!(
        "FAILED:  elsewhere: {missing}\nFAILED:  own/policy: {missing}\n2 cases: 0 ok, 2 failed\n"
    );
    assert_eq!(folder.run(&["test", "tests"]), outcome(1, &new, ""));

    let updated = "updated: elsewhere\nupdated: own/policy\n2 cases: 0 ok, 2 updated\n";
    assert_eq!(
        folder.run(&["test", "tests", "--update"]),
        outcome(0, updated, "")
    );
    let expected = |case: &str| {
        std::fs::read_to_string(folder.path().join(case).join("expected.yaml")).unwrap()
    };
    let web = format!(
        "---\n# nothing to inject: Deployment front/web\n{}",
        deployment("front")
    );
    assert_eq!(expected("tests/elsewhere"), web);
    let heading = "# not asked: Deployment shop/web: an AdmissionPolicy applies only to its own namespace, front";
    assert_eq!(
        expected("tests/own/policy"),
        format!("---\n{heading}\n{}", deployment("shop"))
    );

    let right = "ok:      elsewhere\nok:      own/policy\n2 cases: 2 ok\n";
    assert_eq!(folder.run(&["test", "tests"]), outcome(0, right, ""));
    assert_eq!(
        folder.run(&["test", "tests", "--update"]),
        outcome(0, right, "")
    );
}

#[test]
fn a_result_that_differs_is_shown_as_a_diff() {
    let folder = Folder::new();
    folder.write("settings.yaml", SETTINGS);
    folder.write("input.yaml", deployment("shop"));
    folder.run(&["test", ".", "--update"]);
    let path = folder.path().join("expected.yaml");
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(
        expected.contains("\n        admission.datakit/injected: '{\"v\":1,…}'\n"),
        "{expected}"
    );
    std::fs::write(&path, expected.replace("repo/java:1", "repo/java:2")).unwrap();
    assert_eq!(
        folder.run(&["test", "."]),
        outcome(
            1,
            "FAILED:  .: the result is not the expected one\n\
             --- ./expected.yaml\n\
             +++ the result\n\
             @@ -19,7 +19,7 @@\n           name: datakit-auto-instrument\n       initContainers:\n       \
             - name: datakit-lib-init\n-        image: repo/java:2\n+        image: repo/java:1\n         \
             imagePullPolicy: Always\n         command:\n         - sh\n\
             1 case: 0 ok, 1 failed\n",
            ""
        )
    );
}

/// A file that an editor or Git gave the line ends of Windows.
#[test]
fn line_ends_do_not_count() {
    let folder = Folder::new();
    folder.write("settings.json", "{}");
    folder.write("input.yaml", deployment("shop"));
    folder.run(&["test", ".", "--update"]);
    let path = folder.path().join("expected.yaml");
    let expected = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, expected.replace('\n', "\r\n")).unwrap();
    assert_eq!(
        folder.run(&["test", "."]),
        outcome(0, "ok:      .\n1 case: 1 ok\n", "")
    );
}

#[test]
fn an_update_is_told_with_what_the_policy_found() {
    let folder = Folder::new();
    folder.write("settings.yaml", SETTINGS);
    folder.write("update/old.yaml", deployment("shop"));
    folder.write("update/input.yaml", deployment("shop"));
    folder.run(&["test", ".", "--update"]);
    let expected = std::fs::read_to_string(folder.path().join("update/expected.yaml")).unwrap();
    let heading = "# kept as it was: Deployment shop/web: the template is the same as before";
    assert_eq!(expected, format!("---\n{heading}\n{}", deployment("shop")));
}

#[test]
fn an_object_that_is_refused_is_a_comment() {
    let folder = Folder::new();
    folder.write("settings.yaml", "{}");
    folder.write(
        "input.yaml",
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {}}",
    );
    folder.run(&["test", ".", "-n", "shop", "--update"]);
    assert_eq!(
        std::fs::read_to_string(folder.path().join("expected.yaml")).unwrap(),
        "---\n\
         # refused: Deployment shop/web: malformed: the API server refuses it, because `spec.template` is missing or has the wrong type; `kubectl explain deployment.spec.template` says what belongs there\n\
         # warning: datakit policy: nothing injected: the object has no spec.template\n"
    );
}

#[test]
fn what_cannot_be_tested_fails_its_case_alone() {
    let folder = folder();
    folder.run(&["test", "tests", "--update"]);
    folder.write("tests/a/input.yaml", "a: [");
    folder.write("tests/b/input.yaml", deployment("shop"));
    folder.write("tests/b/settings.yaml", "admission_injct: {}");
    folder.write("tests/c/input.yaml", deployment("shop"));
    folder.write("tests/c/input.json", "{}");
    folder.write("tests/d/input.yaml", deployment("shop"));
    folder.write("tests/d/settings.yaml", "{}");
    folder.write("tests/d/policy.yaml", policy("shop"));
    let tested = folder.run(&["test", "tests", "--update"]);
    assert_eq!(
        tested,
        outcome(
            1,
            "FAILED:  a: tests/a/input.yaml:2:1, document 1: while parsing a node, did not find expected node content\n\
             FAILED:  b: the policy does not accept the settings\n  \
             tests/b/settings.yaml:1:1: admission_injct: unknown key; did you mean `admission_inject`?\n\
             FAILED:  c: tests/c/input.yaml and tests/c/input.json are both there: keep one\n\
             FAILED:  d: tests/d/settings.yaml and tests/d/policy.yaml are both there: keep one\n\
             ok:      elsewhere\nok:      own/policy\n6 cases: 2 ok, 4 failed\n",
            ""
        )
    );
    let annotations = folder.run(&["test", "tests", "-o", "github"]).stdout;
    let places: Vec<_> = annotations
        .lines()
        .map(|line| line.split("::").nth(1).unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "error file=tests/a/input.yaml,line=2,col=1,title=a",
            "error file=tests/b/settings.yaml,line=1,col=1,title=b",
            "error file=tests/c/expected.yaml,line=1,title=c",
            "error file=tests/d/expected.yaml,line=1,title=d",
        ]
    );
}

#[test]
fn settings_are_not_looked_for_above_the_folder_of_all_cases() {
    let folder = folder();
    let error = "there is no settings.yaml, settings.json or policy.yaml in it, nor in a folder above it up to \
                 tests/elsewhere";
    assert_eq!(
        folder.run(&["test", "tests/elsewhere"]),
        outcome(
            1,
            &format!("FAILED:  tests/elsewhere: {error}\n1 case: 0 ok, 1 failed\n"),
            ""
        )
    );
    folder.write("empty/.hidden/input.yaml", deployment("shop"));
    assert_eq!(
        folder.run(&["test", "empty"]),
        outcome(
            1,
            "",
            "Error: empty: there is no case: no folder in it has an input.yaml or a folder `manifests`\n"
        )
    );
}
