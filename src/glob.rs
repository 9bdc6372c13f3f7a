//! Globs of log files, as Datakit reads them (doublestar: `*`, `**`, `?`, `[…]`, `{a,b}`).

/// Longest text and longest pattern that are compared, and the most alternatives of a pattern: who
/// writes longer ones gets no match.
const LONGEST: usize = 1024;
const MOST_ALTERNATIVES: usize = 16;

/// Whether `pattern` fits the whole of `path`.
#[must_use]
pub fn fits(pattern: &str, path: &str) -> bool {
    if pattern == path {
        return true;
    }
    if pattern.len() > LONGEST || path.len() > LONGEST {
        return false;
    }
    alternatives(pattern)
        .iter()
        .any(|pattern| fits_without_braces(pattern, path))
}

/// The pattern with each choice of its braces.
fn alternatives(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        match first_braces(&pattern) {
            Some((before, choices, after)) => {
                open.extend(
                    choices
                        .split(',')
                        .map(|choice| format!("{before}{choice}{after}")),
                );
            }
            None => done.push(pattern),
        }
        if open.len().saturating_add(done.len()) > MOST_ALTERNATIVES {
            return Vec::new();
        }
    }
    done
}

/// The first braces that have no others in them, and what is around them.
fn first_braces(pattern: &str) -> Option<(&str, &str, &str)> {
    let (head, after) = pattern.split_once('}')?;
    let (before, choices) = head.rsplit_once('{')?;
    Some((before, choices, after))
}

#[derive(Debug)]
enum Token {
    /// `**`, with the `/` behind it: any directories, or none.
    Directories,
    /// `**` elsewhere.
    Anything,
    /// `*`.
    Name,
    /// `?`.
    One,
    /// `[…]`; whether what is in it is meant, or everything else.
    Class(bool, Vec<(char, char)>),
    Literal(char),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let after = |length: usize| rest.get(length..).unwrap_or_default();
        let (token, left) = match first {
            _ if rest.starts_with("**/") => (Token::Directories, after(3)),
            _ if rest.starts_with("**") => (Token::Anything, after(2)),
            '*' => (Token::Name, after(1)),
            '?' => (Token::One, after(1)),
            '\\' => {
                let escaped = after(1).chars().next().unwrap_or('\\');
                (
                    Token::Literal(escaped),
                    after(escaped.len_utf8().saturating_add(1)),
                )
            }
            other => {
                let class = rest.strip_prefix('[').and_then(class);
                class.unwrap_or((Token::Literal(other), after(other.len_utf8())))
            }
        };
        tokens.push(token);
        rest = left;
    }
    tokens
}

/// What stands behind a `[`, and what follows the class; `None` where it does not end.
fn class(text: &str) -> Option<(Token, &str)> {
    let (inner, after) = text.split_once(']')?;
    let (is_meant, inner) = match inner.strip_prefix(['!', '^']) {
        Some(inner) => (false, inner),
        None => (true, inner),
    };
    let mut ranges = Vec::new();
    let mut characters = inner.chars().peekable();
    while let Some(first) = characters.next() {
        let last = if characters.peek() == Some(&'-') {
            characters.next();
            characters.next().unwrap_or('-')
        } else {
            first
        };
        ranges.push((first, last));
    }
    Some((Token::Class(is_meant, ranges), after))
}

/// Goes through the path once, with all the places of the pattern that it may have come to.
fn fits_without_braces(pattern: &str, path: &str) -> bool {
    let tokens = tokens(pattern);
    let nowhere = vec![false; tokens.len().saturating_add(1)];
    let mut here = nowhere.clone();
    reach(&tokens, &mut here, 0);
    for character in path.chars() {
        let mut next = nowhere.clone();
        let reached = tokens.iter().zip(&here).enumerate();
        for (place, (token, _)) in reached.filter(|(_, (_, is_here))| **is_here) {
            let behind = place.saturating_add(1);
            match token {
                Token::Directories => {
                    if character == '/' {
                        reach(&tokens, &mut next, behind);
                    }
                    if let Some(inside) = next.get_mut(place) {
                        *inside = true;
                    }
                }
                Token::Anything => reach(&tokens, &mut next, place),
                Token::Name if character != '/' => reach(&tokens, &mut next, place),
                Token::One if character != '/' => reach(&tokens, &mut next, behind),
                Token::Class(is_meant, ranges) if character != '/' => {
                    let has = |(first, last): &(char, char)| (*first..=*last).contains(&character);
                    if ranges.iter().any(has) == *is_meant {
                        reach(&tokens, &mut next, behind);
                    }
                }
                Token::Literal(own) if *own == character => reach(&tokens, &mut next, behind),
                _ => {}
            }
        }
        here = next;
    }
    here.last() == Some(&true)
}

/// Marks `place`, and the places behind tokens that fit nothing at all, too.
fn reach(tokens: &[Token], places: &mut [bool], place: usize) {
    for (token, is_here) in tokens
        .iter()
        .map(Some)
        .chain([None])
        .zip(places)
        .skip(place)
    {
        if *is_here {
            return;
        }
        *is_here = true;
        let fits_nothing = matches!(
            token,
            Some(Token::Directories | Token::Anything | Token::Name)
        );
        if !fits_nothing {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn fits_as_doublestar_does() {
        for (pattern, path, expected) in [
            ("/a/*.json", "/a/x.json", true),
            ("/a/*.json", "/a/b/x.json", false),
            ("/a/*.json", "/a/x.jso", false),
            ("/a/**/x", "/a/x", true),
            ("/a/**/x", "/a/b/c/x", true),
            ("/a/**/x", "/a/b/cx", false),
            ("/a/**", "/a/b/c", true),
            ("/a/**", "/b", false),
            ("/a/?.json", "/a/b.json", true),
            ("/a/?.json", "/a/bc.json", false),
            ("/a?b", "/a/b", false),
            ("/a/[0-9x].json", "/a/7.json", true),
            ("/a/[0-9x].json", "/a/x.json", true),
            ("/a/[!0-9].json", "/a/7.json", false),
            ("/a/[^0-9].json", "/a/y.json", true),
            ("/a/{b,c*}/x", "/a/cd/x", true),
            ("/a/{b,c}/x", "/a/d/x", false),
            ("/a/{b,{c,d}e}/x", "/a/de/x", true),
            ("/a/\\*", "/a/*", true),
            ("/a/\\*", "/a/b", false),
            ("/a/[x", "/a/[x", true),
            ("/a", "/a", true),
            ("", "/a", false),
            ("*", "", true),
            ("/a/\u{e4}?", "/a/\u{e4}\u{f6}", true),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn gives_up_on_patterns_that_would_cost_much() {
        let many = "{a,b}".repeat(20);
        assert!(!fits(&format!("/{many}"), "/aaaaaaaaaaaaaaaaaaaa"));
        assert!(!fits(&format!("/{}*", "x".repeat(LONGEST)), "/x"));
        assert!(fits(&format!("/{}", "*".repeat(LONGEST / 2)), "/x"));
    }
}
