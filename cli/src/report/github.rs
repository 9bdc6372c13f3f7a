//! Findings as commands of a GitHub workflow: the runner reads them from the output of a step, and annotates the files.

use std::fmt::Write as _;

use super::{Finding, Level, Subject};

/// A line for each finding.
pub fn commands(subjects: &[Subject]) -> String {
    let findings = subjects.iter().flat_map(|subject| {
        let findings = subject.findings.iter();
        findings.map(|finding| command(&subject.name, finding))
    });
    findings.collect()
}

fn command(subject: &str, finding: &Finding) -> String {
    let name = match finding.rule.level() {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let place = &finding.place;
    let mut properties = Vec::new();
    if let Some(file) = &place.file {
        let file = file.strip_prefix("./").unwrap_or(file);
        properties.push(format!("file={}", property(file)));
        let numbers = [("line", place.line), ("col", place.column)];
        let numbers = numbers
            .into_iter()
            .filter_map(|(name, number)| Some(format!("{name}={}", number?)));
        properties.extend(numbers);
    }
    properties.push(format!("title={}", property(subject)));
    let mut line = format!("::{name} {}::", properties.join(","));
    let _ = writeln!(line, "{}", data(&finding.message));
    line
}

/// A text that ends with the line.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A text that ends at a comma or a colon, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::{Place, Rule};
    use super::*;

    #[test]
    fn a_finding_cannot_end_its_command_nor_begin_another() {
        let finding = |place, message: &str| Finding {
            rule: Rule::Warning,
            place,
            message: message.to_owned(),
        };
        let place = Place {
            file: Some("./a,b:c%.yaml".to_owned()),
            line: Some(3),
            ..Place::default()
        };
        let subject = Subject {
            name: "Pod shop/web, item 1".to_owned(),
            place: Place::default(),
            findings: vec![
                finding(place, "100% sure\n::error::no\r"),
                finding(Place::default(), "nowhere"),
            ],
        };
        assert_eq!(
            commands(&[subject]),
            "::warning file=a%2Cb%3Ac%25.yaml,line=3,title=Pod shop/web%2C item 1::100%25 sure%0A::error::no%0D\n\
             ::warning title=Pod shop/web%2C item 1::nowhere\n"
        );
    }
}
