//! What one process of the service takes: 5,000 Datakits that each ask every three seconds, in both protocols, and then as
//! many requests as a few connections can bring. `make bench-election` runs it.
//!
//! The service runs by itself, with the state in memory, so that its time and memory can be told from those of the clients
//! (Linux only). The clients run on the same machine.

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/support/connection.rs"]
mod connection;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use connection::{Connection, Response};

/// How long the Datakits take to start, one after another: what a DaemonSet does at best.
const START: Duration = Duration::from_secs(30);
/// How long is measured, once all are there.
const MEASURED: Duration = Duration::from_secs(30);
/// What a second has of the unit that Linux counts the time of processes in.
const TICKS: f64 = 100.0;
/// The namespaces that the Datakits of the Lease protocol are in, each with a leader.
const NAMESPACES: usize = 50;
/// The collectors that each Datakit of the task protocol offers.
const INPUTS: [&str; 10] = [
    "cloudprober",
    "dameng",
    "doris",
    "elasticsearch",
    "kafka",
    "mysql",
    "oracle",
    "postgresql",
    "redis",
    "snmp",
];

#[derive(Clone, Copy)]
enum Protocol {
    Leases,
    Tasks,
}

/// Who asks, and how often.
#[derive(Clone, Copy)]
struct Load {
    protocol: Protocol,
    datakits: usize,
    /// None: as soon as there is an answer.
    interval: Option<Duration>,
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    println!(
        "| protocol | Datakits | requests a second | p50 | p99 | longest | of a core | memory |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for (datakits, interval) in [(5_000, Some(Duration::from_secs(3))), (64, None)] {
        for protocol in [Protocol::Leases, Protocol::Tasks] {
            measure(Load {
                protocol,
                datakits,
                interval,
            })
            .await;
        }
    }
}

async fn measure(load: Load) {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: Arc<str> = free.local_addr().unwrap().to_string().into();
    drop(free);
    let program = Program::start(&address).await;

    let begin = Instant::now();
    let step = START / u32::try_from(load.datakits).unwrap();
    let measured = begin + START..begin + START + MEASURED;
    let mut datakits = JoinSet::new();
    for number in 0..load.datakits {
        let (address, measured) = (Arc::clone(&address), measured.clone());
        let start = begin + step * u32::try_from(number).unwrap();
        datakits.spawn(async move {
            sleep_until(start).await;
            let mut datakit = Datakit::new(load.protocol, number, &address).await;
            let (mut latencies, mut refusals) = (Vec::new(), 0);
            while Instant::now() < measured.end {
                let asked = Instant::now();
                let is_refused = datakit.ask().await;
                if measured.contains(&asked) {
                    latencies.push(asked.elapsed());
                    refusals += usize::from(is_refused);
                }
                if let Some(interval) = load.interval {
                    sleep_until(asked + interval).await;
                }
            }
            (latencies, refusals)
        });
    }
    sleep_until(measured.start).await;
    let before = program.cpu();
    sleep_until(measured.end).await;
    let cpu = program.cpu() - before;
    let (latencies, refusals): (Vec<_>, Vec<_>) = datakits.join_all().await.into_iter().unzip();
    let mut latencies = latencies.concat();
    latencies.sort_unstable();
    // Nothing is assigned in the first ten seconds; later there is no reason to refuse anybody.
    assert_eq!(refusals.iter().sum::<usize>(), 0, "answers with 503");
    print_row(load, &latencies, cpu, program.peak_memory());
}

fn print_row(load: Load, latencies: &[Duration], cpu: f64, memory: usize) {
    let seconds = MEASURED.as_secs_f64();
    let at = |percent: usize| milliseconds(latencies[(latencies.len() - 1) * percent / 100]);
    let protocol = match load.protocol {
        Protocol::Leases => "Leases",
        Protocol::Tasks => "tasks",
    };
    println!(
        "| {protocol} | {} | {:.0} | {} | {} | {} | {:.0} % | {memory} MiB |",
        load.datakits,
        latencies.len() as f64 / seconds,
        at(50),
        at(99),
        at(100),
        100.0 * cpu / seconds,
    );
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// The service.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    async fn start(address: &str) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_datakit-election"))
            .args([
                "--store",
                "memory",
                "--log-level",
                "warn",
                "--listen",
                address,
            ])
            .spawn()
            .unwrap();
        let program = Self(program);
        while TcpStream::connect(address).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
        program
    }

    /// The most memory that it had, in MiB.
    fn peak_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM"));
        let kilobytes: usize = line
            .unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        kilobytes / 1024
    }

    /// The seconds of processor time that it took.
    fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        // Behind the name in brackets, which may have blanks.
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        let ticks: f64 = [11, 12]
            .map(|at| fields[at].parse::<f64>().unwrap())
            .iter()
            .sum();
        ticks / TICKS
    }
}

/// A Datakit that keeps its connection open.
struct Datakit {
    address: Arc<str>,
    connection: Connection,
    protocol: Protocol,
    number: usize,
    /// What it runs, as it was told.
    running: BTreeSet<String>,
    leads: bool,
}

impl Datakit {
    async fn new(protocol: Protocol, number: usize, address: &Arc<str>) -> Self {
        Self {
            address: Arc::clone(address),
            connection: Connection::new(address).await,
            protocol,
            number,
            // After its start, a Datakit of the task protocol says that it runs all.
            running: INPUTS.map(str::to_owned).into(),
            leads: false,
        }
    }

    /// Asks once; whether there was a 503.
    async fn ask(&mut self) -> bool {
        let answer = match self.protocol {
            Protocol::Leases => self.elect().await,
            Protocol::Tasks => self.offer().await,
        };
        if answer.code == 503 {
            self.connection = Connection::new(&self.address).await;
            return true;
        }
        assert_eq!(answer.code, 200, "{answer:?}");
        self.leads = answer.body.contains(r#""status":"success""#);
        if let Some(allowed) = answer.allowed_inputs() {
            self.running = allowed;
        }
        false
    }

    async fn elect(&mut self) -> Response {
        let Self { number, .. } = self;
        let operation = if self.leads { "/heartbeat" } else { "" };
        let namespace = *number % NAMESPACES;
        let target = format!(
            "/v1/dk-election{operation}?id=node-{number}.example&namespace=ns-{namespace}&token=tkn_0123456789abcdef"
        );
        self.connection.send("POST", &target, "").await
    }

    async fn offer(&mut self) -> Response {
        let offers: Value = INPUTS
            .iter()
            .map(|input| ((*input).to_owned(), json!(1)))
            .collect();
        let body = json!({
            "namespace": "N/A",
            "id": format!("node-{}.example", self.number),
            "timestamp": 1_683_800_000_000_u64,
            "application_inputs": offers,
            "running_inputs": self.running,
        });
        let target = "/v1/datakit/election";
        self.connection
            .send("POST", target, &body.to_string())
            .await
    }
}
