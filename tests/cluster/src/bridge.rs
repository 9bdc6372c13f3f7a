//! The policy as a webhook: what policy-server is to a cluster, reduced to what the tests look at.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datakit_policy_host::cluster::{Cluster, Objects, ResourceRequest};
use datakit_policy_host::policy::{Answer, Policy};
use datakit_policy_host::request::AdmissionRequest;
use datakit_policy_host::response::AdmissionResponse;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificates::Certificates;

/// One request of the API server, and what it was told.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What the policy was configured with.
    pub settings: Arc<Value>,
    /// The API server's request.
    pub request: AdmissionRequest,
    /// The policy's answer.
    pub answer: Answer,
}

/// What the webhook does with the requests of one namespace.
struct Tenant {
    settings: Arc<Value>,
    away: bool,
    exchanges: Vec<Exchange>,
    failures: Vec<String>,
}

#[derive(Clone, Default)]
struct Tenants(Arc<Mutex<HashMap<String, Tenant>>>);

impl Tenants {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Tenant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The objects that the policy may ask for.
#[derive(Clone, Default)]
struct Known(Arc<Mutex<Objects>>);

impl Known {
    fn lock(&self) -> MutexGuard<'_, Objects> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cluster for Known {
    fn get(&self, request: &ResourceRequest) -> Result<Value, String> {
        self.lock().get(request)
    }
}

/// The webhook. Each namespace has its own settings, so that tests run beside each other.
pub struct Bridge {
    url: String,
    tenants: Tenants,
    known: Known,
    _runtime: Runtime,
}

impl Bridge {
    /// Serves `policy` on a free port of the loopback interface.
    ///
    /// # Panics
    /// Where no port can be had or the certificate does not go with its key.
    #[must_use]
    pub fn start(policy: Policy, certificates: &Certificates) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_io()
            .build()
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let tenants = Tenants::default();
        let known = Known::default();
        let webhook = Webhook {
            policy: Arc::new(policy),
            known: known.clone(),
            tenants: tenants.clone(),
        };
        runtime.spawn(serve(listener, acceptor(certificates), webhook));
        Self {
            url,
            tenants,
            known,
            _runtime: runtime,
        }
    }

    /// The address that the API server asks.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Configures the policy for `namespace` from the next request on. What has no settings is let in as it is.
    pub fn configure(&self, namespace: &str, settings: Arc<Value>) {
        let mut tenants = self.tenants.lock();
        match tenants.get_mut(namespace) {
            Some(tenant) => tenant.settings = settings,
            None => {
                let tenant = Tenant {
                    settings,
                    away: false,
                    exchanges: Vec::new(),
                    failures: Vec::new(),
                };
                tenants.insert(namespace.to_owned(), tenant);
            }
        }
    }

    /// Lets the policy ask for an object from now on.
    pub fn know(&self, object: Value) {
        self.known.lock().0.push(object);
    }

    /// Switches the policy off for `namespace`, or on again: the webhook answers with an error meanwhile, as a service
    /// without a pod behind it does.
    pub fn set_away(&self, namespace: &str, away: bool) {
        if let Some(tenant) = self.tenants.lock().get_mut(namespace) {
            tenant.away = away;
        }
    }

    /// What was asked since this was last called, and the failures of the policy.
    #[must_use]
    pub fn take(&self, namespace: &str) -> (Vec<Exchange>, Vec<String>) {
        let mut tenants = self.tenants.lock();
        let Some(tenant) = tenants.get_mut(namespace) else {
            return (Vec::new(), Vec::new());
        };
        (
            std::mem::take(&mut tenant.exchanges),
            std::mem::take(&mut tenant.failures),
        )
    }
}

fn acceptor(certificates: &Certificates) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(certificates.server.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(certificates.key.as_bytes()).unwrap();
    let configuration = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(configuration))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, webhook: Webhook) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            continue;
        };
        let (acceptor, webhook) = (acceptor.clone(), webhook.clone());
        tokio::spawn(async move {
            let Ok(connection) = acceptor.accept(connection).await else {
                return;
            };
            let service = service_fn(move |request| webhook.clone().answer(request));
            // The API server closes connections as it likes.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
    }
}

#[derive(Clone)]
struct Webhook {
    policy: Arc<Policy>,
    known: Known,
    tenants: Tenants,
}

impl Webhook {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let body = match request.into_body().collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return Ok(refusal(StatusCode::BAD_REQUEST, &error.to_string())),
        };
        let answer = tokio::task::spawn_blocking(move || self.review(&body)).await;
        Ok(answer
            .unwrap_or_else(|error| refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())))
    }

    fn review(&self, body: &[u8]) -> Response<Full<Bytes>> {
        let request = serde_json::from_slice(body)
            .map_err(|error| error.to_string())
            .and_then(|review| {
                AdmissionRequest::from_review(review).map_err(|error| error.to_string())
            });
        let request = match request {
            Ok(request) => request,
            Err(error) => return refusal(StatusCode::BAD_REQUEST, &error),
        };
        let namespace = request.namespace.clone().unwrap_or_default();
        let settings = match self.tenants.lock().get(&namespace) {
            Some(tenant) if tenant.away => {
                return refusal(StatusCode::SERVICE_UNAVAILABLE, "the policy is away");
            }
            Some(tenant) => tenant.settings.clone(),
            None => return accepted(&unchanged(&request)),
        };
        let instance = match self.policy.instance_in(Arc::new(self.known.clone())) {
            Ok(instance) => instance,
            Err(error) => return refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        };
        let answer = instance.validate(&request, &settings);
        let mut tenants = self.tenants.lock();
        let tenant = tenants.get_mut(&namespace);
        match answer {
            Ok(answer) => {
                let response =
                    AdmissionResponse::from_answer(&request.uid, request.object.as_ref(), &answer);
                // A dry run asks what would be: it is no part of a sequence.
                if let Some(tenant) = tenant
                    && request.dry_run != Some(true)
                {
                    tenant.exchanges.push(Exchange {
                        settings,
                        request,
                        answer,
                    });
                }
                accepted(&response)
            }
            Err(error) => {
                if let Some(tenant) = tenant {
                    tenant.failures.push(error.to_string());
                }
                accepted(&AdmissionResponse::internal_error(
                    &request.uid,
                    &error.to_string(),
                ))
            }
        }
    }
}

fn unchanged(request: &AdmissionRequest) -> AdmissionResponse {
    let answer = Answer {
        accepted: true,
        ..Answer::default()
    };
    AdmissionResponse::from_answer(&request.uid, request.object.as_ref(), &answer)
}

fn accepted(response: &AdmissionResponse) -> Response<Full<Bytes>> {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": response,
    });
    let mut answer = Response::new(Full::new(Bytes::from(review.to_string())));
    let json = hyper::header::HeaderValue::from_static("application/json");
    answer
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, json);
    answer
}

fn refusal(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(message.to_owned())));
    *answer.status_mut() = status;
    answer
}
