//! Serves the task protocol from a store: takes requests, reports them, assigns when it is its
//! turn, and answers from the state.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, error, info};

use super::{
    Contact, FRESH, LEASE, Moves, REPORT_PREFIX, Report, SILENCE, STATE_LEASE, State, View, plan,
};
use crate::cache::{Cache, Seen};
use crate::lease::{Failure, acquired};
use crate::metrics::{Metrics, Operation};
use crate::store::{Store, StoreError, holder, name, new_lease, version};

/// The annotation with the [`State`] or the [`Report`].
const CONTENT: &str = "election.datakits.io/tasks";
/// How long the assigner assigns without a renewal, in seconds.
const ASSIGNER_SECONDS: i32 = 10;
/// How often the assigner renews its Lease.
const RENEW: Duration = Duration::from_secs(3);
/// How often a replica reports when nothing changes.
const REPORT: Duration = Duration::from_secs(2);
/// How often a replica reports at most.
const REPORT_AGAIN: Duration = Duration::from_millis(250);
/// How often a replica looks at everything when nothing changes.
const TICK: Duration = Duration::from_millis(500);
/// How long after one look the next may follow.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a request waits for this replica to become able to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// When the report of a replica that is gone is deleted.
const GARBAGE: Duration = Duration::from_secs(120);

/// Serves the task protocol.
pub struct Tasks<S> {
    store: Arc<S>,
    cache: Arc<Cache>,
    metrics: Arc<Metrics>,
    /// The name of this replica, and of no other, before or after.
    replica: String,
    local: Mutex<Local>,
}

/// What only this replica knows.
#[derive(Default)]
struct Local {
    contacts: HashMap<String, (Contact, Instant)>,
    /// There is something to report.
    changed: bool,
    /// The number of the last report that was sent, and when.
    sent: Option<(i32, Instant)>,
    /// When the newest report was sent that has come back.
    proven: Option<Instant>,
    /// Since when reports have come back without a gap.
    known_since: Option<Instant>,
    /// Since when Datakits have been asking any replica.
    asked_since: Option<Instant>,
    /// The state as it was parsed last, with its version.
    state: Option<(String, Arc<State>)>,
    /// The newest generation that was seen.
    generation: u64,
    /// This replica ends, and leaves the assignment to others.
    resigned: bool,
}

impl<S: Store> Tasks<S> {
    /// `cache` follows the same store; `replica` is the name of this process, of letters, digits
    /// and hyphens.
    #[must_use]
    pub fn new(store: Arc<S>, cache: Arc<Cache>, metrics: Arc<Metrics>, replica: &str) -> Self {
        Self {
            store,
            cache,
            metrics,
            replica: replica.to_owned(),
            local: Mutex::default(),
        }
    }

    /// Answers the Datakit `id`: the inputs that it may run, in order.
    ///
    /// # Errors
    /// This replica does not know what may be run. Datakit goes on with what it runs, and asks
    /// again.
    pub async fn ask(
        &self,
        id: &str,
        offers: BTreeMap<String, u32>,
        running: BTreeSet<String>,
    ) -> Result<Vec<String>, Failure> {
        if offers.is_empty() {
            return Ok(Vec::new());
        }
        self.note(id, offers, running);
        let answered = timeout(PATIENCE, self.answer_when_able(id)).await;
        answered.map_err(|_| Failure::CacheNotReady)
    }

    async fn answer_when_able(&self, id: &str) -> Vec<String> {
        let mut changes = self.cache.changes();
        loop {
            if let Some(allowed) = self.answer(id) {
                return allowed;
            }
            // The sender lives as long as the cache.
            let _ = changes.changed().await;
        }
    }

    fn note(&self, id: &str, offers: BTreeMap<String, u32>, running: BTreeSet<String>) {
        let now = Instant::now();
        let mut local = self.local();
        let contact = Contact {
            offers,
            running,
            generation: local.generation,
            silent: 0,
        };
        let old = local.contacts.insert(id.to_owned(), (contact.clone(), now));
        local.changed |= old.is_none_or(|(old, _)| old != contact);
    }

    fn answer(&self, id: &str) -> Option<Vec<String>> {
        let mut local = self.local();
        if !self.is_able(&mut local) {
            return None;
        }
        let state = self
            .state(&mut local)
            .filter(|state| state.generation > 0)?;
        let (contact, _) = local.contacts.get_mut(id)?;
        let reported = std::mem::replace(&mut contact.generation, state.generation);
        let allowed = state
            .allowed(id)
            .filter(|input| contact.offers.contains_key(*input))
            .map(str::to_owned)
            .collect();
        local.changed |= reported != state.generation;
        Some(allowed)
    }

    /// Whether this replica may answer: what it has seen is newer than [`FRESH`]. A watch that has
    /// shown a report has shown every change of the state before it.
    fn is_able(&self, local: &mut Local) -> bool {
        if let Some(own) = self.cache.get(&self.report_name())
            && let Some((number, sent)) = local.sent
            && report_number(&own.lease) == number
        {
            local.proven = Some(sent);
        }
        let able = self.cache.is_ready() && local.proven.is_some_and(|sent| sent.elapsed() < FRESH);
        if able {
            local.known_since.get_or_insert_with(Instant::now);
        } else {
            local.known_since = None;
        }
        able
    }

    /// The state as the cache has it. None before the first assignment, and when it is older than
    /// one that was seen.
    fn state(&self, local: &mut Local) -> Option<Arc<State>> {
        let seen = self.cache.get(STATE_LEASE)?;
        let parsed = local
            .state
            .as_ref()
            .filter(|(parsed, _)| parsed == version(&seen.lease));
        let state = match parsed {
            Some((_, state)) => Arc::clone(state),
            None => {
                let state = match serde_json::from_str(content(&seen.lease)?) {
                    Ok(state) => Arc::new(state),
                    Err(error) => {
                        error!(%error, lease = STATE_LEASE, "the assignment cannot be read; it is made anew");
                        return None;
                    }
                };
                local.state = Some((version(&seen.lease).to_owned(), Arc::clone(&state)));
                state
            }
        };
        if state.generation < local.generation {
            return None;
        }
        if state.generation > local.generation {
            local.generation = state.generation;
            local.changed = true;
        }
        Some(state)
    }

    /// Reports and assigns, for ever.
    pub async fn run(&self) {
        let mut changes = self.cache.changes();
        loop {
            // A tick without a change is a turn, too.
            let _ = timeout(TICK, changes.changed()).await;
            self.turn().await;
            sleep(PAUSE).await;
        }
    }

    async fn turn(&self) {
        if let Err(error) = self.report().await {
            self.note_failure(&error);
        }
        if let Err(error) = self.assign().await {
            self.note_failure(&error);
        }
    }

    fn note_failure(&self, error: &StoreError) {
        if *error == StoreError::Conflict {
            self.metrics.conflict(Operation::Tasks);
            debug!("another replica, or an older write, was ahead");
        } else {
            self.metrics.storage_error(Operation::Tasks);
            error!(%error, "the assignment of collectors cannot be stored");
        }
    }

    async fn report(&self) -> Result<(), StoreError> {
        let own = self.cache.get(&self.report_name());
        if !self.cache.is_ready() {
            return Ok(());
        }
        if self.is_idle() && !self.is_in_use() {
            return match own {
                Some(own) => self.store.delete(&own.lease).await,
                None => Ok(()),
            };
        }
        let Some((report, number)) = self.next_report(own.as_ref()) else {
            return Ok(());
        };
        let lease = self.report_lease(own.as_ref(), &report, number)?;
        match own {
            Some(_) => self.store.replace(lease).await?,
            None => self.store.create(lease).await?,
        };
        Ok(())
    }

    /// Whether no Datakit has asked for so long that none counts any more.
    fn is_idle(&self) -> bool {
        let mut local = self.local();
        let before = local.contacts.len();
        local.contacts.retain(|_, (_, at)| at.elapsed() < LEASE);
        local.changed |= local.contacts.len() != before;
        self.metrics.members(local.contacts.len());
        local.contacts.is_empty()
    }

    /// Whether Datakits have asked another replica lately. Then this one keeps up, to take over.
    fn is_in_use(&self) -> bool {
        let reports = self.cache.with_prefix(REPORT_PREFIX);
        reports.iter().any(|seen| {
            name(&seen.lease) != self.report_name()
                && seen.since.elapsed() < LEASE
                && parse_report(&seen.lease).is_some_and(|report| !report.members.is_empty())
        })
    }

    /// The report to send now, with its number, if it is time for one.
    fn next_report(&self, own: Option<&Seen>) -> Option<(Report, i32)> {
        let mut local = self.local();
        self.state(&mut local);
        let number = match (local.sent, own) {
            (None, _) => 1,
            (Some((number, at)), own) => {
                let back = own.is_some_and(|own| report_number(&own.lease) == number);
                let due = if !back {
                    // Whether it was written is not known; the next write will tell.
                    REPORT
                } else if local.changed {
                    REPORT_AGAIN
                } else {
                    REPORT
                };
                if at.elapsed() < due {
                    return None;
                }
                number.checked_add(1).unwrap_or(1)
            }
        };
        local.sent = Some((number, Instant::now()));
        local.changed = false;
        let members = local.contacts.iter().map(|(id, (contact, at))| {
            let silent = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
            let contact = contact.clone();
            (id.clone(), Contact { silent, ..contact })
        });
        let report = Report {
            generation: local.generation,
            members: members.collect(),
        };
        Some((report, number))
    }

    fn report_lease(
        &self,
        own: Option<&Seen>,
        report: &Report,
        number: i32,
    ) -> Result<Lease, StoreError> {
        let text = report.to_json().map_err(unwritable)?;
        let base = own.map_or_else(
            || new_lease(&self.report_name()),
            |own| (*own.lease).clone(),
        );
        let mut lease = held(base, &self.replica, &text);
        // A Lease has no better place for a number that grows.
        lease.spec.get_or_insert_default().lease_transitions = Some(number);
        Ok(lease)
    }

    async fn assign(&self) -> Result<(), StoreError> {
        let Some((old, state)) = self.current_assignment() else {
            return Ok(());
        };
        let own = old
            .as_ref()
            .is_some_and(|old| holder(&old.lease) == self.replica && !old.remaining().is_zero());
        let free = old.as_ref().is_none_or(|old| old.remaining().is_zero());
        if !own && !free {
            return Ok(());
        }
        let planned = plan(&state, &self.view());
        let due = free || old.as_ref().is_some_and(|old| old.since.elapsed() >= RENEW);
        if planned.is_none() && !due {
            return Ok(());
        }
        let (next, moves) = planned.unwrap_or_else(|| ((*state).clone(), Moves::default()));
        self.write_state(old.as_ref(), &next).await?;
        if moves != Moves::default() {
            let Moves { new, gone, balance } = moves;
            self.metrics.assigned(new, gone, balance);
            info!(
                new,
                gone,
                balance,
                generation = next.generation,
                "collectors were assigned"
            );
        }
        self.collect_garbage().await
    }

    /// The Lease with the state, and the state: all of it from the cache, so that the reports that
    /// are looked at are not older.
    fn current_assignment(&self) -> Option<(Option<Seen>, Arc<State>)> {
        let mut local = self.local();
        if !self.is_able(&mut local) || local.resigned {
            return None;
        }
        let seen = self.cache.get(STATE_LEASE);
        let state = self.state(&mut local).unwrap_or_else(|| {
            Arc::new(State {
                generation: local.generation,
                ..State::default()
            })
        });
        Some((seen, state))
    }

    fn view(&self) -> View {
        let mut local = self.local();
        let known_for = local.known_since.map_or(Duration::ZERO, |at| at.elapsed());
        let reports = self.cache.with_prefix(REPORT_PREFIX);
        let reports = reports.iter().filter_map(|seen| {
            // The time in which nothing could be known does not count.
            let age = seen.since.elapsed().min(known_for);
            let report = parse_report(&seen.lease)?;
            (age < SILENCE).then_some((report, age))
        });
        let reports: Vec<_> = reports.collect();
        if reports.iter().all(|(report, _)| report.members.is_empty()) {
            local.asked_since = None;
        } else {
            local.asked_since.get_or_insert_with(Instant::now);
        }
        View {
            known_for,
            asked_for: local.asked_since.map_or(Duration::ZERO, |at| at.elapsed()),
            reports,
        }
    }

    async fn write_state(&self, old: Option<&Seen>, state: &State) -> Result<(), StoreError> {
        let text = serde_json::to_string(state).map_err(unwritable)?;
        let base = old.map_or_else(|| new_lease(STATE_LEASE), |old| (*old.lease).clone());
        let before = base.spec.clone().unwrap_or_default();
        let mut lease = held(base, &self.replica, &text);
        let spec = lease.spec.get_or_insert_default();
        spec.lease_duration_seconds = Some(ASSIGNER_SECONDS);
        if before.holder_identity.as_deref() == Some(&self.replica) {
            spec.acquire_time = before.acquire_time;
            spec.lease_transitions = before.lease_transitions;
        } else {
            info!("this replica assigns the collectors");
        }
        match old {
            Some(_) => self.store.replace(lease).await?,
            None => self.store.create(lease).await?,
        };
        Ok(())
    }

    /// Deletes the reports of replicas that have long been gone.
    async fn collect_garbage(&self) -> Result<(), StoreError> {
        for seen in self.cache.with_prefix(REPORT_PREFIX) {
            if seen.since.elapsed() > GARBAGE && name(&seen.lease) != self.report_name() {
                self.store.delete(&seen.lease).await?;
            }
        }
        Ok(())
    }

    /// Lets another replica assign at once: this one ends.
    pub async fn resign(&self) {
        self.local().resigned = true;
        let Some(seen) = self.cache.get(STATE_LEASE) else {
            return;
        };
        if holder(&seen.lease) != self.replica {
            return;
        }
        let mut lease = (*seen.lease).clone();
        lease.spec.get_or_insert_default().holder_identity = None;
        if let Err(error) = self.store.replace(lease).await {
            self.note_failure(&error);
        }
    }

    fn report_name(&self) -> String {
        format!("{REPORT_PREFIX}{}", self.replica)
    }

    fn local(&self) -> MutexGuard<'_, Local> {
        // Every change above is made whole or not at all.
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn held(lease: Lease, holder: &str, text: &str) -> Lease {
    let mut lease = acquired(lease, holder, Timestamp::now());
    let annotations = lease.metadata.annotations.get_or_insert_default();
    annotations.insert(CONTENT.to_owned(), text.to_owned());
    lease
}

fn content(lease: &Lease) -> Option<&str> {
    let annotations = lease.metadata.annotations.as_ref()?;
    annotations.get(CONTENT).map(String::as_str)
}

fn parse_report(lease: &Lease) -> Option<Report> {
    Report::from_json(content(lease)?).ok()
}

fn report_number(lease: &Lease) -> i32 {
    let spec = lease.spec.as_ref();
    spec.and_then(|spec| spec.lease_transitions)
        .unwrap_or_default()
}

fn unwritable(error: serde_json::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
