//! Which objects the commands look at: the options that they share, as kubectl names them.

use datakit_operator_policy::selector::LabelSelector;
use datakit_policy_host::manifest::Document;
use datakit_policy_host::request::is_workload;
use serde_json::Value;

use crate::gathered::Gathered;
use crate::input::SettingsIn;
use crate::only::{Only, reference};
use crate::settings::SettingsFile;
use crate::{Failure, aside, input, kustomize, shape};

/// The objects, and which of them.
#[derive(clap::Args)]
pub struct Manifests {
    /// Manifests: files, folders with all that is in them, or - for standard input. YAML or JSON, with any number of
    /// documents and lists
    #[arg(value_name = "FILE", required_unless_present_any = ["files", "kustomize"])]
    objects: Vec<String>,

    /// The same, as kubectl has it
    #[arg(
        short,
        long = "filename",
        value_name = "FILE",
        num_args = 1..,
        value_delimiter = ','
    )]
    files: Vec<String>,

    #[command(flatten)]
    pub reading: Reading,

    /// Look at this object alone, of several: KIND/NAME or NAME, with a kind as kubectl takes it (deploy/web); can be
    /// given more than once
    #[arg(long, value_name = "OBJECT", value_delimiter = ',')]
    pub only: Vec<Only>,

    /// The namespace of objects that name none
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default", value_parser = input::namespace)]
    pub namespace: String,
}

/// How files and folders are read.
#[derive(clap::Args)]
pub struct Reading {
    /// Read the folders below a folder too. That is the default, other than with kubectl; --recursive=false reads one
    /// level
    #[arg(
        short = 'R',
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    recursive: bool,

    /// A folder with a kustomization.yaml: read what `kubectl kustomize` or `kustomize build` makes of it
    #[arg(short, long, value_name = "DIR")]
    kustomize: Vec<String>,

    /// Look at the objects alone that have these labels: a label selector as kubectl takes it (app=web,tier!=cache)
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = selector)]
    selector: Option<String>,
}

fn selector(text: &str) -> Result<String, String> {
    LabelSelector::parse(text)?;
    Ok(text.to_owned())
}

impl Manifests {
    /// The documents of all files, in their order; for what cannot be read, the reason.
    pub fn documents(&self) -> Vec<Result<Document, Failure>> {
        let paths = self.objects.iter().chain(&self.files);
        let mut documents: Vec<_> = paths
            .flat_map(|path| self.reading.documents(path))
            .collect();
        for folder in &self.reading.kustomize {
            match kustomize::build(folder) {
                Ok((name, text)) => documents.extend(input::documents_of(&name, &text)),
                Err(error) => documents.push(Err(error)),
            }
        }
        documents
    }

    /// Gathers the objects of all files that are to be looked at, of any number; with the texts of their documents, if these
    /// are wanted.
    ///
    /// # Errors
    /// Where they cannot be kept. What cannot be read is among them.
    pub fn gather(&self, with_texts: bool) -> Result<Gathered, Failure> {
        let mut gathered = Gathered::new(with_texts);
        let selector = self.reading.selector()?;
        let choose = |document: &Document| self.choose(document, selector.as_ref());
        for path in self.objects.iter().chain(&self.files) {
            for file in input::files(path, self.reading.recursive) {
                gathered.file(file, &choose)?;
            }
        }
        for folder in &self.reading.kustomize {
            gathered.text(kustomize::build(folder), &choose)?;
        }
        Ok(gathered)
    }

    /// Whether an object is to be looked at.
    fn choose(&self, document: &Document, selector: Option<&LabelSelector<'_>>) -> Choice {
        if selector.is_some_and(|selector| !has_labels(&document.object, selector)) {
            Choice::Ignored
        } else if self.only.is_empty() || self.only.iter().any(|only| only.is(&document.object)) {
            Choice::Chosen
        } else {
            Choice::Other(other(document))
        }
    }

    /// Whether there is something to be looked at.
    ///
    /// # Errors
    /// Where there is not.
    pub fn check(&self, gathered: &Gathered) -> Result<(), Failure> {
        if gathered.found() == 0 {
            return Err(NO_OBJECT.into());
        }
        match (&self.reading.selector, &self.only[..]) {
            _ if gathered.len() > gathered.errors().len() => Ok(()),
            _ if gathered.len() > 0 && gathered.others() == 0 => Ok(()),
            (Some(text), _) if gathered.others() == 0 => Err(none_selected(text)),
            _ => {
                aside::tell_errors(gathered.errors());
                Err(self.nothing_named(gathered.names_of_others()).into())
            }
        }
    }

    /// The documents that are to be looked at. What cannot be read stays.
    ///
    /// # Errors
    /// Where there are none.
    pub fn select(
        &self,
        documents: Vec<Result<Document, Failure>>,
    ) -> Result<Vec<Result<Document, Failure>>, Failure> {
        if documents.is_empty() {
            return Err(NO_OBJECT.into());
        }
        let labelled = self.reading.select(documents, |document| match document {
            Ok(document) => Some(&document.object),
            Err(_) => None,
        })?;
        if self.only.is_empty() {
            return Ok(labelled);
        }
        let is_named = |document: &Result<Document, Failure>| match document {
            Ok(document) => self.only.iter().any(|only| only.is(&document.object)),
            Err(_) => true,
        };
        let (named, others): (Vec<_>, Vec<_>) = labelled.into_iter().partition(is_named);
        if !named.iter().any(Result::is_ok) {
            aside::tell_errors(input::errors(&named));
            let names: Vec<String> = others.iter().flatten().filter_map(other).collect();
            return Err(self.nothing_named(&names).into());
        }
        Ok(named)
    }

    fn nothing_named(&self, others: &[String]) -> String {
        let only: Vec<String> = self.only.iter().map(Only::to_string).collect();
        let only = only.join(" or ");
        if others.is_empty() || others.len() > MOST_NAMED {
            format!("there is no {only} among the objects")
        } else {
            format!("there is no {only}; there are {}", others.join(", "))
        }
    }
}

const NO_OBJECT: &str = "the input contains no object";

/// More names than that are no help.
pub const MOST_NAMED: usize = 20;

/// What becomes of an object.
pub enum Choice {
    /// It is looked at.
    Chosen,
    /// It has the labels, but is not named. Its name, if it is one that could be.
    Other(Option<String>),
    /// It does not have the labels.
    Ignored,
}

/// What could be named instead of an object that is not there.
fn other(document: &Document) -> Option<String> {
    let is_explained = is_workload(&document.object) || shape::pod_of(document).is_some();
    is_explained.then(|| reference(&document.object))
}

fn none_selected(selector: &str) -> Failure {
    format!("no object has labels that meet `{selector}`").into()
}

impl Reading {
    /// The documents of a file, or of the files in a folder; for what cannot be read, the reason.
    pub fn documents(&self, path: &str) -> Vec<Result<Document, Failure>> {
        input::manifests(path, self.recursive)
    }

    /// The settings in files and folders, all together.
    ///
    /// # Errors
    /// Where some cannot be used, or not together.
    pub fn settings(&self, paths: &[String]) -> Result<Vec<SettingsFile>, Failure> {
        input::all_settings(paths, self.recursive)
    }

    /// The settings in files and folders, and in what is built, file by file, with what messages call it; for what cannot
    /// be read, the reason.
    pub fn settings_by_file(&self, paths: &[String]) -> Vec<SettingsIn> {
        let read = |path: &String| input::settings_in(path, self.recursive);
        let built = self
            .kustomize
            .iter()
            .map(|folder| match kustomize::build(folder) {
                Ok((name, text)) => {
                    let found = SettingsFile::all(&name, &text).map_err(Failure::from);
                    (name, found)
                }
                Err(error) => (folder.clone(), Err(error)),
            });
        paths.iter().flat_map(read).chain(built).collect()
    }

    /// Those of the items that have the labels asked for. An item without an object stays.
    ///
    /// # Errors
    /// Where there are none.
    pub fn select<T>(
        &self,
        items: Vec<T>,
        object_of: impl Fn(&T) -> Option<&Value>,
    ) -> Result<Vec<T>, Failure> {
        let (Some(text), Some(selector)) = (&self.selector, self.selector()?) else {
            return Ok(items);
        };
        let is_selected =
            |item: &T| object_of(item).is_none_or(|object| has_labels(object, &selector));
        let selected: Vec<T> = items.into_iter().filter(is_selected).collect();
        if selected.is_empty() {
            return Err(none_selected(text));
        }
        Ok(selected)
    }

    fn selector(&self) -> Result<Option<LabelSelector<'_>>, Failure> {
        let text = self.selector.as_deref();
        Ok(text.map(LabelSelector::parse).transpose()?)
    }
}

fn has_labels(object: &Value, selector: &LabelSelector<'_>) -> bool {
    let labels = &object["metadata"]["labels"];
    selector
        .requirements()
        .iter()
        .all(|requirement| requirement.operator.holds(labels[requirement.key].as_str()))
}
