//! The task protocol: never two owners of a collector, never none for long.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use datakit_election::tasks::{INTERVAL, LEASE, SURELY_SILENT};
use tokio::time::{Instant, sleep};

use crate::cluster::{Cluster, Replica, now, on_virtual_clock};
use crate::random::Random;
use crate::run_schedules;
use crate::store::note;

/// What calls take, with the lag of the watch.
const CALLS: Duration = Duration::from_secs(1);
const INPUTS: [(&str, u32); 6] = [
    ("mysql", 3),
    ("redis", 2),
    ("kafka", 1),
    ("oracle", 1),
    ("snmp", 5),
    ("postgresql", 1),
];

/// With those of the other protocol ten thousand.
const SCHEDULES: u64 = 3_000;

#[test]
fn never_two_owners_and_never_none_for_longer_than_the_lease_and_an_interval() {
    let results = run_schedules(SCHEDULES, |random| on_virtual_clock(schedule(random)));
    let grants: usize = results.iter().map(|result| result.grants).sum();
    let joins: usize = results.iter().map(|result| result.joins).sum();
    let moves: u64 = results.iter().map(|result| result.moves).sum();
    println!("{grants} grants, {joins} Datakits that joined, {moves} moves for balance");
    assert!(grants > 0);
}

struct Outcome {
    grants: usize,
    joins: usize,
    moves: u64,
}

async fn schedule(mut random: Random) -> Outcome {
    let end = Instant::now() + Duration::from_secs(300);
    let cluster = Cluster::with_tasks(&mut random, 3);
    let watchman = Rc::new(Watchman::default());
    let count = 2 + random.index(4);
    for number in 0..count {
        let datakit = Datakit {
            id: format!("datakit-{number}"),
            cluster: cluster.clone(),
            watchman: Rc::clone(&watchman),
            random: RefCell::new(random.fork()),
            replica: RefCell::default(),
        };
        tokio::task::spawn_local(datakit.live(end));
    }
    cluster.live(end, || watchman.look(&cluster)).await;
    let outcome = Outcome {
        grants: watchman.grants.get(),
        joins: watchman.joins.get(),
        moves: cluster.moves(),
    };
    let most = (outcome.joins * INPUTS.len()) as u64;
    assert!(outcome.moves <= most, "{} moves", outcome.moves);
    outcome
}

/// A Datakit as the watchman sees it.
#[derive(Default)]
struct Member {
    offers: BTreeSet<&'static str>,
    told: BTreeSet<String>,
    /// When the last request that was answered was sent.
    heard: Option<Instant>,
    stalled: bool,
}

/// Watches who was told to run what.
#[derive(Default)]
struct Watchman {
    members: RefCell<BTreeMap<String, Member>>,
    /// Since when nobody runs an input that someone offers.
    vacant: RefCell<BTreeMap<&'static str, Instant>>,
    /// When a Datakit was lost last.
    lost: Cell<Option<Instant>>,
    grants: Cell<usize>,
    joins: Cell<usize>,
}

impl Watchman {
    fn joins(&self, id: &str, offers: BTreeSet<&'static str>) {
        note(format!("{} {id} starts with {offers:?}", now()));
        self.joins.set(self.joins.get() + 1);
        let member = Member {
            offers,
            ..Member::default()
        };
        self.members.borrow_mut().insert(id.to_owned(), member);
    }

    fn leaves(&self, id: &str) {
        note(format!("{} {id} is gone", now()));
        self.lost.set(Some(Instant::now()));
        self.members.borrow_mut().remove(id);
    }

    fn stalls(&self, id: &str, stalled: bool) {
        note(format!("{} {id} stalls: {stalled}", now()));
        self.lost.set(Some(Instant::now()));
        if let Some(member) = self.members.borrow_mut().get_mut(id) {
            member.stalled = stalled;
        }
    }

    fn told(&self, id: &str, asked: Instant, allowed: &BTreeSet<String>) {
        let mut members = self.members.borrow_mut();
        let Some(member) = members.get(id) else {
            return;
        };
        if member.told != *allowed {
            note(format!("{} {id} may run {allowed:?}", now()));
        }
        for input in allowed.difference(&member.told) {
            self.grants.set(self.grants.get() + 1);
            let other = members.iter().find(|(other, member)| {
                *other != id
                    && member.told.contains(input)
                    && member
                        .heard
                        .is_some_and(|heard| heard.elapsed() < SURELY_SILENT)
            });
            if let Some((other, _)) = other {
                panic!("{other} and {id} were told to run {input}");
            }
        }
        if let Some(member) = members.get_mut(id) {
            member.told.clone_from(allowed);
            member.heard = Some(asked);
        }
    }

    fn look(&self, cluster: &Cluster) {
        let members = self.members.borrow();
        let mut vacant = self.vacant.borrow_mut();
        let there = || members.values().filter(|member| !member.stalled);
        for (input, _) in INPUTS {
            let offered = there().any(|member| member.offers.contains(input));
            let owned = there().any(|member| member.told.contains(input));
            if !offered || owned {
                vacant.remove(input);
                continue;
            }
            let since = *vacant.entry(input).or_insert_with(Instant::now);
            let peace = since.max(cluster.disturbed_until());
            let peace = peace.max(self.lost.get().unwrap_or(peace));
            let without = Instant::now().saturating_duration_since(peace);
            assert!(
                without <= LEASE + INTERVAL + CALLS,
                "nobody has run {input} for {without:?}\n{}",
                cluster.show()
            );
        }
    }
}

/// A Datakit before 1.85.
struct Datakit {
    id: String,
    cluster: Cluster,
    watchman: Rc<Watchman>,
    random: RefCell<Random>,
    /// The replica that its connection leads to.
    replica: RefCell<Option<Rc<Replica>>>,
}

impl Datakit {
    async fn live(self, end: Instant) {
        sleep(self.up_to(10_000)).await;
        while Instant::now() < end {
            let offers = self.configuration();
            self.watchman
                .joins(&self.id, offers.keys().copied().collect());
            let until = Instant::now() + self.up_to(250_000);
            self.run(&offers, until).await;
            self.watchman.leaves(&self.id);
            sleep(self.up_to(40_000)).await;
        }
    }

    /// Most of the inputs, and sometimes another number of instances.
    fn configuration(&self) -> BTreeMap<&'static str, u32> {
        let mut random = self.random.borrow_mut();
        INPUTS
            .into_iter()
            .filter_map(|(input, instances)| {
                let more = u32::from(random.below(10) == 0);
                (random.below(4) > 0).then_some((input, instances + more))
            })
            .collect()
    }

    async fn run(&self, offers: &BTreeMap<&'static str, u32>, until: Instant) {
        // After its start, a Datakit says that it runs all.
        let mut running: BTreeSet<String> =
            offers.keys().map(|input| (*input).to_owned()).collect();
        while Instant::now() < until {
            sleep(INTERVAL).await;
            if self.random.borrow_mut().below(60) == 0 {
                self.watchman.stalls(&self.id, true);
                sleep(self.up_to(60_000)).await;
                self.watchman.stalls(&self.id, false);
            }
            let asked = Instant::now();
            if let Some(allowed) = self.ask(offers, &running).await {
                running = allowed.into_iter().collect();
                self.watchman.told(&self.id, asked, &running);
            }
        }
    }

    /// None when there was no answer, or 503; the connection is closed then.
    async fn ask(
        &self,
        offers: &BTreeMap<&'static str, u32>,
        running: &BTreeSet<String>,
    ) -> Option<Vec<String>> {
        let replica = self.connection()?;
        let offers = offers
            .iter()
            .map(|(input, instances)| ((*input).to_owned(), *instances))
            .collect();
        let answer = replica.tasks.ask(&self.id, offers, running.clone()).await;
        if answer.is_err() || !self.cluster.is_there(&replica) {
            self.replica.replace(None);
            return None;
        }
        answer.ok()
    }

    fn connection(&self) -> Option<Rc<Replica>> {
        let mut connected = self.replica.borrow_mut();
        let is_open = connected
            .as_ref()
            .is_some_and(|replica| self.cluster.is_there(replica));
        if !is_open || self.random.borrow_mut().below(10) == 0 {
            *connected = self.cluster.any();
        }
        connected.clone()
    }

    fn up_to(&self, milliseconds: u64) -> Duration {
        Duration::from_millis(self.random.borrow_mut().below(milliseconds))
    }
}
