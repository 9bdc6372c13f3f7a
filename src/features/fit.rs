//! What an agent's init container asks for where it is to fit in: no more than the app containers together,
//! so that a pod with an agent needs no larger node. Kubernetes counts the larger of the two.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as QuantityText;

use crate::quantity::Quantity;
use crate::template::{AppContainer, Plan, Template};

type Amounts = BTreeMap<String, QuantityText>;

/// Makes the init container of a plan fit in.
pub(super) fn fit(plan: &mut Plan, template: &Template<'_>) {
    let container = plan.init_container.as_mut();
    let Some(resources) = container.and_then(|own| own.resources.as_mut()) else {
        return;
    };
    let [mut requests, mut limits] = [Amounts::new(), Amounts::new()];
    for resource in ["cpu", "memory"] {
        let apps = OfTheApps::new(resource, template);
        // A request of nothing is refused where a LimitRange has a minimum, and a limit alone is a request.
        if apps.requests == Quantity::default() {
            continue;
        }
        let own = |amounts: &Option<Amounts>| Quantity::parse(&amounts.as_ref()?.get(resource)?.0);
        let (request, limit) = (own(&resources.requests), own(&resources.limits));
        let Some(asked) = request.or(limit) else {
            continue;
        };
        let fitting = asked.min(apps.requests);
        if request.is_some() || fitting != asked {
            put(&mut requests, resource, fitting);
        }
        if let Some(limit) = limit {
            let most = apps.limits.map_or(limit, |most| most.max(fitting));
            put(&mut limits, resource, limit.min(most));
        }
    }
    let some = |amounts: Amounts| (!amounts.is_empty()).then_some(amounts);
    resources.requests = some(requests);
    resources.limits = some(limits);
}

fn put(amounts: &mut Amounts, resource: &str, amount: Quantity) {
    amounts.insert(resource.to_owned(), QuantityText(amount.text()));
}

/// What the app containers have of a resource together.
struct OfTheApps {
    /// A limit alone is a request, too.
    requests: Quantity,
    /// `None` where one of them is without.
    limits: Option<Quantity>,
}

impl OfTheApps {
    fn new(resource: &str, template: &Template<'_>) -> Self {
        let amount = |container: AppContainer<'_>, bound| {
            let text = container.amount(bound, resource)?;
            Quantity::parse(text)
        };
        let mut all = Self {
            requests: Quantity::default(),
            limits: Some(Quantity::default()),
        };
        for container in template.app_containers() {
            let limit = amount(container, "limits");
            let request = amount(container, "requests").or(limit);
            all.requests = all.requests.plus(request.unwrap_or_default());
            all.limits = all.limits.zip(limit).map(|(sum, limit)| sum.plus(limit));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Value, json, typed};
    use crate::template::Container;
    use wasm_bindgen_test::wasm_bindgen_test;

    /// The resources of an init container beside app containers with these.
    fn fitted(own: Value<'static>, apps: &[Value]) -> Value<'static> {
        let containers: Vec<Value> = apps
            .iter()
            .map(|resources| json!({"name": "a", "resources": resources}))
            .collect();
        let pod = json!({"spec": {"containers": containers}});
        let template = Template::new(pod.clone()).unwrap();
        let mut plan = Plan::default();
        plan.init_container = Some(Container {
            resources: Some(serde_json::from_str(&own.to_string()).unwrap()),
            ..Container::default()
        });
        fit(&mut plan, &template);
        let container = plan.init_container.unwrap();
        typed(&container.resources.unwrap())
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn asks_for_no_more_than_the_app_containers_together() {
        let own = json!({"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}});
        let larger = json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}});
        let smaller = json!({"requests": {"cpu": "0.02", "memory": "16Mi"}, "limits": {"cpu": "50m", "memory": "32Mi"}});
        for (apps, expected) in [
            (vec![larger.clone()], own.clone()),
            (
                vec![smaller.clone()],
                json!({"requests": {"cpu": "20m", "memory": "16Mi"}, "limits": {"cpu": "50m", "memory": "32Mi"}}),
            ),
            (
                vec![smaller.clone(), smaller.clone()],
                json!({"requests": {"cpu": "40m", "memory": "32Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}}),
            ),
            (vec![smaller.clone(), larger], own.clone()),
            // A limit is also what is asked for, and one container without leaves it to the settings.
            (
                vec![json!({"limits": {"cpu": "50m", "memory": "1Gi"}})],
                json!({"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "50m", "memory": "512Mi"}}),
            ),
            (
                vec![smaller, json!({})],
                json!({"requests": {"cpu": "20m", "memory": "16Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}}),
            ),
            // Nobody asks.
            (vec![json!({})], json!({})),
            (
                vec![json!({"requests": {"cpu": "1", "memory": "0"}})],
                json!({"requests": {"cpu": "100m"}, "limits": {"cpu": "500m"}}),
            ),
            (vec![json!({"requests": {"cpu": "a lot"}})], json!({})),
        ] {
            assert_eq!(fitted(own.clone(), &apps), expected, "{apps:?}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn keeps_a_limit_above_the_request() {
        let app = json!({"requests": {"cpu": "200m"}, "limits": {"cpu": "100m"}});
        let own = json!({"requests": {"cpu": "300m"}, "limits": {"cpu": "400m"}});
        let expected = json!({"requests": {"cpu": "200m"}, "limits": {"cpu": "200m"}});
        assert_eq!(fitted(own, &[app]), expected);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_limit_alone_gets_a_request_that_fits() {
        let app = json!({"requests": {"memory": "32Mi"}});
        let own = json!({"limits": {"memory": "64Mi"}});
        let expected = json!({"requests": {"memory": "32Mi"}, "limits": {"memory": "64Mi"}});
        assert_eq!(fitted(own, &[app]), expected);
        let asks_for_cpu = json!({"requests": {"cpu": "1m"}});
        let own = json!({"requests": {"memory": "64Mi"}});
        assert_eq!(fitted(own, &[asks_for_cpu]), json!({}));
    }
}
