//! A short hash of a value that the policy adds, by which it is known again.

use crate::json::Value;

use super::super::Object;
use crate::quantity::Quantity;

/// FNV-1a over a canonical form of a JSON value, folded to 32 bits. It tells what the policy left
/// from what somebody changed; it does not have to withstand anyone who looks for a collision.
///
/// The order of keys does not count, and neither do the fields that an API server adds to what it
/// stores (its defaults) or writes in another way (resources). A `sizeLimit` counts as the amount
/// that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash(u32);

impl Hash {
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let mut state = Fnv::new();
        state.value(value);
        state.folded()
    }

    #[must_use]
    pub fn of_object(object: &Object) -> Self {
        let mut state = Fnv::new();
        state.object(object);
        state.folded()
    }

    /// The hash of an object of these fields.
    #[must_use]
    pub fn of_fields(fields: &mut [(&str, &Value)]) -> Self {
        let mut state = Fnv::new();
        state.fields(fields);
        state.folded()
    }

    #[must_use]
    pub fn of_text(text: &str) -> Self {
        Self::of_texts(std::iter::once(text))
    }

    /// The hash of some texts in their order.
    #[must_use]
    pub fn of_texts<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut state = Fnv::new();
        for text in texts {
            state.text(text);
        }
        state.folded()
    }
}

impl Hash {
    /// Appends its eight digits: a journal has many.
    pub fn write(self, out: &mut String) {
        for byte in self.0.to_be_bytes() {
            for digit in [byte >> 4, byte & 0xf] {
                out.extend(char::from_digit(digit.into(), 16));
            }
        }
    }
}

impl Hash {
    /// Reads a hash as it is written: eight hex digits.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let text = value.as_str()?;
        let is_hex = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hash = u32::from_str_radix(text, 16).ok()?;
        is_hex.then_some(Self(hash))
    }
}

/// Whether a field is one that an API server adds to what the policy injects, or leaves out, or
/// writes in another way: defaults of `core/v1` (`SetDefaults_*` in `pkg/apis/core/v1/defaults.go`),
/// fields that are omitted when they are empty, and quantities, which come back as `500m` for `0.5`.
fn says_nothing(key: &str, value: &Value) -> bool {
    match key {
        "apiVersion" => value == "v1",
        "defaultMode" => *value == 0o644_u64,
        "terminationMessagePath" => value == "/dev/termination-log",
        "terminationMessagePolicy" => value == "File",
        "protocol" => value == "TCP",
        "value" => value == "",
        "readOnly" => *value == Value::Bool(false),
        "resources" => true,
        _ => value.is_null(),
    }
}

struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// A text and its end: no text of Kubernetes holds the byte 255, which is not UTF-8.
    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0xff]);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.bytes(b"\"");
                self.text(text);
            }
            Value::Array(items) => {
                self.bytes(b"[");
                for item in items {
                    self.value(item);
                }
                self.bytes(b"]");
            }
            Value::Object(object) => self.object(object),
            other => self.text(&other.to_string()),
        }
    }

    fn object(&mut self, object: &Object) {
        let mut fields: Vec<(&str, &Value)> = Vec::with_capacity(object.len());
        fields.extend(object);
        self.fields(&mut fields);
    }

    fn fields(&mut self, fields: &mut [(&str, &Value)]) {
        fields.sort_unstable_by_key(|(key, _)| *key);
        self.bytes(b"{");
        for (key, value) in fields {
            if says_nothing(key, value) {
                continue;
            }
            self.text(key);
            let limit = value.as_str().filter(|_| *key == "sizeLimit");
            match limit.and_then(Quantity::parse) {
                Some(amount) => self.bytes(&amount.to_bytes()),
                None => self.value(value),
            }
        }
        self.bytes(b"}");
    }

    fn folded(&self) -> Hash {
        let [a, b, c, d, e, f, g, h] = self.0.to_be_bytes();
        Hash(u32::from_be_bytes([a, b, c, d]) ^ u32::from_be_bytes([e, f, g, h]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_a_value_again_with_the_defaults_of_an_api_server() {
        for (left, stored) in [
            (
                json!({"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}),
                json!({"valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}, "name": "N"}),
            ),
            (json!({"name": "N", "value": ""}), json!({"name": "N"})),
            (
                json!({"name": "v", "emptyDir": {"sizeLimit": "1024Mi"}}),
                json!({"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}),
            ),
            (
                json!({"name": "v", "downwardAPI": {"items": []}}),
                json!({"name": "v", "downwardAPI": {"defaultMode": 420, "items": []}}),
            ),
            (
                json!({"name": "c", "ports": [{"containerPort": 1}], "resources": {"limits": {"cpu": "0.5"}}}),
                json!({
                    "name": "c", "ports": [{"containerPort": 1, "protocol": "TCP"}],
                    "resources": {"limits": {"cpu": "500m"}},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"
                }),
            ),
        ] {
            assert_eq!(Hash::of(&left), Hash::of(&stored), "{left}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn tells_values_apart() {
        let values = [
            json!({"name": "v", "emptyDir": {}}),
            json!({"name": "v", "emptyDir": {"medium": "Memory"}}),
            json!({"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}),
            json!({"name": "v", "emptyDir": {"sizeLimit": "2Gi"}}),
            json!({"name": "v", "emptyDir": {"sizeLimit": "large"}}),
            json!({"name": "v", "hostPath": {}}),
            json!({"name": "v"}),
            json!({"name": "w", "emptyDir": {}}),
            json!([["a"], ["b"]]),
            json!([["a", "b"]]),
            json!(["ab"]),
            json!("1"),
            json!(1),
            json!(true),
        ];
        let mut hashes = values.iter().map(Hash::of).collect::<Vec<_>>();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), values.len());
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn is_written_as_eight_digits_and_read_back() {
        let mut digits = String::new();
        Hash(0x1a).write(&mut digits);
        assert_eq!(digits, "0000001a");
        assert_eq!(Hash::read(&json!("0000001a")), Some(Hash(0x1a)));
        for other in [json!("1a"), json!("+000001a"), json!("0000001g"), json!(26)] {
            assert_eq!(Hash::read(&other), None, "{other}");
        }
    }
}
