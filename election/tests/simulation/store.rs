//! A replica's way to the API server: slow, away, in doubt, with a watch that lags and breaks.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use datakit_election::store::memory::{MemoryStore, MemoryWatch};
use datakit_election::store::{Change, Listing, Store, StoreError, Watch};
use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::sleep;

use crate::random::Random;

/// What is wrong with the API server, for one replica.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// No call gets through.
    pub away: bool,
    /// Longest time of a call in milliseconds.
    pub slow: u64,
    /// Of a hundred calls, how many fail; half of the writes among them have taken place.
    pub errors: u64,
    /// Longest time by which the watch lags in milliseconds.
    pub lag: u64,
}

/// A store behind weather.
#[derive(Clone)]
pub struct Outside {
    pub store: MemoryStore,
    pub weather: Arc<Mutex<Weather>>,
    random: Arc<Mutex<Random>>,
}

impl Outside {
    pub fn new(store: &MemoryStore, random: &mut Random) -> Self {
        Self {
            store: store.clone(),
            weather: Arc::default(),
            random: Arc::new(Mutex::new(random.fork())),
        }
    }

    pub fn set(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    fn weather(&self) -> Weather {
        *self.weather.lock().unwrap()
    }

    fn below(&self, limit: u64) -> u64 {
        self.random.lock().unwrap().below(limit)
    }

    /// The way there. As in the real store, a call takes 1.5 seconds at most.
    async fn there(&self) -> Result<(), StoreError> {
        let weather = self.weather();
        let takes = 1 + self.below(weather.slow.max(1));
        if weather.away || takes > 1500 {
            sleep(Duration::from_millis(1500)).await;
            return Err(StoreError::Unavailable("no answer".to_owned()));
        }
        sleep(Duration::from_millis(takes)).await;
        Ok(())
    }

    async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.there().await?;
        if self.below(100) < self.weather().errors {
            return Err(StoreError::Unavailable("500".to_owned()));
        }
        call.await
    }

    async fn write<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let lost = self.there().await;
        // A write that nobody waits for any more may still take place, or be answered by an error.
        if (lost.is_err() && !self.weather().away) || self.below(100) < self.weather().errors {
            if self.below(2) == 0 {
                let _ = call.await;
            }
            return Err(StoreError::Unavailable("500".to_owned()));
        }
        lost?;
        let answer = call.await;
        self.there().await?;
        answer
    }
}

impl Store for Outside {
    type Watch = Lagging;

    async fn get(&self, name: &str) -> Result<Option<Lease>, StoreError> {
        self.read(self.store.get(name)).await
    }

    async fn create(&self, lease: Lease) -> Result<Lease, StoreError> {
        self.write(self.store.create(lease)).await
    }

    async fn replace(&self, lease: Lease) -> Result<Lease, StoreError> {
        self.write(self.store.replace(lease)).await
    }

    async fn delete(&self, lease: &Lease) -> Result<(), StoreError> {
        self.write(self.store.delete(lease)).await
    }

    async fn list(&self) -> Result<Listing, StoreError> {
        self.read(self.store.list()).await
    }

    async fn watch(&self, version: &str) -> Result<Lagging, StoreError> {
        Ok(Lagging {
            watch: self.read(self.store.watch(version)).await?,
            outside: self.clone(),
        })
    }

    async fn check_access(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

pub struct Lagging {
    watch: MemoryWatch,
    outside: Outside,
}

impl Watch for Lagging {
    async fn next(&mut self) -> Option<Result<Change, StoreError>> {
        let change = self.watch.next().await;
        let weather = self.outside.weather();
        sleep(Duration::from_millis(
            self.outside.below(weather.lag.max(1)),
        ))
        .await;
        if weather.away || self.outside.below(1000) < weather.errors {
            return Some(Err(StoreError::Unavailable("broken".to_owned())));
        }
        change
    }
}

thread_local! {
    /// What happened in the schedule that this thread runs, for the message of a failure.
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes what happens.
pub fn note(text: String) {
    LOG.with_borrow_mut(|log| log.push(text));
}

/// What has happened since the last call.
pub fn take_notes() -> String {
    LOG.with_borrow_mut(|log| std::mem::take(log).join("\n"))
}
