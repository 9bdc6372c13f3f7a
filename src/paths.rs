//! Paths of log files, the directories that they lie in, and where in a container something can be
//! mounted.

use std::borrow::{Borrow, Cow};

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

/// The shortest form of an absolute path: no `//`, no `.`, no `..`, no `/` at the end. A relative path
/// counts from `/`, as container runtimes take it.
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

/// A place in the file system of a container, where something is or can be mounted. However it was
/// written (`/var/log/`, `/var//log`, `var/log`), it is the cleaned path, so that one place compares
/// as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MountPath<'p>(Cow<'p, str>);

impl<'p> MountPath<'p> {
    #[must_use]
    pub fn new(path: &'p str) -> Self {
        if is_clean(path) {
            Self(Cow::Borrowed(path))
        } else {
            Self(Cow::Owned(clean(path)))
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path`, written in whatever way, is this place.
    #[must_use]
    pub fn is(&self, path: &str) -> bool {
        self.0 == path || *self == MountPath::new(path)
    }

    /// Whether this place is below `other`.
    #[must_use]
    pub fn lies_in(&self, other: &MountPath<'_>) -> bool {
        match other.as_str() {
            "/" => self.as_str() != "/",
            other => self
                .as_str()
                .strip_prefix(other)
                .is_some_and(|rest| rest.starts_with('/')),
        }
    }

    /// The directories that lead to this place, from `/` on, and the place itself; of one that is nested
    /// too deep only the first of them, for nothing is mounted in the others.
    pub fn way(&self) -> impl Iterator<Item = &str> {
        let path = self.as_str();
        let slashes = path.match_indices('/').skip(1);
        let ends = slashes.map(|(end, _)| end).chain([path.len()]);
        let below = ends.filter_map(|end| path.get(..end));
        let below = below.filter(|path| *path != "/");
        std::iter::once("/").chain(below).take(DEEPEST)
    }
}

/// The order of paths is that of their texts.
impl Borrow<str> for MountPath<'_> {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// Whether a path is clean. Some that begin a name with `.` are, too, and are not known to be: they are
/// rare, and this is asked of every mount.
fn is_clean(path: &str) -> bool {
    let mut bytes = path.bytes();
    if bytes.next() != Some(b'/') {
        return false;
    }
    let mut before = b'/';
    for byte in bytes {
        if before == b'/' && matches!(byte, b'/' | b'.') {
            return false;
        }
        before = byte;
    }
    before != b'/' || path == "/"
}

/// Why a volume cannot be mounted at the directory that `path` leads to; `directory` is that one.
#[must_use]
pub fn unmountable(path: &str, directory: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        Some("is not absolute")
    } else if directory == "/" {
        Some("is directly in `/`")
    } else if is_of_the_kernel(directory) {
        Some("is in a file system of the kernel")
    } else if directory.contains(':') {
        Some("contains a `:`, which Kubernetes does not allow")
    } else if directory.contains(char::is_control) {
        Some("contains a control character")
    } else {
        None
    }
}

/// Where no container would start with a volume. Below `/dev` it would: `/dev/shm` is a usual place.
fn is_of_the_kernel(directory: &str) -> bool {
    directory == "/dev" || matches!(directory.split('/').nth(1), Some("proc" | "sys"))
}

/// Longer than the path of any directory of logs, and deeper: it bounds what comparing them costs.
const LONGEST: usize = 1024;
const DEEPEST: usize = 32;

/// Why no volume is mounted in any container at the directory that `path` leads to: one that
/// [cannot be mounted](unmountable), one that has a variable, or one that a volume would hide the
/// system of the image at.
#[must_use]
pub fn unfit(path: &str, directory: &str) -> Option<&'static str> {
    if path.contains("$(") || path.contains("${") {
        return Some("contains a variable, which a mount does not expand; write the path out");
    }
    unmountable(path, directory).or_else(|| {
        if directory.starts_with("/dev/") {
            Some("is in `/dev`; log to another directory")
        } else if is_of_the_system(directory) {
            Some("is in a system directory, which a volume would hide; log to a subdirectory")
        } else if directory.len() > LONGEST {
            Some("is longer than 1024 bytes")
        } else if directory.split('/').count() > DEEPEST {
            Some("is more than 31 directories deep")
        } else {
            None
        }
    })
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
    fn takes_a_place_as_one_however_it_is_written() {
        let place = MountPath::new("/var/log");
        for written in [
            "/var/log",
            "/var/log/",
            "/var//log",
            "//var/./log/.",
            "var/log",
            "/var/x/../log",
        ] {
            assert!(place.is(written), "{written}");
            assert_eq!(MountPath::new(written), place);
        }
        for other in ["/var/lo", "/var/logs", "/var", "/var/log/x", "/"] {
            assert!(!place.is(other), "{other}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_what_a_place_lies_in() {
        for (place, other, expected) in [
            ("/var/log", "/var/", true),
            ("/var/log", "/", true),
            ("/var/log/a/b", "/var//log", true),
            ("/var/log", "/var/log/", false),
            ("/var/logs", "/var/log", false),
            ("/var", "/var/log", false),
            ("/", "/", false),
        ] {
            let lies_in = MountPath::new(place).lies_in(&MountPath::new(other));
            assert_eq!(lies_in, expected, "{place} {other}");
        }
        let place = MountPath::new("/var/log//app");
        let way: Vec<&str> = place.way().collect();
        assert_eq!(way, ["/", "/var", "/var/log", "/var/log/app"]);
        assert_eq!(MountPath::new("/").way().collect::<Vec<_>>(), ["/"]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn says_where_a_volume_would_hide_the_system() {
        let system = "is in a system directory, which a volume would hide; log to a subdirectory";
        let variable = "contains a variable, which a mount does not expand; write the path out";
        let long = format!("/{}/x.log", "x".repeat(LONGEST));
        let deep = format!("{}/x.log", "/x".repeat(DEEPEST));
        let still_fine = format!("{}/x.log", "/x".repeat(DEEPEST - 1));
        for (path, expected) in [
            ("/opt/x.log", Some(system)),
            ("/opt/app/x.log", None),
            ("/usr/local/lib/*.log", Some(system)),
            ("/usr/local/share/*.log", None),
            ("/var/x.log", Some(system)),
            ("/var/log/x.log", None),
            ("/etc//x.log", Some(system)),
            ("/home/{a,b}/x.log", Some(system)),
            (
                "/dev/shm/x.log",
                Some("is in `/dev`; log to another directory"),
            ),
            ("/dev/x.log", Some("is in a file system of the kernel")),
            ("/x.log", Some("is directly in `/`")),
            ("/logs/$(POD)/x.log", Some(variable)),
            ("$(DIR)/x.log", Some(variable)),
            ("/logs/${POD}/x.log", Some(variable)),
            ("/logs/$x/a.log", None),
            (&long, Some("is longer than 1024 bytes")),
            (&deep, Some("is more than 31 directories deep")),
            (&still_fine, None),
        ] {
            assert_eq!(unfit(path, &directory_of(path)), expected, "{path}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn says_why_a_directory_cannot_be_mounted() {
        for (path, expected) in [
            ("/var/log/x.log", None),
            ("logs/x.log", Some("is not absolute")),
            ("/x.log", Some("is directly in `/`")),
            (
                "/a:b/x.log",
                Some("contains a `:`, which Kubernetes does not allow"),
            ),
            ("/a\nb/x.log", Some("contains a control character")),
            ("/dev/stdout", Some("is in a file system of the kernel")),
            ("/dev/shm/x.log", None),
            ("/proc/1/fd/1", Some("is in a file system of the kernel")),
            ("/process/x.log", None),
            ("/sys/x.log", Some("is in a file system of the kernel")),
        ] {
            assert_eq!(unmountable(path, &directory_of(path)), expected, "{path}");
        }
    }
}
