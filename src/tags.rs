//! The value of `DD_TAGS`: pairs `key:value`, separated by commas or by blanks.

/// What has to stand behind `own` so that it has the pairs of `added` whose keys it lacks; `None` if it
/// lacks none. The pairs of `own` stay to the letter as they are. A value may hold more colons
/// (`url:http://x`), and a pair may have none.
#[must_use]
pub fn lacking(own: &str, added: &str) -> Option<String> {
    let by_blanks = is_separated_by_blanks(own);
    let keys: Vec<&str> = pairs(own, by_blanks).map(key).collect();
    let ends_with_a_pair = own.trim_end_matches(' ').ends_with(|end| end != ',');
    let mut ends_a_pair = ends_with_a_pair && !(by_blanks && own.ends_with(' '));
    let mut lacking = String::new();
    let added = pairs(added, by_blanks || is_separated_by_blanks(added));
    for pair in added.filter(|pair| !keys.contains(&key(pair))) {
        if ends_a_pair {
            lacking.push(if by_blanks { ' ' } else { ',' });
        }
        lacking.push_str(pair);
        ends_a_pair = true;
    }
    (!lacking.is_empty()).then_some(lacking)
}

/// Tracers take tags apart at their commas or, where there are none, at their blanks.
fn is_separated_by_blanks(tags: &str) -> bool {
    let tags = tags.trim();
    tags.contains(' ') && !tags.contains(',')
}

fn pairs(tags: &str, by_blanks: bool) -> impl Iterator<Item = &str> {
    tags.split(move |character| character == ',' || (by_blanks && character == ' '))
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

    fn merge(own: &str, added: &str) -> Option<String> {
        lacking(own, added).map(|lacking| format!("{own}{lacking}"))
    }

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
            (
                "env:prod team:obs",
                "a:1,team:x",
                Some("env:prod team:obs a:1"),
            ),
            ("env:prod ", "a:1 b:2", Some("env:prod ,a:1,b:2")),
            ("owner:a b,", "a:1", Some("owner:a b,a:1")),
            ("a:1 b:2", "owner:x y,a:3", Some("a:1 b:2 owner:x y")),
            ("owner:a b,env:prod", "a:1", Some("owner:a b,env:prod,a:1")),
        ] {
            assert_eq!(merge(own, added).as_deref(), expected, "{own} + {added}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn merges_once() {
        let texts = [
            "", "a", "p q", "p q,", "a b", "a:1,p q", " a ", "b:x y, c", "a\t b",
        ];
        for (own, added) in texts
            .iter()
            .flat_map(|own| texts.map(|added| (*own, added)))
        {
            if let Some(merged) = merge(own, added) {
                assert_eq!(merge(&merged, added), None, "{own} + {added} = {merged}");
            }
        }
    }
}
