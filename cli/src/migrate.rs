//! `migrate`: the operator's configuration as a policy.

mod checklist;
mod differences;
mod operator;
mod resource;

use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use datakit_operator_policy::selector::is_dns_subdomain;
use datakit_policy_host::settings::Form;
use datakit_policy_host::yaml::with_comments;

use crate::aside::say;
use crate::input::PolicyArgs;
use crate::settings::SettingsFile;
use crate::{Failure, input};
use operator::Operator;

/// Make a policy of the Datakit Operator's configuration
///
/// Writes a ClusterAdmissionPolicy with the operator's settings, ready to be looked through and applied. Comments say
/// where the policy does otherwise than the operator. What to do next, in which order, is on standard error.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    policy: PolicyArgs,

    /// What the operator was installed with: its release file, its ConfigMap, the values of its Helm chart, or
    /// its JSON alone; - is standard input
    #[arg(value_name = "FILE")]
    file: String,

    /// Where to write the policy; standard output without it, or with -
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// What to inject into; without it what the operator's webhook is asked about, where the file has it, else workloads
    #[arg(long, value_enum, value_name = "LEVEL")]
    on: Option<Level>,

    /// The name of the policy [default: datakit-operator-workloads or datakit-operator-pods]
    #[arg(long, value_parser = object_name)]
    name: Option<String>,

    /// The address of the policy's module [default: the published one]
    #[arg(long, value_name = "ADDRESS")]
    module: Option<String>,
}

/// What a policy injects into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// The pod templates of Deployments, DaemonSets, StatefulSets, Jobs and CronJobs
    Workloads,
    /// Pods
    Pods,
}

fn object_name(text: &str) -> Result<String, String> {
    if is_dns_subdomain(text) {
        return Ok(text.to_owned());
    }
    Err("a name has lower-case letters, digits, `-` and `.`".to_owned())
}

/// Whether two paths lead to one file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let output = args.output.as_deref();
    let output = output.filter(|path| *path != Path::new(input::STDIN));
    if output.is_some_and(|path| is_same_file(path, Path::new(&args.file))) {
        return Err(format!("{}: is the file to read, take another to write", args.file).into());
    }
    let policy = args.policy.compile()?;
    let file = SettingsFile::read(&args.file)?;
    if let Form::Policy(name) = &file.found.form {
        return Err(format!("{}: {name} is a policy already", file.found.source).into());
    }
    let problems = file.problems(&policy)?;
    for problem in &problems {
        let message = format!("error: {}", problem.message);
        say(file.at(problem.at, &message));
    }
    if !problems.is_empty() {
        say(format_args!(
            "{}: the policy does not take these settings; nothing was written",
            file.name
        ));
        return Ok(ExitCode::FAILURE);
    }

    let operator = Operator::read(&file)?;
    let settings = file.structured()?;
    let level = args.on.unwrap_or_else(|| operator.level());
    let mut resource = resource::Resource::new(level, &operator, &settings)?;
    if let Some(name) = &args.name {
        resource.set_name(name);
    }
    if let Some(module) = &args.module {
        resource.set_module(module);
    }
    resource.describe(&file);
    differences::describe(&settings, &mut resource.comments);
    let text = with_comments(&resource.object, &resource.comments);
    match output {
        Some(path) => input::write(path, text.as_bytes())?,
        None => write!(stdout(), "{text}")?,
    }
    let list = checklist::write(&file, &operator, &resource, output, &settings);
    say(list);
    Ok(ExitCode::SUCCESS)
}
