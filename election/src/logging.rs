//! The answers to logfwd (operator 1.6 and later): which logs of a pod to collect, from the
//! ClusterLoggingConfigs of the cluster.

use std::cmp::Ordering;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use datakit_operator_policy::selector::LabelSelector;
use futures_util::StreamExt;
use k8s_openapi::jiff::Timestamp;
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, WatchEvent, WatchParams,
};
use kube::{Client, Error};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::sleep;
use tracing::{info, warn};

/// How long to wait before everything is listed again.
const RETRY: Duration = Duration::from_secs(5);
/// How long a watch stays open, in seconds: kube takes up to 294.
const WATCH_SECONDS: u32 = 290;

/// What logfwd is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The name of the ClusterLoggingConfig.
    pub name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pod_target_labels: Vec<String>,
    /// The configurations, a JSON array as text.
    pub configs: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    selector: Selector,
    pod_target_labels: Option<Vec<String>>,
    configs: Option<Vec<Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Selector {
    namespace_regex: String,
    pod_regex: String,
    pod_label_selector: String,
}

/// A ClusterLoggingConfig, ready to be asked. As in the operator, a pattern or a selector that is
/// empty or cannot be read does not restrict.
#[derive(Debug)]
struct Config {
    namespace: Option<Regex>,
    pod: Option<Regex>,
    labels: Option<String>,
    created: Option<Timestamp>,
    found: Arc<Found>,
}

/// All ClusterLoggingConfigs, in the order in which they were created.
#[derive(Debug, Default)]
pub struct LoggingConfigs {
    configs: RwLock<Vec<Config>>,
}

impl LoggingConfigs {
    /// The first that is for a pod: the one that was created first, and of those the first by name. `labels` is `key=value,key=value`; where it is empty,
    /// selectors of labels do not count.
    #[must_use]
    pub fn find(&self, namespace: &str, pod: &str, labels: &str) -> Option<Arc<Found>> {
        let labels = (!labels.is_empty()).then(|| parse_labels(labels));
        let configs = self.configs.read().unwrap_or_else(PoisonError::into_inner);
        let matching = configs
            .iter()
            .find(|config| config.is_for(namespace, pod, labels.as_ref()));
        matching.map(|config| Arc::clone(&config.found))
    }

    /// Takes a ClusterLoggingConfig as it is now.
    pub fn put(&self, object: &DynamicObject) {
        let config = Config::new(object);
        let mut configs = self.configs.write().unwrap_or_else(PoisonError::into_inner);
        configs.retain(|config| config.found.name != name(object));
        configs.extend(config);
        configs.sort_by(Config::by_age);
    }

    /// Forgets a ClusterLoggingConfig.
    pub fn remove(&self, name: &str) {
        let mut configs = self.configs.write().unwrap_or_else(PoisonError::into_inner);
        configs.retain(|config| config.found.name != name);
    }

    /// Follows the cluster for ever.
    pub async fn run(&self, client: Client) -> Infallible {
        let kind = GroupVersionKind::gvk("logging.datakits.io", "v1alpha1", "ClusterLoggingConfig");
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = Api::all_with(client, &resource);
        loop {
            let Err(error) = self.follow(&api).await;
            warn!(%error, "the ClusterLoggingConfigs cannot be watched; they are listed again");
            sleep(RETRY).await;
        }
    }

    async fn follow(&self, api: &Api<DynamicObject>) -> Result<Infallible, Error> {
        let list = api.list(&ListParams::default()).await?;
        self.replace_all(&list.items);
        let mut version = list.metadata.resource_version.unwrap_or_default();
        loop {
            let params = WatchParams::default().timeout(WATCH_SECONDS);
            let mut events = std::pin::pin!(api.watch(&params, &version).await?);
            while let Some(event) = events.next().await {
                match event? {
                    WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                        self.put(&object);
                        version = object.metadata.resource_version.unwrap_or_default();
                    }
                    WatchEvent::Deleted(object) => {
                        self.remove(name(&object));
                        version = object.metadata.resource_version.unwrap_or_default();
                    }
                    WatchEvent::Bookmark(bookmark) => version = bookmark.metadata.resource_version,
                    WatchEvent::Error(status) => return Err(Error::Api(status)),
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn replace_all(&self, objects: &[DynamicObject]) {
        let mut configs: Vec<_> = objects.iter().filter_map(Config::new).collect();
        configs.sort_by(Config::by_age);
        info!(count = configs.len(), "the ClusterLoggingConfigs are known");
        *self.configs.write().unwrap_or_else(PoisonError::into_inner) = configs;
    }
}

impl Config {
    fn new(object: &DynamicObject) -> Option<Self> {
        let name = name(object);
        let spec = match Spec::deserialize(spec(object)) {
            Ok(spec) => spec,
            Err(error) => {
                warn!(name, %error, "a ClusterLoggingConfig cannot be read; it does not count");
                return None;
            }
        };
        let configs = Value::from(spec.configs.unwrap_or_default());
        Some(Self {
            namespace: pattern(name, "namespaceRegex", &spec.selector.namespace_regex),
            pod: pattern(name, "podRegex", &spec.selector.pod_regex),
            labels: selector(name, spec.selector.pod_label_selector),
            created: object
                .metadata
                .creation_timestamp
                .as_ref()
                .map(|time| time.0),
            found: Arc::new(Found {
                name: name.to_owned(),
                pod_target_labels: spec.pod_target_labels.unwrap_or_default(),
                configs: configs.to_string(),
            }),
        })
    }

    fn by_age(one: &Self, other: &Self) -> Ordering {
        let key = |config: &Self| (config.created, config.found.name.clone());
        key(one).cmp(&key(other))
    }

    fn is_for(&self, namespace: &str, pod: &str, labels: Option<&Map<String, Value>>) -> bool {
        let matches = |pattern: &Option<Regex>, text: &str| {
            pattern
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(text))
        };
        matches(&self.namespace, namespace)
            && matches(&self.pod, pod)
            && match (&self.labels, labels) {
                (Some(selector), Some(labels)) => LabelSelector::parse(selector)
                    .is_ok_and(|selector| selector.matches(Some(&labels.clone().into()))),
                _ => true,
            }
    }
}

fn name(object: &DynamicObject) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}

fn spec(object: &DynamicObject) -> &Value {
    object.data.get("spec").unwrap_or(&Value::Null)
}

fn pattern(name: &str, key: &str, text: &str) -> Option<Regex> {
    if text.is_empty() {
        return None;
    }
    Regex::new(text)
        .inspect_err(|error| {
            warn!(name, key, %error, "a pattern of a ClusterLoggingConfig cannot be read; it does not restrict");
        })
        .ok()
}

fn selector(name: &str, text: String) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    if let Err(error) = LabelSelector::parse(&text) {
        warn!(name, key = "podLabelSelector", %error, "a selector of a ClusterLoggingConfig cannot be read; it does not restrict");
        return None;
    }
    Some(text)
}

/// As the operator reads them: what is not one key and one value does not count.
fn parse_labels(text: &str) -> Map<String, Value> {
    let labels = text.split(',').filter_map(|label| {
        let (key, value) = label.split_once('=')?;
        (!value.contains('=')).then(|| (key.to_owned(), Value::from(value)))
    });
    labels.collect()
}
