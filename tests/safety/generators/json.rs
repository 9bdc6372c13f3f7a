//! Fields that no Kubernetes version knows, and damage to the others.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

/// Any JSON of moderate size.
pub fn any() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any_number(),
        proptest::bool::ANY.prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let keys = prop_oneof![
            texts(),
            select(vec!["name", "env", "volumes", "containers"]).prop_map(str::to_owned)
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((keys, inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
    .boxed()
}

fn any_number() -> impl Strategy<Value = Value> {
    prop_oneof![
        proptest::num::i64::ANY.prop_map(Value::from),
        proptest::num::u64::ANY.prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        Just(json!(0)),
        Just(json!(-0.0)),
    ]
}

fn texts() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-z]{0,6}",
        "\\PC{0,8}",
        select(vec![
            "",
            "\u{0}",
            "\u{feff}",
            "🦀\n",
            "$(A)",
            "{fieldRef:metadata.name}"
        ])
        .prop_map(str::to_owned),
    ]
    .boxed()
}

/// What is done to a value somewhere in a template.
#[derive(Clone, Debug)]
pub enum Damage {
    Replaced(Value),
    Removed,
    Repeated,
}

/// Rarely something, at some place.
pub fn damage() -> BoxedStrategy<Option<(Index, Damage)>> {
    let damage = prop_oneof![
        2 => any().prop_map(Damage::Replaced),
        1 => Just(Damage::Removed),
        1 => Just(Damage::Repeated),
    ];
    proptest::option::weighted(0.15, (proptest::prelude::any::<Index>(), damage)).boxed()
}

/// Damages one of the values below the root.
pub fn damaged(template: &mut Value, damage: Option<(Index, Damage)>) {
    let Some((index, damage)) = damage else {
        return;
    };
    let mut pointers = Vec::new();
    collect(template, String::new(), &mut pointers);
    let Some((parent, key)) = super::pick(&index, &pointers).and_then(|path| path.rsplit_once('/'))
    else {
        return;
    };
    let key = key.replace("~1", "/").replace("~0", "~");
    match template.pointer_mut(parent) {
        Some(Value::Object(object)) => match damage {
            Damage::Replaced(value) => {
                object.insert(key, value);
            }
            Damage::Removed | Damage::Repeated => {
                object.remove(&key);
            }
        },
        Some(Value::Array(list)) => {
            let place: usize = key.parse().unwrap();
            match damage {
                Damage::Replaced(value) => list[place] = value,
                Damage::Removed => drop(list.remove(place)),
                Damage::Repeated => list.push(list[place].clone()),
            }
        }
        _ => {}
    }
}

fn collect(value: &Value, path: String, pointers: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Value::Array(list) => (0..).map(|n: usize| n.to_string()).zip(list).collect(),
        _ => Vec::new(),
    };
    for (key, value) in below {
        let path = format!("{path}/{key}");
        collect(value, path.clone(), pointers);
        pointers.push(path);
    }
}
