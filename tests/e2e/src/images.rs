//! Images of busybox, which stand in for applications, agents and sidecars. They are made on the spot.

use oci_client::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, manifest};
use serde_json::json;

/// A program of the images, by the name of each of its commands.
const COMMANDS: [&str; 15] = [
    "sh", "cat", "cp", "echo", "env", "grep", "id", "ls", "mkdir", "sleep", "sort", "test",
    "touch", "true", "wc",
];

/// An image: its name, its files besides busybox, and what it starts.
struct Image {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    working_dir: &'static str,
    command: &'static [&'static str],
}

/// What an agent's script prints is who runs it.
const COPY: &str = "id -u\ncp agent.jar $1/dd-java-agent.jar\n";

/// Reads what the application logs, tries to write beside it, and stays.
const FORWARD: &str = "id -u
until test -s /data/log/app.log; do sleep 0.2; done
cat /data/log/app.log
touch /data/log/other 2>&1
sleep 100000
";

/// The volume of the programs hides those of the image: the script is looked for elsewhere, too.
const BASH: &str = "#!/bin/sh\n[ -f \"$1\" ] || set -- /bin/\"$1\"\nexec sh \"$@\"\n";

/// Finds the application's process, and stays. The expression does not fit its own command line.
const PROFILE: &str =
    "until cat /proc/*/cmdline 2>/dev/null | grep -q '[5]4321'; do sleep 0.2; done
echo found
sleep 100000
";

/// Finds the application's process, leaves a profile of it, and stays.
const SAMPLE: &str = "#!/bin/sh
until cat /proc/*/cmdline 2>/dev/null | grep -q '[5]4321'; do sleep 0.2; done
echo \"$FLAMESHOT_PROCESSES\"
echo profile >$FLAMESHOT_PROFILING_PATH/profile
exec sleep 100000
";

const IMAGES: [Image; 7] = [
    Image {
        name: "pause",
        files: &[],
        working_dir: "/",
        command: &["sleep", "100000"],
    },
    Image {
        name: "app",
        files: &[],
        working_dir: "/",
        command: &["sleep", "100000"],
    },
    Image {
        name: "java",
        files: &[("agent/copy-lib.sh", COPY), ("agent/agent.jar", "agent\n")],
        working_dir: "/agent",
        command: &["true"],
    },
    Image {
        name: "otel",
        files: &[("javaagent.jar", "agent\n")],
        working_dir: "/",
        command: &["true"],
    },
    Image {
        name: "logfwd",
        files: &[("forward.sh", FORWARD)],
        working_dir: "/",
        command: &["sh", "/forward.sh"],
    },
    Image {
        name: "profiler",
        files: &[
            ("app/datakit-profiler/nothing", ""),
            ("bin/cmd.sh", PROFILE),
            ("bin/bash", BASH),
        ],
        working_dir: "/",
        command: &["true"],
    },
    Image {
        name: "flameshot",
        files: &[("flameshot/flameshot", SAMPLE)],
        working_dir: "/",
        command: &["true"],
    },
];

/// The name of an image in a registry.
#[must_use]
pub fn name(registry: &str, image: &str) -> String {
    format!("{registry}/{image}:1")
}

/// Makes all images of a static busybox, and pushes them to `registry`, which has no TLS.
///
/// # Errors
/// The registry cannot be reached, or refuses them.
pub fn push_all(registry: &str, busybox: &[u8]) -> Result<(), OciDistributionError> {
    // The client asks for one, though it uses none here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..ClientConfig::default()
    });
    for image in &IMAGES {
        let reference: Reference = name(registry, image.name).parse().unwrap();
        let layer = ImageLayer::oci_v1(image.layer(busybox)?, None);
        let digest = layer.sha256_digest();
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Cmd": image.command, "WorkingDir": image.working_dir},
            "rootfs": {"type": "layers", "diff_ids": [digest]},
        });
        let config = Config {
            data: config.to_string().into_bytes().into(),
            media_type: manifest::IMAGE_CONFIG_MEDIA_TYPE.to_owned(),
            annotations: None,
        };
        let layers = [layer];
        let pushed = client.push(&reference, &layers, config, &RegistryAuth::Anonymous, None);
        runtime.block_on(pushed)?;
    }
    Ok(())
}

impl Image {
    fn layer(&self, busybox: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut layer = tar::Builder::new(Vec::new());
        for folder in ["bin", "etc", "tmp"] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(if folder == "tmp" { 0o1777 } else { 0o755 });
            header.set_size(0);
            layer.append_data(&mut header, folder, std::io::empty())?;
        }
        add(&mut layer, "bin/busybox", busybox)?;
        for command in COMMANDS {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            layer.append_link(&mut header, format!("bin/{command}"), "busybox")?;
        }
        for (path, text) in self.files {
            add(&mut layer, path, text.as_bytes())?;
        }
        layer.into_inner()
    }
}

/// Every file can be read and run by everybody.
fn add(layer: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(bytes.len() as u64);
    layer.append_data(&mut header, path, bytes)
}
