//! Whether a container can have a volume of the policy at a path.

use crate::json::Value;

use super::scene::Scene;
use crate::paths::MountPath;
use crate::report::shown;
use crate::template::{AppContainer, Around};

/// How a container can have a volume at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Free,
    /// It mounts that volume there.
    HasIt,
}

impl<'s> Scene<'s, '_> {
    /// How `container` can have the volume `name` at `path`.
    ///
    /// # Errors
    /// Why it cannot, as the rest of a sentence about the container.
    pub fn place(
        &self,
        container: AppContainer<'s>,
        path: &MountPath<'_>,
        name: &str,
    ) -> Result<Place, String> {
        let own = container.mount_at(path);
        if own.is_some_and(|own| own.get("name").and_then(Value::as_str) == Some(name)) {
            return Ok(Place::HasIt);
        }
        if own.is_some() || container.has_device_at(path) {
            return Err(format!(
                "something else is mounted at {}",
                shown(path.as_str())
            ));
        }
        match self.around(container, path) {
            Some(around) if around.is_read_only => Err(format!(
                "{} is in its mount {}, which is read-only",
                shown(path.as_str()),
                shown(around.path)
            )),
            _ => Ok(Place::Free),
        }
    }

    /// The innermost mount of `container` that `path` lies in.
    pub fn around(&self, container: AppContainer<'s>, path: &MountPath<'_>) -> Option<Around<'s>> {
        let mount = container.mount_around(path)?;
        Some(Around::new(mount, self.volumes()))
    }
}
