//! Paths, against the rules and the documented cases of Go's `path.Clean`, and the globs of doublestar.

use datakit_operator_policy::paths::{clean, directory, directory_of};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;

use crate::agree;

/// `path.Clean("/" + path)`.
#[test]
fn cleans_as_go_does() {
    for (path, expected) in [
        ("", "/"),
        ("/", "/"),
        ("/abc", "/abc"),
        ("/abc/def", "/abc/def"),
        ("/a/b/c/", "/a/b/c"),
        ("/abc//def//ghi", "/abc/def/ghi"),
        ("//abc", "/abc"),
        ("///abc", "/abc"),
        ("//abc//", "/abc"),
        ("/abc/./def", "/abc/def"),
        ("/./abc/def", "/abc/def"),
        ("/abc/.", "/abc"),
        ("/.", "/"),
        ("/./", "/"),
        ("/..", "/"),
        ("/../..", "/"),
        ("/../../abc", "/abc"),
        ("/abc/def/ghi/../jkl", "/abc/def/jkl"),
        ("/abc/def/../ghi/../jkl", "/abc/jkl"),
        ("/abc/def/..", "/abc"),
        ("/abc/def/../..", "/"),
        ("/abc/def/../../..", "/"),
        ("/abc/def/../../../ghi/jkl/../../../mno", "/mno"),
        ("/abc/./../def", "/def"),
        ("/abc//./../def", "/def"),
        ("/abc/../../././../def", "/def"),
        ("/...", "/..."),
        ("/.abc/..abc/abc..", "/.abc/..abc/abc.."),
        ("/ / a", "/ / a"),
        ("abc/../def", "/def"),
    ] {
        assert_eq!(clean(path), expected, "{path:?}");
    }
}

/// Go's documentation gives four rules, to be applied until none can be.
fn by_the_rules(path: &str) -> String {
    let rules = [
        ("//+", "/"),
        (r"/\.(/|$)", "$1"),
        (r"^/\.\.(/|$)", "/$1"),
        (r"/(?:[^/.][^/]*|\.[^/.][^/]*|\.\.[^/]+)/\.\.(/|$)", "$1"),
        (r"(.)/$", "$1"),
        (r"^$", "/"),
    ]
    .map(|(rule, with)| (Regex::new(rule).unwrap(), with));
    let mut path = format!("/{path}");
    loop {
        let before = path.clone();
        for (rule, with) in &rules {
            path = rule.replace(&path, *with).into_owned();
        }
        if path == before {
            return path;
        }
    }
}

fn path() -> impl Strategy<Value = String> {
    let parts = ["", ".", "..", "...", "a", "b.c", ".d", "..e", " ", "ä"];
    vec(select(parts.to_vec()), 0..8).prop_map(|parts| parts.join("/"))
}

#[test]
fn cleans_by_the_rules_of_go() {
    agree(512, &path(), |path| {
        prop_assert_eq!(clean(&path), by_the_rules(&path), "{:?}", path);
        Ok(())
    });
}

/// A part of a doublestar pattern with something that it matches.
fn glob_part() -> impl Strategy<Value = (&'static str, &'static str)> {
    select(
        &[
            ("a", "a"),
            ("b.c", "b.c"),
            ("*", "anything"),
            ("*.log", "x.log"),
            ("app-*", "app-1"),
            ("**", "deep/below"),
            ("?", "z"),
            ("x?z", "xyz"),
            ("[0-9]", "7"),
            ("[^a]x", "bx"),
            ("{a,b}", "b"),
            ("v{1,2}.[0-9]", "v2.3"),
        ][..],
    )
}

/// Every file that a pattern matches lies in the directory that is mounted for it.
#[test]
fn mounts_a_directory_of_every_file_that_a_pattern_matches() {
    agree(4096, &vec(glob_part(), 1..6), |parts| {
        let join = |parts: Vec<&str>| format!("/{}", parts.join("/"));
        let (patterns, names): (Vec<&str>, Vec<&str>) = parts.into_iter().unzip();
        let (pattern, file) = (join(patterns.clone()), join(names));
        let mounted = directory_of(&pattern);
        let inside = format!("{}/", mounted.trim_end_matches('/'));
        prop_assert!(
            file.starts_with(&inside),
            "{} {} {}",
            pattern,
            mounted,
            file
        );
        // No directory below would do: the first part that has a glob is in none.
        let is_glob = |part: &&str| part.contains(['*', '?', '[', '{']);
        let literal = patterns.iter().take_while(|part| !is_glob(part)).count();
        let depth = literal.min(patterns.len() - 1);
        prop_assert_eq!(mounted, clean(&patterns[..depth].join("/")), "{}", pattern);
        Ok(())
    });
}

/// The characters that doublestar documents as special, and some that only look so.
#[test]
fn knows_the_special_characters_of_doublestar() {
    for special in ["*", "**", "?", "[a]", "[^a]", "[!a]", "{a,b}"] {
        assert_eq!(
            directory_of(&format!("/logs/x{special}/y/z.log")),
            "/logs",
            "{special}"
        );
        assert_eq!(
            directory(&format!("/logs/x{special}/y")),
            "/logs",
            "{special}"
        );
    }
    for plain in [
        "]", "}", "!", "^", "-", ",", "(", "|", "+", ".", "$", "~", "#",
    ] {
        let expected = format!("/logs/x{plain}/y");
        assert_eq!(directory_of(&format!("{expected}/z.log")), expected);
        assert_eq!(directory(&expected), expected);
    }
}
