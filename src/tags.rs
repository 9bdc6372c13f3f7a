//! The value of `DD_TAGS`: pairs `key:value`, separated by commas.

/// `own` with the pairs of `added` whose keys it does not have; `None` if there are none. The pairs
/// of `own` stay to the letter as they are. A value may hold more colons (`url:http://x`), and a
/// pair may have none.
#[must_use]
pub fn merge(own: &str, added: &str) -> Option<String> {
    let keys: Vec<&str> = pairs(own).map(key).collect();
    let mut merged = own.trim_end_matches([',', ' ']).to_owned();
    let mut changed = false;
    for pair in pairs(added).filter(|pair| !keys.contains(&key(pair))) {
        if !merged.is_empty() {
            merged.push(',');
        }
        merged.push_str(pair);
        changed = true;
    }
    changed.then_some(merged)
}

fn pairs(tags: &str) -> impl Iterator<Item = &str> {
    tags.split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
}

fn key(pair: &str) -> &str {
    pair.split_once(':').map_or(pair, |(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn adds_only_new_keys() {
        for (own, added, expected) in [
            ("", "a:1,b:2", Some("a:1,b:2")),
            ("env:prod", "a:1,b:2", Some("env:prod,a:1,b:2")),
            ("env:prod", "env:dev,team:obs", Some("env:prod,team:obs")),
            ("env:prod", "env:dev", None),
            ("env:prod,", "a:1", Some("env:prod,a:1")),
            ("env:prod, a:0", "a:1", None),
            ("b:2 , a:1,,c", "d:3", Some("b:2 , a:1,,c,d:3")),
            ("url:http://x:80/", "url:y,b", Some("url:http://x:80/,b")),
            ("flag", "flag,u:http://y", Some("flag,u:http://y")),
            ("env:prod", "", None),
        ] {
            assert_eq!(merge(own, added).as_deref(), expected, "{own} + {added}");
        }
    }
}
