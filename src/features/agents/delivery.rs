//! How an agent comes to the app containers: an init container copies it into a volume, or the volume is its
//! image (`policy.delivery`).

use k8s_openapi::api::core::v1::VolumeMount;

use super::super::scene::Scene;
use super::Agent;
use crate::image;
use crate::report::Report;
use crate::settings::{ContainerSettings, Delivery};
use crate::template::{ImageSource, Plan, VolumeKind, mount};

/// What the images of an agent have where.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The folder that is mounted; the whole image if it is empty.
    pub folder: &'static str,
    /// The first versions that have it there, one of each major line; older lines never have it, newer always.
    pub since: &'static [(u64, u64)],
}

/// An agent's volume, as app containers mount it.
#[derive(Debug)]
pub struct Delivered {
    pub mount: VolumeMount,
    /// Whether an init container has to copy the agent into it.
    pub is_copied: bool,
}

impl Agent {
    /// Plans the volume `name` with the agent of an image, which is pulled as the settings say.
    pub fn deliver(
        &self,
        scene: &Scene<'_, '_>,
        name: &str,
        image: &str,
        settings: &ContainerSettings<'_>,
        plan: &mut Plan,
        report: &mut Report,
    ) -> Delivered {
        let template = scene.template;
        match self.layout_of(image, scene.own.delivery) {
            Ok(Some(layout)) => {
                plan.image = Some(ImageSource {
                    reference: image.to_owned(),
                    pull_policy: settings.image_pull_policy.name(),
                });
                let volume = plan.volume(template, name, VolumeKind::Image, self.directory);
                let folder = Some(layout.folder.to_owned()).filter(|folder| !folder.is_empty());
                Delivered {
                    mount: VolumeMount {
                        sub_path: folder,
                        read_only: Some(true),
                        ..mount(&volume, self.directory)
                    },
                    is_copied: false,
                }
            }
            not => {
                if let Err(why) = not {
                    report.warn(
                        self.feature.name,
                        format_args!("{why}: an init container copies the agent"),
                    );
                }
                let volume = plan.volume(template, name, VolumeKind::EmptyDir, self.directory);
                Delivered {
                    mount: mount(&volume, self.directory),
                    is_copied: true,
                }
            }
        }
    }

    /// The layout by which the image can be a volume; `None` where that is not wanted.
    ///
    /// # Errors
    /// Why it cannot be one.
    fn layout_of(&self, image: &str, wanted: Delivery) -> Result<Option<Layout>, String> {
        if wanted == Delivery::Init {
            return Ok(None);
        }
        let Some(layout) = self.layout else {
            return Err(format!(
                "the image for {} cannot be a volume",
                self.language.name()
            ));
        };
        match image::tag(image) {
            Some(tag) if !layout.is_in(tag) => Err(format!(
                "the image's version {tag} is too old to be a volume"
            )),
            _ => Ok(Some(layout)),
        }
    }
}

impl Layout {
    /// Whether the image of a tag has it. One that names no version is taken for a recent one.
    fn is_in(self, tag: &str) -> bool {
        let Some((major, minor)) = version(tag) else {
            return true;
        };
        match self.since.iter().find(|(line, _)| *line == major) {
            Some((_, since)) => minor.is_none_or(|minor| minor >= *since),
            None => self.since.iter().all(|(line, _)| *line < major),
        }
    }
}

/// The major and the minor version of a tag such as `v1.36.2-ext`; `v1` is the newest of its line.
fn version(tag: &str) -> Option<(u64, Option<u64>)> {
    let mut numbers = tag.strip_prefix('v').unwrap_or(tag).split(['.', '-', '+']);
    let major = numbers.next()?.parse().ok()?;
    Some((major, numbers.next().and_then(|minor| minor.parse().ok())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_the_versions_with_a_layout() {
        let layout = Layout {
            folder: "a",
            since: &[(4, 45), (5, 21)],
        };
        for (tag, expected) in [
            ("v5.21.0", true),
            ("5.21", true),
            ("v5.20.9", false),
            ("v4.45.0-ext", true),
            ("v4.44", false),
            ("v3.99.0", false),
            ("v6.0.0", true),
            ("v5", true),
            ("v5-init", true),
            ("latest", true),
            ("vnext", true),
        ] {
            assert_eq!(layout.is_in(tag), expected, "{tag}");
        }
        let any = Layout {
            folder: "",
            since: &[],
        };
        assert!(any.is_in("v0.1.0"));
    }
}
