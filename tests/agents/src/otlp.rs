//! OpenTelemetry's traces over HTTP: `/v1/traces`, Protocol Buffers. Only the fields that are asked for.

use std::collections::BTreeMap;

use prost::Message;

use crate::collector::Span;

#[derive(Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<()>,
}

#[derive(Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
}

/// The spans of all resources in a request.
///
/// # Errors
/// What cannot be read.
pub fn spans(body: &[u8]) -> Result<Vec<Span>, String> {
    let request = Request::decode(body).map_err(|error| error.to_string())?;
    let spans = request.resource_spans.into_iter().flat_map(of_resource);
    Ok(spans.collect())
}

fn of_resource(resource: ResourceSpans) -> impl Iterator<Item = Span> {
    let spans = resource
        .scope_spans
        .iter()
        .flat_map(|scope| &scope.spans)
        .count();
    let attributes = resource.resource.unwrap_or_default().attributes;
    let texts = attributes
        .into_iter()
        .filter_map(|attribute| Some((attribute.key, attribute.value?.text?)));
    let tags: BTreeMap<String, String> = texts.collect();
    let tag = |key| tags.get(key).cloned().unwrap_or_default();
    let span = Span {
        language: tag("telemetry.sdk.language"),
        service: tag("service.name"),
        tags,
    };
    std::iter::repeat_n(span, spans)
}
