//! The manifests of the election service.

use serde_json::{Value, json};

use crate::VERSION;
use crate::files::{election, list, parse_one, text};

fn object(file: &str, kind: &str) -> Value {
    let documents = election();
    let found = documents[&format!("deploy/election/{file}")]
        .iter()
        .find(|document| document["kind"] == kind);
    found
        .unwrap_or_else(|| panic!("no {kind} in {file}"))
        .clone()
}

#[test]
fn the_rights_are_those_that_the_service_checks_and_no_more() {
    let role = object("base/rbac.yaml", "Role");
    let rules = json!([{
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "list", "watch", "create", "update", "delete"],
    }]);
    assert_eq!(role["rules"], rules);
    let checked = text("election/src/store/kube.rs");
    let verbs: Vec<_> = list(&rules[0]["verbs"])
        .iter()
        .map(Value::to_string)
        .collect();
    assert!(checked.contains(&format!("[{}]", verbs.join(", "))));
}

#[test]
fn the_pod_meets_the_level_restricted() {
    let deployment = object("base/deployment.yaml", "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(
        pod["securityContext"],
        json!({
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        })
    );
    let containers = list(&pod["containers"]);
    assert_eq!(containers.len(), 1);
    assert_eq!(
        containers[0]["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        })
    );
}

#[test]
fn the_services_the_budget_and_the_anti_affinity_mean_the_pods_of_the_deployment() {
    let deployment = object("base/deployment.yaml", "Deployment");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    for (file, name) in [
        ("base/service.yaml", "datakit-election"),
        ("as-operator/service.yaml", "datakit-operator"),
    ] {
        let service = object(file, "Service");
        assert_eq!(service["metadata"]["name"], name);
        let spec = json!({
            "selector": labels,
            // The operator's ports.
            "ports": [{ "name": "https", "port": 443, "targetPort": "https" }],
        });
        assert_eq!(service["spec"], spec);
    }
    let budget = object("base/disruption-budget.yaml", "PodDisruptionBudget");
    assert_eq!(&budget["spec"]["selector"]["matchLabels"], labels);
    let affinity = &deployment["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"];
    let preferred = &affinity["preferredDuringSchedulingIgnoredDuringExecution"][0];
    let selector = &preferred["podAffinityTerm"]["labelSelector"];
    assert_eq!(&selector["matchLabels"], labels);
}

fn container() -> Value {
    let deployment = object("base/deployment.yaml", "Deployment");
    deployment["spec"]["template"]["spec"]["containers"][0].clone()
}

/// `user:group`, as a container is started with them.
fn account() -> String {
    let deployment = object("base/deployment.yaml", "Deployment");
    let context = &deployment["spec"]["template"]["spec"]["securityContext"];
    format!("{}:{}", context["runAsUser"], context["runAsGroup"])
}

#[test]
fn the_image_has_the_version_of_the_package() {
    let image = format!("ghcr.io/datakit-policy/datakit-election:v{VERSION}");
    assert_eq!(container()["image"], image);
}

#[test]
fn the_container_file_makes_what_the_deployment_runs() {
    let container = container();
    let (command, args) = (container.get("command"), container.get("args"));
    assert_eq!((command, args), (None, None), "the ENTRYPOINT counts");
    let port = &container["ports"][0]["containerPort"];
    let listen = format!("default_value = \"0.0.0.0:{port}\"");
    assert!(text("election/src/options.rs").contains(&listen));
    assert!(text("election/Cargo.toml").contains("[[bin]]\nname = \"datakit-election\"\n"));

    let file = text("election/Containerfile");
    let instructions: Vec<&str> = file
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let expected = [
        format!(
            "FROM docker.io/library/rust:{}-slim-bookworm AS build",
            env!("CARGO_PKG_RUST_VERSION")
        ),
        "WORKDIR /src".to_owned(),
        "COPY . .".to_owned(),
        "RUN cargo build --locked --release -p datakit-election".to_owned(),
        "FROM gcr.io/distroless/cc-debian12:nonroot".to_owned(),
        "COPY --from=build /src/target/release/datakit-election /datakit-election".to_owned(),
        format!("USER {}", account()),
        format!("EXPOSE {port}"),
        "ENTRYPOINT [\"/datakit-election\"]".to_owned(),
    ];
    assert_eq!(instructions, expected);
}

#[test]
fn a_release_builds_the_container_file_and_pushes_the_image_that_the_deployment_names() {
    let workflow = parse_one(&text(".github/workflows/release.yml"));
    let commands = |job: &str| {
        let steps = list(&workflow["jobs"][job]["steps"]);
        let commands = steps.iter().filter_map(|step| step["run"].as_str());
        commands.collect::<Vec<_>>().join("\n")
    };
    let build = commands("build-election");
    let port = &container()["ports"][0]["containerPort"];
    for part in [
        "docker build --provenance=false --file election/Containerfile --tag \"$IMAGE\" .",
        &format!("--user {} ", account()),
        &format!("--publish 127.0.0.1:{port}:{port} "),
    ] {
        assert!(build.contains(part), "{part}\n{build}");
    }

    let push = commands("push-images");
    let matrix = &workflow["jobs"]["build-election"]["strategy"]["matrix"]["include"];
    let architectures: Vec<&str> = list(matrix)
        .iter()
        .filter_map(|one| one["architecture"].as_str())
        .collect();
    let file = "deploy/election/base/deployment.yaml";
    for part in [
        format!("for architecture in {}; do", architectures.join(" ")),
        "docker load --input \"$WHICH-$architecture.tar\"".to_owned(),
        format!("image=\"$(sed -n 's/^ *image: //p' {file})\""),
    ] {
        assert!(push.contains(&part), "{part}\n{push}");
    }
    let deployment = text(file);
    let images: Vec<&str> = deployment
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("image: "))
        .collect();
    assert_eq!(container()["image"], images.join(" "));
}

#[test]
fn every_manifest_is_in_a_kustomization() {
    let documents = election();
    for file in documents.keys() {
        let (folder, name) = file.rsplit_once('/').unwrap();
        if name == "kustomization.yaml" {
            let named = text("docs/election.md").contains(folder);
            assert!(named || folder.ends_with("/base"), "{folder}");
            continue;
        }
        let kustomization = &documents[&format!("{folder}/kustomization.yaml")][0];
        assert!(
            list(&kustomization["resources"]).contains(&Value::from(name)),
            "{file}"
        );
    }
}
