//! A server on the loopback interface that takes what the agents send.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::runtime::Runtime;

use crate::{datadog, otlp};

/// A span: what is asked of it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What the agent is written for, in its own words.
    pub language: String,
    /// The service.
    pub service: String,
    /// The tags of the span, or attributes of its resource, that are text.
    pub tags: BTreeMap<String, String>,
}

/// What has arrived.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The spans of all traces.
    pub spans: Vec<Span>,
    /// Traces that cannot be read.
    pub problems: Vec<String>,
}

#[derive(Default)]
struct Inbox {
    received: Mutex<Received>,
    changed: Condvar,
}

/// The server. Each process has its own.
pub struct Collector {
    port: u16,
    inbox: Arc<Inbox>,
    _runtime: Runtime,
}

impl Collector {
    /// Listens on a free port.
    ///
    /// # Panics
    /// Where none can be had.
    #[must_use]
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_io()
            .build()
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let inbox = Arc::new(Inbox::default());
        let service = Router::new().fallback(take).with_state(inbox.clone());
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, service).await
        });
        Self {
            port,
            inbox,
            _runtime: runtime,
        }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What has arrived by now, or after `patience` where nothing new comes.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> Received {
        let received = self
            .inbox
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waited = self.inbox.changed.wait_timeout(received, patience);
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

async fn take(
    State(inbox): State<Arc<Inbox>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let spans = match uri.path() {
        "/v0.4/traces" => datadog::spans(&headers, &body),
        "/v0.5/traces" => datadog::spans_by_number(&headers, &body),
        "/v1/traces" => otlp::spans(&body),
        "/info" => return json(datadog::INFO),
        path if path.ends_with("/traces") => return StatusCode::NOT_FOUND.into_response(),
        // Telemetry, remote configuration: a Datakit takes it, and says nothing.
        _ => return json("{}"),
    };
    let mut received = inbox
        .received
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    match spans {
        Ok(spans) => received.spans.extend(spans),
        Err(problem) => received.problems.push(format!("{uri}: {problem}")),
    }
    inbox.changed.notify_all();
    if uri.path() == "/v1/traces" {
        // An empty answer in protobuf: all was taken.
        return ([(header::CONTENT_TYPE, "application/x-protobuf")], "").into_response();
    }
    json(datadog::TAKEN)
}

fn json(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
