//! References to images, against the grammar of the distribution specification and another implementation of it.

use std::sync::LazyLock;

use datakit_operator_policy::image::{is_reference, is_tag, with_tag};
use oci_spec::distribution::Reference;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;

use crate::agree;

const TAG: &str = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";

/// The rules of the specification, in its words.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    let domain_component = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let domain_name = format!(r"{domain_component}(?:\.{domain_component})*");
    let host = format!(r"(?:{domain_name}|\[[a-fA-F0-9:]+\])");
    let domain = format!("{host}(?::[0-9]+)?");
    let alpha_numeric = "[a-z0-9]+";
    let separator = "(?:[_.]|__|[-]+)";
    let path_component = format!("{alpha_numeric}(?:{separator}{alpha_numeric})*");
    let remote_name = format!("{path_component}(?:/{path_component})*");
    let name = format!("(?:{domain}/)?{remote_name}");
    // Of the algorithms of the grammar those that container runtimes know.
    let digest = "(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})";
    Regex::new(&format!(r"\A{name}(?::{TAG})?(?:@{digest})?\z")).unwrap()
});

/// What is in the grammar or close to it.
fn text() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "b0",
        "A",
        "localhost",
        "io",
        ".",
        "_",
        "__",
        "-",
        "--",
        "/",
        ":",
        "@",
        "[",
        "]",
        "::1",
        "5000",
        "sha256",
        "+",
        "0123456789abcdef0123456789abcdef",
        "0123456789ABCDEF",
        " ",
        "ä",
    ];
    vec(select(pieces.to_vec()), 0..9).prop_map(|pieces| pieces.concat())
}

/// What is in the grammar.
fn reference() -> impl Strategy<Value = String> {
    "([a-zA-Z0-9]{1,4}(-[a-z0-9]{1,3})?(\\.[a-z0-9]{1,3}){1,2}(:[0-9]{1,5})?/|localhost/|\\[[0-9a-f:]{1,8}\\]:[0-9]{1,3}/)?\
     [a-z0-9]{1,5}((_|__|\\.|-{1,3})[a-z0-9]{1,3}){0,2}(/[a-z0-9]{1,5}){0,2}\
     (:[A-Za-z0-9_][A-Za-z0-9_.-]{0,5})?\
     (@sha256:[0-9a-f]{64}|@sha384:[0-9a-f]{96}|@sha512:[0-9a-f]{128})?"
}

#[test]
fn takes_what_the_grammar_says() {
    agree(20_000, &text(), |text| {
        prop_assert_eq!(is_reference(&text), REFERENCE.is_match(&text), "{:?}", text);
        Ok(())
    });
    agree(4096, &reference(), |text| {
        prop_assert!(REFERENCE.is_match(&text), "the generator: {:?}", text);
        prop_assert!(is_reference(&text), "{:?}", text);
        Ok(())
    });
}

#[test]
fn takes_the_tags_of_the_grammar() {
    let tag = Regex::new(&format!(r"\A{TAG}\z")).unwrap();
    agree(8192, &"[a-zA-Z0-9_.:/@ä -]{0,6}", |text| {
        prop_assert_eq!(is_tag(&text), tag.is_match(&text), "{:?}", text);
        Ok(())
    });
    for (length, expected) in [(0, false), (1, true), (128, true), (129, false)] {
        assert_eq!(is_tag(&"x".repeat(length)), expected);
        assert_eq!(tag.is_match(&"x".repeat(length)), expected);
    }
}

/// The other implementation takes no address in brackets, looks into digests, and takes letters of any script in a tag.
#[test]
fn takes_what_another_implementation_takes() {
    agree(20_000, &text(), |text| {
        prop_assume!(text.is_ascii() && !text.contains(['[', '@']));
        prop_assert_eq!(
            is_reference(&text),
            text.parse::<Reference>().is_ok(),
            "{:?}",
            text
        );
        Ok(())
    });
}

/// The specification bounds the name, which its grammar does not.
#[test]
fn takes_names_of_255_characters() {
    for (name, expected) in [("x".repeat(255), true), ("x".repeat(256), false)] {
        assert_eq!(is_reference(&name), expected);
        assert_eq!(
            is_reference(&format!("{name}:{}", "y".repeat(128))),
            expected
        );
    }
}

#[test]
fn changes_the_tag_and_nothing_else() {
    agree(4096, &(reference(), TAG), |(image, tag)| {
        let tagged = with_tag(&image, &tag);
        prop_assert!(is_reference(&tagged), "{}", tagged);
        prop_assert!(REFERENCE.is_match(&tagged), "{}", tagged);
        prop_assert_eq!(&with_tag(&tagged, &tag), &tagged);
        let (Ok(before), Ok(after)) = (image.parse::<Reference>(), tagged.parse::<Reference>())
        else {
            return Ok(());
        };
        prop_assert_eq!(after.registry(), before.registry());
        prop_assert_eq!(after.repository(), before.repository());
        prop_assert_eq!((after.tag(), after.digest()), (Some(tag.as_str()), None));
        Ok(())
    });
}
