//! Requests to the API server without kubectl: thousands of them take seconds.

use std::time::Duration;

use datakit_policy_host::request::resource_name;
use reqwest::blocking::{Client as Http, RequestBuilder};
use serde_json::Value;

/// The token of the one user.
pub const TOKEN: &str = "admin";

/// Whether the API server keeps what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Yes,
    /// Everything but storing: admission and validation run.
    DryRun,
}

/// What the API server did not do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// `message` of the `Status` object.
    pub message: String,
}

/// The three types of patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    Strategic,
    Merge,
    Json,
}

impl PatchType {
    /// As `kubectl patch --type` takes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strategic => "strategic",
            Self::Merge => "merge",
            Self::Json => "json",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Strategic => "application/strategic-merge-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Json => "application/json-patch+json",
        }
    }
}

/// A client of the API server.
#[derive(Clone)]
pub struct Client {
    http: Http,
    server: String,
}

impl Client {
    /// A client that trusts `authority` (PEM).
    ///
    /// # Panics
    /// Where the certificate is none.
    #[must_use]
    pub fn new(server: String, authority: &str) -> Self {
        let authority = reqwest::Certificate::from_pem(authority.as_bytes()).unwrap();
        let http = Http::builder()
            .tls_certs_only([authority])
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        Self { http, server }
    }

    /// Whether the API server says that it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let url = format!("{}/readyz", self.server);
        let answer = self.http.get(url).bearer_auth(TOKEN).send();
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Creates `object` in `namespace`; `""` for an object that lives in none.
    ///
    /// # Errors
    /// The API server's refusal.
    pub fn create(&self, namespace: &str, object: &Value, store: Store) -> Result<Value, Refusal> {
        let url = self.collection(namespace, object);
        ask(changing(self.http.post(url), store).json(object))
    }

    /// Reads the object that `object` names.
    ///
    /// # Errors
    /// The API server's refusal.
    pub fn get(&self, namespace: &str, object: &Value) -> Result<Value, Refusal> {
        ask(self.http.get(self.item(namespace, object)))
    }

    /// The objects of the kind of `object` in `namespace`.
    ///
    /// # Errors
    /// The API server's refusal.
    pub fn list(&self, namespace: &str, object: &Value) -> Result<Vec<Value>, Refusal> {
        let list = ask(self.http.get(self.collection(namespace, object)))?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Replaces the object that has this name.
    ///
    /// # Errors
    /// The API server's refusal.
    pub fn replace(&self, namespace: &str, object: &Value) -> Result<Value, Refusal> {
        ask(changing(self.http.put(self.item(namespace, object)), Store::Yes).json(object))
    }

    /// Patches the object that `object` names.
    ///
    /// # Errors
    /// The API server's refusal.
    pub fn patch(
        &self,
        namespace: &str,
        object: &Value,
        kind: PatchType,
        patch: &Value,
    ) -> Result<Value, Refusal> {
        let request = changing(self.http.patch(self.item(namespace, object)), Store::Yes);
        // Before the body, which would bring a type of its own.
        ask(request
            .header("content-type", kind.media_type())
            .json(patch))
    }

    /// Deletes the object that `object` names, and what it owns in the background.
    ///
    /// # Errors
    /// The API server's refusal.
    pub fn delete(&self, namespace: &str, object: &Value) -> Result<Value, Refusal> {
        let request = self.http.delete(self.item(namespace, object));
        ask(request.query(&[("propagationPolicy", "Background")]))
    }

    fn collection(&self, namespace: &str, object: &Value) -> String {
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let root = if api_version.contains('/') {
            "apis"
        } else {
            "api"
        };
        let namespace = match namespace {
            "" => String::new(),
            name => format!("/namespaces/{name}"),
        };
        let server = &self.server;
        format!(
            "{server}/{root}/{api_version}{namespace}/{}",
            resource_name(kind)
        )
    }

    fn item(&self, namespace: &str, object: &Value) -> String {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        format!("{}/{name}", self.collection(namespace, object))
    }
}

fn changing(request: RequestBuilder, store: Store) -> RequestBuilder {
    let request = request.query(&[("fieldValidation", "Strict"), ("fieldManager", "tests")]);
    match store {
        Store::Yes => request,
        Store::DryRun => request.query(&[("dryRun", "All")]),
    }
}

fn ask(request: RequestBuilder) -> Result<Value, Refusal> {
    let failed = |error: reqwest::Error| Refusal {
        status: 0,
        message: error.to_string(),
    };
    let answer = request.bearer_auth(TOKEN).send().map_err(failed)?;
    let status = answer.status();
    let body: Value = answer.json().map_err(failed)?;
    if status.is_success() {
        return Ok(body);
    }
    Err(Refusal {
        status: status.as_u16(),
        message: body["message"].as_str().unwrap_or_default().to_owned(),
    })
}
