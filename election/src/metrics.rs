//! What is counted, under the operator's names. No token, namespace or id is in a label.

use std::time::Duration;

use prometheus::{Encoder, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

/// The Content-Type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a request or a call to the store was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Campaign,
    Heartbeat,
    /// The watch over all Leases.
    Informer,
    /// The assignment of collectors.
    Tasks,
}

impl Operation {
    const ALL: [Self; 4] = [Self::Campaign, Self::Heartbeat, Self::Informer, Self::Tasks];

    /// Its value in the label `operation`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Campaign => "campaign",
            Self::Heartbeat => "heartbeat",
            Self::Informer => "informer",
            Self::Tasks => "tasks",
        }
    }
}

/// How a request ended: the label `result`.
const RESULTS: [&str; 3] = ["success", "defeat", "error"];
/// Why a Lease has a new holder: the label `reason`.
const REASONS: [&str; 2] = ["first_acquire", "lease_expired"];

/// The counters of a process.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    transitions: IntCounterVec,
    storage_errors: IntCounterVec,
    conflicts: IntCounterVec,
    scopes: IntGauge,
    remaining: IntGauge,
    age: IntGauge,
    members: IntGauge,
    moves: IntCounterVec,
}

/// The Leases of the elections at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// How many have a leader.
    pub active: usize,
    /// What is left of the one that expires first.
    pub remaining: Duration,
    /// How long the oldest leader has led.
    pub age: Duration,
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let metrics = Self {
            requests: counters(
                "requests_total",
                "Election HTTP requests by operation and result.",
                &["operation", "result"],
            ),
            transitions: counters(
                "transitions_total",
                "Changes of leaders by reason.",
                &["reason"],
            ),
            storage_errors: counters(
                "storage_errors_total",
                "Failed calls to the store by operation.",
                &["operation"],
            ),
            conflicts: counters(
                "cas_conflicts_total",
                "Writes that someone else was ahead of, by operation.",
                &["operation"],
            ),
            scopes: gauge("active_scopes", "Elections that have a leader."),
            remaining: gauge(
                "lease_remaining_seconds",
                "What is left of the Lease that expires first.",
            ),
            age: gauge("lease_age_seconds", "How long the oldest leader has led."),
            members: gauge(
                "task_members",
                "Datakits that have asked this replica for collectors and are not silent.",
            ),
            moves: counters(
                "task_assignments_total",
                "Collectors that this replica has assigned, by reason.",
                &["reason"],
            ),
            registry,
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    /// A request was answered.
    pub fn request(&self, operation: Operation, result: &str) {
        self.requests
            .with_label_values(&[operation.as_str(), result])
            .inc();
    }

    /// An election has a new leader, of nobody or of one whose Lease has expired.
    pub fn transition(&self, first: bool) {
        let [first_acquire, lease_expired] = REASONS;
        let reason = if first { first_acquire } else { lease_expired };
        self.transitions.with_label_values(&[reason]).inc();
    }

    /// A call to the store failed.
    pub fn storage_error(&self, operation: Operation) {
        self.storage_errors
            .with_label_values(&[operation.as_str()])
            .inc();
    }

    /// A write came too late.
    pub fn conflict(&self, operation: Operation) {
        self.conflicts
            .with_label_values(&[operation.as_str()])
            .inc();
    }

    /// Collectors were assigned: `new` ones that nobody had, those of an owner that is `gone`, and
    /// those that `moved` away from an owner that is there.
    pub fn assigned(&self, new: usize, gone: usize, moved: usize) {
        for (reason, count) in [("new", new), ("gone", gone), ("balance", moved)] {
            self.moves
                .with_label_values(&[reason])
                .inc_by(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }

    /// How many collectors have moved away from an owner that is there.
    #[must_use]
    pub fn moves_for_balance(&self) -> u64 {
        self.moves.with_label_values(&["balance"]).get()
    }

    /// How many Datakits this replica has heard of lately.
    pub fn members(&self, count: usize) {
        self.members.set(whole(count));
    }

    /// All of it in Prometheus's text format.
    #[must_use]
    pub fn render(&self, scopes: Scopes) -> Vec<u8> {
        self.scopes.set(whole(scopes.active));
        self.remaining.set(seconds(scopes.remaining));
        self.age.set(seconds(scopes.age));
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics cannot be written");
        }
        text
    }

    fn register(&self) {
        for operation in [Operation::Campaign, Operation::Heartbeat, Operation::Tasks] {
            for result in RESULTS {
                self.requests
                    .with_label_values(&[operation.as_str(), result]);
            }
            self.conflicts.with_label_values(&[operation.as_str()]);
        }
        for operation in Operation::ALL {
            self.storage_errors.with_label_values(&[operation.as_str()]);
        }
        for reason in REASONS {
            self.transitions.with_label_values(&[reason]);
        }
        self.assigned(0, 0, 0);
        let vectors = [
            &self.requests,
            &self.transitions,
            &self.storage_errors,
            &self.conflicts,
            &self.moves,
        ];
        let gauges = [&self.scopes, &self.remaining, &self.age, &self.members];
        let vectors = vectors
            .into_iter()
            .map(|metric| self.registry.register(Box::new(metric.clone())));
        let gauges = gauges
            .into_iter()
            .map(|metric| self.registry.register(Box::new(metric.clone())));
        for registered in vectors.chain(gauges) {
            registered.expect("the names are valid and differ");
        }
    }
}

fn options(name: &str, help: &str) -> Opts {
    Opts::new(name, help)
        .namespace("datakit_operator")
        .subsystem("election")
}

fn counters(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    IntCounterVec::new(options(name, help), labels).expect("the name is valid")
}

fn gauge(name: &str, help: &str) -> IntGauge {
    IntGauge::with_opts(options(name, help)).expect("the name is valid")
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
