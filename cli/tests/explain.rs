//! `explain` says why a workload gets what it gets; with the policy that the program carries.

mod program;

use program::{Folder, outcome};

const SETTINGS: &str = r#"
log_level: error
admission_inject:
  ddtrace:
    images: {java_agent_image: "repo/java:1"}
    enabled_labelselectors:
      - {labelselector: "app in (api,web),!canary", language: java}
admission_inject_v2:
  logfwds:
    - {name: other, namespace_selectors: ["^prod-"], image: "repo/logfwd:1"}
    - {name: ours, label_selectors: ["tier=front"], image: "repo/logfwd:2", check_annotation: true}
admission_mutate:
  loggings:
    - {namespace_selectors: [shop], config: "[{}]"}
"#;

fn deployment(name: &str, labels: &str, annotations: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  template:\n    \
         metadata: {{labels: {labels}, annotations: {annotations}}}\n    \
         spec: {{containers: [{{name: main, image: app, env: [{{name: JAVA_TOOL_OPTIONS, value: -Xmx1g}}]}}]}}\n---\n"
    )
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("settings.yaml", SETTINGS);
    folder.write(
        "app.yaml",
        [
            deployment(
                "web",
                "{app: web, tier: front}",
                "{admission.datakit/profiler.enabled: \"off\"}",
            ),
            "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\n".to_owned(),
            deployment(
                "quiet",
                "{app: web}",
                "{admission.datakit/enabled: \"false\"}",
            ),
        ]
        .concat(),
    );
    folder
}

const WEB: &str = "\
Deployment shop/web: app.yaml:1
ddtrace: injected repo/java:1
  admission_inject.ddtrace needs the annotation admission.datakit/java-lib.version, which is missing
  admission_inject.ddtrace has no image for admission.datakit/python-lib.version
  admission_inject.ddtrace has no image for admission.datakit/nodejs-lib.version or admission.datakit/js-lib.version
  admission_inject.ddtrace has no image for admission.datakit/php-lib.version
  admission_inject.ddtrace.enabled_labelselectors[0] decides
    label selector `app in (api,web),!canary` fits: app is `web`, canary is not there
  adds init container datakit-lib-init
  adds volume datakit-auto-instrument
  mounts datakit-auto-instrument at /datadog-lib in container `main`
  extends variable JAVA_TOOL_OPTIONS of container `main`
otel: nothing injected
  the settings have no rule for it
logfwd: nothing injected
  admission_inject_v2.logfwds[0] (other) does not apply: the namespace matches none of its namespaces
    namespace `shop` does not fit names that begin with `prod-`
  admission_inject_v2.logfwds[1] (ours) needs the annotation admission.datakit/logfwd.instances, which is missing
    label selector `tier=front` fits: tier is `front`
flameshot: nothing injected
  the settings have no rule for it
profiler: nothing injected
  admission_inject.profiler has no image for admission.datakit/java-profiler.version
  admission_inject.profiler has no image for admission.datakit/python-profiler.version
  admission_inject.profiler has no image for admission.datakit/golang-profiler.version
  warning: admission.datakit/profiler.enabled: `off` is not a boolean and has no effect
logging: injected admission_mutate.loggings[0]
  admission_mutate.loggings[0] decides
    namespace `shop` fits the name `shop`
  adds annotation datakit/logs
";

const OFF: &str = "\
Deployment shop/quiet: app.yaml:13
nothing injected
  switched off by admission.datakit/enabled
";

fn explain(folder: &Folder, args: &[&str]) -> program::Outcome {
    folder.run(&[&["explain", "-s", "settings.yaml"], args].concat())
}

#[test]
fn every_feature_says_what_decided_and_what_did_not_fit() {
    assert_eq!(
        explain(&folder(), &["-f", "app.yaml"]),
        outcome(0, &format!("{WEB}\n{OFF}"), "")
    );
}

#[test]
fn one_workload_of_several_can_be_asked_for() {
    let folder = folder();
    for only in [
        "quiet",
        "deployment/quiet",
        "Deployments/quiet",
        "deploy/quiet",
    ] {
        let explained = explain(&folder, &["app.yaml", "--only", only]);
        assert_eq!(explained, outcome(0, OFF, ""));
    }
    assert_eq!(
        explain(&folder, &["app.yaml", "--only", "pod/quiet"]),
        outcome(
            1,
            "",
            "Error: there is no pod/quiet; there are deployment/web, deployment/quiet\n"
        )
    );
}

#[test]
fn what_cannot_be_explained_is_an_error() {
    let folder = folder();
    folder.write(
        "service.yaml",
        "{apiVersion: v1, kind: Service, metadata: {name: web}}",
    );
    let message = "Error: there is no workload among the objects: no Pod, Deployment, DaemonSet, StatefulSet, \
                   ReplicaSet, ReplicationController, Job or CronJob\n";
    assert_eq!(explain(&folder, &["service.yaml"]), outcome(1, "", message));
    let message = "Error: missing.yaml: cannot be read: No such file or directory (os error 2)\n";
    assert_eq!(
        explain(
            &folder,
            &[
                "missing.yaml",
                "app.yaml",
                "--only",
                "quiet",
                "--keep-going"
            ]
        ),
        outcome(1, OFF, message)
    );
    assert_eq!(
        explain(
            &folder,
            &[
                "missing.yaml",
                "app.yaml",
                "--only",
                "other",
                "--keep-going"
            ]
        ),
        outcome(
            1,
            "",
            &format!(
                "{message}Error: there is no other; there are deployment/web, deployment/quiet\n"
            )
        )
    );
    folder.write("settings.yaml", "admission_injct: {}");
    assert_eq!(
        explain(&folder, &["app.yaml"]),
        outcome(
            1,
            "",
            "Error: the policy does not accept the settings\n  \
             settings.yaml:1:1: admission_injct: unknown key; did you mean `admission_inject`?\n"
        )
    );
}

#[test]
fn colours_mark_features_verdicts_and_warnings() {
    let folder = folder();
    let explained = explain(&folder, &["app.yaml", "--only", "web", "--color", "always"]).stdout;
    let colourful: Vec<&str> = explained
        .lines()
        .filter(|line| line.contains('\u{1b}'))
        .collect();
    assert_eq!(
        colourful,
        [
            "\u{1b}[1mDeployment shop/web: app.yaml:1\u{1b}[0m",
            "\u{1b}[1mddtrace\u{1b}[0m: \u{1b}[32minjected repo/java:1\u{1b}[0m",
            "\u{1b}[1motel\u{1b}[0m: nothing injected",
            "\u{1b}[1mlogfwd\u{1b}[0m: nothing injected",
            "\u{1b}[1mflameshot\u{1b}[0m: nothing injected",
            "\u{1b}[1mprofiler\u{1b}[0m: nothing injected",
            "  \u{1b}[33mwarning\u{1b}[0m: admission.datakit/profiler.enabled: `off` is not a boolean and has no effect",
            "\u{1b}[1mlogging\u{1b}[0m: \u{1b}[32minjected admission_mutate.loggings[0]\u{1b}[0m",
        ]
    );
}
