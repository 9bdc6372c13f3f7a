//! `migrate`: the operator's configuration as a policy.

mod checklist;
mod differences;
mod loggings;
mod operator;
mod resource;
mod variables;
mod version;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use datakit_operator_policy::selector::is_dns_subdomain;
use datakit_policy_host::settings::Form;
use datakit_policy_host::yaml::with_comments;

use crate::aside::say;
use crate::input::PolicyArgs;
use crate::screen::stdout;
use crate::{Failure, input};
use operator::Operator;
use version::Version;

/// Where the settings are in the policy.
const SETTINGS: &str = "/spec/settings";

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
    #[arg(value_name = "FILE", required_unless_present = "filename")]
    file: Option<String>,

    /// The same, as kubectl has it
    #[arg(short = 'f', long, value_name = "FILE", conflicts_with = "file")]
    filename: Option<String>,

    /// Where to write the policy; standard output without it, or with -
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// What to inject into; without it what the operator's webhook is asked about, where the file has it, else pods
    #[arg(long, value_enum, value_name = "LEVEL")]
    on: Option<Level>,

    /// The operator's version, such as 1.5.11 or 1.8; without it that of its image, where the file has it
    #[arg(long, value_name = "VERSION")]
    operator: Option<Version>,

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
    Err("a name consists of lower-case letters, digits, `-` and `.`".to_owned())
}

/// Whether two paths lead to one file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let path = args.file.as_ref().or(args.filename.as_ref());
    let path = path.map_or(input::STDIN, String::as_str);
    let output = args.output.as_deref();
    let output = output.filter(|path| *path != Path::new(input::STDIN));
    if output.is_some_and(|output| is_same_file(output, Path::new(path))) {
        return Err(format!("{path}: is the input file; choose another output file").into());
    }
    let policy = args.policy.compile()?;
    let file = input::settings(path)?;
    if let Form::Policy(name) = &file.found.form {
        return Err(format!("{}: {name} is already a policy", file.found.source).into());
    }
    let problems = file.problems(&policy)?;
    for problem in &problems {
        let message = format!("error: {}", problem.message());
        say(file.at(problem.at, &message));
    }
    if !problems.is_empty() {
        say(format_args!(
            "{}: the policy does not accept these settings; nothing was written",
            file.name
        ));
        return Ok(ExitCode::FAILURE);
    }

    let mut operator = Operator::read(&file)?;
    operator.version = args.operator.or(operator.version);
    let mut settings = file.structured()?;
    let config = match &file.found.form {
        Form::ConfigMap(name) => Some(name.name.as_str()),
        _ => None,
    };
    let variables = variables::apply(&operator, config, &mut settings);
    loggings::decide(&operator, &mut settings)
        .map_err(|problem| format!("{}: {problem}", file.name))?;
    let verdict = policy.instance()?.validate_settings(&settings)?;
    if let Some(problem) = verdict.message {
        let from = "with the values from the operator's Deployment the policy does not accept the settings";
        return Err(format!("{}: {from}: {problem}", file.name).into());
    }
    let level = args.on.unwrap_or_else(|| operator.level());
    let mut resource = resource::Resource::new(level, &operator, &settings)?;
    if let Some(name) = &args.name {
        resource.set_name(name);
    }
    if let Some(module) = &args.module {
        resource.set_module(module);
    }
    resource.describe(&file);
    differences::describe(&settings, operator.version, &mut resource.comments);
    for (pointer, name) in &variables.taken {
        let pointer = format!("{SETTINGS}{pointer}");
        let comment = variables::comment(name, operator.version);
        resource.comments.add(&pointer, comment);
    }
    let text = with_comments(&resource.object, &resource.comments);
    match output {
        Some(path) => input::write(path, text.as_bytes())?,
        None => write!(stdout(), "{text}")?,
    }
    let found = checklist::Found {
        file: &file,
        operator: &operator,
        settings: &settings,
        not_read: &variables.not_read,
    };
    let list = checklist::write(&found, &resource, output);
    say(list);
    Ok(ExitCode::SUCCESS)
}
