//! What holds for all that is injected into a template, whatever the feature: each plan is adapted to it.

use super::feature::Feature;
use super::fit::fit;
use super::scene::Declined;
use super::security::Hold;
use super::targets;
use crate::report::Report;
use crate::settings::{Held, InitResources, NativeSidecars, Own};
use crate::template::{Plan, Template};
use crate::workload::Workload;

/// The settings of the policy itself, as they apply to one template.
pub(super) struct Terms<'a> {
    own: &'a Own<'a>,
    /// What the template says of its Pod Security.
    asked: Option<Held>,
    workload: Workload,
    namespace: &'a str,
    /// Found out before the first plan is carried out, and only where there is one: it may ask the host.
    hold: Option<Hold>,
}

impl<'a> Terms<'a> {
    pub fn new(
        own: &'a Own<'a>,
        asked: Option<Held>,
        workload: Workload,
        namespace: &'a str,
    ) -> Self {
        Self {
            own,
            asked,
            workload,
            namespace,
            hold: None,
        }
    }

    /// Adapts the plan of a feature for `template`.
    ///
    /// # Errors
    /// It cannot be, or there is nothing to do.
    pub fn apply(
        &mut self,
        plan: &mut Plan,
        feature: &Feature,
        template: &Template<'_>,
        report: &Report,
    ) -> Result<(), Declined> {
        if feature.adds.is_some() {
            targets::are_there(template)?;
        }
        if plan.is_empty() {
            return Err(Declined::AllThere);
        }
        let (own, asked, namespace) = (self.own, self.asked, self.namespace);
        let find = || Hold::of(asked, template, own, namespace, report);
        self.hold.get_or_insert_with(find).apply(plan, template)?;
        if let Some(limit) = own.empty_dir_size_limit {
            plan.limit_empty_dirs(limit);
        }
        if own.init_resources == InitResources::Fit {
            fit(plan, template);
        }
        if self.has_native_sidecars(template) {
            plan.make_sidecar_native();
        }
        Ok(())
    }

    fn has_native_sidecars(&self, template: &Template<'_>) -> bool {
        match self.own.native_sidecars {
            NativeSidecars::Always => true,
            NativeSidecars::Jobs => self.workload.runs_to_completion(template),
            NativeSidecars::Never => false,
        }
    }
}
