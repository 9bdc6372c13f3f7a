//! The tables of keys in `docs/settings.md`, each below the heading of its section. The rest is written by hand.

use datakit_operator_policy::settings::{Absent, Key, Kind, SECTIONS};

const HEAD: &str = "| Key | Type | Default | Effect | Since |";

/// The document with the tables as they are today.
pub fn within(document: &str) -> String {
    let mut made = String::new();
    let mut section = String::new();
    let mut in_table = false;
    for line in document.lines() {
        if let Some(title) = line.strip_prefix('#') {
            section = section_of(title.trim_start_matches('#').trim());
        }
        if line == HEAD {
            in_table = true;
            made.push_str(&table(&section));
        } else if !(in_table && line.starts_with('|')) {
            in_table = false;
            made.push_str(line);
            made.push('\n');
        }
    }
    made
}

fn section_of(title: &str) -> String {
    match title.split('`').nth(1) {
        Some(section) => section.to_owned(),
        None => String::new(),
    }
}

fn table(section: &str) -> String {
    let section = SECTIONS.iter().find(|own| own.path == section);
    let section = section.expect("a table of keys stands below the heading of a section");
    let rows: String = section.keys.iter().map(row).collect();
    format!("{HEAD}\n|---|---|---|---|---|\n{rows}")
}

fn row(key: &Key) -> String {
    let about = &key.about;
    let default = match about.absent {
        Absent::None => String::new(),
        Absent::Required => "required".to_owned(),
        Absent::True => "`true`".to_owned(),
        Absent::False => "`false`".to_owned(),
        Absent::Number(number) => format!("`{number}`"),
        Absent::Text(text) => format!("`{text}`"),
        Absent::These(names) => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        }
        Absent::Resources => "[as below](#resources)".to_owned(),
    };
    let default = match default.as_str() {
        "" => String::new(),
        default => format!("{default} "),
    };
    format!(
        "| `{}` | {} | {default}| {} | {} |\n",
        key.name,
        kind(about.kind),
        about.meaning.replace('|', "\\|"),
        about.since
    )
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Object | Kind::Resources => "object",
        Kind::List
        | Kind::ContainerNames
        | Kind::Names
        | Kind::Expressions
        | Kind::LabelSelectors
        | Kind::Paths => "list",
        Kind::Boolean => "boolean",
        Kind::Percentage => "integer",
        Kind::Envs => "object or list",
        Kind::WordsOrList(_) => "string or list",
        Kind::Any => "any",
        Kind::Text
        | Kind::Words(_)
        | Kind::Suggested(_)
        | Kind::Json
        | Kind::Image
        | Kind::Quantity
        | Kind::VariableName => "string",
    }
}
