//! A plan in words, for whoever asks why a pod looks as it does. It names what is edited, and no value.

use super::plan::ContainerEdit;
use super::{AppContainer, EnvEdit, Plan, Template, name_of};
use crate::report::shown;

impl Plan {
    /// Tells of each edit that the plan makes to `template`, which is still without it.
    pub fn describe(&self, template: &Template<'_>, mut tell: impl FnMut(String)) {
        if let Some(container) = &self.init_container {
            let goes_on = if container.goes_on() {
                ", which keeps running"
            } else {
                ""
            };
            tell(format!("adds init container {}{goes_on}", container.name));
        }
        if let Some(container) = &self.sidecar {
            tell(format!("adds container {}", container.name));
        }
        for (name, _) in &self.volumes {
            tell(format!("adds volume {name}"));
        }
        for (key, _) in &self.annotations {
            tell(format!("adds annotation {key}"));
        }
        if self.share_process_namespace {
            tell("sets shareProcessNamespace".to_owned());
        }
        for (container, edit) in template.app_containers().zip(&self.containers) {
            edit.describe(container, &mut tell);
        }
    }
}

impl ContainerEdit {
    fn describe(&self, container: AppContainer<'_>, tell: &mut impl FnMut(String)) {
        let name = shown(container.name());
        for mount in &self.mounts {
            tell(format!(
                "mounts {} at {} in container {name}",
                mount.name, mount.mount_path
            ));
        }
        let variable = |place: usize| container.env().nth(place).map_or("", name_of);
        for edit in &self.env {
            let (done, variable) = match edit {
                EnvEdit::Append(entry) => ("adds", entry.name.as_str()),
                EnvEdit::Extend { place, .. } => ("extends", variable(*place)),
                EnvEdit::MoveToEnd { place } => ("moves", variable(*place)),
                EnvEdit::Rename { then, .. } => ("replaces", then.name.as_str()),
            };
            tell(format!("{done} variable {variable} of container {name}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::plain;
    use crate::json::json;
    use crate::template::{Container, VolumeKind, mount};
    use wasm_bindgen_test::wasm_bindgen_test;

    fn named(name: &str) -> Container {
        Container {
            name: name.to_owned(),
            ..Container::default()
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn names_every_edit_and_no_value() {
        let pod = json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "env": [
            {"name": "PATHS", "value": "secret"}, {"name": "TAGS", "value": "secret"}, {"name": "OPTIONS"}
        ]}]}});
        let template = Template::new(pod.clone()).unwrap();
        let mut plan = Plan {
            init_container: Some(named("init")),
            sidecar: Some(named("sidecar")),
            annotations: vec![("key", "secret".to_owned())],
            share_process_namespace: true,
            ..Plan::default()
        };
        let volume = plan.volume(&template, "files", VolumeKind::EmptyDir, "/files");
        plan.mount(1, mount(&volume, "/files"));
        let value = || "secret".to_owned();
        plan.edit_env(
            1,
            vec![
                EnvEdit::Append(plain("NEW", "secret")),
                EnvEdit::Extend {
                    place: 0,
                    before: value(),
                    behind: value(),
                },
                EnvEdit::MoveToEnd { place: 1 },
                EnvEdit::Rename {
                    place: 2,
                    then: plain("OPTIONS", "secret"),
                },
            ],
        );
        let mut edits = Vec::new();
        plan.describe(&template, |edit| edits.push(edit));
        assert_eq!(
            edits,
            [
                "adds init container init",
                "adds container sidecar",
                "adds volume files",
                "adds annotation key",
                "sets shareProcessNamespace",
                "mounts files at /files in container `b`",
                "adds variable NEW of container `b`",
                "extends variable PATHS of container `b`",
                "moves variable TAGS of container `b`",
                "replaces variable OPTIONS of container `b`",
            ]
        );
    }
}
