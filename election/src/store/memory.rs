//! A store in the memory of the process: for one replica outside of a cluster, and for tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::coordination::v1::Lease;
use tokio::sync::watch;

use super::{Change, Listing, Store, StoreError, Watch, name, version};

/// How many changes are kept for watches that are behind.
const HISTORY: usize = 1024;

/// Leases in memory. A clone is the same store.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    content: Mutex<Content>,
    /// The newest revision, for the watches to wait on.
    newest: watch::Sender<u64>,
}

#[derive(Default)]
struct Content {
    revision: u64,
    leases: BTreeMap<String, Lease>,
    /// The newest changes with their revisions, which follow each other without a gap.
    history: VecDeque<(u64, Change)>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared {
                content: Mutex::default(),
                newest: watch::Sender::new(0),
            }),
        }
    }
}

impl MemoryStore {
    fn content(&self) -> MutexGuard<'_, Content> {
        // Every change below is made whole or not at all.
        self.shared
            .content
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, content: &mut Content, mut lease: Lease) -> Lease {
        content.revision += 1;
        lease.metadata.resource_version = Some(content.revision.to_string());
        content
            .leases
            .insert(name(&lease).to_owned(), lease.clone());
        self.record(content, Change::Put(lease.clone()));
        lease
    }

    fn record(&self, content: &mut Content, change: Change) {
        content.history.push_back((content.revision, change));
        if content.history.len() > HISTORY {
            content.history.pop_front();
        }
        self.shared.newest.send_replace(content.revision);
    }
}

impl Content {
    fn is_current(&self, lease: &Lease) -> bool {
        self.leases
            .get(name(lease))
            .is_some_and(|stored| version(stored) == version(lease))
    }
}

impl Store for MemoryStore {
    type Watch = MemoryWatch;

    async fn get(&self, name: &str) -> Result<Option<Lease>, StoreError> {
        Ok(self.content().leases.get(name).cloned())
    }

    async fn create(&self, lease: Lease) -> Result<Lease, StoreError> {
        let mut content = self.content();
        if content.leases.contains_key(name(&lease)) {
            return Err(StoreError::Conflict);
        }
        Ok(self.put(&mut content, lease))
    }

    async fn replace(&self, lease: Lease) -> Result<Lease, StoreError> {
        let mut content = self.content();
        if !content.is_current(&lease) {
            return Err(StoreError::Conflict);
        }
        Ok(self.put(&mut content, lease))
    }

    async fn delete(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut content = self.content();
        if !content.is_current(lease) {
            return Err(StoreError::Conflict);
        }
        content.revision += 1;
        if let Some(mut lease) = content.leases.remove(name(lease)) {
            lease.metadata.resource_version = Some(content.revision.to_string());
            self.record(&mut content, Change::Deleted(lease));
        }
        Ok(())
    }

    async fn list(&self) -> Result<Listing, StoreError> {
        let content = self.content();
        Ok(Listing {
            leases: content.leases.values().cloned().collect(),
            version: content.revision.to_string(),
        })
    }

    async fn watch(&self, version: &str) -> Result<MemoryWatch, StoreError> {
        let seen = version
            .parse()
            .map_err(|_| StoreError::Unavailable(format!("`{version}` is not a version")))?;
        Ok(MemoryWatch {
            store: self.clone(),
            newest: self.shared.newest.subscribe(),
            seen,
        })
    }

    async fn check_access(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A watch over a [`MemoryStore`].
pub struct MemoryWatch {
    store: MemoryStore,
    newest: watch::Receiver<u64>,
    seen: u64,
}

impl Watch for MemoryWatch {
    async fn next(&mut self) -> Option<Result<Change, StoreError>> {
        let seen = self.seen;
        self.newest.wait_for(|newest| *newest > seen).await.ok()?;
        let content = self.store.content();
        let next = seen + 1;
        let change = content
            .history
            .iter()
            .rev()
            .find(|(revision, _)| *revision == next)
            .map(|(_, change)| change.clone());
        self.seen = next;
        Some(change.ok_or_else(|| StoreError::Unavailable(format!("version {seen} is too old"))))
    }
}
