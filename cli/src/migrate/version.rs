//! Which operator it was: what its configuration means depends on that.

use std::fmt;
use std::str::FromStr;

use datakit_operator_policy::image;

/// A version of the operator; the patch may not be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    release: (u32, u32),
    patch: Option<u32>,
}

impl Version {
    /// That of an image, if its tag says it.
    pub fn of_image(reference: &str) -> Option<Self> {
        image::tag(reference)?.parse().ok()
    }

    /// Whether it is the named release (major and minor version) or a later one.
    pub fn is_since(self, release: (u32, u32)) -> bool {
        self.release >= release
    }

    /// Whether logfwd of this operator reuses volumes only where its options say so.
    pub fn may_not_reuse_volumes(self) -> bool {
        match self.release {
            (1, 4) => true,
            (1, 5) => self.patch.is_none_or(|patch| patch <= 11),
            _ => false,
        }
    }
}

impl FromStr for Version {
    type Err = String;

    /// `1.8.10`, `v1.8.10`, `1.8`, `1.9.0-rc1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.strip_prefix('v').unwrap_or(text);
        let numbers = numbers.split(['-', '+']).next().unwrap_or_default();
        let parts: Option<Vec<u32>> = numbers.split('.').map(number).collect();
        match parts.as_deref() {
            Some(&[major, minor]) => Ok(Self {
                release: (major, minor),
                patch: None,
            }),
            Some(&[major, minor, patch]) => Ok(Self {
                release: (major, minor),
                patch: Some(patch),
            }),
            _ => Err("a version of the operator looks like 1.5.11 or 1.8".to_owned()),
        }
    }
}

/// Digits alone: `parse` would take a sign.
fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.release;
        write!(out, "{major}.{minor}")?;
        match self.patch {
            Some(patch) => write!(out, ".{patch}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_an_image_is_its_version_if_it_looks_like_one() {
        for (image, expected) in [
            ("datakit-operator:1.5.0", Some("1.5.0")),
            ("repo.io:5000/datakit-operator:v1.8.10", Some("1.8.10")),
            ("datakit-operator:1.9.2-rc1", Some("1.9.2")),
            ("datakit-operator:1.7", Some("1.7")),
            ("datakit-operator:latest", None),
            ("datakit-operator:+1.7", None),
            ("datakit-operator:1", None),
            ("datakit-operator:1.2.3.4", None),
            ("repo.io:5000/datakit-operator", None),
            ("", None),
        ] {
            let version = Version::of_image(image).map(|version| version.to_string());
            assert_eq!(version.as_deref(), expected, "{image}");
        }
    }

    #[test]
    fn volumes_are_not_reused_from_1_4_to_1_5_11() {
        for (text, expected) in [
            ("1.3.9", false),
            ("1.4", true),
            ("1.4.2", true),
            ("1.5", true),
            ("1.5.11", true),
            ("1.5.12", false),
            ("1.6.0", false),
            ("1.8.10", false),
        ] {
            let version: Version = text.parse().unwrap();
            assert_eq!(version.may_not_reuse_volumes(), expected, "{text}");
        }
    }
}
