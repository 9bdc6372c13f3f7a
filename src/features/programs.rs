//! Directories that the manifest shows to hold a program: a volume there would hide it, and the
//! container would not start.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use crate::json::Value;

use super::scene::Scene;
use crate::glob;
use crate::paths::MountPath;
use crate::template::AppContainer;
use crate::words::{self, Word};

/// What comparing words with globs may cost, in characters times characters. What is not compared
/// counts as a program.
const BUDGET: usize = 1 << 20;

/// Longer words are not paths that could be opened.
const LONGEST: usize = 1024;

/// What shows that a program is in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Program<'t> {
    pub container: &'t str,
    /// The field of the container that names it.
    pub field: &'static str,
}

/// Those of `directories` (cleaned) that hold a program of a container which does not mount something
/// there itself. `log_files` are globs of files that are none.
pub(super) fn in_directories<'t, 'd>(
    scene: &Scene<'t, '_>,
    directories: &BTreeSet<&'d str>,
    log_files: &[String],
) -> BTreeMap<&'d str, Program<'t>> {
    let template = scene.template;
    let mut search = Search {
        directories,
        log_files,
        budget: Cell::new(BUDGET),
        found: BTreeMap::new(),
    };
    if !directories.is_empty() {
        let targets = template.targets().map(|(_, container)| container);
        for container in targets.filter(|own| !scene.is_sidecar(*own)) {
            search.look_at(container);
        }
    }
    search.found
}

struct Search<'t, 'd, 's> {
    directories: &'s BTreeSet<&'d str>,
    log_files: &'s [String],
    budget: Cell<usize>,
    found: BTreeMap<&'d str, Program<'t>>,
}

impl<'t> Search<'t, '_, '_> {
    fn look_at(&mut self, container: AppContainer<'t>) {
        let mounts = mounts(container);
        let directory = container.working_directory();
        if let Some(directory) = directory {
            self.note(&MountPath::new(directory), container, "workingDir", &mounts);
        }
        let mut before = None;
        let mut is_made = false;
        for (field, word) in container.words() {
            // The arguments continue the command.
            let is_next_field = field != "args" && before.is_none_or(|(other, _)| other != field);
            let is_of_another = word.is_first || is_next_field;
            is_made = makes(word.text) || (is_made && !is_of_another);
            let option = before.map(|(_, text)| text);
            if !is_made && !is_about_output(word, option) {
                self.look_at_word(word.text, directory, container, field, &mounts);
            }
            before = Some((field, word.text));
        }
    }

    fn look_at_word(
        &mut self,
        word: &str,
        directory: Option<&str>,
        container: AppContainer<'t>,
        field: &'static str,
        mounts: &BTreeSet<MountPath<'t>>,
    ) {
        let is_path = |path: &&str| path.len() <= LONGEST && !is_output_by_name(path);
        for path in words::paths(word).filter(is_path) {
            self.note(&MountPath::new(path), container, field, mounts);
        }
        // A path from the working directory, like `bin/run`.
        if let Some(directory) = directory
            && word.contains('/')
            && !word.starts_with(['/', '-', '$'])
            && !word.contains([':', '='])
            && is_path(&word)
        {
            let path = format!("{directory}/{word}");
            self.note(&MountPath::new(&path), container, field, mounts);
        }
    }

    /// Notes the directories that `path` lies in, as far as no mount of the container is between.
    fn note(
        &mut self,
        path: &MountPath<'_>,
        container: AppContainer<'t>,
        field: &'static str,
        mounts: &BTreeSet<MountPath<'t>>,
    ) {
        let mut hidden = Vec::new();
        for place in path.way() {
            if mounts.contains(place) {
                hidden.clear();
                continue;
            }
            // `mkdir /app/logs` names the directory of the logs, and nothing in it.
            let names_it = place == path.as_str() && field != "workingDir";
            if let Some(directory) = self.directories.get(place)
                && !names_it
                && !self.found.contains_key(directory)
            {
                hidden.push(*directory);
            }
        }
        if hidden.is_empty() || (field != "workingDir" && self.is_log_file(path.as_str())) {
            return;
        }
        let program = Program {
            container: container.name(),
            field,
        };
        for directory in hidden {
            self.found.insert(directory, program);
        }
    }

    fn is_log_file(&self, path: &str) -> bool {
        self.log_files.iter().any(|pattern| {
            let cost = pattern.len().saturating_mul(path.len()).max(1);
            let left = self.budget.get().saturating_sub(cost);
            self.budget.set(left);
            left > 0 && glob::fits(pattern, path)
        })
    }
}

fn mounts<'t>(container: AppContainer<'t>) -> BTreeSet<MountPath<'t>> {
    let paths = container
        .mounts()
        .filter_map(|mount| mount.get("mountPath"));
    let mut mounts = BTreeSet::new();
    for path in paths.filter_map(Value::as_str) {
        mounts.insert(MountPath::new(path));
    }
    mounts
}

/// Whether a program makes what its arguments name: before it runs, they are not there.
fn makes(word: &str) -> bool {
    matches!(words::program(word), "mkdir" | "touch")
}

/// Whether a word says what a program writes to, by the shell or by an option.
fn is_about_output(word: Word<'_>, before: Option<&str>) -> bool {
    let is_value = |option: &str| {
        let has_none = option.ends_with('=') || !option.contains(['=', ':']);
        has_none && words::is_log_option(option)
    };
    word.is_output || words::is_log_option(word.text) || before.is_some_and(is_value)
}

/// Whether a file is called as files are that a program writes.
fn is_output_by_name(path: &str) -> bool {
    const ENDS: [&str; 6] = [".log", ".out", ".err", ".txt", ".pid", ".hprof"];
    ENDS.iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Value;
    use crate::json::json;
    use crate::settings::Document;
    use crate::settings::Own;
    use crate::template::Template;
    use wasm_bindgen_test::wasm_bindgen_test;

    /// What is found of a container in the directory `/app`, with the log files of an entry.
    fn found(container: Value, log_files: &[&str]) -> Option<String> {
        let mut container = container;
        container["name"] = json!("web");
        let pod = json!({"spec": {"containers": [container]}});
        let template = Template::new(pod.clone()).unwrap();
        let log_files: Vec<String> = log_files.iter().map(|file| (*file).to_owned()).collect();
        let directories = BTreeSet::from(["/app", "/other"]);
        let document = Document::new(Value::Null);
        let own = Own::default();
        let scene = Scene::alone(&template, &document, &own);
        let mut found = in_directories(&scene, &directories, &log_files);
        assert!(!found.contains_key("/other"));
        let program = found.remove("/app")?;
        Some(format!("{} of {}", program.field, program.container))
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn finds_a_program_wherever_the_manifest_shows_it() {
        let probe = |command: Value| json!({"exec": {"command": command}});
        for (container, field) in [
            (json!({"workingDir": "/app"}), "workingDir"),
            (json!({"workingDir": "app/"}), "workingDir"),
            (json!({"workingDir": "/app/bin"}), "workingDir"),
            (json!({"command": ["/app/run"]}), "command"),
            (
                json!({"command": ["java", "-jar", "/app//x.jar"]}),
                "command",
            ),
            (
                json!({"command": ["sh", "-c", "cd /x && exec /app/run --port 80"]}),
                "command",
            ),
            (
                json!({"args": ["--spring.config.location=/app/config/"]}),
                "args",
            ),
            (json!({"args": ["-cp", "/x/*:/app/classes"]}), "args"),
            (json!({"args": ["-javaagent:/app/agent.jar"]}), "args"),
            (json!({"args": ["--config", "file:/app/x.yaml"]}), "args"),
            (json!({"args": ["--log-config=/app/log.yaml"]}), "args"),
            (json!({"args": ["cat < /app/in"]}), "args"),
            (json!({"args": ["mkdir -p /app/log1 && /app/run"]}), "args"),
            (json!({"args": ["run > /app/x.json; /app/run"]}), "args"),
            (json!({"workingDir": "/", "args": ["./app/run"]}), "args"),
            (
                json!({"workingDir": "/x", "command": ["../app/run"]}),
                "command",
            ),
            (
                json!({"startupProbe": probe(json!(["/app/ready"]))}),
                "startupProbe",
            ),
            (
                json!({"livenessProbe": probe(json!(["sh", "-c", "/app/live"]))}),
                "livenessProbe",
            ),
            (
                json!({"readinessProbe": probe(json!(["/app/ready"]))}),
                "readinessProbe",
            ),
            (
                json!({"lifecycle": {"postStart": probe(json!(["/app/start"]))}}),
                "postStart",
            ),
            (
                json!({"lifecycle": {"preStop": probe(json!(["/app/stop"]))}}),
                "preStop",
            ),
        ] {
            let expected = Some(format!("{field} of web"));
            assert_eq!(
                found(container.clone(), &["/app/*.json"]),
                expected,
                "{container}"
            );
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_for_no_program_what_is_written_or_is_elsewhere() {
        for container in [
            json!({}),
            json!({"workingDir": "/"}),
            json!({"workingDir": "/application"}),
            json!({"command": ["/bin/run", "/apps/x"]}),
            // A log file of the entry, and the directory itself.
            json!({"args": ["tail -f /app/web.json"]}),
            json!({"args": ["mkdir -p /app; chmod 777 /app/"]}),
            // What is made first.
            json!({"command": ["mkdir"], "args": ["/app/x"]}),
            json!({"args": ["mkdir -p /app/log1 /app/log2\nrun"]}),
            json!({"lifecycle": {"postStart": {"exec": {"command": ["touch", "/app/started"]}}}}),
            // What the shell writes to.
            json!({"args": ["run > /app/x 2>> /app/y"]}),
            json!({"args": ["run &>/app/x"]}),
            // Names of files that are written.
            json!({"args": ["/app/x.log", "/app/x.out", "/app/x.err", "/app/x.txt"]}),
            json!({"args": ["--pidfile=/app/x.pid", "-XX:HeapDumpPath=/app/x.hprof"]}),
            // Options that say where to log.
            json!({"args": ["--log-file=/app/x", "-Xlog:gc:/app/gc", "--log-dir", "/app/logs"]}),
            json!({"args": ["--log-file=\"/app/x\""]}),
            // URLs, also those of probes.
            json!({"args": ["curl http://host/app/x http://host:80/app/x"]}),
            json!({"livenessProbe": {"httpGet": {"path": "/app/live"}}}),
            json!({"env": [{"name": "HOME", "value": "/app/home"}]}),
            // Something of its own is mounted there.
            json!({"workingDir": "/app", "volumeMounts": [{"name": "v", "mountPath": "/app/"}]}),
            json!({"args": ["/app/bin/run"], "volumeMounts": [{"name": "v", "mountPath": "/app/bin"}]}),
        ] {
            assert_eq!(
                found(container.clone(), &["/app/*.json"]),
                None,
                "{container}"
            );
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_what_it_does_not_compare_for_a_program() {
        let word = format!("/app/{}.json", "x".repeat(1000));
        let patterns = vec!["/app/*.json"; 1];
        assert_eq!(found(json!({"args": [word]}), &patterns), None);
        let costly = format!("/app/{}", "x".repeat(1000));
        let mut patterns = vec![costly.as_str(); 2000];
        patterns.push("/app/*.json");
        assert_eq!(
            found(json!({"args": [word]}), &patterns),
            Some("args of web".to_owned())
        );
    }
}
