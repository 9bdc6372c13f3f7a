//! A cluster, read through its API server.

use std::path::PathBuf;

use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::Failure;

/// Which cluster, as kubectl takes it.
#[derive(clap::Args)]
pub struct Connection {
    /// The kubeconfig; without it, those of the variable KUBECONFIG, or ~/.kube/config
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// A kind of objects that is listed.
pub struct Kind {
    group: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
}

const fn kind(group: &'static str, kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        group,
        kind,
        plural,
    }
}

/// The kinds that the policy sees, in the order in which they are shown.
pub const WORKLOADS: [Kind; 8] = [
    kind("apps", "Deployment", "deployments"),
    kind("apps", "DaemonSet", "daemonsets"),
    kind("apps", "StatefulSet", "statefulsets"),
    kind("batch", "CronJob", "cronjobs"),
    kind("batch", "Job", "jobs"),
    kind("apps", "ReplicaSet", "replicasets"),
    kind("", "ReplicationController", "replicationcontrollers"),
    kind("", "Pod", "pods"),
];

pub const NAMESPACES: Kind = kind("", "Namespace", "namespaces");

/// Kubewarden's kinds of policies.
pub const POLICIES: [Kind; 2] = [
    kind(
        "policies.kubewarden.io",
        "ClusterAdmissionPolicy",
        "clusteradmissionpolicies",
    ),
    kind(
        "policies.kubewarden.io",
        "AdmissionPolicy",
        "admissionpolicies",
    ),
];

/// A connection to an API server.
pub struct Cluster {
    runtime: Runtime,
    client: Client,
    namespace: String,
}

/// Why objects are not listed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The API server has no such kind.
    #[error("the API server does not have this kind")]
    Unknown,
    /// The user has no right to list it.
    #[error("cannot be listed: {0}; ask for the right to `list`")]
    Forbidden(String),
    #[error(transparent)]
    Other(Failure),
}

/// So many objects come at a time, and are looked at before the next.
const PAGE: u32 = 500;

impl Cluster {
    /// Connects as the kubeconfig says.
    ///
    /// # Errors
    /// Where there is no kubeconfig, or it cannot be used.
    pub fn connect(connection: &Connection) -> Result<Self, Failure> {
        // Fails where there is a provider already, which is as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (client, namespace) = runtime.block_on(async {
            let config = config(connection).await?;
            let namespace = config.default_namespace.clone();
            Ok::<_, Failure>((Client::try_from(config)?, namespace))
        })?;
        Ok(Self {
            runtime,
            client,
            namespace,
        })
    }

    /// The namespace of the kubeconfig's context.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Hands all objects of a kind on, page by page: those of a namespace, or of all; those that a label selector takes,
    /// or all.
    ///
    /// # Errors
    /// Where the API server does not list them, or what takes a page fails.
    pub fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        selector: Option<&str>,
        mut take: impl FnMut(Vec<Value>) -> Result<(), Failure>,
    ) -> Result<(), ListError> {
        let resource = kind.resource();
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        let mut params = ListParams::default().limit(PAGE);
        if let Some(selector) = selector {
            params = params.labels(selector);
        }
        loop {
            let page = self.runtime.block_on(api.list(&params));
            let page = page.map_err(ListError::of)?;
            let objects = page.items.into_iter().map(|object| kind.object(object));
            let objects = objects.collect::<Result<_, _>>();
            take(objects.map_err(|error| ListError::Other(error.into()))?)
                .map_err(ListError::Other)?;
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(()),
            }
        }
    }
}

/// A kubeconfig that was named counts alone; without one, kubectl's places, and then the pod that this runs in.
async fn config(connection: &Connection) -> Result<Config, Failure> {
    let options = KubeConfigOptions {
        context: connection.context.clone(),
        ..KubeConfigOptions::default()
    };
    if let Some(path) = &connection.kubeconfig {
        let read =
            Kubeconfig::read_from(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let config = Config::from_custom_kubeconfig(read, &options).await;
        return config.map_err(|error| format!("{}: {error}", path.display()).into());
    }
    let config = match connection.context {
        Some(_) => Config::from_kubeconfig(&options)
            .await
            .map_err(Failure::from),
        None => Config::infer().await.map_err(Failure::from),
    };
    config.map_err(|error| {
        format!("there is no kubeconfig that can be used: {error}; name one with --kubeconfig FILE")
            .into()
    })
}

impl Kind {
    fn resource(&self) -> ApiResource {
        let (group, version) = (self.group.to_owned(), "v1".to_owned());
        ApiResource {
            api_version: self.api_version(),
            group,
            version,
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        }
    }

    fn api_version(&self) -> String {
        match self.group {
            "" => "v1".to_owned(),
            group => format!("{group}/v1"),
        }
    }

    /// An object of a list, which does not say what it is.
    fn object(&self, mut object: DynamicObject) -> serde_json::Result<Value> {
        // Who wrote which field: long, and of no use here.
        object.metadata.managed_fields = None;
        let mut object = serde_json::to_value(object)?;
        object["apiVersion"] = self.api_version().into();
        object["kind"] = self.kind.into();
        Ok(object)
    }
}

impl ListError {
    fn of(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 403 => Self::Forbidden(status.message),
            kube::Error::Api(status) if status.code == 404 => Self::Unknown,
            kube::Error::Api(status) => Self::Other(status.message.into()),
            error => Self::Other(format!("the API server cannot be asked: {error}").into()),
        }
    }
}
