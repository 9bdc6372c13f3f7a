//! The settings of the policy itself, under the key `policy`: what the operator has nothing of.

use super::reader::Reader;
use crate::json::{Path, Value};
use crate::namespace::NamespacePattern;
use crate::standards::Level;

/// The key `policy`, but for what only one feature reads.
#[derive(Debug)]
pub struct Own<'n> {
    /// What injected containers are held to: the first rule for the namespace counts.
    pub pod_security: Vec<HeldRule<'n>>,
    pub native_sidecars: NativeSidecars,
    /// The names of app containers that get nothing.
    pub exclude_containers: Vec<&'n str>,
    pub delivery: Delivery,
    /// Whether a variable is left out, instead of being empty, where what its placeholder stands for is not there.
    pub drop_unresolved_labels: bool,
    /// The `sizeLimit` of every `emptyDir` that is added.
    pub empty_dir_size_limit: Option<&'n str>,
    /// Whether the cluster autoscaler is told that the volumes that are added do not keep a pod on its node.
    pub safe_to_evict_local_volumes: bool,
    pub init_resources: InitResources,
    pub logfwd_volumes: LogVolumes,
    /// Whether a log configuration of files alone gets the standard output, too.
    pub keep_stdout: bool,
}

/// Containers of service meshes and of other injectors, which no agent is for.
pub(super) const EXCLUDED: [&str; 8] = [
    "istio-proxy",
    "istio-validation",
    "linkerd-proxy",
    "envoy-sidecar",
    "vault-agent",
    "daprd",
    "consul-dataplane",
    "kuma-sidecar",
];

/// A rule of `pod_security`.
#[derive(Debug)]
pub struct HeldRule<'n> {
    pub namespaces: Vec<NamespacePattern<'n>>,
    pub held: Held,
}

/// What injected containers are held to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Held {
    /// To "restricted" where the pod as it came meets that in full, else to nothing.
    #[default]
    Auto,
    At(Level),
    /// To what the namespace enforces, which the host is asked for.
    Namespace,
}

impl Held {
    /// As `policy.pod_security` names it.
    const WORDS: [(&'static str, Self); 5] = [
        ("auto", Self::Auto),
        ("none", Self::At(Level::None)),
        ("baseline", Self::At(Level::Baseline)),
        ("restricted", Self::At(Level::Restricted)),
        ("namespace", Self::Namespace),
    ];

    /// What a template says of itself: any of the words but `namespace`.
    #[must_use]
    pub fn of_a_template(word: &str) -> Option<Self> {
        let mut words = Self::for_templates();
        words.find(|(own, _)| *own == word).map(|(_, held)| held)
    }

    /// The words that a template can say.
    #[must_use]
    pub fn words_of_templates() -> Vec<&'static str> {
        Self::for_templates().map(|(word, _)| word).collect()
    }

    fn for_templates() -> impl Iterator<Item = (&'static str, Self)> {
        let words = Self::WORDS.into_iter();
        words.filter(|(_, held)| *held != Self::Namespace)
    }
}

/// How an agent comes to the app containers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// An init container copies it into a volume.
    #[default]
    Init,
    /// Its image is the volume. Kubernetes before 1.36 may know no such volumes.
    Image,
}

impl Delivery {
    /// As `policy.delivery` names it.
    const WORDS: [(&'static str, Self); 2] = [("init", Self::Init), ("image", Self::Image)];
}

/// Which sidecars are init containers that go on, so that a pod with them can end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NativeSidecars {
    /// Those of pods that run to completion.
    #[default]
    Jobs,
    Always,
    /// Kubernetes before 1.29 knows no such containers.
    Never,
}

impl NativeSidecars {
    /// As `policy.native_sidecars` names them.
    const WORDS: [(&'static str, Self); 3] = [
        ("jobs", Self::Jobs),
        ("always", Self::Always),
        ("never", Self::Never),
    ];
}

/// What the init container of an agent asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitResources {
    /// What the settings say.
    #[default]
    Fixed,
    /// No more than the app containers together do.
    Fit,
}

impl InitResources {
    /// As `policy.init_resources` names them.
    const WORDS: [(&'static str, Self); 2] = [("fixed", Self::Fixed), ("fit", Self::Fit)];
}

/// The volumes of a pod on which the log forwarder reads log files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogVolumes {
    #[default]
    EmptyDir,
    /// Also those with data of their own, and those of the node.
    Any,
}

impl LogVolumes {
    /// As `policy.logfwd_volumes` names them.
    const WORDS: [(&'static str, Self); 2] = [("emptydir", Self::EmptyDir), ("any", Self::Any)];
}

impl Default for Own<'_> {
    fn default() -> Self {
        Self {
            pod_security: Vec::new(),
            native_sidecars: NativeSidecars::default(),
            exclude_containers: EXCLUDED.to_vec(),
            delivery: Delivery::default(),
            drop_unresolved_labels: false,
            empty_dir_size_limit: None,
            safe_to_evict_local_volumes: false,
            init_resources: InitResources::default(),
            logfwd_volumes: LogVolumes::default(),
            keep_stdout: false,
        }
    }
}

impl<'n> Own<'n> {
    /// Reads the key `policy`, which stands at `path`.
    pub(super) fn read(reader: &mut Reader, node: Option<&'n Value<'_>>, path: Path<'_>) -> Self {
        reader.keys(node, path);
        let at = |key: &'static str| node.and_then(|node| node.given(key));
        Self {
            pod_security: pod_security(reader, at("pod_security"), path.key("pod_security")),
            native_sidecars: reader.one_of(
                at("native_sidecars"),
                path.key("native_sidecars"),
                &NativeSidecars::WORDS,
            ),
            exclude_containers: match at("exclude_containers") {
                None | Some(Value::Null) => EXCLUDED.to_vec(),
                names => reader.strings(names, path.key("exclude_containers")),
            },
            delivery: reader.one_of(at("delivery"), path.key("delivery"), &Delivery::WORDS),
            drop_unresolved_labels: reader
                .boolean(
                    at("drop_unresolved_labels"),
                    path.key("drop_unresolved_labels"),
                )
                .unwrap_or_default(),
            empty_dir_size_limit: reader
                .quantity(at("empty_dir_size_limit"), path.key("empty_dir_size_limit")),
            safe_to_evict_local_volumes: reader
                .boolean(
                    at("safe_to_evict_local_volumes"),
                    path.key("safe_to_evict_local_volumes"),
                )
                .unwrap_or_default(),
            init_resources: reader.one_of(
                at("init_resources"),
                path.key("init_resources"),
                &InitResources::WORDS,
            ),
            logfwd_volumes: reader.one_of(
                at("logfwd_volumes"),
                path.key("logfwd_volumes"),
                &LogVolumes::WORDS,
            ),
            keep_stdout: reader
                .boolean(at("keep_stdout"), path.key("keep_stdout"))
                .unwrap_or_default(),
        }
    }

    /// What injected containers in a namespace are held to.
    #[must_use]
    pub fn held(&self, namespace: &str) -> Held {
        let is_for = |rule: &&HeldRule<'_>| {
            let mut patterns = rule.namespaces.iter();
            patterns.any(|pattern| pattern.matches(namespace))
        };
        let rule = self.pod_security.iter().find(is_for);
        rule.map_or_else(Held::default, |rule| rule.held)
    }
}

/// A word for all namespaces, or a list of rules.
fn pod_security<'n>(
    reader: &mut Reader,
    node: Option<&'n Value<'_>>,
    path: Path<'_>,
) -> Vec<HeldRule<'n>> {
    let Some(Value::Array(rules)) = node else {
        return vec![HeldRule {
            namespaces: vec![NamespacePattern::All],
            held: reader.one_of(node, path, &Held::WORDS),
        }];
    };
    let mut read = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let path = path.index(index);
        reader.keys(Some(rule), path);
        let selectors = path.key("namespace_selectors");
        let texts = reader.strings(rule.given("namespace_selectors"), selectors);
        let mut namespaces = Vec::new();
        for (index, text) in texts.into_iter().enumerate() {
            let path = selectors.index(index);
            namespaces.extend(reader.namespace(text, path, NamespacePattern::expression));
        }
        read.push(HeldRule {
            namespaces,
            held: reader.one_of(rule.given("level"), path.key("level"), &Held::WORDS),
        });
    }
    read
}
