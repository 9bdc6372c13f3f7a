//! `run`: stands in for `kwctl run`.

use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use datakit_policy_host::cluster::{Cluster, Nothing, Recording};
use datakit_policy_host::policy::SettingsAnswer;
use datakit_policy_host::request::AdmissionRequest;
use datakit_policy_host::response::respond;
use datakit_policy_host::settings;
use serde_json::Value;

use crate::{Failure, aside, input, logs};

/// Ask the policy about one admission request, as `kwctl run` does
///
/// Prints one line of JSON, the admission response, whether the request is allowed or refused. Logs go to standard
/// error.
#[derive(clap::Args)]
pub struct Args {
    /// The policy: a WebAssembly module (a path or file://…), or a YAML file of ClusterAdmissionPolicy and
    /// AdmissionPolicy resources, which bring their own settings
    #[arg(value_name = "POLICY")]
    policy_or_resource: String,

    /// The request: a JSON file with an AdmissionReview or an AdmissionRequest; - is standard input
    #[arg(short, long, value_name = "FILE")]
    request_path: String,

    /// The settings: a YAML or JSON file
    #[arg(short, long, value_name = "FILE", conflicts_with = "settings_json")]
    settings_path: Option<PathBuf>,

    /// The settings: JSON
    #[arg(long, value_name = "JSON")]
    settings_json: Option<String>,

    /// The module to run in place of the one that a YAML file names; needed where that is in a registry
    #[arg(long, value_name = "FILE", env = input::policy_variable())]
    policy: Option<PathBuf>,

    /// Let the policy ask for objects of the cluster
    #[arg(long)]
    allow_context_aware: bool,

    /// What the policy is told about the cluster: a session that kwctl recorded. No cluster is asked
    #[arg(long, value_name = "FILE", requires = "allow_context_aware")]
    replay_host_capabilities_interactions: Option<PathBuf>,

    /// Print all that the policy logs, not only what matters
    #[arg(short, long)]
    verbose: bool,
}

/// A module and the settings to run it with.
struct Task {
    module: PathBuf,
    settings: Value,
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let tasks = tasks(args)?;
    let request = input::request(&args.request_path)?;
    if tasks.len() > 1 {
        aside::say(format_args!(
            "{}: {} policies; each runs with the same request",
            args.policy_or_resource,
            tasks.len()
        ));
    }
    for task in tasks {
        writeln!(stdout(), "{}", answer(&task, &request, args)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(task: &Task, request: &AdmissionRequest, args: &Args) -> Result<String, Failure> {
    let verbose = args.verbose;
    let instance = input::policy(Some(&task.module))?.instance_in(cluster(args)?)?;
    // A policy that fails here refuses the settings, as far as the hosts are concerned.
    let verdict = instance
        .validate_settings(&task.settings)
        .unwrap_or_else(|error| SettingsAnswer {
            valid: false,
            message: Some(error.to_string()),
        });
    if !verdict.valid {
        logs::print(&instance.take_logs(), verbose);
        let message = verdict.message.unwrap_or_default();
        return Err(format!("Provided settings are not valid: {message:?}").into());
    }
    let response = respond(&instance, request, &task.settings);
    logs::print(&instance.take_logs(), verbose);
    Ok(serde_json::to_string(&response)?)
}

/// What the policy may ask: nothing, unless a session was recorded.
fn cluster(args: &Args) -> Result<Arc<dyn Cluster>, Failure> {
    let Some(path) = &args.replay_host_capabilities_interactions else {
        return Ok(Arc::new(Nothing));
    };
    let session = String::from_utf8(input::bytes(path)?)?;
    match Recording::read(&session) {
        Ok(recording) => Ok(Arc::new(recording)),
        Err(error) => Err(format!("{}: {error}", path.display()).into()),
    }
}

fn tasks(args: &Args) -> Result<Vec<Task>, Failure> {
    let path = input::local_path(&args.policy_or_resource);
    let is_resource = path
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml");
    if is_resource {
        return resource_tasks(path, args);
    }
    let settings = match (&args.settings_path, &args.settings_json) {
        (Some(path), _) => settings::read_file(path)?,
        (None, Some(json)) => settings::read("--settings-json", json)?,
        (None, None) => settings::read("no settings", "")?,
    };
    Ok(vec![Task {
        module: path.to_owned(),
        settings,
    }])
}

fn resource_tasks(path: &Path, args: &Args) -> Result<Vec<Task>, Failure> {
    if args.settings_path.is_some() || args.settings_json.is_some() {
        let message =
            "the policy resource contains the settings; omit --settings-path and --settings-json";
        return Err(format!("{}: {message}", path.display()).into());
    }
    let resources = settings::read_policy_resources(path)?;
    let tasks = resources.into_iter().map(|resource| {
        let module = match &args.policy {
            Some(module) => module.clone(),
            None => local_module(&resource)?,
        };
        Ok(Task {
            module,
            settings: resource.settings,
        })
    });
    tasks.collect()
}

fn local_module(resource: &settings::PolicyResource) -> Result<PathBuf, Failure> {
    let module = &resource.module;
    if module.contains("://") && !module.starts_with("file://") {
        return Err(format!(
            "{}: the module {module} is not on this machine; name a local one with --policy FILE or DATAKIT_POLICY",
            resource.source
        )
        .into());
    }
    Ok(input::local_path(module).to_owned())
}
