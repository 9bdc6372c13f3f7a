//! The JSON Schemas in `cli/schemas`, which are made of the types.
//!
//! `UPDATE_GOLDEN=1 cargo test --workspace schemas` writes them anew.

use std::path::Path;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::{CheckReport, ExplainReport, PreviewReport, TestReport};

#[test]
fn the_schemas_are_those_of_the_reports() {
    let schemas: [(&str, Schema); 4] = [
        ("check", schema_of::<CheckReport>()),
        ("explain", schema_of::<ExplainReport>()),
        ("preview", schema_of::<PreviewReport>()),
        ("test", schema_of::<TestReport>()),
    ];
    for (command, schema) in schemas {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{command}.json"));
        let text = format!("{:#}\n", schema.as_value());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(written, text, "{}", path.display());
    }
}

/// The schema of what is written, rather than of what could be read.
fn schema_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let settings = settings.with_transform(RecursiveTransform(without_null));
    settings.into_generator().into_root_schema_for::<T>()
}

/// What is not known is left out: no report has a null.
fn without_null(schema: &mut Schema) {
    let Some(Value::Array(types)) = schema.get_mut("type") else {
        return;
    };
    types.retain(|name| name != "null");
    if let [name] = types.as_slice() {
        let name = name.clone();
        schema.insert("type".to_owned(), name);
    }
}
