//! Resources: that they are quantities, that requests are not above limits, and that containers do
//! not ask for more than the pod is to have.

use std::collections::BTreeMap;

use super::place::{Place, Violations};

/// Amounts in billionths by resource.
type Amounts = BTreeMap<String, i128>;

/// What a container, or a pod, asks for and may have.
#[derive(Clone, Debug, Default)]
struct Resources {
    requests: Amounts,
    limits: Amounts,
}

/// Checks `resources` of a container or a pod.
pub(super) fn check(owner: &Place<'_>, found: &mut Violations) {
    let resources = read(owner, found);
    for (resource, request) in &resources.requests {
        if resources.limits.get(resource) < Some(request) && resources.limits.contains_key(resource)
        {
            found.add(
                owner,
                format_args!("the request of {resource} is above its limit"),
            );
        }
    }
}

fn read(owner: &Place<'_>, found: &mut Violations) -> Resources {
    let Some(resources) = found.object(owner, "resources") else {
        return Resources::default();
    };
    Resources {
        requests: amounts(&resources, "requests", found),
        limits: amounts(&resources, "limits", found),
    }
}

fn amounts(resources: &Place<'_>, bound: &str, found: &mut Violations) -> Amounts {
    let mut amounts = Amounts::new();
    let Some(list) = found.object(resources, bound) else {
        return amounts;
    };
    for (resource, amount) in list.value.as_object().into_iter().flatten() {
        // Numbers are taken as well as strings.
        let text = amount
            .as_str()
            .map_or_else(|| amount.to_string(), str::to_owned);
        match billionths(&text) {
            Some(amount) if amount >= 0 => {
                amounts.insert(resource.clone(), amount);
            }
            _ => found.add(&list, format_args!("{resource} `{text}` is no quantity")),
        }
    }
    amounts
}

/// A quantity: a decimal number and a suffix, or an exponent.
fn billionths(text: &str) -> Option<i128> {
    const SUFFIXES: [(&str, i128); 15] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("Ei", 1 << 60),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000),
        ("E", 1_000_000_000_000_000_000),
        ("m", -1_000),
        ("u", -1_000_000),
        ("n", -1_000_000_000),
    ];
    let known = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = match known {
        Some(split) => split,
        None => match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, power_of_ten(exponent)?),
            None => (text, 1),
        },
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let places = i128::from(10_u8).checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let billionths = digits.checked_mul(1_000_000_000)?;
    let scaled = match factor {
        1.. => billionths.checked_mul(factor)?,
        _ => billionths / -factor,
    };
    // Kubernetes rounds up to whole billionths.
    Some(scaled.div_euclid(places) + i128::from(scaled.rem_euclid(places) != 0))
}

fn power_of_ten(exponent: &str) -> Option<i128> {
    let exponent: i32 = exponent.parse().ok()?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    Some(if exponent < 0 { -power } else { power })
}

/// Checks the resources of the pod as a whole, and that its containers keep to them: together they
/// must not request more, and none may have a higher limit.
pub(super) fn of_the_pod(spec: &Place<'_>, found: &mut Violations) {
    check(spec, found);
    let mut unheard = Violations::default();
    let pod = read(spec, &mut unheard);
    let requested = all_requests(spec, &mut unheard);
    for (resource, most) in &pod.requests {
        if requested.get(resource) > Some(most) {
            let problem = format!("the containers request more {resource} than the pod");
            found.add(spec, problem);
        }
    }
    for container in unheard.list(spec, "containers") {
        for (resource, limit) in read(&container, &mut Violations::default()).limits {
            if pod.limits.get(&resource).is_some_and(|most| limit > *most) {
                let problem = format!("the limit of {resource} is above that of the pod");
                found.add(&container, problem);
            }
        }
    }
}

/// What the containers request at most at a time: those that run side by side, or one that comes
/// before them, next to the sidecars that were started until then.
fn all_requests(spec: &Place<'_>, unheard: &mut Violations) -> Amounts {
    let mut running = Amounts::new();
    let mut sidecars = Amounts::new();
    let mut before = Amounts::new();
    for container in unheard.list(spec, "containers") {
        add(&mut running, &requests(&container, unheard));
    }
    for container in unheard.list(spec, "initContainers") {
        let own = requests(&container, unheard);
        let mut now = sidecars.clone();
        add(&mut now, &own);
        if container.value["restartPolicy"] == "Always" {
            add(&mut running, &own);
            add(&mut sidecars, &own);
        }
        for (resource, amount) in now {
            let most = before.entry(resource).or_default();
            *most = amount.max(*most);
        }
    }
    for (resource, amount) in before {
        let most = running.entry(resource).or_default();
        *most = amount.max(*most);
    }
    running
}

/// A request that is missing is set to the limit.
fn requests(container: &Place<'_>, unheard: &mut Violations) -> Amounts {
    let own = read(container, unheard);
    let mut requests = own.limits;
    requests.extend(own.requests);
    requests
}

fn add(sum: &mut Amounts, amounts: &Amounts) {
    for (resource, amount) in amounts {
        *sum.entry(resource.clone()).or_default() += amount;
    }
}
