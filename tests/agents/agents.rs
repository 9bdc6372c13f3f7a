//! Each agent that the policy injects, in each of its cases. `make test-agents` runs it.

mod cases;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use datakit_policy_agents::agent::Agent;
use datakit_policy_agents::collector::{Collector, Received, Span};
use datakit_policy_agents::kubelet;
use datakit_policy_agents::mounts::Mounts;
use datakit_policy_agents::pod;
use datakit_policy_agents::process::Application;
use datakit_policy_agents::runtimes::Runtimes;
use datakit_policy_agents::volume::Volumes;
use datakit_policy_host::policy::Policy;
use libtest_mimic::{Arguments, Trial};
use serde_json::json;
use tempfile::TempDir;

use crate::cases::Case;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let machine = match Machine::find() {
        Ok(machine) => Arc::new(machine),
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    arguments
        .test_threads
        .get_or_insert(machine.mounts.processes());
    let mut trials = vec![Trial::test("variables are expanded", expands)];
    for agent in Agent::ALL {
        for case in cases::all(agent, machine.folder.path()) {
            let machine = machine.clone();
            let name = format!("{}: {}", agent.image(), case.name);
            trials.push(Trial::test(name, move || Ok(machine.holds(agent, &case)?)));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    conclusion.exit_code()
}

/// What the tests share.
struct Machine {
    policy: Policy,
    runtimes: Runtimes,
    mounts: Mounts,
    volumes: Volumes,
    /// The applications' files.
    folder: TempDir,
}

/// What an application showed.
#[derive(Debug, PartialEq)]
struct Shown {
    ended_well: bool,
    /// What it said.
    lines: Vec<String>,
    /// One of its spans.
    span: Option<Span>,
}

impl Machine {
    fn find() -> Result<Self, String> {
        let images = std::env::var_os("AGENTS_IMAGES").map(PathBuf::from);
        let images =
            images.ok_or("AGENTS_IMAGES names no folder with agents; run `make test-agents`")?;
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        Ok(Self {
            policy: pod::policy()?,
            runtimes: Runtimes::find(folder.path())?,
            mounts: Mounts::find()?,
            volumes: Volumes::new(images),
            folder,
        })
    }

    /// Runs the application of a case, until the span that it should send is there.
    fn holds(&self, agent: Agent, case: &Case) -> Result<(), String> {
        let collector = Collector::start();
        let pod = pod::inject(&self.policy, agent, collector.port(), &case.env)?;
        let volume = self.volumes.of(agent, &pod, &self.mounts)?;
        let mut sources = pod::sources();
        sources.insert(cases::ELSEWHERE.to_owned(), case.elsewhere.clone());
        let mut variables = kubelet::environment(&pod.env, &sources)?;
        // An image's own.
        variables.push(("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()));

        let program = self.runtimes.application(agent.language);
        let program = self
            .mounts
            .prepare(&program, self.folder.path(), &variables, &[volume])?;
        let mut application = Application::start(program)?;
        let expected = span(agent, case);
        let mut received = Received::default();
        while !received.spans.contains(&expected) && application.goes_on() {
            received = collector.wait(Duration::from_millis(50));
            received
                .spans
                .iter_mut()
                .for_each(|span| reduce(agent, span));
        }
        let ended = application.end()?;
        let shown = Shown {
            ended_well: ended.succeeded,
            lines: said(&ended.output),
            span: received
                .spans
                .iter()
                .find(|span| **span == expected)
                .cloned(),
        };
        let wanted = Shown {
            ended_well: true,
            lines: vec![
                "answer: 204".to_owned(),
                format!("own option: {}", case.option),
            ],
            span: Some(expected),
        };
        if shown == wanted && received.problems.is_empty() {
            return Ok(());
        }
        Err(format!(
            "wanted {wanted:#?}\nshown {shown:#?}\nvariables {variables:#?}\nreceived {received:#?}\noutput\n{}",
            ended.output
        ))
    }
}

/// The span of a case.
fn span(agent: Agent, case: &Case) -> Span {
    let tags = case.tags.iter();
    Span {
        language: agent.language.name().to_owned(),
        service: case.service.to_owned(),
        tags: tags
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

/// Leaves the agent's own tags out.
fn reduce(agent: Agent, span: &mut Span) {
    span.tags.retain(|name, _| cases::is_asked_for(agent, name));
}

/// The application's own lines.
fn said(output: &str) -> Vec<String> {
    let own = ["answer: ", "own option: "];
    let lines = output.lines();
    let lines = lines.filter(|line| own.iter().any(|begin| line.starts_with(begin)));
    lines.map(str::to_owned).collect()
}

/// The expansion that all rests on, as Kubernetes documents it.
fn expands() -> Result<(), libtest_mimic::Failed> {
    let env = [
        json!({"name": "EARLY", "value": "$(A)"}),
        json!({"name": "A", "value": "1"}),
        json!({"name": "B", "value": "$(A)$(EARLY) $$(A) $$$(A) $A $(A $"}),
        json!({"name": "FIELD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
        json!({"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}),
        json!({"name": "C", "value": "$(FIELD) $(KEY) $(NOWHERE)"}),
        json!({"name": "A", "value": "$(A)2"}),
        json!({"name": "EMPTY"}),
    ];
    let mut sources = pod::sources();
    sources.insert("secretKeyRef s.k".to_owned(), "$(A)".to_owned());
    let variables: BTreeMap<_, _> = kubelet::environment(&env, &sources)?.into_iter().collect();
    let expected = [
        ("EARLY", "$(A)"),
        ("A", "12"),
        ("B", "1$(A) $(A) $1 $A $(A $"),
        ("FIELD", pod::POD_NAME),
        ("KEY", "$(A)"),
        ("C", &format!("{} $(A) $(NOWHERE)", pod::POD_NAME)),
        ("EMPTY", ""),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    match variables == BTreeMap::from(expected) {
        true => Ok(()),
        false => Err(format!("{variables:#?}").into()),
    }
}
