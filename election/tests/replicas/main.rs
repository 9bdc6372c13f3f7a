//! Three replicas on a real API server, with the rights of `deploy/election` and no others. `make test-cluster` runs it.

mod collectors;
#[path = "../support/connection.rs"]
mod connection;
mod installation;
mod leaders;
mod logging;
mod place;

use std::process::ExitCode;
use std::sync::Arc;

use datakit_policy_cluster::api_server::ApiServer;
use datakit_policy_cluster::certificates::Certificates;
use libtest_mimic::{Arguments, Trial};

use crate::place::Place;

type Test = (&'static str, fn(&Place));

/// What is tried out, each in a namespace of its own.
const TESTS: [Test; 6] = [
    (
        "of_sixty_four_at_once_one_wins_again_and_again",
        leaders::of_sixty_four_at_once_one_wins_again_and_again,
    ),
    (
        "a_leader_goes_on_while_replicas_are_killed_in_a_loop",
        leaders::a_leader_goes_on_while_replicas_are_killed_in_a_loop,
    ),
    (
        "the_leader_that_the_operator_elected_stays_whatever_the_clocks_say",
        leaders::the_leader_that_the_operator_elected_stays_whatever_the_clocks_say,
    ),
    (
        "collectors_are_shared_over_replicas_and_stay_when_the_assigner_is_killed",
        collectors::collectors_are_shared_over_replicas_and_stay_when_the_assigner_is_killed,
    ),
    (
        "logfwd_is_answered_from_the_objects_of_the_cluster",
        logging::logfwd_is_answered_from_the_objects_of_the_cluster,
    ),
    (
        "the_api_server_takes_the_manifests_and_the_pod_is_restricted",
        installation::the_api_server_takes_the_manifests_and_the_pod_is_restricted,
    ),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Most of the time a test waits.
    arguments.test_threads.get_or_insert(4);
    let namespace = |number: usize| format!("election-{number}");
    let users: Vec<String> = (0..TESTS.len())
        .map(|number| place::account(&namespace(number)))
        .collect();
    let server = (!arguments.list).then(|| {
        let certificates = Certificates::generate();
        Arc::new(ApiServer::start(&certificates, &users))
    });
    let trials = TESTS.iter().enumerate().map(|(number, (name, test))| {
        let server = server.clone();
        Trial::test(*name, move || {
            let server = server.ok_or("there is no API server")?;
            test(&Place::new(server, namespace(number)));
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
