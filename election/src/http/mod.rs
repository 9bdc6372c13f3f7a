//! The routes, with the operator's codes and texts.

pub mod server;
pub mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::error;

use crate::cache::Cache;
use crate::lease::{Answer, Coordinator, Failure, Request};
use crate::logging::LoggingConfigs;
use crate::metrics::{self, Metrics, Operation};
use crate::store::Store;
use crate::tasks::Tasks;

/// The largest body that is read.
const BODY: usize = 4 << 20;
/// Longest time for a body to come in.
const BODY_TIME: Duration = Duration::from_secs(5);
/// Longest time for a campaign or a heartbeat; Datakit waits for two seconds.
const ELECTION_TIME: Duration = Duration::from_secs(3);
/// Longest time for the check of the rights, the operator's.
const STATUS_TIME: Duration = Duration::from_secs(1);
/// The longest id and name of a collector, in bytes.
const NAME: usize = 256;
/// The most collectors of one Datakit.
const INPUTS: usize = 1_000;

/// What the routes answer from.
pub struct Service<S> {
    pub coordinator: Coordinator<S>,
    /// None: Datakits before 1.85 are not served.
    pub tasks: Option<Arc<Tasks<S>>>,
    /// None: logfwd is not served.
    pub logging: Option<Arc<LoggingConfigs>>,
    pub cache: Arc<Cache>,
    pub metrics: Arc<Metrics>,
    /// The process is about to end.
    pub stopping: AtomicBool,
}

/// All routes. A path that is not there and a method that is not meant get 404, as the operator
/// answers them.
pub fn routes<S: Store>(service: Arc<Service<S>>) -> Router {
    let mut router = Router::new()
        .route("/healthz", only_get(get(ok)))
        .route("/readyz", only_get(get(ready::<S>)))
        .route("/v1/ping", only_get(get(ok)))
        .route("/v1/ready", only_get(get(ok)))
        .route("/metrics", only_get(get(metrics_text::<S>)))
        .route("/v1/dk-election/status", only_get(get(status::<S>)))
        .route("/v1/dk-election", only(post(campaign::<S>)))
        .route("/v1/dk-election/heartbeat", only(post(heartbeat::<S>)));
    if service.tasks.is_some() {
        router = router
            .route("/ping", any(|| async { "OK\n" }))
            .route("/v1/datakit/election", any(tasks::<S>));
    }
    if service.logging.is_some() {
        router = router.route("/v1/logging/configs", only_get(get(logging::<S>)));
    }
    router.fallback(not_found).with_state(service)
}

fn only_get<T: Clone + Send + Sync + 'static>(route: MethodRouter<T>) -> MethodRouter<T> {
    only(route.head(not_found))
}

fn only<T: Clone + Send + Sync + 'static>(route: MethodRouter<T>) -> MethodRouter<T> {
    route.fallback(not_found)
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "404 page not found").into_response()
}

async fn ok() -> Response {
    answer(StatusCode::OK, &json!({ "status": "ok" }))
}

async fn ready<S: Store>(State(service): State<Arc<Service<S>>>) -> Response {
    // Once it has been there, a store that is away is no reason to take this replica out: the
    // others do not have it either.
    if service.cache.was_ready() && !service.stopping.load(Ordering::Relaxed) {
        return ok().await;
    }
    answer(
        StatusCode::SERVICE_UNAVAILABLE,
        &json!({ "status": "not ready" }),
    )
}

async fn metrics_text<S: Store>(State(service): State<Arc<Service<S>>>) -> Response {
    let text = service.metrics.render(service.coordinator.scopes());
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

#[derive(Serialize)]
struct Envelope<T> {
    content: T,
}

async fn status<S: Store>(State(service): State<Arc<Service<S>>>) -> Response {
    let checked = timeout(STATUS_TIME, service.coordinator.check_ready()).await;
    match checked.unwrap_or(Err(Failure::StorageUnavailable)) {
        Ok(()) => answer(StatusCode::OK, &json!({ "content": { "status": "ready" } })),
        Err(failure) => unavailable(&json!({
            "content": { "status": "error", "error_code": failure.code() }
        })),
    }
}

async fn campaign<S: Store>(
    State(service): State<Arc<Service<S>>>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Response {
    elect(&service, Request::Campaign, query, body).await
}

async fn heartbeat<S: Store>(
    State(service): State<Arc<Service<S>>>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Response {
    elect(&service, Request::Heartbeat, query, body).await
}

async fn elect<S: Store>(
    service: &Service<S>,
    request: Request,
    query: Option<String>,
    body: Body,
) -> Response {
    // It means nothing. Read, so that the connection can be used again.
    let _ = read(body).await;
    let query = Query::new(query);
    let (token, namespace, id) = (query.get("token"), query.get("namespace"), query.get("id"));
    let (code, content) = if token.is_empty() || id.is_empty() {
        (StatusCode::BAD_REQUEST, Answer::incomplete(&namespace, &id))
    } else {
        let elected = service.coordinator.elect(request, &token, &namespace, &id);
        let elected = timeout(ELECTION_TIME, elected).await;
        match elected.unwrap_or(Err(Failure::StorageUnavailable)) {
            Ok(content) => (StatusCode::OK, content),
            Err(failure) => (
                StatusCode::SERVICE_UNAVAILABLE,
                Answer::unavailable(&namespace, &id, failure),
            ),
        }
    };
    service.metrics.request(request.into(), content.status);
    let envelope = Envelope { content };
    if code == StatusCode::SERVICE_UNAVAILABLE {
        return unavailable(&envelope);
    }
    answer(code, &envelope)
}

/// The body of a request in the task protocol. `namespace` is always `N/A`, `timestamp` means
/// nothing. As in Go, null is nothing.
#[derive(Deserialize)]
struct Offer {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    application_inputs: Option<BTreeMap<String, i64>>,
    #[serde(default)]
    running_inputs: Option<BTreeSet<String>>,
}

async fn tasks<S: Store>(State(service): State<Arc<Service<S>>>, body: Body) -> Response {
    let (result, response) = match decode(body).await {
        Ok(offer) => assign(&service, offer).await,
        Err(problem) => (
            "error",
            (StatusCode::BAD_REQUEST, format!("{problem}\n")).into_response(),
        ),
    };
    service.metrics.request(Operation::Tasks, result);
    response
}

async fn assign<S: Store>(service: &Service<S>, offer: Offer) -> (&'static str, Response) {
    let id = offer.id.unwrap_or_default();
    let Some(tasks) = service.tasks.as_ref().filter(|_| !id.is_empty()) else {
        return ("error", allowed(&Value::Null));
    };
    let offers = offer.application_inputs.unwrap_or_default();
    let offers: BTreeMap<_, _> = offers
        .into_iter()
        .map(|(input, instances)| (input, u32::try_from(instances).unwrap_or_default()))
        .collect();
    let mut running = offer.running_inputs.unwrap_or_default();
    running.retain(|input| offers.contains_key(input));
    match tasks.ask(&id, offers, running).await {
        Ok(inputs) if inputs.is_empty() => ("defeat", allowed(&inputs)),
        Ok(inputs) => ("success", allowed(&inputs)),
        Err(_) => {
            let problem = "the assignment of collectors is not known yet\n";
            let response = (StatusCode::SERVICE_UNAVAILABLE, problem).into_response();
            ("error", closing(response))
        }
    }
}

fn allowed(inputs: &impl Serialize) -> Response {
    let mut response = answer(StatusCode::OK, &json!({ "allowed_inputs": inputs }));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn decode(body: Body) -> Result<Offer, String> {
    let body = read(body).await?;
    let offer: Offer = serde_json::from_slice(&body)
        .map_err(|error| format!("Request could not be decoded: {error}"))?;
    let inputs = offer.application_inputs.as_ref();
    let names = inputs.into_iter().flat_map(BTreeMap::keys).chain(&offer.id);
    if names.into_iter().any(|name| name.len() > NAME) {
        return Err(format!(
            "Invalid election parameter: the id and the names of inputs have {NAME} bytes at most"
        ));
    }
    if inputs.is_some_and(|inputs| inputs.len() > INPUTS) {
        return Err(format!(
            "Invalid election parameter: there are {INPUTS} inputs at most"
        ));
    }
    Ok(offer)
}

async fn read(body: Body) -> Result<Bytes, String> {
    match timeout(BODY_TIME, to_bytes(body, BODY)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(format!("Request could not be decoded: {error}")),
        Err(_) => Err(format!(
            "Request could not be decoded: the body did not come within {BODY_TIME:?}"
        )),
    }
}

async fn logging<S: Store>(
    State(service): State<Arc<Service<S>>>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Query::new(query);
    let (namespace, pod) = (query.get("namespace"), query.get("pod_name"));
    if namespace.is_empty() || pod.is_empty() {
        let problem = json!({ "error": "namespace, pod_name parameters are required" });
        return answer(StatusCode::BAD_REQUEST, &problem);
    }
    let logging = service.logging.as_ref();
    match logging.and_then(|logging| logging.find(&namespace, &pod, &query.get("pod_labels"))) {
        Some(found) => answer(StatusCode::OK, &*found),
        None => answer(
            StatusCode::NOT_FOUND,
            &json!({ "error": "no matching config found" }),
        ),
    }
}

/// The parameters of a URL; of several with one name the first counts.
struct Query(String);

impl Query {
    fn new(query: Option<String>) -> Self {
        Self(query.unwrap_or_default())
    }

    fn get(&self, name: &str) -> String {
        form_urlencoded::parse(self.0.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    }
}

fn answer(code: StatusCode, content: &impl Serialize) -> Response {
    match serde_json::to_vec(content) {
        Ok(body) => (
            code,
            [(CONTENT_TYPE, "application/json; charset=utf-8")],
            body,
        )
            .into_response(),
        Err(error) => {
            error!(%error, "an answer cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// This replica cannot answer. Its connection is closed, so that the next one may lead to another.
fn unavailable(content: &impl Serialize) -> Response {
    closing(answer(StatusCode::SERVICE_UNAVAILABLE, content))
}

fn closing(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
