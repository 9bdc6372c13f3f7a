//! Agents: an init container copies the agent of a language into a volume that the app containers mount,
//! and a variable makes the language's runtime load it from there.

mod delivery;
mod loader;
mod others;
mod variables;

use k8s_openapi::api::core::v1::VolumeMount;

use super::feature::Feature;
use super::places::Place;
use super::scene::{Declined, Scene, skipped};
use super::variables::Variables;
use crate::env::{self, Env};
use crate::paths::MountPath;
use crate::report::{Report, shown};
use crate::settings::Language;
use crate::template::{AppContainer, EnvEdit, Plan};

pub(super) use delivery::Layout;
pub(super) use loader::{Adds, Alone, Loader};
pub(super) use variables::Merged;

/// What the two tracers have to know of each other: one stands back for the other.
pub(super) mod ddtrace {
    pub const NAME: &str = "ddtrace";
    pub const CONTAINER: &str = "datakit-lib-init";
    pub const DIRECTORY: &str = "/datadog-lib";
}

/// See [`ddtrace`].
pub(super) mod otel {
    pub const NAME: &str = "otel";
    pub const CONTAINER: &str = "datakit-otel-lib-init";
}

/// What an agent needs of the containers that it is loaded in.
#[derive(Debug)]
pub(super) struct Agent {
    pub feature: &'static Feature,
    pub language: Language,
    /// Where its volume is mounted.
    pub directory: &'static str,
    pub loader: Option<Loader>,
    /// A variable that it needs besides: a name and a value.
    pub constant: Option<(&'static str, &'static str)>,
    /// What its images have where; `None` where they cannot be volumes.
    pub layout: Option<Layout>,
    /// The variable of the settings whose pairs are merged with those of the container.
    pub merged: Merged,
}

impl Agent {
    /// The variables that the agent sets in each container, whatever `envs` say of them.
    pub fn variables(&self) -> Vec<&'static str> {
        let loader = self.loader.map(|loader| loader.variable);
        let constant = self.constant.map(|(name, _)| name);
        loader.into_iter().chain(constant).collect()
    }

    /// Plans `mounted`, the mount of its volume, the agent's variables and those of the settings for each app container
    /// that can have them.
    ///
    /// # Errors
    /// None can.
    pub fn load(
        &self,
        scene: &Scene<'_, '_>,
        mounted: &VolumeMount,
        envs: &[Env<'_>],
        plan: &mut Plan,
        report: &mut Report,
    ) -> Result<(), Declined> {
        let mut variables = Variables::new(scene, envs);
        let mut injected = Vec::new();
        for (number, container) in scene.template.targets() {
            match self.edits(scene, container, &mounted.name, &mut variables, report) {
                Ok((place, env)) => {
                    if place == Place::Free {
                        plan.mount(number, mounted.clone());
                    }
                    plan.edit_env(number, env);
                    injected.push(container);
                }
                Err(_) if scene.is_sidecar(container) => {}
                Err(reason) => report.warn(
                    self.feature.name,
                    format_args!("container {} left out: {reason}", shown(container.name())),
                ),
            }
        }
        variables.warn(self.feature, report);
        injected.retain(|container| !scene.is_sidecar(*container));
        if injected.is_empty() {
            return Err(skipped("every container was left out"));
        }
        if let Some(another) = others::another(injected, self.language, self.own_option()) {
            report.warn(
                self.feature.name,
                format_args!("another agent is in {another}; remove one of the two"),
            );
        }
        Ok(())
    }

    /// What is done to a container: whether it has the mount already, and its variables.
    fn edits<'s>(
        &self,
        scene: &Scene<'s, '_>,
        container: AppContainer<'s>,
        volume: &str,
        variables: &mut Variables<'_>,
        report: &mut Report,
    ) -> Result<(Place, Vec<EnvEdit>), String> {
        let place = scene.place(container, &MountPath::new(self.directory), volume)?;
        let mut env = Vec::new();
        if let Some((name, value)) = self.constant
            && container.variable(name).is_none()
        {
            env.push(EnvEdit::Append(env::plain(name, value)));
        }
        if let Some(loader) = &self.loader {
            env.extend(loader.edit(container)?);
            if self.language == Language::Java {
                self.warn_of_length(loader, container, &env, report);
            }
        }
        let envs = variables.of(container);
        let settings = variables::edits(self.feature, self.merged, container, &env, envs, report);
        env.extend(settings);
        Ok((place, env))
    }

    /// The option of a command line that loads the agent, where there is one.
    fn own_option(&self) -> &'static str {
        match self.loader.map(|loader| loader.adds) {
            Some(Adds::Option { behind, .. }) => behind,
            _ => "",
        }
    }

    fn warn_of_length(
        &self,
        loader: &Loader,
        container: AppContainer<'_>,
        edits: &[EnvEdit],
        report: &mut Report,
    ) {
        // JDK 8 reads so much of the variable.
        const LONGEST: usize = 1024;
        let name = loader.variable;
        let own = container.plain_value(name).unwrap_or_default();
        let is_too_long = edits.iter().any(|edit| match edit {
            EnvEdit::Extend { before, behind, .. } => {
                let added = before.len().saturating_add(behind.len());
                own.len().saturating_add(added) > LONGEST
            }
            _ => false,
        });
        if is_too_long {
            report.warn(
                self.feature.name,
                format_args!(
                    "{name} of container {} is longer than {LONGEST} bytes, and JDK 8 cuts it off",
                    shown(container.name())
                ),
            );
        }
    }
}
