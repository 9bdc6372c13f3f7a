//! What the commands read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use datakit_operator_policy::selector::is_dns_label;
use datakit_policy_host::manifest::{self, Document, Source};
use datakit_policy_host::policy::Policy;
use datakit_policy_host::request::AdmissionRequest;
use datakit_policy_host::settings::SettingsError;
use serde_json::Value;

use crate::Failure;
use crate::settings::SettingsFile;

/// The name that stands for standard input.
pub const STDIN: &str = "-";

/// The policy that the program carries; none where there was none when it was built.
#[cfg(carries_policy)]
const CARRIED: Option<&[u8]> = Some(include_bytes!(env!("DATAKIT_POLICY_MODULE")));
#[cfg(not(carries_policy))]
const CARRIED: Option<&[u8]> = None;

/// A file's path, given as it is or as a `file://` address.
pub fn local_path(path: &str) -> &Path {
    Path::new(path.strip_prefix("file://").unwrap_or(path))
}

/// A file's text, or that of standard input.
pub fn text(path: &str) -> Result<String, Failure> {
    let text = if path == STDIN {
        take_stdin()?;
        let mut text = String::new();
        let text = std::io::stdin().read_to_string(&mut text).map(|_| text);
        text.inspect(|text| keep(name(STDIN), text))
    } else {
        refuse_address(path)?;
        std::fs::read_to_string(path)
    };
    text.map_err(|error| unreadable(name(path), &error))
}

/// What cannot be read of documents.
pub fn errors<T>(documents: &[Result<T, Failure>]) -> impl Iterator<Item = &Failure> {
    documents
        .iter()
        .filter_map(|document| document.as_ref().err())
}

/// What is said of a file that cannot be read.
pub fn unreadable(name: &str, error: &std::io::Error) -> Failure {
    format!("{name}: cannot be read: {error}").into()
}

/// Says that standard input is read now.
///
/// # Errors
/// Where it was read before: whoever reads it a second time finds it empty.
pub fn take_stdin() -> Result<(), Failure> {
    static IS_READ: AtomicBool = AtomicBool::new(false);
    if IS_READ.swap(true, Ordering::Relaxed) {
        return Err(
            "standard input: can be read only once; use `-` once, and a file elsewhere".into(),
        );
    }
    Ok(())
}

/// Refuses what is not a file of this machine.
pub fn refuse_address(path: &str) -> Result<(), Failure> {
    if path.starts_with("http://") || path.starts_with("https://") {
        return Err(format!(
            "{path}: this program fetches nothing; read what `curl -fsSL {path}` prints, as a file or with `-`"
        )
        .into());
    }
    Ok(())
}

/// What was read and cannot be read again, by what messages call it.
static KEPT: Mutex<BTreeMap<String, Kept>> = Mutex::new(BTreeMap::new());

enum Kept {
    Text(String),
    File(File),
}

/// Keeps a text for [`place_of_field`].
pub fn keep(name: &str, text: &str) {
    if let Ok(mut kept) = KEPT.lock() {
        kept.insert(name.to_owned(), Kept::Text(text.to_owned()));
    }
}

/// Keeps a file without a name that holds such a text.
pub fn keep_file(name: &str, file: File) {
    if let Ok(mut kept) = KEPT.lock() {
        kept.insert(name.to_owned(), Kept::File(file));
    }
}

/// The text of what messages call so, once more: places are looked up only where something is wrong.
fn text_again(name: &str) -> Option<String> {
    match KEPT.lock().ok()?.get_mut(name) {
        Some(Kept::Text(text)) => Some(text.clone()),
        Some(Kept::File(file)) => {
            let mut text = String::new();
            file.rewind().ok()?;
            file.read_to_string(&mut text).ok()?;
            Some(text)
        }
        None => std::fs::read_to_string(name).ok(),
    }
}

/// The settings in a file, or on standard input.
pub fn settings(path: &str) -> Result<SettingsFile, Failure> {
    Ok(SettingsFile::new(name(path), &text(path)?)?)
}

/// The settings in files and folders, of which each may hold several policies.
pub fn all_settings(paths: &[String], is_recursive: bool) -> Result<Vec<SettingsFile>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        for (_, found) in settings_in(path, is_recursive) {
            all.extend(found?);
        }
    }
    match SettingsFile::not_together(&all) {
        Some((other, message)) => Err(format!("{}: {message}", other.name).into()),
        None => Ok(all),
    }
}

/// What messages call a file, and the settings in it; for what cannot be read, the reason.
pub type SettingsIn = (String, Result<Vec<SettingsFile>, Failure>);

/// The settings in a file, or in the files of a folder, where files without settings are left out.
pub fn settings_in(path: &str, is_recursive: bool) -> Vec<SettingsIn> {
    let is_file = path == STDIN || !Path::new(path).is_dir();
    let read = |file: Result<String, Failure>| {
        let file = match file {
            Ok(file) => file,
            Err(error) => return Some((path.to_owned(), Err(error))),
        };
        let found = match text(&file).map(|text| SettingsFile::all(name(&file), &text)) {
            Err(error) => Err(error),
            Ok(Err(SettingsError::NoSettings { .. })) if !is_file => return None,
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(found)) => Ok(found),
        };
        Some((name(&file).to_owned(), found))
    };
    let found: Vec<_> = files(path, is_recursive)
        .into_iter()
        .filter_map(read)
        .collect();
    if found.is_empty() {
        let message = format!("{path}: there are no settings in the folder");
        return vec![(path.to_owned(), Err(message.into()))];
    }
    found
}

/// The place of a field of an object, such as `spec.template`, where its text can be had once more.
pub fn place_of_field(source: &Source, path: &str) -> Source {
    match text_again(&source.file) {
        Some(text) => source.of_field(path, &text),
        None => source.clone(),
    }
}

/// What messages call a file.
pub fn name(path: &str) -> &str {
    if path == STDIN {
        "standard input"
    } else {
        path
    }
}

/// The name of a namespace.
pub fn namespace(text: &str) -> Result<String, String> {
    if is_dns_label(text) {
        return Ok(text.to_owned());
    }
    Err("the name of a namespace consists of lower-case letters, digits and `-`".to_owned())
}

/// A file's bytes.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| unreadable(&path.display().to_string(), &error))
}

/// The variable that names another policy; one that is set to nothing counts as not set.
pub fn policy_variable() -> Option<&'static str> {
    const NAME: &str = "DATAKIT_POLICY";
    let is_empty = std::env::var_os(NAME).is_some_and(|value| value.is_empty());
    (!is_empty).then_some(NAME)
}

/// Which policy is asked.
#[derive(clap::Args)]
pub struct PolicyArgs {
    /// The policy: a WebAssembly module in place of the one that this program carries
    #[arg(short, long, value_name = "FILE", env = policy_variable())]
    policy: Option<PathBuf>,
}

impl PolicyArgs {
    /// Compiles the policy.
    pub fn compile(&self) -> Result<Policy, Failure> {
        policy(self.policy.as_deref())
    }
}

/// Compiles the policy in a file; without one, that which the program carries.
pub fn policy(path: Option<&Path>) -> Result<Policy, Failure> {
    let Some(path) = path else {
        return Ok(Policy::from_bytes_or_cache(carried(CARRIED)?)?);
    };
    Policy::from_bytes_or_cache(&bytes(path)?)
        .map_err(|error| format!("{}: {error}", path.display()).into())
}

fn carried(module: Option<&[u8]>) -> Result<&[u8], Failure> {
    module.ok_or_else(|| {
        "this build does not contain a policy: run `make policy.wasm` and build again, or set DATAKIT_POLICY to the path of a \
         module"
            .into()
    })
}

/// The request in a JSON file, or on standard input.
pub fn request(path: &str) -> Result<AdmissionRequest, Failure> {
    let review: Value = serde_json::from_str(&text(path)?)
        .map_err(|error| format!("{}: the request is not valid JSON: {error}", name(path)))?;
    AdmissionRequest::from_review(review).map_err(|error| format!("{}: {error}", name(path)).into())
}

/// The documents of a file, of standard input, or of all files in a folder, with or without the folders below; for what
/// cannot be read, the reason.
pub fn manifests(path: &str, is_recursive: bool) -> Vec<Result<Document, Failure>> {
    let files = files(path, is_recursive).into_iter();
    let documents = files.flat_map(|file| match file {
        Ok(file) => documents(&file),
        Err(error) => vec![Err(error)],
    });
    documents.collect()
}

fn documents(file: &str) -> Vec<Result<Document, Failure>> {
    match text(file) {
        Ok(text) => documents_of(name(file), &text),
        Err(error) => vec![Err(error)],
    }
}

/// The documents of a text; for what cannot be read, the reason.
pub fn documents_of(name: &str, text: &str) -> Vec<Result<Document, Failure>> {
    manifest::read(name, text)
        .into_iter()
        .map(|document| document.map_err(Failure::from))
        .collect()
}

/// The files that a path stands for: itself, or the manifests in the folder that it is.
pub fn files(path: &str, is_recursive: bool) -> Vec<Result<String, Failure>> {
    if path == STDIN || !Path::new(path).is_dir() {
        vec![Ok(path.to_owned())]
    } else {
        files_in(path, is_recursive)
    }
}

/// The file that makes a folder a chart.
const HELM_CHART: &str = "Chart.yaml";

/// The manifests in a folder, and in the folders below, sorted; for a folder that cannot be read, the reason.
fn files_in(path: &str, is_recursive: bool) -> Vec<Result<String, Failure>> {
    let mut files = Vec::new();
    collect_manifests(Path::new(path), is_recursive, &mut files);
    if files.is_empty() {
        let message = "the folder contains no manifest (.yaml, .yml or .json)";
        return vec![Err(format!("{path}: {message}").into())];
    }
    files
}

fn collect_manifests(folder: &Path, is_recursive: bool, files: &mut Vec<Result<String, Failure>>) {
    if folder.join(HELM_CHART).is_file() {
        let folder = folder.display();
        let message = format!(
            "{folder}: is a Helm chart, whose templates are no manifests yet; read what `helm template {folder}` \
             prints, as a file or with `-`"
        );
        return files.push(Err(message.into()));
    }
    let entries = match entries(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("{}: the folder cannot be read: {error}", folder.display());
            return files.push(Err(message.into()));
        }
    };
    for (path, is_folder) in entries {
        if is_folder {
            if is_recursive {
                collect_manifests(&path, is_recursive, files);
            }
        } else if is_manifest(&path) {
            files.push(Ok(path.display().to_string()));
        }
    }
}

/// The entries of a folder by name, each with whether it is a folder itself. Those that are hidden are left out: they
/// are the tools' own. A link to a folder counts as a file, for it could lead back to where it is.
pub fn entries(folder: &Path) -> std::io::Result<Vec<(PathBuf, bool)>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            entries.push((entry.path(), entry.file_type()?.is_dir()));
        }
    }
    entries.sort();
    Ok(entries)
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("yaml" | "yml" | "json"))
}

/// Writes a file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes)
        .map_err(|error| format!("{}: cannot be written: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_a_policy_says_how_to_get_one() {
        assert_eq!(
            carried(None).unwrap_err().to_string(),
            "this build does not contain a policy: run `make policy.wasm` and build again, or set DATAKIT_POLICY to the path of \
             a module"
        );
        assert_eq!(carried(Some(b"module")).unwrap(), b"module");
    }
}
