//! The store in a Kubernetes cluster: Leases of group `coordination.k8s.io` in one namespace.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{
    Api, DeleteParams, ListParams, PostParams, Preconditions, WatchEvent, WatchParams,
};
use kube::{Client, Error};

use super::{Change, Listing, Store, StoreError, Watch, name};

/// What an election does with Leases. The deletion is that of the reports of replicas that are gone.
const VERBS: [&str; 6] = ["get", "list", "watch", "create", "update", "delete"];
/// Longest time for a call. Datakit waits for two seconds in all.
const CALL: Duration = Duration::from_millis(1500);
/// Longest time for a listing, which nobody waits for.
const LISTING: Duration = Duration::from_secs(10);
/// How long a watch stays open, in seconds: kube takes up to 294.
const WATCH_SECONDS: u32 = 290;

/// Leases in one namespace of a cluster.
#[derive(Clone)]
pub struct KubeStore {
    client: Client,
    leases: Api<Lease>,
    namespace: String,
}

impl KubeStore {
    /// The Leases in `namespace`, as the credentials of `client` allow it.
    #[must_use]
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            leases: Api::namespaced(client.clone(), namespace),
            client,
            namespace: namespace.to_owned(),
        }
    }

    async fn is_allowed(&self, verb: &str) -> Result<bool, StoreError> {
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    namespace: Some(self.namespace.clone()),
                    group: Some("coordination.k8s.io".to_owned()),
                    resource: Some("leases".to_owned()),
                    verb: Some(verb.to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let answer = within(CALL, reviews.create(&PostParams::default(), &review)).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

impl Store for KubeStore {
    type Watch = KubeWatch;

    async fn get(&self, name: &str) -> Result<Option<Lease>, StoreError> {
        within(CALL, self.leases.get_opt(name)).await
    }

    async fn create(&self, lease: Lease) -> Result<Lease, StoreError> {
        let params = PostParams::default();
        within(CALL, self.leases.create(&params, &lease)).await
    }

    async fn replace(&self, lease: Lease) -> Result<Lease, StoreError> {
        let params = PostParams::default();
        within(CALL, self.leases.replace(name(&lease), &params, &lease)).await
    }

    async fn delete(&self, lease: &Lease) -> Result<(), StoreError> {
        let params = DeleteParams::default().preconditions(Preconditions {
            resource_version: lease.metadata.resource_version.clone(),
            uid: lease.metadata.uid.clone(),
        });
        within(CALL, self.leases.delete(name(lease), &params))
            .await
            .map(drop)
    }

    async fn list(&self) -> Result<Listing, StoreError> {
        let params = ListParams::default().labels(&selector());
        let list = within(LISTING, self.leases.list(&params)).await?;
        Ok(Listing {
            leases: list.items,
            version: list.metadata.resource_version.unwrap_or_default(),
        })
    }

    async fn watch(&self, version: &str) -> Result<KubeWatch, StoreError> {
        let params = WatchParams::default()
            .labels(&selector())
            .timeout(WATCH_SECONDS);
        let events = within(LISTING, self.leases.watch(&params, version)).await?;
        Ok(KubeWatch {
            events: Box::pin(events),
        })
    }

    async fn check_access(&self) -> Result<(), StoreError> {
        for verb in VERBS {
            if !self.is_allowed(verb).await? {
                return Err(StoreError::Forbidden(format!(
                    "the service account may not {verb} leases of coordination.k8s.io in namespace `{}`",
                    self.namespace
                )));
            }
        }
        Ok(())
    }
}

/// A watch over the Leases of a [`KubeStore`].
pub struct KubeWatch {
    events: Pin<Box<dyn Stream<Item = Result<WatchEvent<Lease>, Error>> + Send>>,
}

impl Watch for KubeWatch {
    async fn next(&mut self) -> Option<Result<Change, StoreError>> {
        let change = match self.events.next().await? {
            Ok(WatchEvent::Added(lease) | WatchEvent::Modified(lease)) => Ok(Change::Put(lease)),
            Ok(WatchEvent::Deleted(lease)) => Ok(Change::Deleted(lease)),
            Ok(WatchEvent::Bookmark(bookmark)) => {
                Ok(Change::Bookmark(bookmark.metadata.resource_version))
            }
            Ok(WatchEvent::Error(status)) => Err(store_error(Error::Api(status))),
            Err(error) => Err(store_error(error)),
        };
        Some(change)
    }
}

fn selector() -> String {
    format!("{}=true", super::MANAGED_LABEL)
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(store_error),
        Err(_) => Err(StoreError::Unavailable(format!(
            "the API server did not answer within {limit:?}"
        ))),
    }
}

fn store_error(error: Error) -> StoreError {
    match error {
        // 404 of a write: the Lease is gone. That of a reading is no error.
        Error::Api(status) if matches!(status.code, 404 | 409) => StoreError::Conflict,
        Error::Api(status) if status.code == 403 => StoreError::Forbidden(status.message),
        Error::Api(status) => StoreError::Unavailable(format!("{} {}", status.code, status.reason)),
        other => StoreError::Unavailable(other.to_string()),
    }
}
