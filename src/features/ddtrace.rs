//! DDTrace: Datadog's tracing agents.
//!
//! | annotation of the template | effect |
//! |---|---|
//! | `admission.datakit/{java,python,nodejs,js,php}-lib.version` | asks for the agent; the value, if not empty, is the version |
//! | `admission.datakit/ddtrace.enabled: "false"` | switches it off |
//! | `admission.datakit/ddtrace.resources` | the resources of the init container, as JSON |
//!
//! Added: init container `datakit-lib-init`, volume `datakit-auto-instrument`, on each app container
//! its mount at `/datadog-lib`, the agent's variable and the variables of the settings.

use super::agents::{Adds, Agent, Alone, Layout, Loader, Merged, ddtrace, otel};
use super::feature::{Added, Ask, Feature};
use super::scene::{Decision, Scene};
use super::select::{choose, warn_of_unused};
use crate::json::{Path, Value};
use crate::report::Report;
use crate::settings::{
    self, AGENT_LANGUAGES, Document, Language, PhpLoader, Place, Reader, RuleSet, Tracer, v1,
};
use crate::tags::Pairs;
use crate::template::{Container, Plan};

pub(super) static FEATURE: Feature = Feature {
    name: ddtrace::NAME,
    switch: Some("ddtrace.enabled"),
    asks: &[
        Ask::of("java-lib.version", Language::Java),
        Ask::of("python-lib.version", Language::Python),
        Ask::of("nodejs-lib.version", Language::NodeJs),
        Ask::of("js-lib.version", Language::NodeJs),
        Ask::of("php-lib.version", Language::Php),
    ],
    adds: Some(Added::InitContainer(ddtrace::CONTAINER)),
    resources: Some("ddtrace.resources"),
    place: Place {
        section: Some("admission_inject.ddtrace"),
        list: "admission_inject_v2.ddtraces",
    },
    sets: |language| agent(language).variables(),
    rules: |settings, reader| rules(settings, reader).outline(|tracer| Some(tracer.language)),
};

const VOLUME: &str = "datakit-auto-instrument";
const DIRECTORY: &str = ddtrace::DIRECTORY;

fn rules<'n>(settings: &'n Document<'_>, reader: &mut Reader) -> RuleSet<'n, Tracer> {
    settings.rules(reader, &FEATURE.place, v1::ddtrace, listed)
}

/// All rules that are for the pod are tried.
fn listed<'n>(
    reader: &mut Reader,
    list: Option<&'n Value<'_>>,
    path: Path<'_>,
) -> RuleSet<'n, Tracer> {
    let section = FEATURE.place.list;
    RuleSet::all_are_tried(settings::listed(
        reader,
        list,
        path,
        section,
        |reader, rule, path| {
            let language = settings::language(reader, rule, path, &AGENT_LANGUAGES)?;
            let php_loader = reader.one_of(
                rule.given("php_loader_flavor"),
                path.key("php_loader_flavor"),
                &PhpLoader::ALL.map(|loader| (loader.name(), loader)),
            );
            Some(Tracer {
                language,
                php_loader,
            })
        },
    ))
}

/// Plans the injection of an agent.
pub(super) fn plan(scene: &Scene<'_, '_>, report: &mut Report) -> Decision {
    let rules = rules(scene.settings, &mut scene.settings.reader());
    let language = |tracer: &Tracer| Some(tracer.language);
    let chosen = choose(&FEATURE, &rules, scene, language, report);
    warn_of_unused(&FEATURE, chosen.as_ref().ok(), scene, report);
    let chosen = chosen?;
    scene.is_free(ddtrace::CONTAINER)?;
    scene.is_free(otel::CONTAINER)?;
    let tracer = chosen.rule.what;
    let agent = agent(tracer.language);
    let image = chosen.image(
        &FEATURE,
        &format!(" for {}", tracer.language.name()),
        report,
    )?;
    let settings = chosen.rule.container.read();

    let mut plan = Plan::default();
    let delivered = agent.deliver(scene, VOLUME, &image, &settings, &mut plan, report);
    agent.load(scene, &delivered.mount, &settings.envs, &mut plan, report)?;
    plan.init_container = delivered.is_copied.then(|| Container {
        name: ddtrace::CONTAINER.to_owned(),
        image: image.clone(),
        image_pull_policy: settings.image_pull_policy.name(),
        command: copy_command(tracer),
        resources: scene.resources(&settings, &FEATURE, report),
        volume_mounts: vec![delivered.mount],
        ..Container::default()
    });
    plan.source = chosen.source(Some(&image));
    Ok(plan)
}

/// The images have a script that copies the agent; PHP's extension also needs its loader's ini file,
/// of which there is one for each C library.
fn copy_command(tracer: Tracer) -> Vec<String> {
    if tracer.language != Language::Php {
        return ["sh", "copy-lib.sh", DIRECTORY].map(str::to_owned).to_vec();
    }
    let flavor = match tracer.php_loader {
        PhpLoader::LinuxGnu => "linux-gnu",
        PhpLoader::LinuxMusl => "linux-musl",
    };
    let script = format!(
        "/datadog-init/copy-lib.sh {DIRECTORY} && \
         cp {DIRECTORY}/{flavor}/loader/dd_library_loader.ini {DIRECTORY}/dd_library_loader.ini"
    );
    vec!["sh".to_owned(), "-c".to_owned(), script]
}

/// What the agent of a language needs.
fn agent(language: Language) -> Agent {
    let is_php = language == Language::Php;
    Agent {
        feature: &FEATURE,
        language,
        directory: DIRECTORY,
        loader: loader(language),
        layout: layout(language),
        // Where the loader of PHP looks for the agent.
        constant: is_php.then_some(("DD_LOADER_PACKAGE_PATH", DIRECTORY)),
        merged: Merged {
            variable: "DD_TAGS",
            pairs: Pairs::DATADOG,
        },
    }
}

/// The images have what their script copies in one folder, since some version. That of PHP needs its loader's ini
/// file copied besides.
fn layout(language: Language) -> Option<Layout> {
    let since: &[(u64, u64)] = match language {
        Language::Java => &[(1, 38)],
        Language::NodeJs => &[(4, 45), (5, 21)],
        Language::Python => &[(2, 11)],
        Language::Php | Language::Golang => return None,
    };
    let folder = "datadog-init/package";
    Some(Layout { folder, since })
}

const JAVA: &str = "-javaagent:/datadog-lib/dd-java-agent.jar";
const NODE: &str = "--require=/datadog-lib/node_modules/dd-trace/init";

fn loader(language: Language) -> Option<Loader> {
    let option = |behind| Adds::Option {
        behind,
        alone: Alone::BehindBlank,
    };
    let is_path_in = |own: &str| {
        own.split(':')
            .any(|path| path.trim_end_matches('/') == DIRECTORY)
    };
    match language {
        Language::Java => Some(Loader {
            variable: "JAVA_TOOL_OPTIONS",
            adds: option(JAVA),
            is_in: |own| {
                own.split_ascii_whitespace()
                    .any(|option| option.split('=').next() == Some(JAVA))
            },
        }),
        Language::NodeJs => Some(Loader {
            variable: "NODE_OPTIONS",
            adds: option(NODE),
            is_in: |own| {
                own.split_ascii_whitespace()
                    .any(|option| option == NODE || NODE.strip_prefix("--require=") == Some(option))
            },
        }),
        Language::Python => Some(Loader {
            variable: "PYTHONPATH",
            adds: Adds::Paths {
                before: "/datadog-lib/",
                behind: "",
                keeps_default: false,
            },
            is_in: is_path_in,
        }),
        Language::Php => Some(Loader {
            variable: "PHP_INI_SCAN_DIR",
            // An empty value switches the directory off that PHP was compiled with.
            adds: Adds::Paths {
                before: "",
                behind: DIRECTORY,
                keeps_default: true,
            },
            is_in: is_path_in,
        }),
        Language::Golang => None,
    }
}
