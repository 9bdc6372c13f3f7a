//! Objects in the order in which their users write them: a host hands them to a policy with sorted keys.

use serde_json::{Map, Value};

/// `after` with its keys in the order that they have in `before`, and those that are new behind them. The items of lists
/// are compared by their names, where they have some, else by their places.
pub fn in_order_of(before: &Value, after: Value) -> Value {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            Value::Object(keys_in_order_of(before, after))
        }
        (Value::Array(before), Value::Array(after)) => {
            let items = after.into_iter().enumerate();
            let items = items.map(|(place, item)| match counterpart(before, place, &item) {
                Some(before) => in_order_of(before, item),
                None => item,
            });
            Value::Array(items.collect())
        }
        (_, after) => after,
    }
}

fn keys_in_order_of(
    before: &Map<String, Value>,
    mut after: Map<String, Value>,
) -> Map<String, Value> {
    let mut ordered = Map::new();
    for (key, before) in before {
        // `remove` would put the last key into the place of the one that goes.
        if let Some(value) = after.shift_remove(key) {
            ordered.insert(key.clone(), in_order_of(before, value));
        }
    }
    ordered.extend(after);
    ordered
}

/// What an item was before.
fn counterpart<'b>(before: &'b [Value], place: usize, item: &Value) -> Option<&'b Value> {
    let same_place = before.get(place);
    let Some(name) = item.get("name") else {
        return same_place;
    };
    let has_name = |other: &&Value| other.get("name") == Some(name);
    same_place
        .filter(has_name)
        .or_else(|| before.iter().find(has_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keeps_the_order_of_keys_and_puts_new_ones_behind() {
        let before = json!({"z": 1, "b": {"y": 1, "a": 2}, "list": [
            {"name": "moved", "c": 1, "b": 2},
            {"name": "kept", "value": 1, "a": 2},
            [{"z": 1, "a": 2}]
        ]});
        let after = json!({"b": {"a": 2, "new": 3, "y": 1}, "c": 3, "list": [
            {"b": 2, "c": 1, "name": "first"},
            {"a": 2, "name": "kept", "new": 3, "value": 1},
            [{"a": 2, "z": 1}],
            {"b": 2, "c": 1, "name": "moved"},
            {"b": 2, "name": "new"}
        ], "z": 1});
        let ordered = in_order_of(&before, after.clone());
        assert_eq!(ordered, after);
        assert_eq!(
            ordered.to_string(),
            r#"{"z":1,"b":{"y":1,"a":2,"new":3},"list":["#.to_owned()
                + r#"{"b":2,"c":1,"name":"first"},{"name":"kept","value":1,"a":2,"new":3},[{"z":1,"a":2}],"#
                + r#"{"name":"moved","c":1,"b":2},{"b":2,"name":"new"}],"c":3}"#
        );
    }
}
