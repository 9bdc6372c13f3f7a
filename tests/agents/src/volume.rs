//! The volume that an init container fills.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::agent::Agent;
use crate::mounts::{Mount, Mounts};
use crate::pod::Injected;

/// The images of the agents, and the volumes that were filled from them. The init containers of all pods with one agent
/// do the same: they share a volume.
pub struct Volumes {
    images: PathBuf,
    filled: Mutex<HashMap<Filling, TempDir>>,
}

/// An agent, and the command that copies it.
type Filling = (Agent, Vec<String>);

impl Volumes {
    /// With the images that `fetch.sh` made in this folder.
    #[must_use]
    pub fn new(images: PathBuf) -> Self {
        Self {
            images,
            filled: Mutex::default(),
        }
    }

    /// The volume of a pod, filled by its init container.
    ///
    /// # Errors
    /// Where the command fails.
    pub fn of(&self, agent: Agent, pod: &Injected, mounts: &Mounts) -> Result<Mount, String> {
        let mut filled = self.filled.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = match filled.entry((agent, pod.command.clone())) {
            Entry::Occupied(folder) => folder.into_mut(),
            Entry::Vacant(place) => place.insert(self.fill(agent, pod, mounts)?),
        };
        Ok(Mount {
            source: folder.path().to_owned(),
            target: PathBuf::from(&pod.directory),
        })
    }

    /// Carries the command of the init container out, on the files of its image.
    fn fill(&self, agent: Agent, pod: &Injected, mounts: &Mounts) -> Result<TempDir, String> {
        let problem = |error: std::io::Error| format!("{}: {error}", agent.image());
        // Beside the images: a volume is as large as they are.
        let folder = TempDir::new_in(&self.images).map_err(problem)?;
        let mut places = vec![Mount {
            source: folder.path().to_owned(),
            target: PathBuf::from(&pod.directory),
        }];
        let image = self.images.join(agent.image());
        for entry in image.read_dir().map_err(problem)? {
            let entry = entry.map_err(problem)?;
            places.push(Mount {
                source: entry.path(),
                target: Path::new("/").join(entry.file_name()),
            });
        }
        // Where the images of DDTrace have their script, and start.
        let scripts = Path::new("/datadog-init");
        let directory = match places.iter().any(|mount| mount.target == scripts) {
            true => scripts,
            false => Path::new("/"),
        };
        let command: Vec<_> = pod.command.iter().map(Into::into).collect();
        let path = [("PATH".to_owned(), std::env::var("PATH").unwrap_or_default())];
        let mut program = mounts.prepare(&command, directory, &path, &places)?;
        let output = program.command.output().map_err(problem)?;
        match output.status.success() {
            true => Ok(folder),
            false => Err(format!(
                "{}: {:?}: {}",
                agent.image(),
                pod.command,
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }
}
