//! The tags of the settings merged into those of a container.
#![no_main]

use datakit_operator_policy::tags::lacking;
use libfuzzer_sys::fuzz_target;

/// Without a comma the pairs are separated by blanks.
fn by_blanks(tags: &str) -> bool {
    tags.trim().contains(' ') && !tags.contains(',')
}

fn pairs(tags: &str, by_blanks: bool) -> Vec<&str> {
    tags.split(|character| character == ',' || (by_blanks && character == ' '))
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .collect()
}

fn keys(tags: &str, by_blanks: bool) -> Vec<&str> {
    pairs(tags, by_blanks).into_iter().map(key).collect()
}

fn key(pair: &str) -> &str {
    pair.split(':').next().unwrap_or(pair)
}

fn merged(own: &str, added: &str) -> Option<String> {
    lacking(own, added).map(|lacking| format!("{own}{lacking}"))
}

fuzz_target!(|input: (&str, &str)| {
    let (own, added) = input;
    let own_keys = keys(own, by_blanks(own));
    let Some(all) = merged(own, added) else {
        let added_keys = keys(added, by_blanks(own) || by_blanks(added));
        assert!(added_keys.iter().all(|key| own_keys.contains(key)));
        return;
    };
    let mut expected = pairs(own, by_blanks(own));
    let apart = by_blanks(&all) || by_blanks(added);
    let new = pairs(added, apart)
        .into_iter()
        .filter(|pair| !own_keys.contains(&key(pair)));
    expected.extend(new);
    assert_eq!(pairs(&all, by_blanks(&all)), expected);
    assert_eq!(lacking(&all, added), None);
});
