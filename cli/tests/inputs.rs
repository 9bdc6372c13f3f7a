//! Which manifests `preview` and `explain` look at; with the policy that the program carries.

mod program;

use program::{Folder, Outcome, outcome};
use serde_json::json;

fn preview(folder: &Folder, args: &[&str]) -> Outcome {
    folder.run(&[&["preview", "-s", "settings.json"], args].concat())
}

/// A folder with three workloads in files of its own, one below, and what is no manifest.
fn tree() -> Folder {
    let folder = Folder::new();
    folder.write("settings.json", "{}");
    for (path, name) in [
        ("app/b.yml", "b"),
        ("app/a.yaml", "a"),
        ("app/below/c.json", "c"),
    ] {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"containers": [{"name": "main", "image": "app"}]}
        });
        folder.write(path, pod.to_string());
    }
    folder.write("app/README.md", "# no manifest");
    folder.write("app/.hidden/d.yaml", "{");
    folder
}

#[test]
fn a_folder_is_all_that_is_in_it_in_order() {
    let folder = tree();
    assert_eq!(
        preview(&folder, &["app"]),
        outcome(
            0,
            "nothing to inject: Pod default/a: app/a.yaml:1\n\
             nothing to inject: Pod default/b: app/b.yml:1\n\
             nothing to inject: Pod default/c: app/below/c.json:1\n\
             3 objects: 0 injected, 3 skipped (3 nothing to inject)\n",
            ""
        )
    );
    folder.write("empty/README.md", "");
    assert_eq!(
        preview(&folder, &["empty"]),
        outcome(
            1,
            "",
            "Error: empty: the folder contains no manifest (.yaml, .yml or .json)\n\
             Error: nothing is printed, because some of the input cannot be read; --keep-going prints the rest\n"
        )
    );
}

#[test]
fn one_level_of_a_folder_is_read_where_kubectl_would() {
    let folder = tree();
    let below = "nothing to inject: Pod default/c: app/below/c.json:1\n";
    for (recursive, expected) in [
        (&["-R"][..], true),
        (&["--recursive"], true),
        (&["-R=true"], true),
        (&["-R=false"], false),
        (&["--recursive=false"], false),
    ] {
        let result = preview(&folder, &[recursive, &["-f", "app"]].concat());
        assert_eq!(result.code, Some(0));
        assert_eq!(result.stdout.contains(below), expected, "{recursive:?}");
    }
    // It goes for all folders: what `--old` does not have is a new object.
    let args = ["app/below", "--old", "app", "-R=false", "-o", "summary"];
    let result = preview(&folder, &args);
    assert_eq!(
        result.stderr,
        "note: treated as new, because --old does not contain it: Pod default/c\n"
    );
}

#[test]
fn an_address_is_not_fetched() {
    let folder = tree();
    let result = preview(&folder, &["-f", "https://example.com/app.yaml"]);
    assert_eq!(
        result,
        outcome(
            1,
            "",
            "Error: https://example.com/app.yaml: this program fetches nothing; read what `curl -fsSL \
             https://example.com/app.yaml` prints, as a file or with `-`\n\
             Error: nothing is printed, because some of the input cannot be read; --keep-going prints the rest\n"
        )
    );
}

/// What `preview -k overlay` does with these stand-ins in the PATH, and nothing else.
fn built(programs: &[(&str, &str)]) -> Outcome {
    let folder = tree();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    for (name, script) in programs {
        folder.write_program(&format!("bin/{name}"), script);
    }
    let mut command = folder.command(&["preview", "-s", "settings.json", "-k", "overlay"]);
    command.env("PATH", folder.path().join("bin"));
    program::finish(command, "")
}

#[test]
fn kubectl_or_kustomize_builds_a_kustomization() {
    let pod = "echo '{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"'$1-$2'\"},'; \
               echo '\"spec\": {\"containers\": 1}}'";
    let refused = |name: &str| {
        outcome(
            1,
            &format!(
                "refused: Pod default/{name}: kustomize overlay:2:10\n\
                 malformed: the API server refuses it, because `spec.containers` is missing or has the wrong type; \
                 `kubectl explain pod.spec.containers` says what belongs there\n\
                 warning: datakit policy: nothing injected: the template is malformed at spec.containers\n\n\
                 1 object: 0 injected, 0 skipped, 1 refused; 1 warning\n"
            ),
            "",
        )
    };
    assert_eq!(
        built(&[("kubectl", pod), ("kustomize", pod)]),
        refused("kustomize-overlay")
    );
    assert_eq!(built(&[("kustomize", pod)]), refused("build-overlay"));
}

#[test]
fn a_kustomization_that_cannot_be_built_says_why() {
    let end = "Error: nothing is printed, because some of the input cannot be read; --keep-going prints the rest\n";
    let failed = built(&[("kubectl", "echo 'no such resource' >&2; exit 1")]);
    let why = "Error: overlay: `kubectl kustomize overlay` failed: no such resource\n";
    assert_eq!(failed, outcome(1, "", &format!("{why}{end}")));
    let why = "Error: overlay: neither `kubectl` nor `kustomize` is in the PATH to build it; install one of them, or read \
               what `kustomize build overlay` prints on another machine, as a file or with `-`\n";
    assert_eq!(built(&[]), outcome(1, "", &format!("{why}{end}")));
}

#[test]
fn labels_and_names_select_objects() {
    let folder = tree();
    for (args, expected) in [
        (
            &["-l", "app=web"][..],
            "Error: no object has labels that meet `app=web`\n",
        ),
        (
            &["--only", "deploy/web"],
            "Error: there is no deploy/web; there are pod/a, pod/b, pod/c\n",
        ),
    ] {
        let result = preview(&folder, &[&["app"], args].concat());
        assert_eq!(result, outcome(1, "", expected));
    }
    for (option, expected) in [
        ("--selector=app in (", "expected `,` or `)`, found the end"),
        ("--only=deploy/", "KIND/NAME or NAME is expected"),
    ] {
        let result = preview(&folder, &["app", option]);
        assert_eq!(result.code, Some(2));
        assert!(result.stderr.contains(expected), "{}", result.stderr);
    }
}

#[test]
fn a_folder_of_settings_is_all_policies_in_it() {
    let folder = tree();
    let policy = "{apiVersion: policies.kubewarden.io/v1, kind: ClusterAdmissionPolicy, metadata: {name: ours}, spec: {\
                  mutating: true, settings: {}, rules: [{apiGroups: [apps], apiVersions: [v1], \
                  resources: [deployments], operations: [CREATE]}]}}";
    folder.write("app/below/policy.yaml", policy);
    assert_eq!(
        folder.run(&["check", "-f", "app"]),
        outcome(0, "app/below/policy.yaml: accepted\n", "")
    );
    assert_eq!(
        folder.run(&["check", "app", "--recursive=false"]),
        outcome(1, "", "Error: app: there are no settings in the folder\n")
    );
    let result = folder.run(&["preview", "app/a.yaml", "-s", "app"]);
    assert_eq!(
        result.stdout,
        "not asked: Pod default/a: app/a.yaml:1 (none of its rules covers CREATE of v1 pods)\n\
         1 object: 0 injected, 1 skipped (1 not asked about)\n"
    );
}

#[test]
fn a_helm_chart_in_a_folder_is_not_taken_for_manifests() {
    let folder = tree();
    folder.write("app/chart/Chart.yaml", "apiVersion: v2\nname: web\n");
    folder.write("app/chart/values.yaml", "replicas: 1\n");
    folder.write(
        "app/chart/templates/web.yaml",
        "kind: Pod\n{{ if .Values.x }}\n",
    );
    let result = preview(&folder, &["app", "-o", "yaml", "--keep-going"]);
    let message = "Error: app/chart: is a Helm chart, whose templates are no manifests yet; read what `helm template \
                   app/chart` prints, as a file or with `-`\n";
    assert_eq!(result.code, Some(1));
    assert!(result.stderr.starts_with(message), "{}", result.stderr);
    assert!(result.stderr.contains("3 objects: "), "{}", result.stderr);
}

#[test]
fn no_object_at_all_is_an_error() {
    let folder = Folder::new();
    let result = folder.run_with_stdin(&["preview", "-"], "# only a comment\n---\n");
    assert_eq!(
        result,
        outcome(1, "", "Error: the input contains no object\n")
    );
}

#[test]
fn standard_input_can_be_read_once() {
    let folder = Folder::new();
    for args in [
        &["preview", "-", "-s", "-"][..],
        &["preview", "-f", "-", "-"],
    ] {
        let result = folder.run_with_stdin(args, "{}");
        assert_eq!(result.code, Some(1));
        let message =
            "Error: standard input: can be read only once; use `-` once, and a file elsewhere\n";
        assert!(result.stderr.contains(message), "{}", result.stderr);
    }
}
