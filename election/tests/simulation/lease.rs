//! The Lease protocol: never two leaders, never none for long.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use datakit_election::lease::{DURATION, INTERVAL, Request};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::cluster::{Cluster, now, on_virtual_clock};
use crate::random::Random;
use crate::run_schedules;
use crate::store::note;

/// How long a request may take before Datakit gives up.
const PATIENCE: Duration = Duration::from_secs(2);
/// What the calls of an election take, with the lag of the watch.
const CALLS: Duration = Duration::from_secs(1);

/// With those of the other protocol ten thousand.
const SCHEDULES: u64 = 7_000;

#[test]
fn never_two_leaders_and_never_none_for_longer_than_the_lease_and_an_interval() {
    let elections: usize = run_schedules(SCHEDULES, |random| on_virtual_clock(schedule(random)))
        .iter()
        .sum();
    println!("{elections} elections");
    assert!(elections > 0);
}

async fn schedule(mut random: Random) -> usize {
    let end = Instant::now() + Duration::from_secs(240);
    let cluster = Cluster::new(&mut random, 3);
    let watchman = Rc::new(Watchman::default());
    let count = 2 + random.index(4);
    for number in 0..count {
        let datakit = Datakit {
            id: format!("datakit-{number}"),
            cluster: cluster.clone(),
            watchman: Rc::clone(&watchman),
            random: RefCell::new(random.fork()),
        };
        tokio::task::spawn_local(datakit.live(end));
    }
    cluster.live(end, || watchman.look(&cluster)).await;
    watchman.elections.get()
}

/// Watches who leads.
#[derive(Default)]
struct Watchman {
    leader: RefCell<Option<String>>,
    /// Since when nobody leads, although someone could.
    vacant: Cell<Option<Instant>>,
    /// How many Datakits are up.
    candidates: Cell<usize>,
    elections: Cell<usize>,
}

impl Watchman {
    fn leads(&self, id: &str) {
        self.vacant.set(None);
        let mut leader = self.leader.borrow_mut();
        assert!(
            leader.as_deref().is_none_or(|leader| leader == id),
            "{leader:?} and {id} lead"
        );
        if leader.is_none() {
            note(format!("{} {id} leads", now()));
            self.elections.set(self.elections.get() + 1);
            *leader = Some(id.to_owned());
        }
    }

    fn stops(&self, id: &str) {
        let mut leader = self.leader.borrow_mut();
        if leader.as_deref() == Some(id) {
            note(format!("{} {id} does not lead any more", now()));
            *leader = None;
        }
    }

    /// One Datakit more, or less, that could lead.
    fn count(&self, is_up: bool) {
        let candidates = self.candidates.get();
        self.candidates.set(if is_up {
            candidates + 1
        } else {
            candidates - 1
        });
    }

    fn look(&self, cluster: &Cluster) {
        if self.leader.borrow().is_some() || self.candidates.get() == 0 {
            self.vacant.set(None);
            return;
        }
        let since = self.vacant.get().unwrap_or_else(Instant::now);
        self.vacant.set(Some(since));
        let peace = since.max(cluster.disturbed_until());
        let vacant = Instant::now().saturating_duration_since(peace);
        assert!(
            vacant <= DURATION + INTERVAL + CALLS,
            "nobody has led for {vacant:?}"
        );
    }
}

/// A Datakit of 2.12: it campaigns, renews, and stops by itself one interval before its Lease ends.
struct Datakit {
    id: String,
    cluster: Cluster,
    watchman: Rc<Watchman>,
    random: RefCell<Random>,
}

impl Datakit {
    async fn live(self, end: Instant) {
        sleep(self.up_to(10_000)).await;
        while Instant::now() < end {
            note(format!("{} {} starts", now(), self.id));
            self.watchman.count(true);
            let until = Instant::now() + self.up_to(120_000);
            self.run(until).await;
            // Killed: nothing is said to anyone.
            note(format!("{} {} is gone", now(), self.id));
            self.watchman.count(false);
            self.watchman.stops(&self.id);
            sleep(self.up_to(30_000)).await;
        }
    }

    async fn run(&self, until: Instant) {
        let mut deadline: Option<Instant> = None;
        while Instant::now() < until {
            let next = Instant::now() + INTERVAL;
            if let Some(deadline) = deadline.filter(|deadline| next > *deadline - INTERVAL) {
                sleep_until(deadline).await;
            } else {
                sleep_until(next).await;
                self.stall().await;
            }
            deadline = deadline.filter(|deadline| Instant::now() < *deadline);
            match deadline {
                // Also after a standstill: the collectors go on.
                Some(_) => self.watchman.leads(&self.id),
                None => self.watchman.stops(&self.id),
            }
            let request = match deadline {
                None => Request::Campaign,
                Some(_) => Request::Heartbeat,
            };
            match self.ask(request).await {
                Some(true) => {
                    self.watchman.leads(&self.id);
                    deadline = Some(Instant::now() + DURATION - INTERVAL);
                }
                Some(false) => {
                    self.watchman.stops(&self.id);
                    deadline = None;
                }
                None => {}
            }
        }
    }

    /// Now and then everything in Datakit stands still, its collectors as well.
    async fn stall(&self) {
        if self.random.borrow_mut().below(40) == 0 {
            self.watchman.stops(&self.id);
            self.watchman.count(false);
            sleep(self.up_to(50_000)).await;
            self.watchman.count(true);
        }
    }

    /// Whether it won; none when there was no answer.
    async fn ask(&self, request: Request) -> Option<bool> {
        let replica = self.cluster.any()?;
        let asked = replica
            .coordinator
            .elect(request, "token", "default", &self.id);
        let answer = timeout(PATIENCE, asked).await.ok()?.ok()?;
        if !self.cluster.is_there(&replica) {
            return None;
        }
        Some(answer.status == "success")
    }

    fn up_to(&self, milliseconds: u64) -> Duration {
        Duration::from_millis(self.random.borrow_mut().below(milliseconds))
    }
}
