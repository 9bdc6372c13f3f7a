//! The documentation: kubectl and helm take its commands, and the chart its values.

use std::sync::Arc;

use datakit_policy_cluster::api_server::root;
use datakit_policy_cluster::cluster::Cluster;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::chart::{CHART, Helm};

#[path = "../docs/commands.rs"]
mod commands;

type Test = fn(&Cluster) -> Result<(), Failed>;

pub fn trials(cluster: Option<&Arc<Cluster>>) -> Vec<Trial> {
    let tests: [(&str, Test); 2] = [
        (
            "kubectl and helm take the commands of the documentation",
            take_commands,
        ),
        ("helm takes the values of the documentation", take_values),
    ];
    tests
        .into_iter()
        .map(|(name, test)| {
            let cluster = cluster.cloned();
            Trial::test(name, move || {
                test(cluster.ok_or("there is no cluster")?.as_ref())
            })
        })
        .collect()
}

/// Everything before `--help` is read first, so that a wrong option is an error.
fn take_commands(cluster: &Cluster) -> Result<(), Failed> {
    let mut problems = Vec::new();
    let mut checked = 0;
    for command in commands::all(root()) {
        let mut arguments: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
        arguments.push("--help");
        let refused = match command.program.as_str() {
            "kubectl" => {
                let output = cluster.kubectl.run("default", &arguments, "");
                (!output.succeeded).then_some(output.complained)
            }
            "helm" => Helm(cluster)
                .run(&arguments)
                .err()
                .map(|why| why.message().unwrap_or_default().to_owned()),
            _ => continue,
        };
        checked += 1;
        if let Some(why) = refused {
            problems.push(format!("{command:?}: {why}"));
        }
    }
    if problems.is_empty() && checked > 40 {
        Ok(())
    } else {
        Err(format!("{checked} commands\n{}", problems.join("\n")).into())
    }
}

/// The blocks of YAML in the documentation that are values of the chart, told by their first key.
fn take_values(cluster: &Cluster) -> Result<(), Failed> {
    let schema = std::fs::read(root().join(CHART).join("values.schema.json"))?;
    let schema: Value = serde_json::from_slice(&schema)?;
    let mut problems = Vec::new();
    let mut checked = 0;
    for (page, text) in commands::pages(root()) {
        for block in text.split("```yaml\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            let mut lines = block.lines().filter(|line| !line.starts_with('#'));
            let Some(key) = lines.next().and_then(|line| Some(line.split_once(':')?.0)) else {
                continue;
            };
            // `settings` of a policy is in the reference of the settings, too: those have `jsonconfig`.
            if schema["properties"][key]["type"].is_null() && key != "matchConditions"
                || block.contains("jsonconfig")
            {
                continue;
            }
            checked += 1;
            let folder = tempfile::tempdir()?;
            let file = folder.path().join("values.yaml");
            std::fs::write(&file, block)?;
            let arguments = [
                "template",
                "docs",
                CHART,
                "--values",
                file.to_str().unwrap(),
            ];
            if let Err(why) = Helm(cluster).run(&arguments) {
                problems.push(format!(
                    "{page}: {block}\n{}",
                    why.message().unwrap_or_default()
                ));
            }
        }
    }
    if problems.is_empty() && checked > 6 {
        Ok(())
    } else {
        Err(format!("{checked} blocks\n{}", problems.join("\n")).into())
    }
}
