//! References to images, and another tag for them.
#![no_main]

use datakit_operator_policy::image::{is_reference, is_tag, with_tag};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (image, tag) = input;
    if !tag.contains(['/', '@']) {
        assert_eq!(is_tag(tag), is_reference(&format!("x:{tag}")));
    }
    if !is_reference(image) || !is_tag(tag) {
        return;
    }
    let tagged = with_tag(image, tag);
    assert!(is_reference(&tagged), "{image} {tag}");
    assert_eq!(with_tag(&tagged, tag), tagged);
    let repository = tagged
        .strip_suffix(&format!(":{tag}"))
        .expect("ends with the tag");
    assert!(is_reference(repository), "{repository}");
    let rest = image
        .strip_prefix(repository)
        .expect("begins with the repository");
    assert!(rest.is_empty() || rest.starts_with([':', '@']), "{image}");
    assert!(!rest.contains('/'), "{image}");
});
