//! What the policy answers a host: a validation response.

use crate::json::{Object, Value};
use crate::report::Report;

/// The answer to a request, which is always an acceptance.
pub struct Answer<'a> {
    /// The object, if it changed.
    pub object: Option<Value<'a>>,
    pub report: Report,
}

impl Answer<'_> {
    /// The response as a host reads it. It is written from the parts of the payload, which a type of a library would
    /// copy first.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let mut response = Object::new();
        response.insert("accepted", true.into());
        // Of what was there already nothing was injected.
        if self.object.is_some() && !self.report.audit_annotations().is_empty() {
            let audit = self.report.audit_annotations().iter();
            let audit: Object<'_> = audit
                .map(|(key, value)| (*key, value.as_str().into()))
                .collect();
            response.insert("audit_annotations", audit.into());
        }
        if let Some(object) = self.object {
            response.insert("mutated_object", object);
        }
        if let Some(warnings) = self.report.warnings() {
            let warnings = warnings.into_iter().map(Value::from).collect();
            response.insert("warnings", Value::Array(warnings));
        }
        let mut out = String::with_capacity(4096);
        Value::Object(response).write(&mut out);
        out.into_bytes()
    }
}
