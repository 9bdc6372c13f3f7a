//! How much one process takes: `cargo test --release -p datakit-election --test service -- --ignored
//! --nocapture five_thousand`.

use std::fs;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use crate::connection::Connection;

const DATAKITS: usize = 5_000;
const NAMESPACES: usize = 50;
const INTERVAL: Duration = Duration::from_secs(3);
const ROUNDS: usize = 10;

/// The program itself, so that its memory can be told from that of the clients.
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
            .args(["--store", "memory", "--listen", address])
            .spawn()
            .unwrap();
        sleep(Duration::from_secs(1)).await;
        Self(program)
    }

    /// The most memory that it had, in MB.
    fn peak_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap();
        let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes / 1024
    }

    /// The seconds of CPU that it took.
    fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
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
        ticks / 100.0
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, for half a minute"]
async fn five_thousand_datakits_ask_every_three_seconds() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let program = Program::start(&address).await;

    let latencies = Arc::new(Mutex::new(Vec::new()));
    let begin = Instant::now();
    // They start over half a minute, as a DaemonSet does at best.
    let start = move |number: usize| begin + Duration::from_millis(6 * number as u64);
    let datakits: Vec<_> = (0..DATAKITS)
        .map(|number| {
            let (address, latencies) = (address.clone(), Arc::clone(&latencies));
            tokio::spawn(async move {
                sleep_until(start(number)).await;
                datakit(&address, number, &latencies).await;
            })
        })
        .collect();
    sleep_until(start(DATAKITS)).await;
    let (cpu, asked) = (program.cpu(), latencies.lock().await.len());
    let steady = Instant::now();
    for datakit in datakits {
        datakit.await.unwrap();
    }
    let seconds = steady.elapsed().as_secs_f64();
    let cpu = program.cpu() - cpu;
    let mut latencies = latencies.lock().await.clone();
    let count = latencies.len() - asked;
    latencies.sort_unstable();
    let at = |part: f64| latencies[(latencies.len() as f64 * part) as usize];
    println!(
        "{DATAKITS} Datakits, {count} requests in {seconds:.1} s: p50 {:?}, p99 {:?}, longest {:?}; {:.0} % of a core, {} MB",
        at(0.5),
        at(0.99),
        latencies.last().unwrap(),
        100.0 * cpu / seconds,
        program.peak_memory()
    );
}

async fn datakit(address: &str, number: usize, latencies: &Mutex<Vec<Duration>>) {
    let mut connection = Connection::new(address).await;
    let namespace = number % NAMESPACES;
    let (mut leads, mut next) = (false, Instant::now());
    let mut own = Vec::new();
    for _ in 0..ROUNDS {
        next += INTERVAL;
        sleep_until(next).await;
        let operation = if leads { "/heartbeat" } else { "" };
        let target = format!(
            "/v1/dk-election{operation}?id=host-{number}&namespace=ns-{namespace}&token=tkn_0123456789abcdef"
        );
        let asked = Instant::now();
        let answer = connection.send("POST", &target, "").await;
        own.push(asked.elapsed());
        assert_eq!(answer.code, 200);
        leads = answer.body.contains(r#""status":"success""#);
    }
    latencies.lock().await.extend(own);
}
