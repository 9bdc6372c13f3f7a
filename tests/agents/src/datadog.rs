//! Datadog's traces, as its agents send them: `MessagePack`, at `/v0.4/traces` or, with texts by number, at
//! `/v0.5/traces`.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use serde::Deserialize;

use crate::collector::Span;

/// What the server can take.
pub const INFO: &str =
    r#"{"version":"7.60.0","endpoints":["/v0.4/traces","/v0.5/traces"],"client_drop_p0s":false}"#;

/// The answer to traces: all are to be kept.
pub const TAKEN: &str = r#"{"rate_by_service":{"service:,env:":1}}"#;

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    meta: Option<BTreeMap<String, String>>,
}

/// The fields of a span in their order: service, name, resource, the identifiers of trace, span and parent, start,
/// duration, error, tags, metrics, type. Texts are numbers.
#[derive(Deserialize)]
#[expect(dead_code, reason = "the fields are told by their place")]
struct Numbered(
    usize,
    usize,
    usize,
    u64,
    u64,
    u64,
    i64,
    i64,
    i64,
    BTreeMap<usize, usize>,
    BTreeMap<usize, f64>,
    usize,
);

/// The spans of all traces in a request to `/v0.4/traces`.
///
/// # Errors
/// What cannot be read.
pub fn spans(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Span>, String> {
    let traces: Vec<Vec<Sent>> = rmp_serde::from_slice(body).map_err(|error| error.to_string())?;
    let spans = traces.into_iter().flatten().map(|span| Span {
        language: language(headers),
        service: span.service.unwrap_or_default(),
        tags: span.meta.unwrap_or_default(),
    });
    Ok(spans.collect())
}

/// The spans of all traces in a request to `/v0.5/traces`.
///
/// # Errors
/// What cannot be read.
pub fn spans_by_number(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Span>, String> {
    let (texts, traces): (Vec<String>, Vec<Vec<Numbered>>) =
        rmp_serde::from_slice(body).map_err(|error| error.to_string())?;
    let text = |number: usize| {
        let text = texts.get(number).cloned();
        text.ok_or_else(|| format!("there is no text {number}"))
    };
    let span = |span: Numbered| {
        let tags = span.9.into_iter();
        let tags = tags.map(|(name, value)| Ok((text(name)?, text(value)?)));
        Ok(Span {
            language: language(headers),
            service: text(span.0)?,
            tags: tags.collect::<Result<_, String>>()?,
        })
    };
    traces.into_iter().flatten().map(span).collect()
}

fn language(headers: &HeaderMap) -> String {
    let value = headers.get("datadog-meta-lang");
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_owned()
}
