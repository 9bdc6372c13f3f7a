//! The tags of the settings merged into those of a container.
#![no_main]

use datakit_operator_policy::tags::merge;
use libfuzzer_sys::fuzz_target;

fn pairs(tags: &str) -> Vec<&str> {
    tags.split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .collect()
}

fn keys(tags: &str) -> Vec<&str> {
    pairs(tags)
        .into_iter()
        .map(|pair| pair.split(':').next().unwrap_or(pair))
        .collect()
}

fuzz_target!(|input: (&str, &str)| {
    let (own, added) = input;
    let own_keys = keys(own);
    let Some(merged) = merge(own, added) else {
        assert!(keys(added).iter().all(|key| own_keys.contains(key)));
        return;
    };
    let mut expected = pairs(own);
    let new = pairs(added)
        .into_iter()
        .filter(|pair| !own_keys.contains(&keys(pair)[0]));
    expected.extend(new);
    assert_eq!(pairs(&merged), expected);
    assert!(
        merged.starts_with(own.trim_end_matches([',', ' '])),
        "{merged}"
    );
    assert_eq!(merge(&merged, added), None);
});
