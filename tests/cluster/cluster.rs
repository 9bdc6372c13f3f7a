//! Sequences, vectors and random walks on a real API server. `make test-cluster` runs it.

mod sequences;

use std::process::ExitCode;
use std::sync::Arc;

use datakit_policy_cluster::cluster::Cluster;
use datakit_policy_cluster::runner;
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if arguments.list {
        return libtest_mimic::run(&arguments, trials(None)).exit_code();
    }
    let cluster = Arc::new(Cluster::start());
    let conclusion = libtest_mimic::run(&arguments, trials(Some(&cluster)));
    conclusion.exit_code()
}

fn trials(cluster: Option<&Arc<Cluster>>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for sequence in sequences::all() {
        let sequence = Arc::new(sequence);
        for kind in sequence.kinds {
            for style in sequence.styles {
                let name = format!("{}, {}: {}", kind.as_str(), style.as_str(), sequence.name);
                let (sequence, cluster) = (sequence.clone(), cluster.cloned());
                trials.push(Trial::test(name, move || {
                    let cluster = cluster.ok_or("there is no cluster")?;
                    runner::run(&cluster, &sequence, *kind, *style)?;
                    Ok(())
                }));
            }
        }
    }
    trials
}
