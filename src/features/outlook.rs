//! What can be seen to go wrong in a pod with what was injected. It is looked at once, when all features
//! have been, and only where there is something to go wrong.

use crate::json::Value;

use super::feature::Feature;
use super::processes::tolerates_virtual_nodes;
use super::scene::PREFIX;
use crate::quantity::Quantity;
use crate::report::{Report, shown};
use crate::template::{AppContainer, Plan, Template};
use crate::words::ProcessOne;
use crate::workload::Workload;

/// What was injected, as far as something can go wrong with it.
#[derive(Debug)]
pub(super) struct Outlook {
    adds_sidecar: fn(&str) -> bool,
    sidecars: Vec<Sidecar>,
    /// Whether files of the policy's count against the limits of the pod's storage.
    takes_storage: bool,
    /// Whether the processes of the pod are shared from now on.
    shares_processes: bool,
    /// A variable with the name of a Service.
    service: Option<String>,
}

#[derive(Debug)]
struct Sidecar {
    name: String,
    /// The annotation that switches its feature off, behind the prefix.
    switch: &'static str,
    /// Whether it ends with the app containers.
    is_native: bool,
    /// Whether it looks into the processes of others, for which it has capabilities.
    looks_into_processes: bool,
}

impl Outlook {
    /// Nothing yet; `adds_sidecar` knows the names of the policy's sidecars.
    pub fn new(adds_sidecar: fn(&str) -> bool) -> Self {
        Self {
            adds_sidecar,
            sidecars: Vec::new(),
            takes_storage: false,
            shares_processes: false,
            service: None,
        }
    }

    pub fn note(&mut self, feature: &Feature, plan: &Plan, template: &Template<'_>) {
        if let Some(sidecar) = plan.running() {
            self.sidecars.push(Sidecar {
                name: sidecar.name.clone(),
                switch: feature.switch.unwrap_or_default(),
                is_native: sidecar.goes_on(),
                looks_into_processes: sidecar.needs_root(),
            });
        }
        self.takes_storage |= plan.adds_empty_dir();
        self.shares_processes |= plan.share_process_namespace;
        if self.service.is_none() && without_cluster_dns(template).is_some() {
            let names_service = |value: &Option<String>| value.as_deref().is_some_and(has_service);
            let variable = plan.variables().find(|entry| names_service(&entry.value));
            self.service = variable.map(|entry| entry.name.clone());
        }
    }

    pub fn warn(&self, workload: Workload, template: &Template<'_>, report: &mut Report) {
        if !self.sidecars.is_empty() {
            self.warn_of_the_end(workload, template, report);
            self.warn_of_virtual_nodes(template, report);
        }
        if self.shares_processes {
            self.warn_of_process_one(template, report);
        }
        if self.takes_storage {
            warn_of_storage(template, report);
        }
        if let Some(variable) = &self.service
            && let Some(policy) = without_cluster_dns(template)
        {
            report.warn(
                "policy",
                format_args!(
                    "{variable} names a Service, which the pod's DNS cannot resolve; set dnsPolicy: {policy}"
                ),
            );
        }
    }

    fn warn_of_the_end(&self, workload: Workload, template: &Template<'_>, report: &mut Report) {
        let going_on: Vec<&Sidecar> = self.sidecars.iter().filter(|own| !own.is_native).collect();
        if going_on.is_empty() || !workload.runs_to_completion(template) {
            return;
        }
        let names: Vec<&str> = going_on.iter().map(|own| own.name.as_str()).collect();
        let switches: Vec<&str> = going_on.iter().map(|own| own.switch).collect();
        let go_on = if going_on.len() == 1 {
            "keeps running"
        } else {
            "keep running"
        };
        report.warn(
            "policy",
            format_args!(
                "the pod does not complete: {} {go_on}; {PREFIX}{} \"false\" prevents it",
                names.join(", "),
                switches.join(", ")
            ),
        );
    }

    /// Those that look into processes need what virtual nodes do not give.
    fn warn_of_virtual_nodes(&self, template: &Template<'_>, report: &mut Report) {
        let Some(sidecar) = self.sidecars.iter().find(|own| own.looks_into_processes) else {
            return;
        };
        if let Some(key) = tolerates_virtual_nodes(template) {
            report.warn(
                "policy",
                format_args!(
                    "on a virtual node ({key}) the pod does not start with {}; select other nodes",
                    sidecar.name
                ),
            );
        }
    }

    /// Whoever speaks of process 1 means the main process of the container, which has another number where
    /// processes are shared.
    fn warn_of_process_one(&self, template: &Template<'_>, report: &mut Report) {
        let is_sidecar = |own: &AppContainer<'_>| (self.adds_sidecar)(own.name());
        let mut own = template.app_containers().filter(|own| !is_sidecar(own));
        let found = own.find_map(|container| Some((container, speaks_of_process_one(container)?)));
        if let Some((container, field)) = found {
            report.warn(
                "policy",
                format_args!(
                    "{field} of container {} refers to process 1, which is another one with shareProcessNamespace; find it by name",
                    shown(container.name())
                ),
            );
        }
    }
}

fn speaks_of_process_one(container: AppContainer<'_>) -> Option<&'static str> {
    let mut one = ProcessOne::default();
    let mut last = "command";
    container.words().find_map(|(field, word)| {
        // The arguments continue the command.
        if field != last && field != "args" {
            one = ProcessOne::default();
        }
        last = field;
        one.is(word).then_some(field)
    })
}

/// The kubelet evicts a pod that takes more than its containers' limits together, and what is in an
/// `emptyDir` counts, as do logs.
fn warn_of_storage(template: &Template<'_>, report: &mut Report) {
    let Some(enough) = Quantity::parse("1Gi") else {
        return;
    };
    let limit = |container: AppContainer<'_>| {
        let amount = container.amount("limits", "ephemeral-storage")?;
        Quantity::parse(amount)
    };
    let mut sum = Quantity::default();
    let mut first = None;
    for container in template.running_containers() {
        if let Some(limit) = limit(container) {
            sum = sum.plus(limit);
            first = first.or(Some(container));
        }
    }
    if let Some(container) = first
        && sum < enough
    {
        report.warn(
            "policy",
            format_args!(
                "ephemeral-storage limits are below 1Gi in total (container {}): injected files count too; raise them",
                shown(container.name())
            ),
        );
    }
}

/// The `dnsPolicy` that a pod would need to find Services, if it is not one that finds them.
fn without_cluster_dns(template: &Template<'_>) -> Option<&'static str> {
    let is_on_the_node = template.spec("hostNetwork") == Some(&Value::Bool(true));
    let wanted = if is_on_the_node {
        "ClusterFirstWithHostNet"
    } else {
        "ClusterFirst"
    };
    let has_nameservers = || {
        let config = template.spec("dnsConfig");
        let servers = config.and_then(|config| config.get("nameservers")?.as_array());
        servers.is_some_and(|servers| !servers.is_empty())
    };
    let finds = match template.spec("dnsPolicy").and_then(Value::as_str) {
        Some("ClusterFirstWithHostNet") => true,
        Some("Default") => false,
        Some("None") => has_nameservers(),
        _ => !is_on_the_node,
    };
    (!finds).then_some(wanted)
}

/// Whether a text has the name of a Service: a host that ends in `.svc`, or in `.svc` and the domain of a
/// cluster.
fn has_service(text: &str) -> bool {
    let is_of_a_name =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-');
    text.split(|character| !is_of_a_name(character))
        .any(|name| {
            let name = name.trim_end_matches('.');
            name.ends_with(".svc") || name.contains(".svc.")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_the_names_of_services() {
        for (text, expected) in [
            ("datakit-service.datakit.svc", true),
            ("datakit-service.datakit.svc:9529", true),
            ("http://datakit.datakit.svc.cluster.local:80/x", true),
            ("datakit.datakit.svc.", true),
            (r#"[{"datakit_addr":"datakit.datakit.svc:9533"}]"#, true),
            ("10.0.0.1", false),
            ("datakit.example.com", false),
            (".svcs", false),
            ("file.svcx.y", false),
            ("", false),
        ] {
            assert_eq!(has_service(text), expected, "{text}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_which_pods_ask_the_dns_of_the_cluster() {
        let policy = |mut spec: Value| {
            spec["containers"] = json!([{"name": "a"}]);
            let pod = json!({"spec": spec});
            without_cluster_dns(&Template::new(pod.clone()).unwrap())
        };
        let on_the_node = |policy: Value| json!({"hostNetwork": true, "dnsPolicy": policy});
        for (spec, expected) in [
            (json!({}), None),
            (json!({"dnsPolicy": "ClusterFirst"}), None),
            (json!({"dnsPolicy": "Default"}), Some("ClusterFirst")),
            (json!({"dnsPolicy": "None"}), Some("ClusterFirst")),
            (
                json!({"dnsPolicy": "None", "dnsConfig": {"nameservers": []}}),
                Some("ClusterFirst"),
            ),
            (
                json!({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.10"]}}),
                None,
            ),
            (on_the_node(json!(null)), Some("ClusterFirstWithHostNet")),
            (
                on_the_node(json!("ClusterFirst")),
                Some("ClusterFirstWithHostNet"),
            ),
            (on_the_node(json!("ClusterFirstWithHostNet")), None),
        ] {
            assert_eq!(policy(spec.clone()), expected, "{spec}");
        }
    }
}
