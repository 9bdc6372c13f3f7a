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
