//! Findings as JUnit's XML: a test case for each thing that was looked at.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{Finding, Level, Subject};

/// The report of a run of a command.
pub fn xml(command: &str, subjects: &[Subject]) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new(command);
    suite.add_test_cases(subjects.iter().map(test_case));
    let mut report = Report::new(env!("CARGO_PKG_NAME"));
    report.add_test_suite(suite);
    report.to_string().map(|xml| xml.trim_end().to_owned())
}

/// Errors make it fail. JUnit knows no warnings: those, and notes, are what the test case printed.
fn test_case(subject: &Subject) -> TestCase {
    let is_error = |finding: &&Finding| finding.rule.level() == Level::Error;
    let errors: Vec<_> = subject.findings.iter().filter(is_error).collect();
    let mut case = TestCase::new(subject.name.as_str(), status(&errors));
    if let Some(file) = &subject.place.file {
        case.set_classname(file.as_str());
    }
    let others = subject.findings.iter().filter(|finding| !is_error(finding));
    let others: Vec<String> = others.map(line).collect();
    if !others.is_empty() {
        case.set_system_out(others.join("\n"));
    }
    case
}

fn status(errors: &[&Finding]) -> TestCaseStatus {
    let Some(first) = errors.first() else {
        return TestCaseStatus::success();
    };
    let lines: Vec<String> = errors.iter().map(|error| line(error)).collect();
    let message = match errors.len() {
        1 => first.message.lines().next().unwrap_or_default().to_owned(),
        several => format!("{several} errors"),
    };
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(first.rule.id());
    status.set_message(message);
    status.set_description(lines.join("\n"));
    status
}

fn line(finding: &Finding) -> String {
    let level = finding.rule.level().word();
    let Finding { place, message, .. } = finding;
    match place.line {
        Some(_) => format!("{place}: {level}: {message}"),
        None => format!("{level}: {message}"),
    }
}
