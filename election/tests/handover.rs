//! What the assigner decides, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use datakit_election::tasks::{
    Contact, Ownership, Report, SETTLING, SILENCE, State, View, Waiting, plan,
};

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A Datakit that offers `mysql` and `redis`, and was answered from `generation`.
fn contact(running: &[&str], generation: u64) -> Contact {
    Contact {
        offers: BTreeMap::from([("mysql".to_owned(), 1), ("redis".to_owned(), 1)]),
        running: names(running),
        generation,
        silent: 0,
    }
}

fn report(generation: u64, members: &[(&str, Contact)]) -> (Report, Duration) {
    let members = members
        .iter()
        .map(|(id, contact)| ((*id).to_owned(), contact.clone()));
    let report = Report {
        generation,
        members: members.collect(),
    };
    (report, Duration::ZERO)
}

fn view(reports: &[(Report, Duration)]) -> View {
    View {
        known_for: SILENCE,
        asked_for: SILENCE,
        reports: reports.to_vec(),
    }
}

fn owned(owner: &str, waiting: Option<(u64, &[&str])>) -> Ownership {
    Ownership {
        owner: owner.to_owned(),
        waiting: waiting.map(|(since, former)| Waiting {
            since,
            former: names(former),
        }),
    }
}

fn state(generation: u64, mysql: Ownership, redis: Ownership) -> State {
    let inputs = [("mysql".to_owned(), mysql), ("redis".to_owned(), redis)];
    State {
        generation,
        inputs: BTreeMap::from(inputs),
    }
}

fn next(state: &State, view: &View) -> Option<State> {
    plan(state, view).map(|(state, _)| state)
}

#[test]
fn what_the_operator_had_assigned_goes_on_without_a_pause() {
    let reports = [report(
        0,
        &[("a", contact(&["redis"], 0)), ("b", contact(&["mysql"], 0))],
    )];
    let expected = state(1, owned("b", None), owned("a", None));
    assert_eq!(next(&State::default(), &view(&reports)), Some(expected));
}

#[test]
fn nothing_is_assigned_before_all_can_have_asked() {
    let reports = [report(0, &[("a", contact(&["redis"], 0))])];
    let just_before = SETTLING - Duration::from_millis(1);
    for (known_for, asked_for) in [(just_before, SETTLING), (SETTLING, just_before)] {
        let view = View {
            known_for,
            asked_for,
            reports: reports.to_vec(),
        };
        assert_eq!(next(&State::default(), &view), None);
    }
}

#[test]
fn datakits_that_have_just_started_are_told_to_stop_what_they_do_not_get() {
    let all = ["mysql", "redis"];
    let started = [report(
        0,
        &[("a", contact(&all, 0)), ("b", contact(&all, 0))],
    )];
    let first = state(
        1,
        owned("a", Some((1, &["b"]))),
        owned("b", Some((1, &["a"]))),
    );
    assert_eq!(
        next(&State::default(), &view(&started)),
        Some(first.clone())
    );

    // `a` has shown that it was told; `b` has not asked again.
    let one = [report(
        1,
        &[("a", contact(&[], 1)), ("b", contact(&all, 1))],
    )];
    let second = state(2, owned("a", Some((1, &["b"]))), owned("b", None));
    assert_eq!(next(&first, &view(&one)), Some(second));
}

#[test]
fn a_new_owner_waits_for_every_replica_and_for_the_former_owner() {
    let handing_over = state(5, owned("b", Some((5, &["a"]))), owned("a", None));
    let told = ("a", contact(&["redis"], 5));
    let not_told = ("a", contact(&["mysql", "redis"], 5));
    let told_before = ("a", contact(&["redis"], 4));
    let b = ("b", contact(&[], 5));
    let done = state(6, owned("b", None), owned("a", None));

    for (reports, expected) in [
        (
            vec![report(5, &[told.clone(), b.clone()])],
            Some(done.clone()),
        ),
        (vec![report(5, &[not_told, b.clone()])], None),
        (vec![report(5, &[told_before, b.clone()])], None),
        (
            vec![report(5, &[told.clone(), b.clone()]), report(4, &[])],
            None,
        ),
        (vec![report(5, &[told]), report(5, &[b])], Some(done)),
    ] {
        assert_eq!(
            next(&handing_over, &view(&reports)),
            expected,
            "{reports:?}"
        );
    }
}

#[test]
fn a_silent_owner_loses_what_it_has_and_nothing_else_moves() {
    let shared = state(3, owned("a", None), owned("b", None));
    let silent = |silent: Duration| Contact {
        silent: u64::try_from(silent.as_millis()).unwrap(),
        ..contact(&["mysql"], 3)
    };
    let b = ("b", contact(&["redis"], 3));
    let almost = silent(SILENCE - Duration::from_millis(1));
    assert_eq!(
        next(&shared, &view(&[report(3, &[("a", almost), b.clone()])])),
        None
    );
    let gone = [report(3, &[("a", silent(SILENCE)), b])];
    let expected = state(4, owned("b", Some((4, &["a"]))), owned("b", None));
    assert_eq!(next(&shared, &view(&gone)), Some(expected));
}

#[test]
fn one_that_no_report_has_is_silent_only_after_its_report_would_have_come() {
    let shared = state(3, owned("a", None), owned("b", None));
    let mut view = view(&[report(3, &[("b", contact(&["redis"], 3))])]);
    view.known_for = SILENCE - Duration::from_millis(1);
    assert_eq!(next(&shared, &view), None);
    view.known_for = SILENCE;
    assert!(next(&shared, &view).is_some());
}

#[test]
fn a_third_datakit_takes_nothing_from_two_that_have_one_each() {
    let shared = state(3, owned("a", None), owned("b", None));
    let reports = [report(
        3,
        &[
            ("a", contact(&["mysql"], 3)),
            ("b", contact(&["redis"], 3)),
            ("c", contact(&["mysql", "redis"], 3)),
        ],
    )];
    assert_eq!(next(&shared, &view(&reports)), None);
}

#[test]
fn an_input_that_nobody_offers_any_more_is_forgotten() {
    let shared = state(3, owned("a", None), owned("b", None));
    let mut a = contact(&["mysql"], 3);
    a.offers.remove("redis");
    let expected = State {
        generation: 4,
        inputs: BTreeMap::from([("mysql".to_owned(), owned("a", None))]),
    };
    assert_eq!(
        next(&shared, &view(&[report(3, &[("a", a)])])),
        Some(expected)
    );
}

#[test]
fn a_report_is_read_as_it_was_written_and_says_nothing_twice() {
    let (report, _) = report(
        7,
        &[
            ("a", contact(&["mysql"], 6)),
            ("b", contact(&["mysql"], 7)),
            (
                "c",
                Contact {
                    silent: 1200,
                    ..contact(&[], 7)
                },
            ),
        ],
    );
    let text = report.to_json().unwrap();
    let expected = r#"{"generation":7,"offers":[{"mysql":1,"redis":1}],"running":[["mysql"],[]],"members":{"a":[0,0,6,0],"b":[0,0,7,0],"c":[0,1,7,1200]}}"#;
    assert_eq!(text, expected);
    assert_eq!(Report::from_json(&text).unwrap(), report);
}
