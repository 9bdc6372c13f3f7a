//! An instance that is asked again and again. Hosts take a fresh one for each request today; one that they keep has to
//! answer in the same way, whatever it was asked before.

use datakit_policy_host::policy::payload;
use serde_json::Value;

use crate::support::{POLICY, create};
use crate::vectors::read;

/// The payloads of all vectors.
fn payloads() -> Vec<Vec<u8>> {
    let texts = ["v1", "v2"].map(read);
    let cases = texts.iter().flat_map(|text| text.lines());
    let payload_of = |line: &str| {
        let case: Value = serde_json::from_str(line).unwrap();
        let namespace = case["request"]["namespace"].as_str().unwrap();
        let request = create(namespace, &case["request"]["object"]);
        payload(&request, &case["settings"]).unwrap()
    };
    cases.map(payload_of).collect()
}

fn fresh(payload: &[u8]) -> Vec<u8> {
    POLICY
        .instance()
        .unwrap()
        .call("validate", payload)
        .unwrap()
}

/// Steps that meet each place once, for their length has no divisor in common with the number of places.
fn strided(count: usize) -> impl Iterator<Item = usize> {
    let common = |one: usize, other: usize| {
        let (mut one, mut other) = (one, other);
        while other > 0 {
            (one, other) = (other, one % other);
        }
        one
    };
    let stride = (count / 2..)
        .find(|stride| common(*stride, count) == 1)
        .unwrap();
    (0..count).map(move |number| number * stride % count)
}

#[test]
fn answers_as_a_fresh_one_in_any_order() {
    let payloads = payloads();
    let expected: Vec<Vec<u8>> = payloads.iter().map(|payload| fresh(payload)).collect();
    let in_turn = (0..payloads.len()).collect::<Vec<usize>>();
    let backwards = in_turn.iter().rev().copied().collect();
    let shuffled: Vec<usize> = strided(payloads.len()).collect();
    let again = [shuffled.clone(), shuffled.clone()].concat();
    for order in [in_turn, backwards, shuffled, again] {
        let instance = POLICY.instance().unwrap();
        for place in order {
            let answer = instance.call("validate", &payloads[place]).unwrap();
            assert!(answer == expected[place], "vector {place}");
        }
    }
}
