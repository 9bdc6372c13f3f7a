//! metadata.yml and the package for Artifact Hub.

use serde_json::json;

use crate::VERSION;
use crate::files::{annotation, author, files, metadata, parse_one, text};

#[test]
fn metadata_is_that_of_a_mutating_policy_for_workload_templates() {
    let metadata = metadata();
    let source = "https://github.com/datakit-policy/datakit-operator-policy";
    assert_eq!(
        metadata,
        json!({
            "rules": [
                {
                    "apiGroups": ["apps"],
                    "apiVersions": ["v1"],
                    "resources": ["deployments", "daemonsets", "statefulsets"],
                    "operations": ["CREATE", "UPDATE"]
                },
                {
                    "apiGroups": ["batch"],
                    "apiVersions": ["v1"],
                    "resources": ["jobs", "cronjobs"],
                    "operations": ["CREATE", "UPDATE"]
                }
            ],
            "mutating": true,
            "backgroundAudit": false,
            "contextAwareResources": [],
            "hostCapabilities": ["kubernetes/get_resource"],
            "executionMode": "kubewarden-wapc",
            "policyType": "kubernetes",
            "minimumKubewardenVersion": "1.7.0",
            "annotations": {
                "io.artifacthub.displayName": "Datakit Operator",
                "io.artifacthub.resources": "Deployment, DaemonSet, StatefulSet, Job, CronJob",
                "io.artifacthub.keywords":
                    "datakit, ddtrace, apm, logging, profiling, sidecar, injection, observability",
                "io.kubewarden.policy.ociUrl":
                    "ghcr.io/datakit-policy/policies/datakit-operator-policy",
                "io.kubewarden.policy.title": env!("CARGO_PKG_NAME"),
                "io.kubewarden.policy.version": VERSION,
                "io.kubewarden.policy.description": env!("CARGO_PKG_DESCRIPTION"),
                "io.kubewarden.policy.author":
                    "Datakit Operator Policy authors <datakit-policy@users.noreply.github.com>",
                "io.kubewarden.policy.url": source,
                "io.kubewarden.policy.source": source,
                "io.kubewarden.policy.license": env!("CARGO_PKG_LICENSE"),
                "io.kubewarden.policy.severity": "info",
                "io.kubewarden.policy.category": "Observability"
            }
        })
    );
}

#[test]
fn the_artifact_hub_package_says_what_the_metadata_says() {
    let metadata = metadata();
    let oci_url = annotation(&metadata, "io.kubewarden.policy.ociUrl");
    let source = annotation(&metadata, "io.kubewarden.policy.source");
    let (author, address) = author(&metadata);

    let mut package = parse_one(&text("artifacthub-pkg.yml"));
    // Artifact Hub's annotations are strings that hold YAML: compared is what they mean.
    for key in ["kubewarden/rules", "kubewarden/contextAwareResources"] {
        let parsed = parse_one(package["annotations"][key].as_str().expect(key));
        package["annotations"][key] = parsed;
    }
    // These two the metadata does not say; they have tests of their own.
    let created_at = package["createdAt"].clone();
    let install = package["install"].clone();
    assert_eq!(
        package,
        json!({
            "version": VERSION,
            "name": annotation(&metadata, "io.kubewarden.policy.title"),
            "displayName": annotation(&metadata, "io.artifacthub.displayName"),
            "createdAt": created_at,
            "description": annotation(&metadata, "io.kubewarden.policy.description"),
            "license": annotation(&metadata, "io.kubewarden.policy.license"),
            "homeURL": annotation(&metadata, "io.kubewarden.policy.url"),
            "containersImages": [{ "name": "policy", "image": format!("{oci_url}:v{VERSION}") }],
            "keywords": annotation(&metadata, "io.artifacthub.keywords").split(", ").collect::<Vec<_>>(),
            "links": [
                {
                    "name": "policy",
                    "url": format!("{source}/releases/download/v{VERSION}/policy.wasm")
                },
                { "name": "source", "url": source }
            ],
            "install": install,
            "maintainers": [{ "name": author, "email": address }],
            "provider": { "name": "datakit-policy" },
            "recommendations": [
                { "url": "https://artifacthub.io/packages/helm/kubewarden/kubewarden-controller" }
            ],
            "annotations": {
                "kubewarden/mutation": metadata["mutating"].to_string(),
                "kubewarden/contextAwareResources": metadata["contextAwareResources"],
                "kubewarden/resources": annotation(&metadata, "io.artifacthub.resources"),
                "kubewarden/rules": metadata["rules"],
                "kubewarden/questions-ui": text("questions-ui.yml")
            }
        }),
        "artifacthub-pkg.yml follows metadata.yml and questions-ui.yml; the form goes into it with \
         `sed 's/^./    &/' questions-ui.yml`"
    );
}

#[test]
fn the_artifact_hub_package_has_a_date_that_artifact_hub_takes() {
    let package = parse_one(&text("artifacthub-pkg.yml"));
    let shape: String = package["createdAt"]
        .as_str()
        .expect("createdAt is a string")
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z");
}

#[test]
fn the_repository_is_claimed_by_the_author_of_the_policy() {
    let author = annotation(&metadata(), "io.kubewarden.policy.author");
    let address = author.split(['<', '>']).nth(1).expect("an address in <>");
    assert_eq!(
        parse_one(&text("artifacthub-repo.yml")),
        json!({ "owners": [{ "name": "datakit-policy", "email": address }] })
    );
}

/// What stands after each mention of the published policy, up to the next character that no tag has.
fn tags_of(oci_url: &str, text: &str) -> Vec<String> {
    text.match_indices(oci_url)
        .map(|(at, _)| {
            text[at + oci_url.len()..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || ":@._-".contains(*c))
                .collect()
        })
        .collect()
}

#[test]
fn every_mention_of_the_published_policy_has_this_version() {
    let oci_url = annotation(&metadata(), "io.kubewarden.policy.ociUrl");
    let mut names = files("deploy");
    names.extend(files("docs"));
    names.extend(["artifacthub-pkg.yml", "README.md"].map(str::to_owned));
    names.retain(|name| !name.ends_with(".png"));
    let mut mentions = 0;
    for name in names {
        for tag in tags_of(&oci_url, &text(&name)) {
            assert_eq!(tag, format!(":v{VERSION}"), "in {name}");
            mentions += 1;
        }
    }
    // Three policies, the image and two commands of the package, and whatever the guide says.
    assert!(mentions >= 6, "only {mentions} mentions of {oci_url}");
}

#[test]
fn a_mention_with_another_version_or_none_is_seen() {
    assert_eq!(
        tags_of(
            "x.io/p",
            "kwctl pull x.io/p:v0.1.0\n`x.io/p` and x.io/p:latest."
        ),
        [":v0.1.0", "", ":latest."]
    );
}

/// What stands before the version of a release in commands and manifests.
const BEFORE_VERSIONS: [&str; 11] = [
    "--version ",
    "actions/datakit-policy@v",
    "rev: v",
    "?ref=v",
    "charts/datakit-operator-policy:",
    "datakit-operator-policy/tree/v",
    "datakit-operator-policy/v",
    "refs/tags/v",
    "targetRevision: ",
    "    tag: ",
    "version    = \"",
];

/// The versions that a text names behind `before`.
fn versions<'t>(before: &str, text: &'t str) -> Vec<&'t str> {
    text.match_indices(before)
        .map(|(at, _)| {
            let rest = &text[at + before.len()..];
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
            rest[..end.unwrap_or(rest.len())].trim_end_matches('.')
        })
        .filter(|version| version.split('.').count() == 3)
        .collect()
}

#[test]
fn every_command_and_manifest_of_the_documentation_has_this_version() {
    let mut names = files("deploy");
    names.extend(files("docs"));
    names.extend(
        [
            "artifacthub-pkg.yml",
            "README.md",
            "charts/datakit-operator-policy/README.md",
        ]
        .map(str::to_owned),
    );
    names.retain(|name| !name.ends_with(".png"));
    for before in BEFORE_VERSIONS {
        let mut mentions = 0;
        for name in &names {
            for version in versions(before, &text(name)) {
                assert_eq!(version, VERSION, "{name}: behind `{before}`");
                mentions += 1;
            }
        }
        assert!(mentions > 0, "nothing stands behind `{before}`");
    }
    assert_eq!(
        versions(
            "--version ",
            "helm --version 1.2.3 x\nhelm --version 4.5.6."
        ),
        ["1.2.3", "4.5.6"]
    );
}
