//! Globs over the values of labels, as operators since 1.5.13 read them (gobwas/glob, without separators).
//!
//! `*` and `**` are any characters, `?` is one, `[abc]` and `[a-z]` are one of those, `\c` is that character. Braces
//! only group, because a selector ends a value at a comma. The whole value has to match.

/// What a value has that makes it a glob.
const MARKS: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// A glob, ready to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Any characters, or none.
    Any,
    /// Any one character.
    One,
    Exactly(char),
    /// From the first to the second.
    Between(char, char),
    OneOf(String),
}

impl Glob {
    /// Whether a value is a glob: it has a character that means something else than itself.
    #[must_use]
    pub fn is_glob(text: &str) -> bool {
        text.contains(MARKS)
    }

    /// Reads a glob.
    ///
    /// # Errors
    /// What is wrong, in words for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        let mut rest = text.chars();
        let mut open_braces = 0_usize;
        while let Some(character) = rest.next() {
            match character {
                '*' if pieces.last() == Some(&Piece::Any) => {}
                '*' => pieces.push(Piece::Any),
                '?' => pieces.push(Piece::One),
                '[' => pieces.push(class(&mut rest)?),
                '{' => open_braces = open_braces.saturating_add(1),
                '}' if open_braces > 0 => open_braces = open_braces.saturating_sub(1),
                // At the end it stands for nothing.
                '\\' => pieces.extend(rest.next().map(Piece::Exactly)),
                character => pieces.push(Piece::Exactly(character)),
            }
        }
        Ok(Self { pieces })
    }

    /// Whether every value matches.
    #[must_use]
    pub fn matches_all(&self) -> bool {
        self.pieces == [Piece::Any]
    }

    /// Whether the whole of `text` matches. Takes the time of the two lengths multiplied at the most.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut pieces = self.pieces.as_slice();
        let mut rest = text.chars();
        // Behind the last `Any`: the pieces, and the characters from which they are tried next.
        let mut retry: Option<(&[Piece], std::str::Chars<'_>)> = None;
        loop {
            if let Some((Piece::Any, behind)) = pieces.split_first() {
                pieces = behind;
                retry = Some((behind, rest.clone()));
                continue;
            }
            match (pieces.split_first(), rest.next()) {
                (None, None) => return true,
                (Some((piece, behind)), Some(character)) if piece.takes(character) => {
                    pieces = behind;
                    continue;
                }
                _ => {}
            }
            let Some((behind, from)) = &mut retry else {
                return false;
            };
            if from.next().is_none() {
                return false;
            }
            pieces = behind;
            rest = from.clone();
        }
    }
}

impl Piece {
    fn takes(&self, character: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Exactly(wanted) => character == *wanted,
            Self::Between(low, high) => (*low..=*high).contains(&character),
            Self::OneOf(characters) => characters.contains(character),
        }
    }
}

/// What stands between `[` and `]`: a range where the second character is `-`, else a list of characters.
fn class(rest: &mut std::str::Chars<'_>) -> Result<Piece, &'static str> {
    const OPEN: &str = "a `[` without its `]`";
    const NO_RANGE: &str = "between `[` and `]` stand one range like `a-z`, or characters of which the second is not `-`";
    let mut ahead = rest.clone();
    if let (Some(low), Some('-')) = (ahead.next(), ahead.next()) {
        let high = ahead.next().ok_or(OPEN)?;
        if ahead.next().ok_or(OPEN)? != ']' || high < low {
            return Err(NO_RANGE);
        }
        *rest = ahead;
        return Ok(Piece::Between(low, high));
    }
    let mut characters = String::new();
    loop {
        match rest.next().ok_or(OPEN)? {
            ']' if characters.is_empty() => return Err("nothing between `[` and `]`"),
            ']' => return Ok(Piece::OneOf(characters)),
            '\\' => characters.push(rest.next().ok_or(OPEN)?),
            character => characters.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn matches_the_whole_value() {
        for (glob, matching, others) in [
            ("*", &["", "a", "a.b/c"][..], &[][..]),
            ("**", &["", "a.b/c"], &[]),
            ("web-*", &["web-", "web-1"], &["web", "my-web-1"]),
            ("*web", &["web", "web-web"], &["webs"]),
            ("a*b*c", &["abc", "axbxbc", "abcbc"], &["ab", "acb"]),
            ("w?b", &["web", "wüb"], &["wb", "weeb"]),
            ("?*", &["a", "ab"], &[""]),
            ("[abc]x", &["ax", "cx"], &["dx", "x", "abcx"]),
            ("v[0-9]", &["v0", "v9"], &["v", "va", "v10"]),
            ("[a_-]", &["a", "_", "-"], &["b", "a_-"]),
            ("[a\\]b]", &["]"], &["\\"]),
            ("\\*", &["*"], &["a", "\\*"]),
            ("web\\", &["web"], &["web\\"]),
            ("web-]", &["web-]"], &["web-"]),
            ("web}", &["web}"], &["web"]),
            ("{web}-*", &["web-1"], &["{web}-1"]),
            ("{a{b}c", &["abc"], &["ab"]),
        ] {
            let read = Glob::parse(glob).unwrap();
            for text in matching {
                assert!(read.matches(text), "{glob} {text}");
            }
            for text in others {
                assert!(!read.matches(text), "{glob} {text}");
            }
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn says_what_is_no_glob() {
        for glob in ["v[0-9", "[", "[a", "[a-", "[a-z", "[\\", "[a\\"] {
            assert_eq!(Glob::parse(glob), Err("a `[` without its `]`"), "{glob}");
        }
        assert_eq!(Glob::parse("[]"), Err("nothing between `[` and `]`"));
        for glob in ["a[_-]b", "[z-a]", "[a-zA-Z]"] {
            let problem = Glob::parse(glob).unwrap_err();
            assert!(problem.starts_with("between `[` and `]` stand"), "{glob}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn tells_what_matches_every_value() {
        for (glob, expected) in [("*", true), ("***", true), ("?*", false), ("", false)] {
            assert_eq!(Glob::parse(glob).unwrap().matches_all(), expected, "{glob}");
        }
    }
}
