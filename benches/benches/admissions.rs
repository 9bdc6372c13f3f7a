//! The time of admissions: by the policy, natively, and by the floor, in instances that are fresh (as policy-server
//! has them) and in one that is used again.

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use datakit_operator_policy::admission;
use datakit_policy_benches::{Case, by_rules, by_size, cases, file, floor};
use datakit_policy_host::policy::Policy;

const OURS: &str = "policy";
const FLOOR: &str = "floor";

/// The policy and the floor.
fn modules() -> [Vec<u8>; 2] {
    [
        std::fs::read(file("policy.wasm")).unwrap(),
        floor().unwrap(),
    ]
}

struct Policies {
    ours: Policy,
    floor: Policy,
}

impl Policies {
    fn load() -> Self {
        let [ours, floor] = modules().map(|module| Policy::from_bytes(&module).unwrap());
        Self { ours, floor }
    }

    fn named(&self) -> [(&'static str, &Policy); 2] {
        [(OURS, &self.ours), (FLOOR, &self.floor)]
    }
}

fn admissions(criterion: &mut Criterion) {
    let policies = Policies::load();
    for case in cases(&policies.ours).unwrap() {
        check(&policies.ours, &case);
        let mut group = criterion.benchmark_group(&case.name);
        for (name, policy) in policies.named() {
            fresh(&mut group, BenchmarkId::new("fresh", name), policy, &case);
            reused(&mut group, BenchmarkId::new("reused", name), policy, &case);
        }
        group.bench_function("native", |bencher| {
            bencher.iter(|| admission::validate(&case.payload).unwrap());
        });
        group.finish();
    }
}

/// A benchmark of what is refused or not injected would be one of something else.
fn check(policy: &Policy, case: &Case) {
    let answer = policy
        .instance()
        .unwrap()
        .call("validate", &case.payload)
        .unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(
        answer["mutated_object"].is_object(),
        case.injects,
        "{}: {answer}",
        case.name
    );
}

fn fresh(group: &mut BenchmarkGroup<'_, WallTime>, id: BenchmarkId, policy: &Policy, case: &Case) {
    group.bench_function(id, |bencher| {
        bencher.iter(|| {
            policy
                .instance()
                .unwrap()
                .call("validate", &case.payload)
                .unwrap()
        });
    });
}

fn reused(group: &mut BenchmarkGroup<'_, WallTime>, id: BenchmarkId, policy: &Policy, case: &Case) {
    let instance = policy.instance().unwrap();
    group.bench_function(id, |bencher| {
        bencher.iter(|| instance.call("validate", &case.payload).unwrap());
    });
}

fn growth(criterion: &mut Criterion) {
    let policies = Policies::load();
    for (what, series) in [
        ("by size", by_size().unwrap()),
        ("by rules", by_rules().unwrap()),
    ] {
        let mut group = criterion.benchmark_group(what);
        for (number, case) in series {
            check(&policies.ours, &case);
            group.throughput(Throughput::Bytes(case.payload.len() as u64));
            for (name, policy) in policies.named() {
                fresh(&mut group, BenchmarkId::new(name, number), policy, &case);
            }
        }
        group.finish();
    }
}

fn start(criterion: &mut Criterion) {
    let policies = Policies::load();
    let mut group = criterion.benchmark_group("start");
    for (name, policy) in policies.named() {
        group.bench_function(BenchmarkId::new("instance", name), |bencher| {
            bencher.iter(|| policy.instance().unwrap());
        });
    }
    for (name, bytes) in [OURS, FLOOR].into_iter().zip(modules()) {
        group.sample_size(10);
        group.bench_function(BenchmarkId::new("compile", name), |bencher| {
            bencher.iter(|| Policy::from_bytes(&bytes).unwrap());
        });
    }
    group.finish();
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = admissions, growth, start
}
criterion_main!(all);
