//! Findings as SARIF 2.1.0, the format of code scanning.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use serde_sarif::sarif::{
    ArtifactLocation, Location, LogicalLocation, Message, MultiformatMessageString,
    PhysicalLocation, Region, ReportingConfiguration, ReportingDescriptor, Result as SarifResult,
    ResultLevel, Run, RunAutomationDetails, Sarif, Tool, ToolComponent,
};

use super::{Finding, Level, Place, Rule, Subject};

/// The version's own address: that of its final text at OASIS.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
const HOME: &str = "https://github.com/datakit-policy/datakit-operator-policy";

/// The log of a run of a command.
pub fn log(command: &str, subjects: &[Subject]) -> Sarif {
    let results = subjects.iter().flat_map(|subject| {
        let findings = subject.findings.iter();
        findings.map(|finding| result(&subject.name, finding))
    });
    let run = Run::builder()
        .tool(Tool::builder().driver(driver()).build())
        // Code scanning keeps the results of each category apart.
        .automation_details(
            RunAutomationDetails::builder()
                .id(format!("datakit-policy/{command}/"))
                .build(),
        )
        .column_kind(json!("unicodeCodePoints"))
        .results(results.collect::<Vec<_>>())
        .build();
    Sarif::builder()
        .schema(SCHEMA)
        .version(json!("2.1.0"))
        .runs(vec![run])
        .build()
}

fn driver() -> ToolComponent {
    ToolComponent::builder()
        .name(env!("CARGO_PKG_NAME"))
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .information_uri(HOME)
        .rules(Rule::ALL.map(rule).to_vec())
        .build()
}

fn rule(rule: Rule) -> ReportingDescriptor {
    let description = MultiformatMessageString::builder().text(rule.description());
    let configuration = ReportingConfiguration::builder().level(json!(rule.level().word()));
    ReportingDescriptor::builder()
        .id(rule.id())
        .short_description(description.build())
        .default_configuration(configuration.build())
        .help_uri(format!("{HOME}/blob/main/docs/command-line.md#findings"))
        .build()
}

fn result(subject: &str, finding: &Finding) -> SarifResult {
    SarifResult::builder()
        .rule_id(finding.rule.id())
        .level(match finding.rule.level() {
            Level::Error => ResultLevel::Error,
            Level::Warning => ResultLevel::Warning,
            Level::Note => ResultLevel::Note,
        })
        .message(Message::builder().text(finding.message.as_str()).build())
        .locations(vec![location(subject, &finding.place)])
        .build()
}

fn location(subject: &str, place: &Place) -> Location {
    let logical = LogicalLocation::builder().fully_qualified_name(subject);
    let location = Location::builder().logical_locations(vec![logical.build()]);
    match &place.file {
        Some(file) => location.physical_location(physical(file, place)).build(),
        None => location.build(),
    }
}

fn physical(file: &str, place: &Place) -> PhysicalLocation {
    let number = |number: Option<usize>| number.and_then(|number| i64::try_from(number).ok());
    let artifact = ArtifactLocation::builder().uri(uri(file)).build();
    let location = PhysicalLocation::builder().artifact_location(artifact);
    match (number(place.line), number(place.column)) {
        (Some(line), Some(column)) => {
            let region = Region::builder().start_line(line).start_column(column);
            location.region(region.build()).build()
        }
        (Some(line), None) => {
            let region = Region::builder().start_line(line);
            location.region(region.build()).build()
        }
        (None, _) => location.build(),
    }
}

/// A path as an address: as it is relative to the folder that the program runs in, unless it is absolute.
fn uri(file: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    let path = file.strip_prefix("./").unwrap_or(file);
    let path = if cfg!(windows) {
        path.replace('\\', "/")
    } else {
        path.to_owned()
    };
    let encoded = utf8_percent_encode(&path, KEPT);
    match (
        std::path::Path::new(file).is_absolute(),
        path.starts_with('/'),
    ) {
        (false, _) => encoded.to_string(),
        (true, true) => format!("file://{encoded}"),
        (true, false) => format!("file:///{encoded}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_an_address() {
        for (path, expected) in [
            ("manifests/web.yaml", "manifests/web.yaml"),
            ("./web.yaml", "web.yaml"),
            ("../a b#1:ä.yaml", "../a%20b%231%3A%C3%A4.yaml"),
            #[cfg(unix)]
            ("/srv/web.yaml", "file:///srv/web.yaml"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}
