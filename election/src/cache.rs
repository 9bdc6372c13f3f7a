//! What this process knows of the store, and how long it has known it.
//!
//! Whether a Lease has expired is told by the time since this process first saw its
//! resourceVersion, on the local monotonic clock. The times inside a Lease were written by other
//! clocks and decide nothing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::metrics::{Metrics, Operation};
use crate::store::{Change, Store, StoreError, Watch, name, version};

/// How long to wait before everything is listed again.
const RETRY: Duration = Duration::from_secs(1);
/// How long to wait before a watch that has ended is opened again.
const REOPEN: Duration = Duration::from_millis(50);

/// A Lease, and when this process first saw it in this version.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub lease: Arc<Lease>,
    pub since: Instant,
}

impl Seen {
    /// How long the Lease still counts. A Lease without a holder, a renewTime or a positive
    /// duration has expired.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        lifetime(&self.lease).saturating_sub(self.since.elapsed())
    }
}

/// All Leases of the store as a watch shows them.
#[derive(Default)]
pub struct Cache {
    content: Mutex<Content>,
    /// Counts the changes, for those who wait for one.
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Content {
    ready: bool,
    synced: bool,
    leases: HashMap<String, Seen>,
    /// What was read from the store itself. Kept apart: a watch that is behind must not make a
    /// Lease look new again.
    read: HashMap<String, (String, Instant)>,
}

impl Cache {
    /// Whether everything was listed and a watch is open.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.content().ready
    }

    /// Whether everything was listed at least once.
    #[must_use]
    pub fn was_ready(&self) -> bool {
        self.content().synced
    }

    /// A Lease as the watch has shown it last.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Seen> {
        self.content().leases.get(name).cloned()
    }

    /// All Leases whose name starts with `prefix`, at one moment.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Vec<Seen> {
        let content = self.content();
        let matching = content
            .leases
            .iter()
            .filter(|(name, _)| name.starts_with(prefix));
        matching.map(|(_, seen)| seen.clone()).collect()
    }

    /// Tells the changes from now on.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Notes a Lease that was read from the store, or written to it.
    #[must_use]
    pub fn observe(&self, lease: Lease) -> Seen {
        let mut content = self.content();
        let watched = content
            .leases
            .get(name(&lease))
            .filter(|seen| version(&seen.lease) == version(&lease))
            .map(|seen| seen.since);
        let read = content
            .read
            .get(name(&lease))
            .filter(|(read, _)| read == version(&lease))
            .map(|(_, since)| *since);
        let since = [watched, read]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(Instant::now);
        content
            .read
            .insert(name(&lease).to_owned(), (version(&lease).to_owned(), since));
        Seen {
            lease: Arc::new(lease),
            since,
        }
    }

    /// Follows the store for ever.
    pub async fn run<S: Store>(&self, store: &S, metrics: &Metrics) -> Infallible {
        loop {
            let Err(error) = self.follow(store).await;
            self.content().ready = false;
            metrics.storage_error(Operation::Informer);
            warn!(%error, "the Leases cannot be watched; they are listed again");
            sleep(RETRY).await;
        }
    }

    async fn follow<S: Store>(&self, store: &S) -> Result<Infallible, StoreError> {
        let listing = store.list().await?;
        let mut newest = listing.version;
        self.replace_all(listing.leases);
        loop {
            let mut watch = store.watch(&newest).await?;
            self.set_ready();
            while let Some(change) = watch.next().await {
                newest = self.apply(change?);
            }
            sleep(REOPEN).await;
        }
    }

    fn set_ready(&self) {
        let mut content = self.content();
        if !content.ready {
            info!(leases = content.leases.len(), "the Leases are watched");
        }
        content.ready = true;
        content.synced = true;
        drop(content);
        self.changes.send_modify(|count| *count += 1);
    }

    fn replace_all(&self, leases: Vec<Lease>) {
        let mut content = self.content();
        let mut old = std::mem::take(&mut content.leases);
        for lease in leases {
            let known = old.remove(name(&lease));
            content.put(lease, known.as_ref());
        }
        let Content { leases, read, .. } = &mut *content;
        read.retain(|name, _| leases.contains_key(name));
        drop(content);
        self.changes.send_modify(|count| *count += 1);
    }

    fn apply(&self, change: Change) -> String {
        let mut content = self.content();
        let newest = match change {
            Change::Bookmark(version) => return version,
            Change::Put(lease) => {
                let newest = version(&lease).to_owned();
                let known = content.leases.remove(name(&lease));
                content.put(lease, known.as_ref());
                newest
            }
            Change::Deleted(lease) => {
                content.leases.remove(name(&lease));
                content.read.remove(name(&lease));
                version(&lease).to_owned()
            }
        };
        drop(content);
        self.changes.send_modify(|count| *count += 1);
        newest
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // Every change above is made whole or not at all.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn put(&mut self, lease: Lease, known: Option<&Seen>) {
        let watched = known
            .filter(|seen| version(&seen.lease) == version(&lease))
            .map(|seen| seen.since);
        let read = self
            .read
            .get(name(&lease))
            .filter(|(read, _)| read == version(&lease))
            .map(|(_, since)| *since);
        let since = watched.or(read).unwrap_or_else(Instant::now);
        let seen = Seen {
            since,
            lease: Arc::new(lease),
        };
        self.leases.insert(name(&seen.lease).to_owned(), seen);
    }
}

fn lifetime(lease: &Lease) -> Duration {
    let Some(spec) = &lease.spec else {
        return Duration::ZERO;
    };
    let held = spec
        .holder_identity
        .as_deref()
        .is_some_and(|holder| !holder.is_empty());
    if !held || spec.renew_time.is_none() {
        return Duration::ZERO;
    }
    let seconds = spec.lease_duration_seconds.unwrap_or_default();
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}
