//! The Lease protocol: Datakit 2.12 and later, as operator 1.9.1 and later serve it.
//!
//! One Datakit leads for each token and namespace, and runs all its election inputs. It campaigns
//! until it leads, and then renews its Lease every [`INTERVAL`]. Every success is a write that was
//! checked against the resourceVersion just read; a defeat of a campaign may come from the cache.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tracing::{error, info};

use crate::cache::{Cache, Seen};
use crate::metrics::{Metrics, Operation, Scopes};
use crate::store::{MANAGED_LABEL, Store, StoreError, holder, name, new_lease};
use crate::tasks;

/// How long a leader leads without a renewal.
pub const DURATION: Duration = Duration::from_secs(30);
/// How often Datakit asks.
pub const INTERVAL: Duration = Duration::from_secs(3);
/// How often a write is tried before the request fails.
const WRITES: usize = 5;
/// The beginning of every Lease's name, the operator's.
pub const PREFIX: &str = "datakit-election-";

/// What Datakit asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To lead, where nobody does.
    Campaign,
    /// To go on leading.
    Heartbeat,
}

impl From<Request> for Operation {
    fn from(request: Request) -> Self {
        match request {
            Request::Campaign => Self::Campaign,
            Request::Heartbeat => Self::Heartbeat,
        }
    }
}

/// What to do about a request, given the Lease as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Someone else leads, or nobody that may go on.
    Defeat,
    /// Nobody has led yet: create this Lease.
    Create(Lease),
    /// Replace the Lease by this one.
    Replace(Lease),
}

/// Decides about the request of `id`. `active` says whether the Lease has not expired, `now` is what
/// is written into it.
///
/// As in the operator, a leader that campaigns is defeated like anyone else: it has started anew
/// and waits until its former Lease has expired.
#[must_use]
pub fn decide(
    request: Request,
    name: &str,
    id: &str,
    lease: Option<&Lease>,
    active: bool,
    now: Timestamp,
) -> Decision {
    match (request, lease) {
        (Request::Campaign, None) => Decision::Create(acquired(new_lease(name), id, now)),
        (Request::Campaign, Some(lease)) if !active => {
            Decision::Replace(acquired(lease.clone(), id, now))
        }
        (Request::Heartbeat, Some(lease)) if active && holder(lease) == id => {
            Decision::Replace(renewed(lease.clone(), now))
        }
        _ => Decision::Defeat,
    }
}

/// The name of the Lease for a token and a namespace, as the operator makes it.
#[must_use]
pub fn scope_name(token: &str, namespace: &str) -> String {
    let mut hash = Sha256::new();
    for part in [token, namespace] {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        hash.update(length.to_be_bytes());
        hash.update(part);
    }
    let mut name = String::from(PREFIX);
    for byte in hash.finalize() {
        // Writing to a String does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// The Lease with a new holder. Used for the Leases of the [tasks](crate::tasks), too.
#[must_use]
pub(crate) fn acquired(mut lease: Lease, id: &str, now: Timestamp) -> Lease {
    let labels = lease.metadata.labels.get_or_insert_default();
    labels.insert(MANAGED_LABEL.to_owned(), "true".to_owned());
    let spec = lease.spec.get_or_insert_default();
    let epoch = spec.lease_transitions.unwrap_or_default();
    spec.holder_identity = Some(id.to_owned());
    spec.lease_duration_seconds = i32::try_from(DURATION.as_secs()).ok();
    spec.acquire_time = Some(MicroTime(now));
    spec.renew_time = Some(MicroTime(now));
    spec.lease_transitions = Some(epoch.saturating_add(1));
    lease
}

fn renewed(mut lease: Lease, now: Timestamp) -> Lease {
    lease.spec.get_or_insert_default().renew_time = Some(MicroTime(now));
    lease
}

/// The answer to a campaign or a heartbeat: the value of `content`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// `success`, `defeat` or `error`.
    pub status: &'static str,
    pub namespace: String,
    pub id: String,
    /// Who leads; empty when nobody does.
    pub incumbency_id: String,
    pub error_msg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'static str>,
    /// Seconds until the next request.
    pub interval: u64,
    /// Seconds that the leader may lead without a renewal.
    pub lease_duration: i32,
    /// How many leaders there have been.
    pub epoch: i32,
}

impl Answer {
    fn new(status: &'static str, namespace: &str, id: &str, lease: Option<&Lease>) -> Self {
        let spec = lease.and_then(|lease| lease.spec.as_ref());
        let duration = i32::try_from(DURATION.as_secs()).unwrap_or(i32::MAX);
        Self {
            status,
            namespace: namespace.to_owned(),
            id: id.to_owned(),
            incumbency_id: String::new(),
            error_msg: "",
            error_code: None,
            interval: INTERVAL.as_secs(),
            lease_duration: spec
                .and_then(|spec| spec.lease_duration_seconds)
                .unwrap_or(duration),
            epoch: spec
                .and_then(|spec| spec.lease_transitions)
                .unwrap_or_default(),
        }
    }

    fn led_by(mut self, holder: &str) -> Self {
        holder.clone_into(&mut self.incumbency_id);
        self
    }

    /// The answer to a request that lacks a token or an id.
    #[must_use]
    pub fn incomplete(namespace: &str, id: &str) -> Self {
        Self {
            error_msg: "token and id cannot be empty",
            ..Self::new("error", namespace, id, None)
        }
    }

    /// The answer when it cannot be known who leads.
    #[must_use]
    pub fn unavailable(namespace: &str, id: &str, failure: Failure) -> Self {
        Self {
            error_msg: "DataKit election coordinator unavailable",
            error_code: Some(failure.code()),
            ..Self::new("error", namespace, id, None)
        }
    }
}

/// Why a request cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Forbidden,
    CacheNotReady,
    StorageUnavailable,
}

impl Failure {
    /// The operator's `error_code`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Forbidden => "rbac_forbidden",
            Self::CacheNotReady => "cache_not_ready",
            Self::StorageUnavailable => "storage_unavailable",
        }
    }
}

impl From<&StoreError> for Failure {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Forbidden(_) => Self::Forbidden,
            StoreError::Conflict | StoreError::Unavailable(_) => Self::StorageUnavailable,
        }
    }
}

/// Serves the Lease protocol from a store.
pub struct Coordinator<S> {
    store: Arc<S>,
    cache: Arc<Cache>,
    metrics: Arc<Metrics>,
}

impl<S: Store> Coordinator<S> {
    /// `cache` follows the same store.
    #[must_use]
    pub fn new(store: Arc<S>, cache: Arc<Cache>, metrics: Arc<Metrics>) -> Self {
        Self {
            store,
            cache,
            metrics,
        }
    }

    /// Whether elections can take place: the rights are there, and the cache is.
    ///
    /// # Errors
    /// What is missing.
    pub async fn check_ready(&self) -> Result<(), Failure> {
        if let Err(error) = self.store.check_access().await {
            return Err(self.failure(Operation::Informer, &error));
        }
        if !self.cache.is_ready() {
            return Err(Failure::CacheNotReady);
        }
        Ok(())
    }

    /// Answers a request of the Datakit `id`.
    ///
    /// # Errors
    /// Why nothing can be said about the leader. A write may have taken place all the same.
    pub async fn elect(
        &self,
        request: Request,
        token: &str,
        namespace: &str,
        id: &str,
    ) -> Result<Answer, Failure> {
        if !self.cache.is_ready() {
            return Err(Failure::CacheNotReady);
        }
        let name = scope_name(token, namespace);
        // A heartbeat is answered from the store even if the cache says that someone else leads:
        // with several replicas, the cache may not have the election of the one that asks yet.
        if request == Request::Campaign
            && let Some(seen) = self.cache.get(&name)
            && !seen.remaining().is_zero()
        {
            return Ok(defeat(namespace, id, Some(&seen)));
        }
        for _ in 0..WRITES {
            let seen = self.read(request, &name).await?;
            let lease = seen.as_ref().map(|seen| &*seen.lease);
            let active = seen
                .as_ref()
                .is_some_and(|seen| !seen.remaining().is_zero());
            let written = match decide(request, &name, id, lease, active, Timestamp::now()) {
                Decision::Defeat => return Ok(defeat(namespace, id, seen.as_ref())),
                Decision::Create(lease) => self.store.create(lease).await,
                Decision::Replace(lease) => self.store.replace(lease).await,
            };
            match written {
                Ok(lease) => {
                    let seen = self.cache.observe(lease);
                    self.note_success(request, lease_is_first(&seen.lease), &name);
                    return Ok(Answer::new("success", namespace, id, Some(&seen.lease)).led_by(id));
                }
                Err(StoreError::Conflict) => self.metrics.conflict(request.into()),
                Err(error) => return Err(self.failure(request.into(), &error)),
            }
        }
        // Someone else may have won the last of the writes, which is an answer, too.
        let seen = self.read(request, &name).await?;
        let lease = seen.as_ref().map(|seen| &*seen.lease);
        let active = seen
            .as_ref()
            .is_some_and(|seen| !seen.remaining().is_zero());
        if decide(request, &name, id, lease, active, Timestamp::now()) == Decision::Defeat {
            return Ok(defeat(namespace, id, seen.as_ref()));
        }
        Err(self.failure(request.into(), &StoreError::Conflict))
    }

    /// The elections as the cache knows them.
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        let now = Timestamp::now();
        let mut scopes = Scopes::default();
        for seen in self.cache.with_prefix(PREFIX) {
            let remaining = seen.remaining();
            if remaining.is_zero() || is_task_lease(&seen.lease) {
                continue;
            }
            let spec = seen.lease.spec.as_ref();
            let acquired = spec.and_then(|spec| spec.acquire_time.as_ref());
            let age = acquired
                .and_then(|time| Duration::try_from(now.duration_since(time.0)).ok())
                .unwrap_or_default();
            scopes.remaining = match scopes.active {
                0 => remaining,
                _ => scopes.remaining.min(remaining),
            };
            scopes.age = scopes.age.max(age);
            scopes.active += 1;
        }
        scopes
    }

    async fn read(&self, request: Request, name: &str) -> Result<Option<Seen>, Failure> {
        match self.store.get(name).await {
            Ok(lease) => Ok(lease.map(|lease| self.cache.observe(lease))),
            Err(error) => Err(self.failure(request.into(), &error)),
        }
    }

    fn note_success(&self, request: Request, first: bool, scope: &str) {
        if request == Request::Campaign {
            self.metrics.transition(first);
            info!(scope, first, "a leader was elected");
        }
    }

    fn failure(&self, operation: Operation, error: &StoreError) -> Failure {
        self.metrics.storage_error(operation);
        error!(operation = operation.as_str(), %error, "the Leases cannot be used");
        Failure::from(error)
    }
}

fn defeat(namespace: &str, id: &str, seen: Option<&Seen>) -> Answer {
    let answer = Answer::new("defeat", namespace, id, seen.map(|seen| &*seen.lease));
    match seen {
        Some(seen) if !seen.remaining().is_zero() => answer.led_by(holder(&seen.lease)),
        _ => answer,
    }
}

fn lease_is_first(lease: &Lease) -> bool {
    let spec = lease.spec.as_ref();
    spec.and_then(|spec| spec.lease_transitions) == Some(1)
}

fn is_task_lease(lease: &Lease) -> bool {
    name(lease).starts_with(tasks::STATE_LEASE)
}
