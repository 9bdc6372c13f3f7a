//! What is known of a key. In the policy itself a key is its name: the texts would be a tenth of the module, and
//! nobody could read them there.

/// A section of the settings.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Where it stands, with `[]` for "each of the list".
    pub path: &'static str,
    pub keys: &'static [Key],
}

/// A key of a section.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    #[cfg(not(target_arch = "wasm32"))]
    pub about: About,
}

/// What the documentation says of a key.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy, Debug)]
pub struct About {
    pub kind: Kind,
    pub absent: Absent,
    /// A sentence without its capital letter and its full stop, in Markdown.
    pub meaning: &'static str,
    /// The operator's version that has it first, or `policy`.
    pub since: &'static str,
    /// What Rancher's form calls it; empty for what the form does not ask for.
    pub label: &'static str,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An object with keys of its own, which are a section.
    Object,
    /// A list of such objects.
    List,
    Text,
    Boolean,
    /// A whole number from 0 to 100.
    Percentage,
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of these words, or a list of objects with keys of their own, which are a section.
    WordsOrList(&'static [&'static str]),
    /// A text for which these are suggested.
    Suggested(&'static [&'static str]),
    /// A text that holds JSON.
    Json,
    Image,
    Quantity,
    /// The name of a variable.
    VariableName,
    /// Variables, as an object or a list.
    Envs,
    /// Requests and limits.
    Resources,
    /// Names of namespaces, or expressions.
    Names,
    /// Names of containers.
    ContainerNames,
    /// Expressions for namespaces.
    Expressions,
    LabelSelectors,
    /// Absolute paths.
    Paths,
    /// Whatever it is, nobody reads it.
    Any,
}

/// What holds where the key is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// What the meaning says.
    None,
    /// It has to be there.
    Required,
    True,
    False,
    /// A number.
    Number(u64),
    Text(&'static str),
    /// These.
    These(&'static [&'static str]),
    /// The resources that are given to every container.
    Resources,
}

impl Key {
    /// The same key, in a section that has it since another version.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) const fn since(mut self, version: &'static str) -> Self {
        self.about.since = version;
        self
    }

    #[cfg(target_arch = "wasm32")]
    pub(super) const fn since(self, _: &'static str) -> Self {
        self
    }

    /// The same key, which the form asks for under this label.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) const fn asked(mut self, label: &'static str) -> Self {
        self.about.label = label;
        self
    }

    #[cfg(target_arch = "wasm32")]
    pub(super) const fn asked(self, _: &'static str) -> Self {
        self
    }
}

/// A row.
#[cfg(not(target_arch = "wasm32"))]
pub(super) const fn key(
    name: &'static str,
    kind: Kind,
    absent: Absent,
    meaning: &'static str,
    since: &'static str,
) -> Key {
    Key {
        name,
        about: About {
            kind,
            absent,
            meaning,
            since,
            label: "",
        },
    }
}

/// A row, of which the policy needs the name.
#[cfg(target_arch = "wasm32")]
pub(super) const fn key(
    name: &'static str,
    _: Kind,
    _: Absent,
    _: &'static str,
    _: &'static str,
) -> Key {
    Key { name }
}
