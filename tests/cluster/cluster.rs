//! Sequences, vectors, random walks and the Helm chart on a real API server. `make test-cluster` runs it.

mod admission;
mod chart;
mod conditions;
mod docs;
mod rollouts;
mod sequences;
mod standards;
mod walk;

use std::process::ExitCode;
use std::sync::Arc;

use datakit_policy_cluster::cluster::Cluster;
use datakit_policy_cluster::record::Recorder;
use datakit_policy_cluster::runner;
use libtest_mimic::{Arguments, Trial};

use crate::admission::Counts;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Most of the time a test waits for other programs.
    arguments.test_threads.get_or_insert(4);
    let cluster = (!arguments.list).then(|| Arc::new(Cluster::start()));
    let counts = Arc::new(Counts::default());
    let recorder = Arc::new(Recorder::from_environment());
    let mut trials = admission::trials(cluster.as_ref(), &counts);
    trials.extend(sequences(cluster.as_ref(), &recorder));
    trials.extend(rollouts::trials(cluster.as_ref()));
    trials.extend(standards::trials(cluster.as_ref()));
    trials.extend(chart::trials(cluster.as_ref()));
    trials.extend(conditions::trials(cluster.as_ref()));
    trials.extend(docs::trials(cluster.as_ref()));
    trials.extend(walk::trials(cluster.as_ref()));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return conclusion.exit_code();
    }
    println!("{}", counts.line());
    if let Some(recorder) = recorder.as_ref() {
        if arguments.filter.is_some() {
            println!("nothing is recorded: not all sequences ran");
            return ExitCode::FAILURE;
        }
        println!(
            "recorded, but for sequences that failed: {}",
            recorder.write().display()
        );
    }
    conclusion.exit_code()
}

/// Each sequence on each of its kinds, in each of its styles.
fn sequences(cluster: Option<&Arc<Cluster>>, recorder: &Arc<Option<Recorder>>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for sequence in sequences::all() {
        let sequence = Arc::new(sequence);
        for kind in sequence.kinds {
            for style in sequence.styles {
                let name = format!("{}, {}: {}", kind.as_str(), style.as_str(), sequence.name);
                let (sequence, cluster) = (sequence.clone(), cluster.cloned());
                let (recorder, recorded) = (recorder.clone(), name.clone());
                trials.push(Trial::test(name, move || {
                    let cluster = cluster.ok_or("there is no cluster")?;
                    let exchanges = runner::run(&cluster, &sequence, *kind, *style)?;
                    if let Some(recorder) = recorder.as_ref() {
                        recorder.add(&recorded, *kind, &exchanges)?;
                    }
                    Ok(())
                }));
            }
        }
    }
    trials
}
