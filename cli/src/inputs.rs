//! What `preview` and `explain` are asked to look at.

use clap::ValueEnum;
use datakit_policy_host::manifest::Document;

use crate::input::PolicyArgs;
use crate::live::Live;
use crate::manifests::Manifests;
use crate::namespaces::NamespaceArgs;
use crate::policies::Policies;
use crate::session::{Answer, Session};
use crate::{Failure, input, session};

/// Said where nobody gave settings.
pub const NO_SETTINGS: &str = "note: without --settings the policy has nothing to inject";

/// Which objects, with which settings.
#[derive(clap::Args)]
pub struct Inputs {
    #[command(flatten)]
    pub manifests: Manifests,

    /// The policy's settings, recognised by their content: a file of settings (YAML or JSON), a ClusterAdmissionPolicy,
    /// or the operator's ConfigMap, release file or Helm values; - is standard input. Of a policy all counts: its
    /// rules, selectors and conditions too. Several policies, in one file or several, are asked in the API server's
    /// order
    #[arg(short, long, value_name = "FILE")]
    pub settings: Vec<String>,

    /// What is done to the objects
    #[arg(long, value_enum, ignore_case = true, default_value_t = Operation::Create)]
    operation: Operation,

    /// The objects as they are in the cluster, in files or folders, for an UPDATE of those that are there, by kind,
    /// namespace and name
    #[arg(long, value_name = "FILE", conflicts_with = "operation")]
    old: Vec<String>,

    #[command(flatten)]
    namespaces: NamespaceArgs,

    #[command(flatten)]
    policy: PolicyArgs,
}

impl Inputs {
    /// The documents of all files, in their order; for what cannot be read, the reason.
    pub fn documents(&self) -> Vec<Result<Document, Failure>> {
        self.manifests.documents()
    }

    /// Compiles the policy and asks it whether it takes the settings. The labels of namespaces are those of the options,
    /// and of the Namespaces among the documents.
    pub fn open(&self, documents: &[Result<Document, Failure>]) -> Result<Session, Failure> {
        let module = self.policy.compile()?;
        let Manifests {
            reading, namespace, ..
        } = &self.manifests;
        let settings = reading.settings(&self.settings)?;
        let mut policies = Policies::of_files(module, &settings, namespace)?;
        let mut namespaces = self.namespaces.read(reading)?;
        for document in documents.iter().flatten() {
            namespaces.insert_object(&document.object);
        }
        policies.know(namespaces);
        let operation = match (&self.old[..], self.operation) {
            ([], Operation::Create) => session::Operation::Create,
            ([], Operation::Update) => session::Operation::Update,
            (files, _) => {
                let documents = files.iter().flat_map(|path| reading.documents(path));
                session::Operation::Apply(Live::of(documents, namespace)?)
            }
        };
        Ok(Session::new(policies, namespace, operation))
    }
}

/// Asks about a document. What is wrong with a part of it has the place of that part.
///
/// # Errors
/// Where the policy cannot be started.
pub fn ask(session: &Session, document: Document) -> Result<Answer, Failure> {
    let mut answer = session.ask(document)?;
    if let Some(field) = &answer.field {
        answer.source = input::place_of_field(&answer.source, field);
    }
    Ok(answer)
}

#[derive(Clone, Copy, ValueEnum)]
enum Operation {
    /// The objects are new
    #[value(name = "CREATE")]
    Create,
    /// The objects are there already, with another pod template
    #[value(name = "UPDATE")]
    Update,
}
