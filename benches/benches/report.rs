//! The tables and plots of `docs/performance.md`, of what the benchmark before this one measured.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use datakit_policy_benches::meter::Counted;
use datakit_policy_benches::{Failure, built, by_rules, by_size, cases, file, floor};
use datakit_policy_host::policy::Policy;
use plotters::prelude::*;
use serde_json::Value;

const DOCUMENT: &str = "docs/performance.md";
const MARKS: [&str; 2] = ["<!-- made by `make bench`: begin -->\n", "<!-- end -->\n"];

fn main() -> Result<(), Failure> {
    let module = std::fs::read(file("policy.wasm"))?;
    let policy = Policy::from_bytes(&module)?;
    let mut text = admissions(&policy, &module)?;
    text.push_str(&start(module.len())?);
    print!("{text}");
    let document = std::fs::read_to_string(file(DOCUMENT))?;
    let (before, rest) = document
        .split_once(MARKS[0])
        .ok_or("no mark in the document")?;
    let (_, behind) = rest
        .split_once(MARKS[1])
        .ok_or("no second mark in the document")?;
    let document = format!("{before}{}{text}{}{behind}", MARKS[0], MARKS[1]);
    std::fs::write(file(DOCUMENT), document)?;
    let of_case =
        |(number, case): (usize, datakit_policy_benches::Case)| (number, case.payload.len());
    let sizes: Vec<_> = by_size()?.into_iter().map(of_case).collect();
    let kilobytes = |(number, bytes): &(usize, usize)| (*number, *bytes as f64 / 1000.0);
    plot(
        "size",
        "by size",
        "KB of the request",
        &sizes.iter().map(kilobytes).collect::<Vec<_>>(),
    )?;
    let rules: Vec<_> = by_rules()?
        .into_iter()
        .map(|(number, _)| (number, number as f64))
        .collect();
    plot("rules", "by rules", "rules in the settings", &rules)
}

/// The median that was measured.
fn median(path: &str) -> Result<Duration, Failure> {
    let path = built("criterion").join(path).join("new/estimates.json");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("{}: {error}; run `make bench`", path.display()))?;
    let estimates: Value = serde_json::from_str(&text)?;
    let nanoseconds = estimates["median"]["point_estimate"]
        .as_f64()
        .ok_or("no median")?;
    Ok(Duration::from_nanos(nanoseconds as u64))
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}

fn admissions(policy: &Policy, module: &[u8]) -> Result<String, Failure> {
    let mut text = "| request | bytes | fresh instance | of the floor | same instance | of the floor | native | memory |\n\
        |---|--:|--:|--:|--:|--:|--:|--:|\n"
        .to_owned();
    let counted = Counted::new(module);
    for case in cases(policy)? {
        let name = &case.name;
        let time = |what: &str| median(&format!("{name}/{what}"));
        let (fresh, least) = (time("fresh/policy")?, time("fresh/floor")?);
        let (reused, least_reused) = (time("reused/policy")?, time("reused/floor")?);
        writeln!(
            text,
            "| {name} | {} | {:.1} µs | {:.2} | {:.1} µs | {:.2} | {:.1} µs | {} KiB |",
            case.payload.len(),
            micros(fresh),
            micros(fresh) / micros(least),
            micros(reused),
            micros(reused) / micros(least_reused),
            micros(time("native")?),
            counted.validate(&case.payload).memory / 1024,
        )?;
    }
    Ok(text)
}

fn start(bytes: usize) -> Result<String, Failure> {
    let time = |what: &str| median(&format!("start/{what}"));
    let mut text = "\n| | policy | floor |\n|---|--:|--:|\n".to_owned();
    writeln!(
        text,
        "| start of an instance | {:.1} µs | {:.1} µs |",
        micros(time("instance/policy")?),
        micros(time("instance/floor")?)
    )?;
    writeln!(
        text,
        "| compiling the module | {} ms | {} ms |",
        time("compile/policy")?.as_millis(),
        time("compile/floor")?.as_millis()
    )?;
    let floor = floor()?.len();
    writeln!(
        text,
        "| size of the module | {} KB | {} KB |",
        bytes / 1000,
        floor / 1000
    )?;
    Ok(text)
}

/// Draws the medians of a series over its numbers; `places` are the names of the measurements and where they stand.
fn plot(name: &str, group: &str, axis: &str, places: &[(usize, f64)]) -> Result<(), Failure> {
    let path = file(&format!("docs/performance-{name}.svg"));
    let series = |policy: &str| -> Result<Vec<(f64, f64)>, Failure> {
        let time = |number: &usize| median(&format!("{group}/{policy}/{number}"));
        places
            .iter()
            .map(|(number, place)| Ok((*place, micros(time(number)?))))
            .collect()
    };
    let lines = [
        ("policy", series("policy")?, BLUE),
        ("floor", series("floor")?, BLACK),
    ];
    draw(&path, axis, &lines)
}

type Line = (&'static str, Vec<(f64, f64)>, RGBColor);

fn draw(path: &Path, axis: &str, lines: &[Line]) -> Result<(), Failure> {
    let all = || lines.iter().flat_map(|(_, points, _)| points);
    let widest = all().map(|(place, _)| *place).fold(0.0, f64::max);
    let highest = all().map(|(_, time)| *time).fold(0.0, f64::max);
    let root = SVGBackend::new(path, (720, 400)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..widest * 1.02, 0.0..highest * 1.05)?;
    chart
        .configure_mesh()
        .x_desc(axis)
        .y_desc("µs, fresh instance")
        .draw()?;
    for (name, points, color) in lines {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), *color).point_size(3))?
            .label(*name)
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], *color));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}
