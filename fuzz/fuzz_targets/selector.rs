//! Label selectors: two of them, joined by a comma, are a selector that matches where both do.
#![no_main]

use datakit_operator_policy::json::Object;
use datakit_operator_policy::selector::{LabelSelector, is_qualified_name};
use libfuzzer_sys::fuzz_target;

type Input<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>);

fuzz_target!(|input: Input<'_>| {
    let (one, other, labels) = input;
    let labels: Object<'_> = labels
        .into_iter()
        .map(|(key, value)| (key, value.into()))
        .collect();
    let labels = Some(&labels);
    let matches = |text: &str| LabelSelector::parse(text).map(|selector| selector.matches(labels));
    for text in [one, other] {
        match LabelSelector::parse(text) {
            Ok(selector) => {
                assert_eq!(
                    selector.matches(None),
                    selector.matches(Some(&Object::new()))
                );
                assert_eq!(LabelSelector::parse(&format!("\t{text}\n")), Ok(selector));
            }
            Err(problem) => assert!(!problem.is_empty()),
        }
        if is_qualified_name(text) {
            let (with, without) = (matches(text), matches(&format!("!{text}")));
            assert_eq!(with.map(|matches| !matches), without, "{text}");
        }
    }
    if one.trim_ascii().is_empty() || other.trim_ascii().is_empty() {
        return;
    }
    let joined = format!("{one},{other}");
    match (matches(one), matches(other)) {
        (Ok(one), Ok(other)) => assert_eq!(matches(&joined), Ok(one && other), "{joined}"),
        (Ok(_), Err(_)) => assert!(matches(&joined).is_err(), "{joined}"),
        // What is missing at the end of one may stand at the start of the other.
        _ => {}
    }
});
