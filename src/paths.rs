//! Paths of log files and the directories that they lie in.

/// The directory that has to be shared so that the files which `pattern` names can be read: the
/// directory part of what stands before its first glob character, cleaned. Datakit's globs are
/// doublestar's, where `*`, `?`, `[` and `{` are special.
#[must_use]
pub fn directory_of(pattern: &str) -> String {
    let literal = before_glob(pattern).unwrap_or(pattern);
    let directory = literal.rsplit_once('/').map_or("", |(parent, _)| parent);
    clean(&format!("{directory}/"))
}

/// A directory that was given as such, cleaned; one with a glob is cut like the path of a file.
#[must_use]
pub fn directory(path: &str) -> String {
    match before_glob(path) {
        Some(_) => directory_of(path),
        None => clean(path),
    }
}

fn before_glob(path: &str) -> Option<&str> {
    path.find(['*', '?', '[', '{'])
        .and_then(|end| path.get(..end))
}

/// The shortest form of an absolute path: no `//`, no `.`, no `..`, no `/` at the end.
#[must_use]
pub fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Why a volume cannot be mounted at the directory that `path` leads to; `directory` is that one.
#[must_use]
pub fn unmountable(path: &str, directory: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        Some("is not absolute")
    } else if directory == "/" {
        Some("lies in `/`")
    } else if is_of_the_kernel(directory) {
        Some("lies in a file system of the kernel")
    } else if directory.contains(':') {
        Some("has a `:`, which Kubernetes refuses")
    } else if directory.contains(char::is_control) {
        Some("has a control character")
    } else {
        None
    }
}

/// Where no container would start with a volume. Below `/dev` it would: `/dev/shm` is a usual place.
fn is_of_the_kernel(directory: &str) -> bool {
    directory == "/dev" || matches!(directory.split('/').nth(1), Some("proc" | "sys"))
}

/// Directories that every image has, where a volume would hide what the image cannot start without.
/// Below them is fine.
#[must_use]
pub fn is_of_the_system(directory: &str) -> bool {
    const DIRECTORIES: [&str; 20] = [
        "/bin",
        "/boot",
        "/etc",
        "/home",
        "/lib",
        "/lib64",
        "/opt",
        "/root",
        "/run",
        "/sbin",
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local",
        "/usr/local/bin",
        "/usr/local/lib",
        "/usr/sbin",
        "/var",
        "/",
    ];
    DIRECTORIES.contains(&directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn finds_the_directory_of_log_files() {
        for (pattern, expected) in [
            ("/var/log/*.log", "/var/log"),
            ("/var/log/app-*.log", "/var/log"),
            ("/var/log/*/err.log", "/var/log"),
            ("/opt/b/c/**/x.log", "/opt/b/c"),
            ("/opt/plain/file.log", "/opt/plain"),
            ("/srv//x/./*.log", "/srv/x"),
            ("/srv/x/y/../*.log", "/srv/x"),
            ("/srv/./x/../y/z.log", "/srv/y"),
            ("/data/{a,b}/x.log", "/data"),
            ("/data/app[0-9].log", "/data"),
            ("/data/app?.log", "/data"),
            ("/x.log", "/"),
            ("/*.log", "/"),
            ("/../../x/y.log", "/x"),
        ] {
            assert_eq!(directory_of(pattern), expected, "{pattern}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_directories_as_they_are() {
        assert_eq!(directory("/var/log/extra/"), "/var/log/extra");
        assert_eq!(directory("/tmp/opt/*/x.log"), "/tmp/opt");
        assert_eq!(directory("/data//flames/"), "/data/flames");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn says_why_a_directory_cannot_be_mounted() {
        for (path, expected) in [
            ("/var/log/x.log", None),
            ("logs/x.log", Some("is not absolute")),
            ("/x.log", Some("lies in `/`")),
            ("/a:b/x.log", Some("has a `:`, which Kubernetes refuses")),
            ("/a\nb/x.log", Some("has a control character")),
            ("/dev/stdout", Some("lies in a file system of the kernel")),
            ("/dev/shm/x.log", None),
            ("/proc/1/fd/1", Some("lies in a file system of the kernel")),
            ("/process/x.log", None),
            ("/sys/x.log", Some("lies in a file system of the kernel")),
        ] {
            assert_eq!(unmountable(path, &directory_of(path)), expected, "{path}");
        }
    }
}
