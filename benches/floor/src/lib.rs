//! The floor policy: it reads the payload, sets a label, and answers with the object. A policy in Rust that changes
//! objects and does anything besides costs more.

use serde_json::{Value, from_slice, json, to_vec};
use wapc_guest::{CallResult, register_function};

/// Registers the function that a policy host calls over waPC.
// The export is what makes it callable.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("validate", validate);
}

fn validate(payload: &[u8]) -> CallResult {
    let mut payload: Value = from_slice(payload)?;
    let mut object = payload["request"]["object"].take();
    object["metadata"]["labels"]["floor"] = json!("yes");
    Ok(to_vec(
        &json!({"accepted": true, "mutated_object": object}),
    )?)
}
