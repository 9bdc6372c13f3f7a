//! Where the state of the elections is: a set of Leases with compare-and-swap on their
//! resourceVersion, and a watch over them.

pub mod kube;
pub mod memory;

use std::future::Future;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The label of every Lease of an election, by which they are listed and watched. The operator's.
pub const MANAGED_LABEL: &str = "election.datakits.io/managed";

/// Why a call to the store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The Lease is not the one that was read: changed, created or deleted by someone else.
    #[error("the Lease was changed in the meantime")]
    Conflict,
    /// The API server does not allow it.
    #[error("access to Leases is forbidden: {0}")]
    Forbidden(String),
    /// Anything else. Whether a write took place is not known.
    #[error("the store is not available: {0}")]
    Unavailable(String),
}

/// All Leases of the store, and the version at which a watch goes on from there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    pub leases: Vec<Lease>,
    pub version: String,
}

/// What a watch tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A Lease is new or has changed.
    Put(Lease),
    /// A Lease is gone; as it was last.
    Deleted(Lease),
    /// Nothing changed up to this version.
    Bookmark(String),
}

/// Leases in one namespace.
///
/// The order of versions is the same for all Leases: a watch that shows a change has shown all
/// changes before it, of any Lease. The [tasks](crate::tasks) rely on that.
pub trait Store: Send + Sync + 'static {
    type Watch: Watch;

    /// Reads one Lease, as new as there is.
    fn get(&self, name: &str) -> impl Future<Output = Result<Option<Lease>, StoreError>> + Send;

    /// Creates a Lease.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is one of that name.
    fn create(&self, lease: Lease) -> impl Future<Output = Result<Lease, StoreError>> + Send;

    /// Replaces the Lease of the same name and resourceVersion.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it has another resourceVersion, or is gone.
    fn replace(&self, lease: Lease) -> impl Future<Output = Result<Lease, StoreError>> + Send;

    /// Deletes the Lease of the same name and resourceVersion.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it has another resourceVersion, or is gone.
    fn delete(&self, lease: &Lease) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lists all Leases of the elections.
    fn list(&self) -> impl Future<Output = Result<Listing, StoreError>> + Send;

    /// Watches all Leases of the elections, from after a version on.
    fn watch(&self, version: &str) -> impl Future<Output = Result<Self::Watch, StoreError>> + Send;

    /// Whether everything that an election needs is allowed.
    fn check_access(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A watch that is open.
pub trait Watch: Send {
    /// The next change; nothing when the store has ended the watch in good order.
    ///
    /// # Errors
    /// The watch broke, or its version is too old: everything has to be listed again.
    fn next(&mut self) -> impl Future<Output = Option<Result<Change, StoreError>>> + Send;
}

/// The name of a Lease; the API server gives every one a name.
#[must_use]
pub fn name(lease: &Lease) -> &str {
    lease.metadata.name.as_deref().unwrap_or_default()
}

/// The resourceVersion of a Lease, or an empty text for one that is not stored.
#[must_use]
pub fn version(lease: &Lease) -> &str {
    lease
        .metadata
        .resource_version
        .as_deref()
        .unwrap_or_default()
}

/// Who holds a Lease, whether or not it has expired; an empty text for nobody.
#[must_use]
pub fn holder(lease: &Lease) -> &str {
    let spec = lease.spec.as_ref();
    spec.and_then(|spec| spec.holder_identity.as_deref())
        .unwrap_or_default()
}

/// A Lease that is not stored yet, and that nobody holds.
#[must_use]
pub fn new_lease(name: &str) -> Lease {
    Lease {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        spec: None,
    }
}
