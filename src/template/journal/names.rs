//! What a journal may name, besides containers of the table of features. Whatever somebody writes into one,
//! nothing else can be taken away by it.

use super::super::SAFE_TO_EVICT;
use super::Extension;

/// The annotation that holds the journal, on an injected template.
pub const ANNOTATION: &str = "admission.datakit/injected";

/// Whether the policy adds volumes of this name: `datakit-…`, and three others, which get a number
/// where the pod uses the name for something else.
#[must_use]
pub fn is_volume(name: &str) -> bool {
    const OTHERS: [&str; 3] = ["tmp", "timezone", "flameshot-volume"];
    let is_numbered = |base: &str| match name.strip_prefix(base) {
        Some("") => true,
        Some(rest) => rest.strip_prefix('-').is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        }),
        None => false,
    };
    name.starts_with("datakit-") || OTHERS.into_iter().any(is_numbered)
}

/// Whether the policy sets this annotation on a template, for others to read.
#[must_use]
pub fn is_annotation(key: &str) -> bool {
    const PROMETHEUS: [&str; 5] = ["scrape", "scheme", "port", "path", "param_measurement"];
    key == "datakit/logs"
        || key == SAFE_TO_EVICT
        || key
            .strip_prefix("prometheus.io/")
            .is_some_and(|name| PROMETHEUS.contains(&name))
}

/// Whether the policy adds these names to the list in this annotation.
#[must_use]
pub(super) fn is_list(key: &str, names: &Extension) -> bool {
    let mut listed = names.behind.split(',').filter(|name| !name.is_empty());
    key == SAFE_TO_EVICT && names.before.is_empty() && listed.all(is_volume)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_its_volumes() {
        for name in [
            "datakit-logfwd-volume-0",
            "tmp",
            "tmp-1",
            "timezone",
            "timezone-12",
            "flameshot-volume",
        ] {
            assert!(is_volume(name), "{name}");
        }
        for name in ["data", "tmpfs", "tmp-", "tmp-a", "tmp1", "timezones", ""] {
            assert!(!is_volume(name), "{name}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_its_annotations() {
        assert!(is_annotation("datakit/logs"));
        assert!(is_annotation("prometheus.io/port"));
        for key in [
            "prometheus.io/interval",
            "admission.datakit/enabled",
            "example.com/a",
            ANNOTATION,
        ] {
            assert!(!is_annotation(key), "{key}");
        }
    }
}
