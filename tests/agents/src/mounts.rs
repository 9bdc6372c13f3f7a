//! Files at absolute paths, for one process alone.
//!
//! The policy injects paths such as `/datadog-lib`, where this machine has nothing. A process gets them in a mount
//! namespace with a root of its own: all that the machine's root has, and the mounts besides. Nothing of the machine
//! changes, what exists is hidden for the process alone, and all is gone when it ends. Where the kernel or a container
//! does not let us, and `/` can be written to, symbolic links do: one process at a time, removed behind it, and never
//! over something that exists.

use std::ffi::OsString;
use std::fs::remove_file;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

/// A file or folder, and where a process is to find it.
#[derive(Clone, Debug)]
pub struct Mount {
    /// What is there.
    pub source: PathBuf,
    /// The path that it has for the process, directly below `/`.
    pub target: PathBuf,
}

/// How processes get their mounts on this machine.
#[derive(Debug)]
pub enum Mounts {
    /// The arguments of `unshare` that give a mount namespace.
    Namespace(&'static [&'static str]),
    /// Links below `/`, for one process at a time.
    Links(Mutex<()>),
}

/// Makes a root beside the machine's, and the program in it: sh -c ROOT sh FOLDER SOURCE TARGET ... -- DIRECTORY ENV...
const ROOT: &str = r#"
set -eu
# Where chroot is, which the PATH of users may lack.
PATH=$PATH:/usr/sbin:/sbin
root=$1
shift
mount -t tmpfs -o mode=755 tmpfs "$root"
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir "$root$2"; else : >"$root$2"; fi
  mount --bind "$1" "$root$2"
  shift 2
done
shift
for entry in /* /.[!.]*; do
  if [ -e "$root$entry" ]; then continue
  elif [ -L "$entry" ]; then cp -P "$entry" "$root$entry"
  elif [ -d "$entry" ]; then mkdir "$root$entry"; mount --rbind "$entry" "$root$entry"
  elif [ -e "$entry" ]; then : >"$root$entry"; mount --bind "$entry" "$root$entry"
  fi
done
directory=$1
shift
exec chroot "$root" env -i -C "$directory" "$@"
"#;

const NAMESPACES: [&[&str]; 2] = [
    &["--mount", "--propagation=private"],
    &["--mount", "--propagation=private", "--map-root-user"],
];

impl Mounts {
    /// The first way that works here.
    ///
    /// # Errors
    /// What would be needed, where none does.
    pub fn find() -> Result<Self, String> {
        let namespace = NAMESPACES
            .into_iter()
            .find(|arguments| can_mount(arguments));
        if let Some(arguments) = namespace {
            return Ok(Self::Namespace(arguments));
        }
        let probe = PathBuf::from(format!("/datakit-agents-{}", std::process::id()));
        match Link::make(&probe, &probe) {
            Ok(_) => Ok(Self::Links(Mutex::new(()))),
            Err(problem) => Err(format!(
                "agents have to lie at paths below `/`. That needs a mount namespace (root, or user namespaces without \
                 privileges: sysctl kernel.apparmor_restrict_unprivileged_userns=0), or a `/` that can be written to: \
                 {problem}"
            )),
        }
    }

    /// How many processes can run beside each other.
    #[must_use]
    pub fn processes(&self) -> usize {
        match self {
            // They wait for the agents to send half of the time.
            Self::Namespace(_) => {
                std::thread::available_parallelism().map_or(2, |cores| 2 * cores.get())
            }
            Self::Links(_) => 1,
        }
    }

    /// A program with exactly these variables, which finds the mounts where they are to be.
    ///
    /// # Errors
    /// Where something is in the way.
    pub fn prepare(
        &self,
        program: &[OsString],
        directory: &Path,
        variables: &[(String, String)],
        mounts: &[Mount],
    ) -> Result<Prepared<'_>, String> {
        match self {
            Self::Namespace(arguments) => {
                let root = TempDir::new().map_err(|error| error.to_string())?;
                let mut command = Command::new("unshare");
                command.args(*arguments).args(["sh", "-c", ROOT, "sh"]);
                command.arg(root.path());
                for mount in mounts {
                    command.arg(&mount.source).arg(&mount.target);
                }
                command.arg("--").arg(directory);
                command.args(
                    variables
                        .iter()
                        .map(|(name, value)| format!("{name}={value}")),
                );
                command.args(program);
                Ok(Prepared {
                    command,
                    _held: Held::Root(root),
                })
            }
            Self::Links(one) => {
                let lock = one.lock().unwrap_or_else(PoisonError::into_inner);
                let links = mounts
                    .iter()
                    .map(|mount| Link::make(&mount.source, &mount.target));
                let links = links.collect::<Result<_, _>>()?;
                let (name, arguments) = program.split_first().ok_or("no program")?;
                let mut command = Command::new(name);
                command.args(arguments).current_dir(directory).env_clear();
                command.envs(variables.iter().map(|(name, value)| (name, value)));
                Ok(Prepared {
                    command,
                    _held: Held::Links(links, lock),
                })
            }
        }
    }
}

fn can_mount(arguments: &[&str]) -> bool {
    let Ok(root) = TempDir::new() else {
        return false;
    };
    let status = Command::new("unshare")
        .args(arguments)
        .args(["sh", "-c", ROOT, "sh"])
        .arg(root.path())
        .args(["--", "/", "true"])
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// A program that is about to start. What it was given is there as long as this is.
#[derive(Debug)]
pub struct Prepared<'m> {
    /// The program.
    pub command: Command,
    _held: Held<'m>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held for what dropping it does")]
enum Held<'m> {
    Root(TempDir),
    Links(Vec<Link>, MutexGuard<'m, ()>),
}

/// A symbolic link that goes when this does.
#[derive(Debug)]
struct Link(PathBuf);

impl Link {
    fn make(source: &Path, target: &Path) -> Result<Self, String> {
        match symlink(source, target) {
            Ok(()) => Ok(Self(target.to_owned())),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(format!("{} exists already", target.display()))
            }
            Err(error) => Err(format!("{}: {error}", target.display())),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = remove_file(&self.0);
    }
}
