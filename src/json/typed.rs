//! Typed objects of Kubernetes as values.

use std::fmt::Display;

use serde::Serialize;
use serde::ser::{Error, Impossible, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use super::{Object, Value};

/// The value of a typed object; null where it holds what no object of Kubernetes that is added holds: an enumeration,
/// a number with a fraction, a key that is not a string.
#[must_use]
pub fn typed(object: &impl Serialize) -> Value<'static> {
    object.serialize(Typed).unwrap_or_default()
}

/// Its error has no use but to end the writing.
type Failure = serde_json::Error;
type Written = Result<Value<'static>, Failure>;

struct Typed;

fn refused<T>(what: impl Display) -> Result<T, Failure> {
    Err(Failure::custom(what))
}

impl Serializer for Typed {
    type Ok = Value<'static>;
    type Error = Failure;
    type SerializeSeq = Items;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeTuple = Impossible<Self::Ok, Failure>;
    type SerializeTupleStruct = Impossible<Self::Ok, Failure>;
    type SerializeTupleVariant = Impossible<Self::Ok, Failure>;
    type SerializeStructVariant = Impossible<Self::Ok, Failure>;

    fn serialize_bool(self, value: bool) -> Written {
        Ok(Value::Bool(value))
    }

    fn serialize_i8(self, number: i8) -> Written {
        Ok(i64::from(number).into())
    }

    fn serialize_i16(self, number: i16) -> Written {
        Ok(i64::from(number).into())
    }

    fn serialize_i32(self, number: i32) -> Written {
        Ok(i64::from(number).into())
    }

    fn serialize_i64(self, number: i64) -> Written {
        Ok(number.into())
    }

    fn serialize_u8(self, number: u8) -> Written {
        Ok(i64::from(number).into())
    }

    fn serialize_u16(self, number: u16) -> Written {
        Ok(i64::from(number).into())
    }

    fn serialize_u32(self, number: u32) -> Written {
        Ok(i64::from(number).into())
    }

    fn serialize_u64(self, number: u64) -> Written {
        i64::try_from(number).map_or_else(refused, |number| Ok(number.into()))
    }

    fn serialize_f32(self, _: f32) -> Written {
        refused("a fraction")
    }

    fn serialize_f64(self, _: f64) -> Written {
        refused("a fraction")
    }

    fn serialize_char(self, character: char) -> Written {
        Ok(character.to_string().into())
    }

    fn serialize_str(self, text: &str) -> Written {
        Ok(text.to_owned().into())
    }

    fn serialize_bytes(self, _: &[u8]) -> Written {
        refused("bytes")
    }

    fn serialize_none(self) -> Written {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Written {
        refused("an enumeration")
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, Failure> {
        Ok(Items(Vec::with_capacity(length.unwrap_or_default())))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Failure> {
        refused("a tuple")
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Failure> {
        refused("a tuple")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Failure> {
        refused("an enumeration")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields, Failure> {
        Ok(Fields::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, Failure> {
        Ok(Fields::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Failure> {
        refused("an enumeration")
    }
}

struct Items(Vec<Value<'static>>);

impl SerializeSeq for Items {
    type Ok = Value<'static>;
    type Error = Failure;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Failure> {
        self.0.push(item.serialize(Typed)?);
        Ok(())
    }

    fn end(self) -> Written {
        Ok(Value::Array(self.0))
    }
}

#[derive(Default)]
struct Fields {
    object: Object<'static>,
    /// The key of a map whose value comes next.
    key: String,
}

impl SerializeStruct for Fields {
    type Ok = Value<'static>;
    type Error = Failure;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        self.object.push(key.into(), value.serialize(Typed)?);
        Ok(())
    }

    fn end(self) -> Written {
        Ok(Value::Object(self.object))
    }
}

impl SerializeMap for Fields {
    type Ok = Value<'static>;
    type Error = Failure;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failure> {
        match key.serialize(Typed)? {
            Value::String(key) => {
                self.key = key.into_owned();
                Ok(())
            }
            _ => refused("a key that is not a string"),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        let key = std::mem::take(&mut self.key);
        self.object.push(key.into(), value.serialize(Typed)?);
        Ok(())
    }

    fn end(self) -> Written {
        Ok(Value::Object(self.object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{EnvVar, HTTPGetAction, ResourceRequirements};
    use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn is_what_the_library_makes_of_an_object() {
        let amounts = [("cpu".to_owned(), Quantity("100m".to_owned()))];
        let resources = ResourceRequirements {
            limits: Some(amounts.into_iter().collect()),
            ..ResourceRequirements::default()
        };
        assert_eq!(
            typed(&resources).to_string(),
            r#"{"limits":{"cpu":"100m"}}"#
        );
        let entry = EnvVar {
            name: "A".to_owned(),
            value: Some("\"b\"".to_owned()),
            value_from: None,
        };
        assert_eq!(typed(&entry).to_string(), r#"{"name":"A","value":"\"b\""}"#);
        let port = k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::Int(-80);
        let action = HTTPGetAction {
            port,
            ..HTTPGetAction::default()
        };
        assert_eq!(typed(&action).to_string(), r#"{"port":-80}"#);
        assert_eq!(typed(&1.5), Value::Null);
    }
}
