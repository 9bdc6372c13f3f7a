//! An agent that fits in makes no pod need a larger node.

use datakit_operator_policy::features::{self, Added};
use datakit_operator_policy::quantity::Quantity;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::generators::admissions;
use crate::run::{holds, injected};

#[test]
fn an_agent_that_fits_asks_for_no_more_than_the_app_containers() {
    holds(800, &admissions(), |mut admission| {
        prop_assume!(admission.settings["jsonconfig"].is_null());
        admission.settings["policy"]["init_resources"] = json!("fit");
        let after = injected(&admission);
        let before = &admission.template["spec"];
        for resource in ["cpu", "memory"] {
            let apps = containers(before, "containers").map(|own| asked(own, resource));
            let apps = apps.fold(Quantity::default(), Quantity::plus);
            let own = containers(before, "initContainers").count();
            let agents = containers(&after["spec"], "initContainers").skip(own);
            for agent in agents.filter(|container| is_agent(container)) {
                let asked = asked(agent, resource);
                prop_assert!(asked <= apps, "{resource} of {agent}");
            }
        }
        Ok(())
    });
}

fn containers<'s>(spec: &'s Value, list: &str) -> impl Iterator<Item = &'s Value> + use<'s> {
    spec[list].as_array().into_iter().flatten()
}

fn is_agent(container: &Value) -> bool {
    let mut added = features::ALL.iter().filter_map(|feature| feature.adds);
    added.any(|own| matches!(own, Added::InitContainer(name) if container["name"] == name))
}

/// What Kubernetes reserves for a container: its request, or else its limit.
fn asked(container: &Value, resource: &str) -> Quantity {
    let bounds = ["requests", "limits"];
    let amount = |bound: &&str| container["resources"][*bound][resource].as_str();
    let amount = bounds.iter().find_map(amount);
    amount.and_then(Quantity::parse).unwrap_or_default()
}
