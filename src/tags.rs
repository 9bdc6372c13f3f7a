//! The value of `DD_TAGS`: pairs `key:value`, separated by commas or by blanks.

/// `own` with the pairs of `added` whose keys it does not have; `None` if there are none. The pairs
/// of `own` stay to the letter as they are. A value may hold more colons (`url:http://x`), and a
/// pair may have none.
#[must_use]
pub fn merge(own: &str, added: &str) -> Option<String> {
    let keys: Vec<&str> = pairs(own).map(key).collect();
    let mut merged = own.trim_end_matches([',', ' ']).to_owned();
    let separator = separator(own.trim());
    let mut changed = false;
    for pair in pairs(added).filter(|pair| !keys.contains(&key(pair))) {
        if !merged.is_empty() {
            merged.push(separator);
        }
        merged.push_str(pair);
        changed = true;
    }
    changed.then_some(merged)
}

/// What stands between the pairs: tracers take a value without a comma apart at its blanks.
fn separator(tags: &str) -> char {
    if tags.contains(',') || !tags.contains(' ') {
        ','
    } else {
        ' '
    }
}

fn pairs(tags: &str) -> impl Iterator<Item = &str> {
    let tags = tags.trim();
    tags.split(separator(tags))
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
            ("url:http://x:80/", "url:y,b", Some("url:http://x:80/,b")),
            ("flag", "flag,u:http://y", Some("flag,u:http://y")),
            ("env:prod", "", None),
            (
                "env:prod team:obs",
                "a:1,team:x",
                Some("env:prod team:obs a:1"),
            ),
            ("env:prod ", "a:1 b:2", Some("env:prod,a:1,b:2")),
            ("owner:a b,", "a:1", Some("owner:a b,a:1")),
            ("owner:a b,env:prod", "a:1", Some("owner:a b,env:prod,a:1")),
        ] {
            assert_eq!(merge(own, added).as_deref(), expected, "{own} + {added}");
        }
    }
}
