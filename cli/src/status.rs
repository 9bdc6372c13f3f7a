//! `status`: what the workloads of a cluster have of the policy, and what they would have today.

mod cluster;
mod decide;
mod restart;
mod show;

use std::io::Write as _;
use std::process::ExitCode;

use clap::ValueEnum;
use datakit_policy_host::manifest::{Document, Source};
use datakit_policy_reach::Namespaces;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde_json::{Value, json};

use self::cluster::{Cluster, Connection, Kind, ListError, NAMESPACES, POLICIES, WORKLOADS};
use self::decide::{Row, State, decide};
use crate::Failure;
use crate::aside::say;
use crate::input::{self, PolicyArgs};
use crate::policies::Policies;
use crate::screen::{ColorArgs, stdout};
use crate::session::{Operation, Session};
use crate::settings::SettingsFile;

/// Show which workloads of a cluster are injected, which are not, and why
///
/// Reads the cluster that the kubeconfig names, and changes nothing. It needs the rights to get and list workloads, and
/// to list Namespaces and Kubewarden's policies. Each workload is compared with what the policy would inject today, by the
/// settings of the policies in the cluster, or by those of --settings.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  datakit-policy status -n shop
  datakit-policy status -A --state outdated,missing,incomplete
  datakit-policy status -A -o json
  datakit-policy status -n shop --settings new-settings.json
  datakit-policy status -A --restart-commands > restart.sh

States:
  injected    as the settings want it
  outdated    injected, and today's settings would inject something else
  incomplete  a part of the injection was removed
  missing     not injected, and today's settings would inject
  none        nothing is injected, and nothing would be; the reason says why
  not-asked   the API server does not ask the policy
  refused     the workload would be refused

Exit codes:
  0  done
  1  an error: no connection, no policy, settings that are refused, a kind that cannot be listed
  2  wrong usage
with --exit-code:
  0  every workload is as the settings want it
  1  a workload is outdated, incomplete, missing or refused
  2  wrong usage
  3  an error")]
pub struct Args {
    #[command(flatten)]
    connection: Connection,

    /// Look at all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,

    /// Look at this namespace; without it, at that of the kubeconfig's context
    #[arg(short, long, value_name = "NAMESPACE", value_parser = input::namespace)]
    namespace: Option<String>,

    /// Look at workloads with these labels, as kubectl takes them (app=web,tier in (a,b))
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,

    /// Settings in place of those in the cluster, in the files that preview takes too
    #[arg(short, long, value_name = "FILE")]
    settings: Vec<String>,

    /// The policies in the cluster to go by, by name; without it, all that run this policy's module
    #[arg(long, value_name = "NAME", conflicts_with = "settings")]
    policy_name: Vec<String>,

    /// Show workloads in these states alone
    #[arg(long, value_enum, value_name = "STATE", value_delimiter = ',')]
    state: Vec<State>,

    /// What to print
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    output: Format,

    /// Print the commands that bring today's settings, and nothing else
    #[arg(long, conflicts_with = "output")]
    restart_commands: bool,

    /// Exit with 1 if a workload is not as the settings want it, and with 3 if there is an error
    #[arg(long)]
    exit_code: bool,

    #[command(flatten)]
    color: ColorArgs,

    #[command(flatten)]
    policy: PolicyArgs,
}

/// What is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each workload
    Table,
    /// The same with the rules of the settings, and all warnings
    Wide,
    /// An object in JSON, with a version of its form
    Json,
}

/// The exit code of an error where 1 says that a workload is not as it should be.
const ERROR_BESIDE_STATES: u8 = 3;

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    match show(args) {
        Ok(seen) => Ok(ExitCode::from(exit_code(&seen, args.exit_code))),
        Err(failure) if args.exit_code && !crate::is_closed_pipe(&failure) => {
            say(format_args!("Error: {failure}"));
            Ok(ExitCode::from(ERROR_BESIDE_STATES))
        }
        Err(failure) => Err(failure),
    }
}

fn exit_code(seen: &Seen, tells_states: bool) -> u8 {
    match (seen.has_errors, tells_states) {
        (true, true) => ERROR_BESIDE_STATES,
        (true, false) => 1,
        (false, true) => u8::from(seen.rows.iter().any(|row| row.state.is_wanting())),
        (false, false) => 0,
    }
}

/// The workloads of a cluster.
struct Seen {
    /// By namespace, kind and name.
    rows: Vec<Row>,
    has_errors: bool,
}

fn show(args: &Args) -> Result<Seen, Failure> {
    let cluster = Cluster::connect(&args.connection)?;
    let asked = open(args, &cluster)?;
    let scope = (!args.all_namespaces).then(|| {
        let own = || cluster.namespace().to_owned();
        args.namespace.clone().unwrap_or_else(own)
    });
    let mut seen = look(&cluster, &asked, scope.as_deref(), args.selector.as_deref())?;
    if !args.state.is_empty() {
        seen.rows.retain(|row| args.state.contains(&row.state));
    }
    let mut out = stdout();
    if args.restart_commands {
        restart::write(&seen.rows, &mut out)?;
    } else {
        match args.output {
            Format::Json => writeln!(out, "{:#}", show::json(&seen.rows))?,
            format => {
                let is_wide = format == Format::Wide;
                let table = show::table(&seen.rows, is_wide, args.color.paint());
                write!(out, "{table}")?;
            }
        }
    }
    Ok(seen)
}

/// Who is asked about workloads.
struct Asked {
    session: Session,
    /// Whether it is known which kinds the policy is asked about, so that one on pods can be told from one on workloads.
    has_rules: bool,
}

/// The policies to ask: those of --settings, or those in the cluster.
fn open(args: &Args, cluster: &Cluster) -> Result<Asked, Failure> {
    let module = args.policy.compile()?;
    let files = if args.settings.is_empty() {
        policies_in(cluster, &args.policy_name)?
    } else {
        input::all_settings(&args.settings, true)?
    };
    let has_rules = files.iter().all(SettingsFile::is_policy);
    let mut policies = Policies::of_files(module, &files, "default")?;
    policies.know(namespaces(cluster)?);
    Ok(Asked {
        session: Session::new(policies, "default", Operation::Create),
        has_rules,
    })
}

/// The policies in the cluster that run this policy's module, or have these names.
fn policies_in(cluster: &Cluster, names: &[String]) -> Result<Vec<SettingsFile>, Failure> {
    let mut found = Vec::new();
    for kind in &POLICIES {
        let listed = cluster.list(kind, None, None, |objects| {
            found.extend(objects.into_iter().filter(|policy| is_ours(policy, names)));
            Ok(())
        });
        match listed {
            Ok(()) | Err(ListError::Unknown) => {}
            Err(error) => {
                let way_out = "give the settings with --settings FILE";
                return Err(format!("{}: {error}; {way_out}", kind.plural).into());
            }
        }
    }
    if found.is_empty() {
        let wanted = if names.is_empty() {
            format!("no policy that runs {MODULE}")
        } else {
            format!("no policy named {}", names.join(" or "))
        };
        return Err(
            format!("the cluster has {wanted}; give the settings with --settings FILE").into(),
        );
    }
    let mut files = Vec::new();
    for policy in &found {
        if let Some(status) = policy
            .pointer("/status/policyStatus")
            .and_then(Value::as_str)
            && status != "active"
        {
            say(format_args!(
                "note: {} is {status}, not active",
                title(policy)
            ));
        }
        files.extend(SettingsFile::all(&title(policy), &policy.to_string())?);
    }
    Ok(files)
}

/// The name of the module in a registry.
const MODULE: &str = "datakit-operator-policy";

fn is_ours(policy: &Value, names: &[String]) -> bool {
    if !names.is_empty() {
        let name = text(policy, "/metadata/name");
        return names.iter().any(|wanted| wanted == name);
    }
    let module = text(policy, "/spec/module");
    let last = module.rsplit('/').next().unwrap_or_default();
    last.split([':', '@']).next() == Some(MODULE)
}

fn title(object: &Value) -> String {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    match text(object, "/metadata/namespace") {
        "" => format!("{kind} {name}"),
        namespace => format!("{kind} {namespace}/{name}"),
    }
}

fn text<'o>(object: &'o Value, pointer: &str) -> &'o str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The labels of all namespaces, or none where they cannot be listed.
fn namespaces(cluster: &Cluster) -> Result<Namespaces, Failure> {
    let mut namespaces = Namespaces::default();
    let listed = cluster.list(&NAMESPACES, None, None, |objects| {
        for namespace in &objects {
            namespaces.insert_object(namespace);
        }
        Ok(())
    });
    match listed {
        Ok(()) => {}
        Err(error @ ListError::Forbidden(_)) => {
            say(format_args!(
                "note: {}: {error}; their labels are not known",
                NAMESPACES.plural
            ));
        }
        Err(error) => return Err(error.to_string().into()),
    }
    Ok(namespaces)
}

/// Looks at all workloads. A kind that cannot be listed is an error of its own, and the others go on.
fn look(
    cluster: &Cluster,
    asked: &Asked,
    scope: Option<&str>,
    selector: Option<&str>,
) -> Result<Seen, Failure> {
    let (mut rows, mut has_errors) = (Vec::new(), false);
    for (place, kind) in WORKLOADS.iter().enumerate() {
        let listed = cluster.list(kind, scope, selector, |objects| {
            let page: Vec<Option<Row>> = objects
                .into_par_iter()
                .map(|object| row(asked, kind, object))
                .collect::<Result<_, Failure>>()?;
            rows.extend(page.into_iter().flatten().map(|row| (place, row)));
            Ok(())
        });
        match listed {
            Ok(()) | Err(ListError::Unknown) => {}
            Err(ListError::Other(failure)) => return Err(failure),
            Err(error) => {
                say(format_args!("Error: {}: {error}", kind.plural));
                has_errors = true;
            }
        }
    }
    rows.sort_by(|(one, a), (other, b)| {
        (&a.namespace, one, &a.name).cmp(&(&b.namespace, other, &b.name))
    });
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    Ok(Seen { rows, has_errors })
}

/// What there is to say about an object, if it is one that somebody applied.
fn row(asked: &Asked, kind: &Kind, object: Value) -> Result<Option<Row>, Failure> {
    let is_owned = is_controlled(&object);
    let may_be_of_pods = kind.kind == "Pod" && asked.has_rules;
    if is_owned && !may_be_of_pods {
        return Ok(None);
    }
    let source = Source {
        file: "the cluster".to_owned(),
        document: 1,
        line: 1,
        column: None,
        items: Vec::new(),
    };
    let answer = asked.session.ask(Document { source, object })?;
    let row = decide(answer);
    // What a controller made is told of with its workload, unless a policy on pods injects it.
    let is_told = is_owned && !row.is_of_pods();
    Ok((!is_told).then_some(row))
}

fn is_controlled(object: &Value) -> bool {
    let owners = object.pointer("/metadata/ownerReferences");
    let owners = owners.and_then(Value::as_array);
    owners.is_some_and(|owners| {
        owners
            .iter()
            .any(|owner| owner["controller"] == json!(true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_ours_by_the_name_of_its_module() {
        let policy = |module: &str| json!({"metadata": {"name": "a"}, "spec": {"module": module}});
        for (module, expected) in [
            (
                "registry://example.com/policies/datakit-operator-policy:v0.1.0",
                true,
            ),
            ("example.com:5000/datakit-operator-policy@sha256:00", true),
            ("file:///tmp/datakit-operator-policy", true),
            (
                "registry://example.com/datakit-operator-policy/other:v1",
                false,
            ),
            (
                "registry://example.com/my-datakit-operator-policy:v1",
                false,
            ),
            ("", false),
        ] {
            assert_eq!(is_ours(&policy(module), &[]), expected, "{module}");
        }
        let other = policy("registry://example.com/other:v1");
        assert!(is_ours(&other, &["b".to_owned(), "a".to_owned()]));
        assert!(!is_ours(
            &policy("a/datakit-operator-policy"),
            &["b".to_owned()]
        ));
    }
}
