//! What a plan adds to the object: Kubernetes does not store one that is too large.

use k8s_openapi::api::core::v1::{EnvVar, ResourceRequirements, VolumeMount};

use super::plan::ContainerEdit;
use super::{Container, EnvEdit, Plan, VolumeKind};

/// What is around the name and the value of an entry, a mount or a volume as JSON, at the most.
const AROUND: usize = 64;

/// What a container has besides its texts, variables and mounts, at the most.
const CONTAINER: usize = 512;

/// What a reference of a variable has besides its texts.
const REFERENCE: usize = 192;

impl Plan {
    /// How many bytes of JSON the plan adds to a template, at the most. It is reckoned from the texts:
    /// to write the objects twice would cost more than all else.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let containers = self.containers.iter().map(ContainerEdit::bytes);
        let added = self.init_container.iter().chain(&self.sidecar);
        let size_limit = self.size_limit.as_ref().map_or(0, String::len);
        let volumes = self
            .volumes
            .iter()
            .map(|(name, _)| sum([name.len(), size_limit, AROUND, AROUND]));
        let annotations = self
            .annotations
            .iter()
            .map(|(key, value)| sum([key.len(), written(value), AROUND]));
        let image = self.image.iter();
        let image = image.map(|image| sum([written(&image.reference), AROUND]));
        sum(containers
            .chain(added.map(Container::bytes))
            .chain(image)
            .chain(volumes)
            .chain(annotations))
    }

    /// Whether files of the policy's are written into the pod's storage.
    #[must_use]
    pub fn adds_empty_dir(&self) -> bool {
        self.volumes
            .iter()
            .any(|(_, kind)| *kind == VolumeKind::EmptyDir)
    }

    /// The variables that it adds, of each container.
    pub fn variables(&self) -> impl Iterator<Item = &EnvVar> {
        let of_apps = self.containers.iter().flat_map(|edit| &edit.env);
        let of_apps = of_apps.filter_map(|edit| match edit {
            EnvEdit::Append(entry) => Some(entry),
            _ => None,
        });
        let of_ours = self
            .running()
            .into_iter()
            .flat_map(|container| &container.env);
        of_ours.chain(of_apps)
    }
}

impl ContainerEdit {
    fn bytes(&self) -> usize {
        let mounts = self.mounts.iter().map(of_mount);
        let env = self.env.iter().map(|edit| match edit {
            EnvEdit::Append(entry) => of_variable(entry),
            EnvEdit::Extend { before, behind, .. } => sum([written(before), written(behind)]),
            EnvEdit::MoveToEnd { .. } => 0,
            // Its own name gets a prefix.
            EnvEdit::Rename { then, .. } => sum([of_variable(then), AROUND]),
        });
        sum(mounts.chain(env))
    }
}

impl Container {
    fn bytes(&self) -> usize {
        let texts = [&self.name, &self.image].into_iter().chain(&self.command);
        sum(texts
            .map(|text| written(text))
            .chain(self.env.iter().map(of_variable))
            .chain(self.volume_mounts.iter().map(of_mount))
            .chain(self.resources.iter().map(of_resources))
            .chain([CONTAINER]))
    }
}

fn of_variable(entry: &EnvVar) -> usize {
    let value = entry.value.as_deref().map_or(0, written);
    let reference = entry.value_from.as_ref().map_or(0, |source| {
        let secret = source.secret_key_ref.as_ref();
        let field = source.field_ref.as_ref();
        sum([
            REFERENCE,
            secret.map_or(0, |secret| sum([secret.name.len(), secret.key.len()])),
            field.map_or(0, |field| field.field_path.len()),
        ])
    });
    sum([entry.name.len(), value, reference, AROUND])
}

/// A template may ask for amounts of any length.
fn of_resources(resources: &ResourceRequirements) -> usize {
    let bounds = [&resources.requests, &resources.limits];
    let amounts = bounds.into_iter().flatten().flatten();
    sum(amounts.map(|(name, amount)| sum([name.len(), amount.0.len(), AROUND])))
}

fn of_mount(mount: &VolumeMount) -> usize {
    let sub_path = mount.sub_path.as_deref().map_or(0, written);
    sum([
        mount.name.len(),
        written(&mount.mount_path),
        sub_path,
        AROUND,
    ])
}

/// The length of a text as a string of JSON.
fn written(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..b' ' => 6,
        _ => 1,
    };
    sum(text.bytes().map(escaped))
}

fn sum(numbers: impl IntoIterator<Item = usize>) -> usize {
    numbers.into_iter().fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::super::{SecurityContext, Template, mount};
    use super::*;
    use crate::env::plain;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn reckons_what_a_plan_adds_and_not_much_more() {
        let container = json!({"name": "a", "env": [{"name": "TAGS", "value": "own"}]});
        let pod = json!({"spec": {"containers": vec![container; 100]}});
        let before = pod.to_string().len();
        let mut template = Template::new(pod.clone()).unwrap();
        let sidecar = Container {
            name: "sidecar".to_owned(),
            image: "registry.example.com/sidecar:1".to_owned(),
            image_pull_policy: "IfNotPresent",
            command: vec!["sh".to_owned(), "-c".to_owned(), "\"\n\"".to_owned()],
            env: vec![plain("JSON", "[{\"a\":\"b\"}]".repeat(50))],
            security_context: SecurityContext::adding(&["SYS_PTRACE", "SYS_ADMIN"]),
            volume_mounts: vec![mount("logs", "/var/log/app")],
            ..Container::default()
        };
        let mut plan = Plan {
            sidecar: Some(sidecar),
            annotations: vec![("datakit/logs", "[{\"type\":\"file\"}]".to_owned())],
            ..Plan::default()
        };
        let volume = plan.volume(&template, "logs", VolumeKind::EmptyDir, "/var/log/app");
        for place in 0..100 {
            plan.mount(place, mount(&volume, "/var/log/app"));
            let (before, behind) = (String::new(), ",team:shop".to_owned());
            let edits = vec![
                EnvEdit::Append(plain("DD_AGENT_HOST", "datakit-service.datakit.svc")),
                EnvEdit::Extend {
                    place: 0,
                    before,
                    behind,
                },
            ];
            plan.edit_env(place, edits);
        }
        let reckoned = plan.bytes();
        plan.limit_empty_dirs("1Gi");
        assert!(plan.adds_empty_dir());
        template.inject("x", plan, None).unwrap();
        let added = template.into_value().to_string().len() - before;
        assert!(
            (added..added * 2).contains(&reckoned),
            "{added} bytes, reckoned {reckoned}"
        );
    }
}
