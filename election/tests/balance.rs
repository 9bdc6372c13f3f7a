//! The assignment of collectors against all assignments that there are.

use std::collections::{BTreeMap, BTreeSet};

use datakit_election::tasks::balance::{Problem, assign};

const MEMBERS: [&str; 4] = ["a", "b", "c", "d"];
const INPUTS: [&str; 6] = ["i1", "i2", "i3", "i4", "i5", "i6"];

/// Numbers that a seed gives (an LCG is enough for small numbers).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

fn random_problem(random: &mut Random) -> Problem<'static> {
    let members = 1 + random.below(4) as usize;
    let inputs = 1 + random.below(6) as usize;
    let mut problem = Problem::default();
    for input in &INPUTS[..inputs] {
        let mut offering: BTreeSet<_> = MEMBERS[..members]
            .iter()
            .copied()
            .filter(|_| random.below(3) > 0)
            .collect();
        if offering.is_empty() {
            offering.insert(MEMBERS[random.below(members as u64) as usize]);
        }
        problem
            .inputs
            .insert(input, (1 + random.below(9), offering));
        if random.below(3) > 0 {
            let owner = MEMBERS[random.below(4) as usize];
            problem.current.insert(input, owner);
        }
    }
    problem
}

fn highest_load(problem: &Problem, owners: &BTreeMap<&str, &str>) -> u64 {
    let mut loads: BTreeMap<&str, u64> = BTreeMap::new();
    for (input, owner) in owners {
        *loads.entry(owner).or_default() += problem.inputs[input].0;
    }
    loads.into_values().max().unwrap_or_default()
}

/// The inputs that leave an owner that offers them.
fn moves(problem: &Problem, owners: &BTreeMap<&str, &str>) -> usize {
    let moved = owners.iter().filter(|(input, owner)| {
        problem
            .current
            .get(*input)
            .is_some_and(|current| current != *owner && problem.inputs[*input].1.contains(current))
    });
    moved.count()
}

fn all_assignments<'a>(problem: &Problem<'a>) -> Vec<BTreeMap<&'a str, &'a str>> {
    let mut all = vec![BTreeMap::new()];
    for (input, (_, offering)) in &problem.inputs {
        let longer = |owners: BTreeMap<&'a str, &'a str>| {
            offering.iter().map(move |owner| {
                let mut owners = owners.clone();
                owners.insert(*input, *owner);
                owners
            })
        };
        all = all.into_iter().flat_map(longer).collect();
    }
    all
}

#[test]
fn nobody_is_above_the_optimum_plus_the_largest_input_and_few_inputs_move() {
    let mut random = Random(18);
    let (mut moved, mut least) = (0, 0);
    for _ in 0..3_000 {
        let problem = random_problem(&mut random);
        let owners = assign(&problem);

        assert_eq!(
            owners.keys().collect::<Vec<_>>(),
            problem.inputs.keys().collect::<Vec<_>>()
        );
        for (input, owner) in &owners {
            assert!(problem.inputs[input].1.contains(owner), "{problem:?}");
        }
        let all = all_assignments(&problem);
        let loads = all.iter().map(|owners| highest_load(&problem, owners));
        let largest = problem.inputs.values().map(|(weight, _)| *weight);
        let bound = loads.min().unwrap() + largest.max().unwrap();
        assert!(
            highest_load(&problem, &owners) <= bound,
            "{problem:?} {owners:?}"
        );

        let allowed = all
            .iter()
            .filter(|owners| highest_load(&problem, owners) <= bound);
        let fewest = allowed.map(|owners| moves(&problem, owners)).min().unwrap();
        moved += moves(&problem, &owners);
        least += fewest;
    }
    println!("{moved} moves; the fewest that keep the bound are {least}");
    // The optimum is not known where it is above the mean; some inputs move that could have stayed.
    assert!(moved <= 3 * least, "{moved} of {least}");
}

#[test]
fn every_assignment_is_the_same_again() {
    let mut random = Random(7);
    for _ in 0..1_000 {
        let mut problem = random_problem(&mut random);
        let owners = assign(&problem);
        problem.current = owners.clone();
        assert_eq!(assign(&problem), owners);
    }
}

#[test]
fn an_input_goes_on_over_several_members_when_the_next_one_is_full() {
    // Only `b` can relieve `a`, and only `c` can relieve `b`.
    let offers = |members: &[&'static str]| members.iter().copied().collect::<BTreeSet<_>>();
    let mut problem = Problem::default();
    for input in ["a1", "a2", "a3", "a4", "a5"] {
        problem.inputs.insert(input, (1, offers(&["a", "b"])));
        problem.current.insert(input, "a");
    }
    for input in ["b1", "b2", "b3", "b4"] {
        problem.inputs.insert(input, (1, offers(&["b", "c"])));
        problem.current.insert(input, "b");
    }
    let owners = assign(&problem);
    // Three for each would be the optimum: nobody may have more than four.
    assert_eq!(highest_load(&problem, &owners), 4);
    assert_eq!(moves(&problem, &owners), 2);
}
