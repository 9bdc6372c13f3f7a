//! The commands that the documentation shows. Three tests share this file: tests/package (which programs there are),
//! tests/cluster (kubectl and helm take the arguments) and cli/tests/docs.rs (datakit-policy does).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A command as a shell would start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The page, from the root of the repository.
    pub page: String,
    pub program: String,
    pub arguments: Vec<String>,
}

/// The pages, with their texts.
pub fn pages(root: &Path) -> BTreeMap<String, String> {
    let mut files: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(|name| root.join(name))
        .to_vec();
    for folder in [
        "docs",
        "deploy",
        "charts/datakit-operator-policy",
        "policy-settings",
    ] {
        let entries = fs::read_dir(root.join(folder)).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files
        .into_iter()
        .map(|file| {
            let name = file.strip_prefix(root).unwrap().display().to_string();
            (name, fs::read_to_string(file).unwrap())
        })
        .collect()
}

/// All commands in blocks of code.
pub fn all(root: &Path) -> Vec<Command> {
    let pages = pages(root);
    let of = |(page, text): (&String, &String)| {
        let lines = commands(text);
        let parts = lines.iter().flat_map(|line| pipeline(line));
        let commands = parts.filter_map(|words| command(page, words));
        commands.collect::<Vec<_>>()
    };
    pages.iter().flat_map(of).collect()
}

fn command(page: &str, words: Vec<String>) -> Option<Command> {
    // `name=value program`: a variable may stand before it, or alone.
    let is_variable = |word: &&String| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    };
    let start = words.iter().take_while(is_variable).count();
    let (program, arguments) = words.get(start..)?.split_first()?;
    Some(Command {
        page: page.to_owned(),
        program: program.clone(),
        arguments: arguments.to_vec(),
    })
}

/// The lines that are typed, each whole.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let block: Vec<&str> = lines
            .by_ref()
            .take_while(|line| !line.trim_start().starts_with("```"))
            .map(str::trim_start)
            .collect();
        if !["console", "shell", "sh", "bash"].contains(&language) {
            continue;
        }
        // With prompts, everything else is output.
        let has_prompts = block.iter().any(|line| line.starts_with("$ "));
        let mut block = block.into_iter();
        while let Some(line) = block.next() {
            let typed = match line.strip_prefix("$ ") {
                Some(typed) => typed,
                None if has_prompts || line.is_empty() => continue,
                None => line,
            };
            let mut whole = typed.to_owned();
            while whole.ends_with('\\') || whole.ends_with('|') {
                if whole.ends_with('\\') {
                    whole.pop();
                }
                whole.push(' ');
                whole.push_str(block.next().expect("a line that goes on"));
            }
            found.push(whole);
        }
    }
    found
}

/// The words of each program of a pipeline, without redirections and comments.
fn pipeline(line: &str) -> Vec<Vec<String>> {
    let mut programs = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars().peekable();
    let end = |word: &mut Option<String>, programs: &mut Vec<Vec<String>>| {
        if let Some(word) = word.take() {
            programs.last_mut().unwrap().push(word);
        }
    };
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '\\') => {
                if let Some(next) = characters.next() {
                    word.get_or_insert_default().push(next);
                }
            }
            (None, '#') if word.is_none() => break,
            (None, '>') => {
                end(&mut word, &mut programs);
                while characters.next_if(|next| *next == ' ').is_some() {}
                while characters.next_if(|next| *next != ' ').is_some() {}
            }
            (None, '|') => {
                end(&mut word, &mut programs);
                programs.push(Vec::new());
            }
            (None, _) if character.is_whitespace() => end(&mut word, &mut programs),
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    end(&mut word, &mut programs);
    programs
}
