//! How the selectors of `admission_mutate.loggings` go together: it depends on the operator.

use datakit_operator_policy::settings::LoggingMatch;
use serde_json::{Value, json};

use super::differences::{has_selectors, items};
use super::operator::Operator;

/// The first operator in which namespace and labels both have to match.
const BOTH_SINCE: (u32, u32) = (1, 7);

const ASK: &str = "does not say which operator it is for, and since operator 1.7 the rules of `admission_mutate.loggings` \
    are for other pods than before; name its version, as in `--operator 1.5` or `--operator 1.8`. The image has it:\n\
    kubectl get deployment -n datakit datakit-operator -o jsonpath='{.spec.template.spec.containers[*].image}'";

/// Writes `policy.logging_match` where the operator wants both.
///
/// # Errors
/// That the operator has to be named, where it is not known and the answer depends on it.
pub fn decide(operator: &Operator, settings: &mut Value) -> Result<(), &'static str> {
    let mutate = settings.get("admission_mutate");
    let rules = mutate.map_or(&[][..], |mutate| items(mutate, "loggings"));
    if rules.is_empty() || settings.pointer("/policy/logging_match").is_some() {
        return Ok(());
    }
    match operator.is_since(BOTH_SINCE, settings) {
        Some(true) => settings["policy"]["logging_match"] = json!(LoggingMatch::All.name()),
        Some(false) => {}
        None if rules.iter().any(depends) => return Err(ASK),
        None => {}
    }
    Ok(())
}

/// Whether a rule is for other pods, by the operator: one that sets nothing, or has no selectors, is not.
fn depends(rule: &Value) -> bool {
    let config = rule["config"].as_str();
    config.is_some_and(|config| !config.is_empty()) && has_selectors(rule)
}
