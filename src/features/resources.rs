//! What a container that is added asks for.

use k8s_openapi::api::core::v1::ResourceRequirements;

use super::feature::Feature;
use super::scene::{PREFIX, Scene};
use crate::report::Report;
use crate::settings::{self, ContainerSettings};

impl Scene<'_, '_> {
    /// The resources of the container that a feature adds: those of the template's annotation, else those of
    /// the settings. None where the pod as a whole has its own, which its containers
    /// share: Kubernetes refuses a pod whose containers together ask for more, or one alone may have
    /// more.
    pub fn resources(
        &self,
        settings: &ContainerSettings<'_>,
        feature: &Feature,
        report: &mut Report,
    ) -> Option<ResourceRequirements> {
        let resources = match self.asked_resources(feature, report) {
            Some(asked) => asked,
            None => settings.resources.clone()?,
        };
        if resources.requests.is_none() && resources.limits.is_none() {
            return None;
        }
        let of_the_pod = self.template.spec("resources");
        let has_some = |bound: &&str| {
            let amounts = of_the_pod.and_then(|own| own.get(bound)?.as_object());
            amounts.is_some_and(|amounts| !amounts.is_empty())
        };
        if !["requests", "limits"].iter().any(has_some) {
            return Some(resources);
        }
        report.warn(
            feature.name,
            "the container gets no resources of its own, because the pod as a whole has some",
        );
        None
    }

    /// What the annotation says; `None` where it is not there or is of no use.
    fn asked_resources(
        &self,
        feature: &Feature,
        report: &mut Report,
    ) -> Option<ResourceRequirements> {
        let name = feature.resources?;
        match settings::resources(self.annotation(name)?) {
            Ok(resources) => {
                report.explain(feature.name, || format!("resources of {PREFIX}{name}"));
                Some(resources)
            }
            Err(problem) => {
                let problem =
                    format!("{PREFIX}{name}: {problem}; the configured resources are used");
                report.warn(feature.name, problem);
                None
            }
        }
    }
}
