//! What replicas write for each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Who has which input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Grows with every change.
    pub generation: u64,
    pub inputs: BTreeMap<String, Ownership>,
}

/// Who has an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    pub owner: String,
    /// What has to happen before the owner is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

/// What an owner waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The generation from which on nobody is told to run the input. All replicas have to have it.
    pub since: u64,
    /// Who may still run it: all of them have to have been told, or be silent.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub former: BTreeSet<String>,
}

impl State {
    /// The inputs that `member` may run, in order.
    pub fn allowed<'a>(&'a self, member: &'a str) -> impl Iterator<Item = &'a str> {
        let own = self
            .inputs
            .iter()
            .filter(move |(_, ownership)| ownership.owner == member && ownership.waiting.is_none());
        own.map(|(input, _)| input.as_str())
    }
}

/// What a replica knows of the Datakits that ask it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The generation of the state that the replica answers from.
    pub generation: u64,
    pub members: BTreeMap<String, Contact>,
}

/// The latest request of a Datakit to a replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// Its inputs, with the number of instances of each.
    pub offers: BTreeMap<String, u32>,
    /// The inputs that it was told to run last. All, after its start.
    pub running: BTreeSet<String>,
    /// The generation of the state that it was answered from.
    pub generation: u64,
    /// Milliseconds from the request to the report.
    pub silent: u64,
}

/// A [`Report`] as it is written: most Datakits offer the same, which stands there once.
#[derive(Serialize, Deserialize)]
struct Written {
    generation: u64,
    offers: Vec<BTreeMap<String, u32>>,
    running: Vec<BTreeSet<String>>,
    /// For each Datakit the places of its offers and of what it runs, the generation and the silence.
    members: BTreeMap<String, (usize, usize, u64, u64)>,
}

impl Report {
    /// The report as a text.
    ///
    /// # Errors
    /// Never in practice: there is nothing in it that JSON does not have.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let mut offers = Places::default();
        let mut running = Places::default();
        let members = self
            .members
            .iter()
            .map(|(id, contact)| {
                let entry = (
                    offers.place(&contact.offers),
                    running.place(&contact.running),
                    contact.generation,
                    contact.silent,
                );
                (id.clone(), entry)
            })
            .collect();
        serde_json::to_string(&Written {
            generation: self.generation,
            offers: offers.into_list(),
            running: running.into_list(),
            members,
        })
    }

    /// Reads what [`to_json`](Self::to_json) has written.
    ///
    /// # Errors
    /// The text is not a report.
    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        let written: Written = serde_json::from_str(text)?;
        let contact = |(offers, running, generation, silent): (usize, usize, u64, u64)| {
            Some(Contact {
                offers: written.offers.get(offers)?.clone(),
                running: written.running.get(running)?.clone(),
                generation,
                silent,
            })
        };
        let members = written.members.iter();
        Ok(Self {
            generation: written.generation,
            members: members
                .filter_map(|(id, entry)| Some((id.clone(), contact(*entry)?)))
                .collect(),
        })
    }
}

/// Gives equal values one place in a list.
struct Places<'a, T> {
    places: BTreeMap<&'a T, usize>,
}

impl<T> Default for Places<'_, T> {
    fn default() -> Self {
        Self {
            places: BTreeMap::new(),
        }
    }
}

impl<'a, T: Ord + Clone> Places<'a, T> {
    fn place(&mut self, value: &'a T) -> usize {
        let next = self.places.len();
        *self.places.entry(value).or_insert(next)
    }

    fn into_list(self) -> Vec<T> {
        let mut list: Vec<_> = self.places.into_iter().collect();
        list.sort_unstable_by_key(|(_, place)| *place);
        list.into_iter().map(|(value, _)| value.clone()).collect()
    }
}
