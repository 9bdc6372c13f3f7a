//! Command lines as a shell reads them, as far as it takes to find paths and programs in them.

/// A word of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'t> {
    pub text: &'t str,
    /// Whether another command begins with it: `;`, `|`, `&`, a bracket or the end of a line is before it.
    pub is_first: bool,
    /// Whether it is what `>` or `>>` writes to.
    pub is_output: bool,
}

/// The words of `text`. Quotes end a word, so that a script in quotes is read like the one around it.
pub fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = text;
    let mut is_first = false;
    let mut is_output = false;
    std::iter::from_fn(move || {
        loop {
            let next = rest.chars().next()?;
            if !is_separator(next) {
                let end = rest.find(is_separator).unwrap_or(rest.len());
                let (text, after) = rest.split_at(end);
                let word = Word {
                    text,
                    is_first: is_first && !is_output,
                    is_output,
                };
                rest = after;
                is_first &= is_output;
                is_output = false;
                return Some(word);
            }
            match next {
                '>' => is_output = true,
                // `>&1` and `>|file`.
                '&' | '|' if is_output => {}
                ';' | '|' | '&' | '(' | ')' | '\n' => {
                    is_first = true;
                    is_output = false;
                }
                _ => {}
            }
            rest = rest.get(next.len_utf8()..)?;
        }
    })
}

fn is_separator(character: char) -> bool {
    character.is_whitespace() || "'\"`\\;|&()<>".contains(character)
}

/// The name of the program that a word is.
#[must_use]
pub fn program(word: &str) -> &str {
    word.rsplit_once('/').map_or(word, |(_, name)| name)
}

/// The absolute paths in a word: `/a`, `--b=/a`, `/a:/b`, `file:/a`; none in a URL of another scheme.
pub fn paths(word: &str) -> impl Iterator<Item = &str> {
    const ENDS: [char; 5] = ['=', ':', ',', ';', '@'];
    let mut is_of_a_url = false;
    let mut before = "";
    word.split(ENDS).filter(move |part| {
        // `http://host:80/path` falls apart at its colons.
        is_of_a_url |= part.starts_with("//") && !before.is_empty() && before != "file";
        before = *part;
        part.starts_with('/') && !is_of_a_url
    })
}

/// Whether a word is an option that says where a program logs to (`--log-file`, `-Xlog:gc:…`,
/// `-Dlogging.file.name=…`); with its value, or without.
#[must_use]
pub fn is_log_option(word: &str) -> bool {
    const ABOUT_LOGS: [&str; 24] = [
        "log",
        "logs",
        "logger",
        "logging",
        "logdir",
        "logfile",
        "logfiles",
        "logpath",
        "logname",
        "logto",
        "loggc",
        "xlog",
        "xloggc",
        "dlog",
        "dlogs",
        "dlogging",
        "dlogdir",
        "dlogfile",
        "dlogpath",
        "accesslog",
        "errorlog",
        "auditlog",
        "gclog",
        "slowlog",
    ];
    if !word.starts_with('-') {
        return false;
    }
    let option = word.split(['=', '/']).next().unwrap_or_default();
    let mut parts = option.split(|character: char| !character.is_ascii_alphanumeric());
    let is_about = |part: &str| {
        ABOUT_LOGS
            .iter()
            .any(|about| part.eq_ignore_ascii_case(about))
    };
    let mut is_configuration = false;
    let mut is_about_logs = false;
    for part in parts.by_ref() {
        is_about_logs |= is_about(part);
        is_configuration |= part.to_ascii_lowercase().starts_with("conf");
    }
    is_about_logs && !is_configuration
}

/// Finds process 1 in the words of a command line, one after another.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessOne {
    subject: Subject,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Subject {
    #[default]
    Others,
    /// What follows are arguments of a program that takes the numbers of processes.
    Processes,
    /// A signal follows.
    Signal,
}

impl ProcessOne {
    /// Whether `word`, behind the words before it, is process 1.
    pub fn is(&mut self, word: Word<'_>) -> bool {
        const PROGRAMS: [&str; 6] = ["kill", "jattach", "jcmd", "jinfo", "jmap", "jstack"];
        if word.text.contains("/proc/1/") || word.text.ends_with("/proc/1") {
            return true;
        }
        if word.is_output {
            return false;
        }
        if word.is_first {
            self.subject = Subject::Others;
        }
        let (found, next) = match self.subject {
            _ if PROGRAMS.contains(&program(word.text)) => (false, Subject::Processes),
            Subject::Others => (false, Subject::Others),
            Subject::Signal => (false, Subject::Processes),
            Subject::Processes if matches!(word.text, "-s" | "-n") => (false, Subject::Signal),
            Subject::Processes => (word.text == "1", Subject::Processes),
        };
        self.subject = next;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn reads_words_as_a_shell_does() {
        let found: Vec<(&str, bool, bool)> =
            words(r#"cd /a && exec "java" -jar 'x y.jar' >>/b 2>&1 | tee /c; > /d run"#)
                .map(|word| (word.text, word.is_first, word.is_output))
                .collect();
        assert_eq!(
            found,
            [
                ("cd", false, false),
                ("/a", false, false),
                ("exec", true, false),
                ("java", false, false),
                ("-jar", false, false),
                ("x", false, false),
                ("y.jar", false, false),
                ("/b", false, true),
                ("2", false, false),
                ("1", false, true),
                ("tee", true, false),
                ("/c", false, false),
                ("/d", false, true),
                ("run", true, false),
            ]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn finds_the_paths_of_a_word() {
        for (word, expected) in [
            ("/a/b", vec!["/a/b"]),
            ("--config=/a/b", vec!["/a/b"]),
            ("/a/*:/b/classes:c", vec!["/a/*", "/b/classes"]),
            ("-javaagent:/a/x.jar=k:v", vec!["/a/x.jar"]),
            ("file:/a/b", vec!["/a/b"]),
            ("file:///a/b", vec!["///a/b"]),
            ("@/a/b", vec!["/a/b"]),
            ("//a/b", vec!["//a/b"]),
            ("http://host/a/b", vec![]),
            ("http://host:80/a", vec![]),
            ("jdbc:x:file:/a", vec!["/a"]),
            ("a/b", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(paths(word).collect::<Vec<_>>(), expected, "{word}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_options_that_say_where_to_log() {
        for option in [
            "--log-file=/a",
            "--log-file",
            "--log_dir=/a",
            "--logdir",
            "-Xlog:gc:/a/gc",
            "-Xlog:gc*:file=/a/gc",
            "-Xloggc:/a/gc",
            "-Dlog.dir=/a",
            "-DLOG_PATH=/a",
            "-Dlogging.file.name=/a/x",
            "--access-logfile",
            "--error-log=/a",
        ] {
            assert!(is_log_option(option), "{option}");
        }
        for other in [
            "--config=/a/log/x",
            "--catalog=/a",
            "--login=/a",
            "-Dlogging.config=/a/logback.xml",
            "-Dlogback.configurationFile=/a/x.xml",
            "-Dlog4j.configuration=/a/x",
            "--log-config=/a/x",
            "-jar",
            "log",
            "",
        ] {
            assert!(!is_log_option(other), "{other}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn finds_process_1() {
        let finds = |texts: &[&str]| {
            let mut one = ProcessOne::default();
            texts
                .iter()
                .flat_map(|text| words(text))
                .any(|word| one.is(word))
        };
        for (text, expected) in [
            ("kill -s QUIT 1 && sleep 20", true),
            ("kill 1", true),
            ("/bin/kill -QUIT 1", true),
            ("test -d /x && kill -0 1", true),
            ("exec java > /proc/1/fd/1", true),
            ("ls /proc/1", true),
            ("if ! kill -0 1; then exit 1; fi", true),
            ("jcmd 1 GC.heap_dump /a", true),
            ("kill -1 20", false),
            ("kill -s 1 20", false),
            ("kill -n 1 20", false),
            ("kill 20 2>&1", false),
            ("kill $(cat /run/x.pid); exit 1", false),
            ("ls /proc/12/fd /proc/self", false),
            ("sleep 1", false),
            ("pkill java", false),
        ] {
            assert_eq!(finds(&[text]), expected, "{text}");
        }
        assert!(finds(&["kill", "-HUP", "1"]));
        assert!(!finds(&["sh", "-c", "sleep 1", "kill"]));
    }
}
