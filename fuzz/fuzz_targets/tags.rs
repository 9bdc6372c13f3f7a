//! The pairs of the settings merged into those of a container.
#![no_main]

use datakit_operator_policy::tags::Pairs;
use libfuzzer_sys::fuzz_target;

/// How the pairs of a variable are written.
struct Form {
    pairs: Pairs,
    separator: char,
    may_use_blanks: bool,
}

impl Form {
    /// Without a comma the pairs may be separated by blanks.
    fn by_blanks(&self, list: &str) -> bool {
        self.may_use_blanks && list.trim().contains(' ') && !list.contains(',')
    }

    fn keys<'l>(&self, list: &'l str, by_blanks: bool) -> Vec<&'l str> {
        let pairs = pairs(list, by_blanks).into_iter();
        pairs.map(|pair| self.key(pair)).collect()
    }

    fn key<'p>(&self, pair: &'p str) -> &'p str {
        pair.split(self.separator).next().unwrap_or(pair).trim()
    }

    fn check(&self, own: &str, added: &str) {
        let own_keys = self.keys(own, self.by_blanks(own));
        let Some(lacking) = self.pairs.lacking(own, added) else {
            let added_keys = self.keys(added, self.by_blanks(own) || self.by_blanks(added));
            assert!(added_keys.iter().all(|key| own_keys.contains(key)));
            return;
        };
        let all = format!("{own}{lacking}");
        let mut expected = pairs(own, self.by_blanks(own));
        let apart = self.by_blanks(&all) || self.by_blanks(added);
        let new = pairs(added, apart)
            .into_iter()
            .filter(|pair| !own_keys.contains(&self.key(pair)));
        expected.extend(new);
        assert_eq!(pairs(&all, self.by_blanks(&all)), expected);
        assert_eq!(self.pairs.lacking(&all, added), None);
    }
}

fn pairs(list: &str, by_blanks: bool) -> Vec<&str> {
    list.split(|character| character == ',' || (by_blanks && character == ' '))
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .collect()
}

fuzz_target!(|input: (&str, &str)| {
    let (own, added) = input;
    let tags = Form {
        pairs: Pairs::DATADOG,
        separator: ':',
        may_use_blanks: true,
    };
    let attributes = Form {
        pairs: Pairs::OPEN_TELEMETRY,
        separator: '=',
        may_use_blanks: false,
    };
    tags.check(own, added);
    attributes.check(own, added);
});
