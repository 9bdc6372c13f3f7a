//! Variables that hold a list of pairs: `DD_TAGS` and `OTEL_RESOURCE_ATTRIBUTES`.

/// How a list of pairs is written.
#[derive(Clone, Copy, Debug)]
pub struct Pairs {
    /// What they are called.
    pub noun: &'static str,
    /// What stands between key and value.
    separator: char,
    /// Whether the pairs are taken apart at their blanks where there are no commas.
    may_use_blanks: bool,
}

impl Pairs {
    /// `key:value`, separated by commas or by blanks. A value may hold more colons (`url:http://x`), and
    /// a pair may have none.
    pub const DATADOG: Self = Self {
        noun: "tags",
        separator: ':',
        may_use_blanks: true,
    };

    /// `key=value`, separated by commas.
    pub const OPEN_TELEMETRY: Self = Self {
        noun: "attributes",
        separator: '=',
        may_use_blanks: false,
    };

    /// What has to stand behind `own` so that it has the pairs of `added` whose keys it lacks; `None` if
    /// it lacks none. The pairs of `own` stay to the letter as they are.
    #[must_use]
    pub fn lacking(self, own: &str, added: &str) -> Option<String> {
        let by_blanks = self.uses_blanks(own);
        let keys: Vec<&str> = pairs(own, by_blanks).map(|pair| self.key(pair)).collect();
        let ends_with_a_pair = own.trim_end_matches(' ').ends_with(|end| end != ',');
        let mut ends_a_pair = ends_with_a_pair && !(by_blanks && own.ends_with(' '));
        let mut lacking = String::new();
        let added = pairs(added, by_blanks || self.uses_blanks(added));
        for pair in added.filter(|pair| !keys.contains(&self.key(pair))) {
            if ends_a_pair {
                lacking.push(if by_blanks { ' ' } else { ',' });
            }
            lacking.push_str(pair);
            ends_a_pair = true;
        }
        (!lacking.is_empty()).then_some(lacking)
    }

    fn uses_blanks(self, list: &str) -> bool {
        let list = list.trim();
        self.may_use_blanks && list.contains(' ') && !list.contains(',')
    }

    fn key(self, pair: &str) -> &str {
        pair.split_once(self.separator)
            .map_or(pair, |(key, _)| key.trim_end())
    }
}

fn pairs(list: &str, by_blanks: bool) -> impl Iterator<Item = &str> {
    list.split(move |character| character == ',' || (by_blanks && character == ' '))
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn merge(own: &str, added: &str) -> Option<String> {
        Pairs::DATADOG
            .lacking(own, added)
            .map(|lacking| format!("{own}{lacking}"))
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

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_attributes_apart_at_commas_and_equal_signs() {
        for (own, added, expected) in [
            ("", "a=1,b=2", Some("a=1,b=2")),
            ("a=x:y", "a=1,b=2", Some("b=2")),
            ("a=1 2", "a=1,b=2 c=3", Some("b=2 c=3")),
            ("a = 1", "a=2", None),
            ("a:1", "a=1", Some("a=1")),
            ("url=http://x?q=1,", "url=y,b=2", Some("b=2")),
        ] {
            let separator = if own.is_empty() || own.ends_with(',') {
                ""
            } else {
                ","
            };
            let lacking = Pairs::OPEN_TELEMETRY.lacking(own, added);
            let expected = expected.map(|pairs| format!("{separator}{pairs}"));
            assert_eq!(lacking, expected, "{own} + {added}");
        }
    }
}
