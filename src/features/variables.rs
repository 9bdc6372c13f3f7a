//! The variables of the settings, as entries for the containers of a template.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::EnvVar;

use super::feature::Feature;
use super::scene::Scene;
use crate::env::{self, Env, Made, Surroundings};
use crate::report::Report;
use crate::template::AppContainer;

/// The variables of a rule, and which of them were not resolved.
pub(super) struct Variables<'v> {
    envs: &'v [Env<'v>],
    /// As the first app container sees it; `None` where there is none.
    around: Option<Surroundings<'v>>,
    drops_unresolved: bool,
    unresolved: BTreeSet<&'v str>,
}

impl<'v> Variables<'v> {
    pub fn new(scene: &'v Scene<'_, '_>, envs: &'v [Env<'v>]) -> Self {
        let template = scene.template;
        let first = template.targets().next();
        let around = first.map(|(_, first)| Surroundings {
            owner: scene.owner,
            labels: template.labels(),
            annotations: template.annotations(),
            given_to_pods: scene.workload.gives_to_pods(),
            first_container: first.object(),
            container: first.name(),
            image: first.image(),
        });
        Self {
            envs,
            around,
            drops_unresolved: scene.own.drop_unresolved_labels,
            unresolved: BTreeSet::new(),
        }
    }

    /// The entries for an app container. What it has of its own is not looked at.
    pub fn of(&mut self, container: AppContainer<'_>) -> Vec<EnvVar> {
        let around = self.around.map(|around| Surroundings {
            container: container.name(),
            image: container.image(),
            ..around
        });
        self.entries(around, |name| container.variable(name).is_none())
    }

    /// The entries for a container that is added: of app containers, the first one counts.
    pub fn of_added(&mut self) -> Vec<EnvVar> {
        self.entries(self.around, |_| true)
    }

    /// `is_new` says whether a variable will be one of the container.
    fn entries(
        &mut self,
        around: Option<Surroundings<'_>>,
        is_new: impl Fn(&str) -> bool,
    ) -> Vec<EnvVar> {
        let Some(around) = around else {
            return Vec::new();
        };
        let mut entries = Vec::with_capacity(self.envs.len());
        for env in self.envs {
            match env::make(*env, &around) {
                Made::Entry(entry) => entries.push(entry),
                Made::Empty(entry) => {
                    if is_new(env.name) {
                        self.unresolved.insert(env.name);
                    }
                    if !self.drops_unresolved {
                        entries.push(entry);
                    }
                }
                Made::Nothing => {}
            }
        }
        entries
    }

    /// Warns of those that were not resolved, once for all containers.
    pub fn warn(self, feature: &Feature, report: &mut Report) {
        if self.unresolved.is_empty() {
            return;
        }
        let become_what = if self.drops_unresolved {
            "left out"
        } else {
            "empty"
        };
        let names: Vec<&str> = self.unresolved.into_iter().collect();
        report.warn(
            feature.name,
            format_args!(
                "variables refer to labels or annotations that do not exist, and are {become_what}: {}",
                names.join(", ")
            ),
        );
    }
}
