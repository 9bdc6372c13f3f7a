//! What is to be told behind all that was shown.

use std::collections::BTreeSet;

use datakit_policy_reach::Doubt;

use crate::aside::say;
use crate::live::Before;
use crate::policies::Doubted;
use crate::session::Answer;

/// Of an object that `--old` does not have.
const ABSENT: &str = "treated as new, because --old does not contain it";

/// Of an update by a manifest as its author wrote it.
const RAW: &str =
    "the API server's defaults are missing, which counts as a change of the user's part";

/// What a reader of one answer should know.
pub fn of(answer: &Answer) -> Vec<String> {
    let before = match answer.before {
        Before::Absent => Some(ABSENT),
        Before::Known { is_raw: true } => Some(RAW),
        Before::Unknown | Before::Known { is_raw: false } => None,
    };
    let before = before.map(str::to_owned);
    answer
        .doubts
        .iter()
        .map(with_remedy)
        .chain(before)
        .collect()
}

/// What is to be told when all have been shown.
#[derive(Default)]
pub struct Notes {
    absent: Vec<String>,
    raw: Vec<String>,
    doubts: BTreeSet<String>,
}

impl Notes {
    /// Notes what a reader of one answer should know.
    pub fn add(&mut self, answer: &Answer) {
        self.doubts.extend(answer.doubts.iter().map(with_remedy));
        match answer.before {
            Before::Absent => self.absent.push(answer.title()),
            Before::Known { is_raw: true } => self.raw.push(answer.title()),
            Before::Unknown | Before::Known { is_raw: false } => {}
        }
    }

    /// Tells it.
    pub fn tell(&self) {
        for doubt in &self.doubts {
            say(format_args!("note: {doubt}"));
        }
        if !self.absent.is_empty() {
            say(format_args!("note: {ABSENT}: {}", first_of(&self.absent)));
        }
        if !self.raw.is_empty() {
            say(format_args!(
                "note: {RAW}: {}; \
                 `kubectl apply --dry-run=server -o yaml` prints what the API server makes of a manifest",
                first_of(&self.raw)
            ));
        }
    }
}

/// A doubt, with the options that settle it.
fn with_remedy(doubted: &Doubted) -> String {
    match &doubted.doubt {
        Doubt::NamespaceLabels { namespace, .. } => {
            format!("{doubted} (give its Namespace, or --namespace-labels {namespace}:KEY=VALUE)")
        }
        Doubt::Who { .. } | Doubt::Beyond { .. } => doubted.to_string(),
    }
}

/// The first names of a list that may be long.
fn first_of(names: &[String]) -> String {
    const MOST: usize = 5;
    match names.get(..MOST) {
        Some(first) if names.len() > MOST => {
            format!("{} and {} more", first.join(", "), names.len() - MOST)
        }
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_first_of_many() {
        let names: Vec<String> = (1..=7).map(|number| number.to_string()).collect();
        assert_eq!(first_of(&names), "1, 2, 3, 4, 5 and 2 more");
        assert_eq!(first_of(&names[..5]), "1, 2, 3, 4, 5");
    }
}
