//! The assigner's decision: the next state, from the state and what the replicas report.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::balance::{Problem, assign};
use super::{Contact, Ownership, Report, SETTLING, SILENCE, State, Waiting};

/// What the assigner knows. Made from one snapshot of the store, that of the state included:
/// whatever was written before the state has to be in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// How long everything has been known without a gap.
    pub known_for: Duration,
    /// How long Datakits have been asking; counts while there is no state.
    pub asked_for: Duration,
    /// The reports of the replicas that may still answer, and their age.
    pub reports: Vec<(Report, Duration)>,
}

/// What changes from one state to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Inputs that had no owner.
    pub new: usize,
    /// Inputs whose owner is silent or does not offer them any more.
    pub gone: usize,
    /// Inputs that leave an owner that offers them.
    pub balance: usize,
}

/// The next state, if it differs.
#[must_use]
pub fn plan(state: &State, view: &View) -> Option<(State, Moves)> {
    let members = view.members();
    if state.inputs.is_empty() && view.known_for.min(view.asked_for) < SETTLING {
        return None;
    }
    let absent = |ownership: &Ownership| !members.contains_key(ownership.owner.as_str());
    let unsettled =
        |input: &str| !view.knows_silence() && state.inputs.get(input).is_some_and(absent);
    let problem = problem(state, &members, unsettled);
    let assigned = assign(&problem);
    let mut moves = Moves::default();
    let generation = state.generation + 1;
    let kept = state.inputs.iter().filter(|(input, _)| unsettled(input));
    let kept = kept.map(|(input, ownership)| (input.clone(), ownership.clone()));
    let inputs: BTreeMap<String, Ownership> = assigned
        .iter()
        .map(|(input, owner)| {
            let old = state.inputs.get(*input);
            if old.is_none_or(|old| old.owner != *owner) {
                moves.count(old, problem.current.contains_key(input));
            }
            let ownership = next(input, owner, old, generation, &members, view);
            ((*input).to_owned(), ownership)
        })
        .chain(kept)
        .collect();
    (inputs != state.inputs).then_some((State { generation, inputs }, moves))
}

impl Moves {
    fn count(&mut self, old: Option<&Ownership>, owner_offers_it: bool) {
        match old {
            None => self.new += 1,
            Some(_) if owner_offers_it => self.balance += 1,
            Some(_) => self.gone += 1,
        }
    }
}

impl View {
    /// The Datakits that are not silent, each with its contacts: one for each replica that it asked
    /// lately, the latest first.
    fn members(&self) -> Members<'_> {
        let mut members: BTreeMap<&str, Vec<(Duration, &Contact)>> = BTreeMap::new();
        for (report, age) in &self.reports {
            for (id, contact) in &report.members {
                let silent = *age + Duration::from_millis(contact.silent);
                members.entry(id).or_default().push((silent, contact));
            }
        }
        members.retain(|_, contacts| contacts.iter().any(|(silent, _)| *silent < SILENCE));
        members
            .into_iter()
            .map(|(id, mut contacts)| {
                contacts.sort_by_key(|(silent, _)| *silent);
                (
                    id,
                    contacts.into_iter().map(|(_, contact)| contact).collect(),
                )
            })
            .collect()
    }

    /// Whether a Datakit that no report has is silent. Before that, its report may be missing.
    fn knows_silence(&self) -> bool {
        self.known_for >= SILENCE
    }

    fn all_replicas_have(&self, generation: u64) -> bool {
        let mut reports = self.reports.iter();
        reports.all(|(report, _)| report.generation >= generation)
    }
}

type Members<'a> = BTreeMap<&'a str, Vec<&'a Contact>>;

fn problem<'a>(
    state: &'a State,
    members: &Members<'a>,
    unsettled: impl Fn(&str) -> bool,
) -> Problem<'a> {
    let mut problem = Problem::default();
    for (id, contacts) in members {
        let Some(latest) = contacts.first() else {
            continue;
        };
        for (input, instances) in &latest.offers {
            if unsettled(input) {
                continue;
            }
            let (weight, offering) = problem.inputs.entry(input).or_default();
            // Datakits may differ in it for a while, when their configuration changes.
            *weight = (*weight).max(u64::from(*instances)).max(1);
            offering.insert(*id);
        }
    }
    for (input, (_, offering)) in &problem.inputs {
        let owner = match state.inputs.get(*input) {
            Some(ownership) => Some(ownership.owner.as_str()),
            None => runner(input, members),
        };
        if let Some(owner) = owner
            && let Some(owner) = offering.get(owner)
        {
            problem.current.insert(input, owner);
        }
    }
    problem
}

/// Who runs an input that no state speaks of: a Datakit that was told so by the operator. One that
/// has just started says that it runs all that it offers, and is not believed.
fn runner<'a>(input: &str, members: &Members<'a>) -> Option<&'a str> {
    let told = members.iter().filter(|(_, contacts)| {
        contacts.first().is_some_and(|latest| {
            latest.running.contains(input) && latest.running.len() < latest.offers.len()
        })
    });
    told.map(|(id, _)| *id).next()
}

fn next(
    input: &str,
    owner: &str,
    old: Option<&Ownership>,
    generation: u64,
    members: &Members<'_>,
    view: &View,
) -> Ownership {
    let waiting = match old {
        // Where no replica has answered anything yet, one that runs it alone simply goes on.
        None => {
            let former = claimants(input, owner, members);
            let goes_on = generation == 1 && former.is_empty() && claims(owner, input, members);
            (!goes_on).then_some(Waiting {
                since: generation,
                former,
            })
        }
        Some(old) if old.owner == owner => old
            .waiting
            .clone()
            .filter(|waiting| !is_over(input, waiting, members, view)),
        Some(old) => Some(Waiting {
            since: generation,
            former: former_owners(old, owner),
        }),
    };
    Ownership {
        owner: owner.to_owned(),
        waiting,
    }
}

/// The Datakits that may run an input that no state speaks of.
fn claimants(input: &str, owner: &str, members: &Members<'_>) -> BTreeSet<String> {
    let others = members.keys().filter(|id| **id != owner);
    let claiming = others.filter(|id| claims(id, input, members));
    claiming.map(|id| (*id).to_owned()).collect()
}

fn claims(id: &str, input: &str, members: &Members<'_>) -> bool {
    let contacts = members.get(id).into_iter().flatten();
    contacts
        .into_iter()
        .any(|contact| contact.running.contains(input))
}

/// The Datakits that may run an input whose owner changes: the owner, if it was told; if it still
/// waited, those for whom it waited.
fn former_owners(old: &Ownership, owner: &str) -> BTreeSet<String> {
    let mut former = match &old.waiting {
        None => BTreeSet::from([old.owner.clone()]),
        Some(waiting) => waiting.former.clone(),
    };
    former.remove(owner);
    former
}

fn is_over(input: &str, waiting: &Waiting, members: &Members<'_>, view: &View) -> bool {
    let was_told = |contact: &&Contact| {
        contact.generation >= waiting.since && !contact.running.contains(input)
    };
    let has_stopped = |former: &String| match members.get(former.as_str()) {
        Some(contacts) => contacts.iter().any(was_told),
        None => view.knows_silence(),
    };
    view.all_replicas_have(waiting.since) && waiting.former.iter().all(has_stopped)
}
