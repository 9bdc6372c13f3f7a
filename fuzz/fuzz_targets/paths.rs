//! Paths of log files and the directories that are mounted for them.
#![no_main]

use datakit_operator_policy::paths::{clean, directory, directory_of, unmountable};
use libfuzzer_sys::fuzz_target;

const GLOB: [char; 4] = ['*', '?', '[', '{'];

fn assert_clean(path: &str) {
    assert!(path.starts_with('/'), "{path}");
    assert!(path == "/" || !path.ends_with('/'), "{path}");
    assert!(
        path == "/"
            || path
                .split('/')
                .skip(1)
                .all(|part| !matches!(part, "" | "." | "..")),
        "{path}"
    );
    assert_eq!(clean(path), path);
}

fuzz_target!(|path: &str| {
    assert_clean(&clean(path));
    assert_eq!(clean(&format!("{path}/")), clean(path));
    assert_eq!(
        clean(&format!("{path}/..//./x/..")),
        clean(&format!("{path}/.."))
    );
    for mounted in [directory_of(path), directory(path)] {
        assert_clean(&mounted);
        assert!(!mounted.contains(GLOB), "{mounted}");
        if unmountable(path, &mounted).is_none() {
            assert!(path.starts_with('/') && mounted != "/");
            assert!(!mounted.contains(':') && !mounted.contains(char::is_control));
        }
    }
    if !path.contains(GLOB) {
        assert_eq!(directory(path), clean(path));
        assert_eq!(directory_of(&format!("{path}/x.log")), clean(path));
    }
    assert_eq!(directory_of(&format!("{path}*/x.log")), directory_of(path));
});
