//! Which Datakit gets which input: balanced, with as few moves as can be.
//!
//! Every input has a weight, the number of its instances, and goes to one of the members that offer
//! it. The result has no member above the optimum plus the largest weight. An input stays where it
//! is unless that would be broken.
//!
//! How: `target` starts at what no assignment can be below, the mean load or the largest weight.
//! While a member is above `target` plus the largest weight, the bound, it gives an input to a member
//! that stays within the bound. Where there is none, inputs are shifted along the shortest path of
//! members from there to one below `target`; every member on the path passes one input on.
//! If there is no such path, then the members that can be reached hold inputs which only they offer
//! and which are more than `target` for each of them: the optimum is higher, and `target` is raised
//! to their mean. So `target` is never above the optimum.
//!
//! It ends: nothing brings a member above the bound. Either an input is taken from a member above the
//! bound, or from a member that stays at `target` or above, and given to one below, which makes what
//! is above `target` in all smaller.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What is to be assigned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem<'a> {
    /// The members that offer an input, at least one for each; and its weight, above zero.
    pub inputs: BTreeMap<&'a str, (u64, BTreeSet<&'a str>)>,
    /// The owners until now; only those count that offer the input.
    pub current: BTreeMap<&'a str, &'a str>,
}

/// Assigns every input to a member that offers it.
#[must_use]
pub fn assign<'a>(problem: &Problem<'a>) -> BTreeMap<&'a str, &'a str> {
    let mut assignment = Assignment::new(problem);
    assignment.keep_current();
    assignment.place_rest();
    assignment.balance();
    assignment.owners
}

struct Assignment<'a, 'p> {
    problem: &'p Problem<'a>,
    owners: BTreeMap<&'a str, &'a str>,
    loads: BTreeMap<&'a str, u64>,
    held: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a, 'p> Assignment<'a, 'p> {
    fn new(problem: &'p Problem<'a>) -> Self {
        let members = problem.inputs.values().flat_map(|(_, members)| members);
        Self {
            problem,
            owners: BTreeMap::new(),
            loads: members.map(|member| (*member, 0)).collect(),
            held: BTreeMap::new(),
        }
    }

    fn keep_current(&mut self) {
        for (input, (_, members)) in &self.problem.inputs {
            if let Some(owner) = self.problem.current.get(input)
                && members.contains(owner)
            {
                self.give(input, owner);
            }
        }
    }

    /// The heaviest first, each to the member with the least, and of those to the first by name.
    fn place_rest(&mut self) {
        let mut rest: Vec<_> = self
            .problem
            .inputs
            .iter()
            .filter(|(input, _)| !self.owners.contains_key(*input))
            .collect();
        rest.sort_by_key(|(_, (weight, _))| std::cmp::Reverse(*weight));
        for (input, (_, members)) in rest {
            let least = members.iter().min_by_key(|member| self.load(member));
            if let Some(member) = least {
                self.give(input, member);
            }
        }
    }

    fn balance(&mut self) {
        let largest = self.problem.inputs.values().map(|(weight, _)| *weight);
        let largest = largest.max().unwrap_or_default();
        let total: u64 = self.loads.values().sum();
        let mut target = largest.max(mean(total, self.loads.len()));
        while let Some(fullest) = self.fullest()
            && let bound = target.saturating_add(largest)
            && self.load(fullest) > bound
        {
            if let Some((input, to)) = self.single_move(fullest, bound) {
                self.give(input, to);
                continue;
            }
            match self.path_to_below(fullest, target) {
                Ok(path) => self.shift(&path, target),
                Err(mean_of_reached) => target = mean_of_reached,
            }
        }
    }

    fn fullest(&self) -> Option<&'a str> {
        let fullest = self.loads.iter().max_by_key(|(_, load)| **load);
        fullest.map(|(member, _)| *member)
    }

    /// The move that brings `from` down to the bound, or closest to it, to the member with the least.
    fn single_move(&self, from: &'a str, bound: u64) -> Option<(&'a str, &'a str)> {
        let excess = self.load(from).saturating_sub(bound);
        let moves = self.held.get(from).into_iter().flatten().flat_map(|input| {
            let weight = self.weight(input);
            let fits = move |to: &&str| self.load(to).saturating_add(weight) <= bound;
            let receivers = self.offering(input).filter(fits);
            receivers.map(move |to| (*input, to, weight))
        });
        let best = moves
            .min_by_key(|(_, to, weight)| (excess.saturating_sub(*weight), *weight, self.load(to)));
        best.map(|(input, to, _)| (input, to))
    }

    /// The shortest path from `start` to a member below `target`: inputs, and the members that get
    /// them, in their order.
    ///
    /// # Errors
    /// There is none. The mean load of all members that can be reached, which is above `target`.
    fn path_to_below(&self, start: &'a str, target: u64) -> Result<Vec<(&'a str, &'a str)>, u64> {
        let mut came: BTreeMap<&str, (&'a str, &'a str)> = BTreeMap::new();
        let mut reached = BTreeSet::from([start]);
        let mut queue = VecDeque::from([start]);
        while let Some(from) = queue.pop_front() {
            for input in self.held.get(from).into_iter().flatten() {
                for to in self.offering(input) {
                    if !reached.insert(to) {
                        continue;
                    }
                    came.insert(to, (from, input));
                    if self.load(to) < target {
                        return Ok(path_back(&came, to));
                    }
                    queue.push_back(to);
                }
            }
        }
        let total = reached.iter().map(|member| self.load(member)).sum();
        Err(mean(total, reached.len()))
    }

    /// From the end to the start: as soon as a member stays at `target` or above without what it
    /// has passed on, it needs nothing in return.
    fn shift(&mut self, path: &[(&'a str, &'a str)], target: u64) {
        for (input, to) in path.iter().rev() {
            let Some(from) = self.give(input, to) else {
                return;
            };
            if self.load(from) >= target {
                return;
            }
        }
    }

    fn offering(&self, input: &str) -> impl Iterator<Item = &'a str> + use<'a, 'p> {
        let offered = self.problem.inputs.get(input);
        offered
            .into_iter()
            .flat_map(|(_, members)| members.iter().copied())
    }

    fn weight(&self, input: &str) -> u64 {
        let entry = self.problem.inputs.get(input);
        entry.map_or(0, |(weight, _)| *weight)
    }

    fn load(&self, member: &str) -> u64 {
        self.loads.get(member).copied().unwrap_or_default()
    }

    /// Gives an input to a member, and returns who had it.
    fn give(&mut self, input: &'a str, to: &'a str) -> Option<&'a str> {
        let weight = self.weight(input);
        let from = self.owners.insert(input, to);
        if let Some(from) = from {
            if let Some(load) = self.loads.get_mut(from) {
                *load = load.saturating_sub(weight);
            }
            if let Some(held) = self.held.get_mut(from) {
                held.remove(input);
            }
        }
        let load = self.loads.entry(to).or_default();
        *load = load.saturating_add(weight);
        self.held.entry(to).or_default().insert(input);
        from
    }
}

fn path_back<'a>(
    came: &BTreeMap<&str, (&'a str, &'a str)>,
    end: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let mut path = Vec::new();
    let mut at = end;
    while let Some((from, input)) = came.get(at) {
        path.push((*input, at));
        at = from;
    }
    path.reverse();
    path
}

/// The mean, rounded up: loads are whole.
fn mean(total: u64, count: usize) -> u64 {
    let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
    total.div_ceil(count)
}
