//! Replicas of the service over one store, and what happens to them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use datakit_election::cache::Cache;
use datakit_election::lease::Coordinator;
use datakit_election::metrics::Metrics;
use datakit_election::store::Store;
use datakit_election::store::memory::MemoryStore;
use datakit_election::tasks::Tasks;
use k8s_openapi::api::coordination::v1::Lease;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::random::Random;
use crate::store::{Outside, Weather, note};

/// A process of the service.
pub struct Replica {
    pub coordinator: Coordinator<Outside>,
    pub tasks: Arc<Tasks<Outside>>,
    outside: Outside,
    running: Vec<JoinHandle<()>>,
}

impl Drop for Replica {
    fn drop(&mut self) {
        for task in &self.running {
            task.abort();
        }
    }
}

/// The replicas behind the Service.
#[derive(Clone)]
pub struct Cluster {
    store: MemoryStore,
    tasks: bool,
    replicas: Rc<RefCell<Vec<Rc<Replica>>>>,
    random: Rc<RefCell<Random>>,
    started: Rc<Cell<u64>>,
    /// Until when something was wrong with the service or its API server.
    disturbed: Rc<Cell<Instant>>,
    metrics: Arc<Metrics>,
}

impl Cluster {
    pub fn new(random: &mut Random, replicas: usize) -> Self {
        Self::start(random, replicas, false)
    }

    /// With the task protocol.
    pub fn with_tasks(random: &mut Random, replicas: usize) -> Self {
        Self::start(random, replicas, true)
    }

    fn start(random: &mut Random, replicas: usize, tasks: bool) -> Self {
        let cluster = Self {
            tasks,
            store: MemoryStore::default(),
            replicas: Rc::default(),
            random: Rc::new(RefCell::new(random.fork())),
            started: Rc::default(),
            disturbed: Rc::new(Cell::new(Instant::now())),
            metrics: Arc::new(Metrics::default()),
        };
        for _ in 0..replicas {
            cluster.start_replica();
        }
        cluster
    }

    /// One of the replicas that answer, as a new connection gets it.
    pub fn any(&self) -> Option<Rc<Replica>> {
        let replicas = self.replicas.borrow();
        let index = self.random.borrow_mut().index(replicas.len().max(1));
        replicas.get(index).cloned()
    }

    pub fn is_there(&self, replica: &Rc<Replica>) -> bool {
        self.replicas
            .borrow()
            .iter()
            .any(|one| Rc::ptr_eq(one, replica))
    }

    /// How many collectors have moved away from an owner that is there.
    pub fn moves(&self) -> u64 {
        self.metrics.moves_for_balance()
    }

    /// The state of the tasks and the reports, for the message of a failure.
    pub fn show(&self) -> String {
        let leases = futures_util::FutureExt::now_or_never(self.store.list());
        let leases = leases.unwrap().unwrap().leases;
        let content = |lease: &Lease| format!("{:?}", lease.metadata.annotations);
        leases.iter().map(content).collect::<Vec<_>>().join("\n")
    }

    /// Until when the service had no peace; nothing can be asked of it before.
    pub fn disturbed_until(&self) -> Instant {
        self.disturbed.get()
    }

    /// Goes on until `end`, in trouble, and has someone look at it twice a second.
    pub async fn live(&self, end: Instant, look: impl Fn()) {
        tokio::task::spawn_local(self.clone().trouble(end));
        while Instant::now() < end {
            sleep(Duration::from_millis(500)).await;
            look();
        }
    }

    /// Lets something happen again and again until `end`: replicas are killed and come back, the
    /// API server is away for one or all of them, slow, or fails.
    async fn trouble(self, end: Instant) {
        while Instant::now() < end {
            let calm = 3_000 + self.below(40_000);
            sleep(Duration::from_millis(calm)).await;
            match self.below(5) {
                0 => self.replace_replica().await,
                1 => self.weather_for_one().await,
                2 => self.weather_for_all().await,
                3 => self.restart_all().await,
                _ => {}
            }
        }
    }

    fn start_replica(&self) {
        let number = self.started.get();
        self.started.set(number + 1);
        let outside = Outside::new(&self.store, &mut self.random.borrow_mut());
        let store = Arc::new(outside.clone());
        let cache = Arc::new(Cache::default());
        let metrics = Arc::clone(&self.metrics);
        let name = format!("replica-{number}");
        let tasks = Tasks::new(
            Arc::clone(&store),
            Arc::clone(&cache),
            Arc::clone(&metrics),
            &name,
        );
        let tasks = Arc::new(tasks);
        let following = {
            let (store, cache, metrics) =
                (Arc::clone(&store), Arc::clone(&cache), Arc::clone(&metrics));
            tokio::task::spawn_local(async move {
                cache.run(&*store, &metrics).await;
            })
        };
        let assigning = self.tasks.then(|| {
            let tasks = Arc::clone(&tasks);
            tokio::task::spawn_local(async move { tasks.run().await })
        });
        note(format!("{} {name} starts", now()));
        self.replicas.borrow_mut().push(Rc::new(Replica {
            coordinator: Coordinator::new(store, cache, metrics),
            tasks,
            outside,
            running: [following].into_iter().chain(assigning).collect(),
        }));
    }

    fn kill_replica(&self) {
        let mut replicas = self.replicas.borrow_mut();
        let index = self.random.borrow_mut().index(replicas.len());
        let replica = replicas.remove(index);
        for task in &replica.running {
            task.abort();
        }
        note(format!("{} a replica is killed", now()));
    }

    async fn replace_replica(&self) {
        self.kill_replica();
        self.disturb(Duration::ZERO);
        sleep(Duration::from_millis(self.below(5_000))).await;
        self.start_replica();
        self.disturb(Duration::ZERO);
    }

    async fn restart_all(&self) {
        while !self.replicas.borrow().is_empty() {
            self.kill_replica();
        }
        let away = Duration::from_millis(self.below(20_000));
        self.disturb(away);
        sleep(away).await;
        for _ in 0..3 {
            self.start_replica();
        }
        self.disturb(Duration::ZERO);
    }

    async fn weather_for_one(&self) {
        let Some(replica) = self.any() else { return };
        self.weather_for(&[replica]).await;
    }

    async fn weather_for_all(&self) {
        let all = self.replicas.borrow().clone();
        self.weather_for(&all).await;
    }

    async fn weather_for(&self, replicas: &[Rc<Replica>]) {
        let weather = Weather {
            away: self.below(2) == 0,
            slow: self.below(2_000),
            errors: self.below(40),
            lag: self.below(3_000),
        };
        let duration = Duration::from_millis(self.below(60_000));
        note(format!(
            "{} {weather:?} for {} replicas, {duration:?}",
            now(),
            replicas.len()
        ));
        self.disturb(duration);
        for replica in replicas {
            replica.outside.set(weather);
        }
        sleep(duration).await;
        for replica in replicas {
            replica.outside.set(Weather::default());
        }
        note(format!("{} the weather is fine", now()));
        self.disturb(Duration::ZERO);
    }

    fn disturb(&self, for_so_long: Duration) {
        let until = Instant::now() + for_so_long;
        self.disturbed.set(self.disturbed.get().max(until));
    }

    fn below(&self, limit: u64) -> u64 {
        self.random.borrow_mut().below(limit)
    }
}

thread_local! {
    static START: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The schedule starts now.
pub fn start_clock() {
    START.set(Some(Instant::now()));
}

/// The seconds since the start, for notes.
pub fn now() -> String {
    let elapsed = START.get().map_or(Duration::ZERO, |start| start.elapsed());
    format!("{:7.2}", elapsed.as_secs_f64())
}

/// Runs a schedule on a clock that jumps to the next thing that happens.
pub fn on_virtual_clock<T>(schedule: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        start_clock();
        schedule.await
    })
}
