//! The process: everything put together, from the options to the end.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use crate::cache::Cache;
use crate::http::server::Server;
use crate::http::tls::{Certificate, Files, TlsError};
use crate::http::{Service, routes};
use crate::lease::Coordinator;
use crate::logging::LoggingConfigs;
use crate::metrics::Metrics;
use crate::options::{Options, StoreKind};
use crate::store::Store;
use crate::store::kube::KubeStore;
use crate::store::memory::MemoryStore;
use crate::tasks::Tasks;

/// Where Kubernetes tells a pod its namespace.
const OWN_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// How long requests are taken after the end was asked for: until then the endpoints still lead here.
const LEAVING: Duration = Duration::from_secs(5);

/// Why the process does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {source}")]
    Listen { address: String, source: io::Error },
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error(
        "the namespace of the Leases is not known: set --namespace or POD_NAMESPACE ({OWN_NAMESPACE}: {0})"
    )]
    NoNamespace(io::Error),
    #[error("`{0}` is not the name of a namespace: set --namespace or POD_NAMESPACE to one")]
    Namespace(String),
    #[error("the cluster cannot be reached; outside of one use --store memory: {0}")]
    Cluster(Box<kube::Error>),
    #[error("--logging-configs needs a cluster: it cannot be used with --store memory")]
    LoggingWithoutCluster,
    #[error("the end cannot be waited for: {0}")]
    Signals(io::Error),
}

/// Serves on `listener` until `stop` becomes true.
///
/// # Errors
/// What keeps it from starting.
pub async fn run(
    options: Options,
    listener: TcpListener,
    stop: watch::Receiver<bool>,
) -> Result<(), StartError> {
    match options.store {
        StoreKind::Memory if options.logging_configs => Err(StartError::LoggingWithoutCluster),
        StoreKind::Memory => serve(MemoryStore::default(), None, options, listener, stop).await,
        StoreKind::Kube => {
            let namespace = own_namespace(options.namespace.as_deref())?;
            let client = Client::try_default()
                .await
                .map_err(|error| StartError::Cluster(Box::new(error)))?;
            let store = KubeStore::new(client.clone(), &namespace);
            serve(store, Some(client), options, listener, stop).await
        }
    }
}

/// Listens on the address of the options.
///
/// # Errors
/// The address is not one, or is taken.
pub async fn listen(address: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen {
            address: address.to_owned(),
            source,
        })
}

async fn serve<S: Store>(
    store: S,
    client: Option<Client>,
    options: Options,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) -> Result<(), StartError> {
    let files = options.tls_cert.zip(options.tls_key);
    let files = files.map(|(certificate, key)| Files { certificate, key });
    let certificate = Arc::new(match &files {
        Some(files) => Certificate::from_files(files)?,
        None => Certificate::self_signed(&options.tls_names)?,
    });
    let acceptor = TlsAcceptor::from(Arc::new(certificate.server_config()?));

    let store = Arc::new(store);
    let cache = Arc::new(Cache::default());
    let metrics = Arc::new(Metrics::default());
    let tasks = options.tasks.then(|| {
        let replica = unique_name(&options.name);
        Arc::new(Tasks::new(
            Arc::clone(&store),
            Arc::clone(&cache),
            Arc::clone(&metrics),
            &replica,
        ))
    });
    let logging = options.logging_configs.then(Arc::<LoggingConfigs>::default);
    let service = Arc::new(Service {
        coordinator: Coordinator::new(Arc::clone(&store), Arc::clone(&cache), Arc::clone(&metrics)),
        tasks: tasks.clone(),
        logging: logging.clone(),
        cache: Arc::clone(&cache),
        metrics: Arc::clone(&metrics),
        stopping: AtomicBool::new(false),
    });

    tokio::spawn(async move { cache.run(&*store, &metrics).await });
    if let Some(tasks) = tasks.clone() {
        tokio::spawn(async move { tasks.run().await });
    }
    if let Some((logging, client)) = logging.zip(client) {
        tokio::spawn(async move { logging.run(client).await });
    }
    if let Some(files) = files {
        tokio::spawn(async move { certificate.follow(&files).await });
    }

    let (end, ended) = watch::channel(false);
    let server = Server {
        acceptor,
        router: routes(Arc::clone(&service)),
        connections: options.max_connections,
    };
    info!(address = options.listen, "requests are served");
    let serving = tokio::spawn(server.run(listener, ended));

    let _ = stop.wait_for(|stop| *stop).await;
    info!("the end was asked for");
    service.stopping.store(true, Ordering::Relaxed);
    sleep(LEAVING).await;
    if let Some(tasks) = tasks {
        tasks.resign().await;
    }
    end.send_replace(true);
    if let Err(error) = serving.await {
        warn!(%error, "the server broke");
    }
    Ok(())
}

fn own_namespace(given: Option<&str>) -> Result<String, StartError> {
    let namespace = match given.filter(|given| !given.is_empty()) {
        Some(given) => given.to_owned(),
        None => fs::read_to_string(OWN_NAMESPACE)
            .map_err(StartError::NoNamespace)?
            .trim()
            .to_owned(),
    };
    if datakit_operator_policy::selector::is_dns_label(&namespace) {
        Ok(namespace)
    } else {
        Err(StartError::Namespace(namespace))
    }
}

/// The name of this process and of no other, as a part of a Lease's name.
fn unique_name(name: &str) -> String {
    let valid = |byte: char| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == '-';
    let name: String = name.chars().filter(|c| valid(*c)).take(100).collect();
    // The keys of the standard library's hash maps are random.
    format!("{name}-{:016x}", RandomState::new().hash_one(&name))
}
