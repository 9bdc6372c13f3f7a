//! The command line, and the environment that stands for it.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use tracing::Level;

/// Elects the Datakits that run cluster-wide collectors, as the Datakit Operator does.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(version)]
pub struct Options {
    /// The address to listen on
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        env = "DATAKIT_ELECTION_LISTEN",
        default_value = "0.0.0.0:9543"
    )]
    pub listen: String,

    /// The certificate, in PEM; it is read again when it changes. Without one, a certificate is made
    /// at the start
    #[arg(
        long,
        value_name = "FILE",
        env = "DATAKIT_ELECTION_TLS_CERT",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,

    /// The key of the certificate, in PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "DATAKIT_ELECTION_TLS_KEY",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,

    /// The names in the certificate that is made at the start
    #[arg(
        long,
        value_name = "NAMES",
        env = "DATAKIT_ELECTION_TLS_NAMES",
        value_delimiter = ',',
        default_value = "localhost,datakit-operator.datakit.svc,datakit-operator.datakit.svc.cluster.local"
    )]
    pub tls_names: Vec<String>,

    /// Where the state is. `memory` is for one replica outside of a cluster
    #[arg(
        long,
        value_name = "STORE",
        env = "DATAKIT_ELECTION_STORE",
        default_value = "kube"
    )]
    pub store: StoreKind,

    /// The namespace of the Leases. Without it, the one of the service account
    #[arg(long, value_name = "NAME", env = "POD_NAMESPACE")]
    pub namespace: Option<String>,

    /// The name of this replica, for the Leases that tell what the replicas know
    #[arg(
        long,
        value_name = "NAME",
        env = "POD_NAME",
        default_value = "election"
    )]
    pub name: String,

    /// Whether to serve Datakits before 1.85, which ask for single collectors
    #[arg(long, value_name = "BOOL", env = "DATAKIT_ELECTION_TASKS", default_value_t = true, action = clap::ArgAction::Set)]
    pub tasks: bool,

    /// Whether to answer logfwd from the ClusterLoggingConfigs of the cluster
    #[arg(long, value_name = "BOOL", env = "DATAKIT_ELECTION_LOGGING_CONFIGS", default_value_t = false, default_missing_value = "true", num_args = 0..=1, action = clap::ArgAction::Set)]
    pub logging_configs: bool,

    /// The most connections at one time; further ones wait
    #[arg(
        long,
        value_name = "NUMBER",
        env = "DATAKIT_ELECTION_MAX_CONNECTIONS",
        default_value_t = 10_000
    )]
    pub max_connections: usize,

    /// What is logged: error, warn, info, debug or trace
    #[arg(
        long,
        value_name = "LEVEL",
        env = "DATAKIT_ELECTION_LOG_LEVEL",
        default_value = "info"
    )]
    pub log_level: Level,
}

/// Where the state of the elections is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// Leases in the cluster
    Kube,
    /// The memory of the process
    Memory,
}
