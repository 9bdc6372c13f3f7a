//! How a runtime is told, by a variable, to load an agent.

use crate::json::Value;

use crate::env;
use crate::template::{AppContainer, EnvEdit, original_of};

/// A variable of a runtime, and what loads the agent in it.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Loader {
    pub variable: &'static str,
    pub adds: Adds,
    /// Whether a value loads the agent already.
    pub is_in: fn(&str) -> bool,
}

/// What is put around the own value of the variable.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Adds {
    /// An option behind the others, with a blank before it; `alone` is how it stands without others.
    Option { behind: &'static str, alone: Alone },
    /// Elements of a list of paths, with colons between them; either may be empty.
    Paths {
        before: &'static str,
        behind: &'static str,
        /// Whether a variable that is not there has a meaning of its own, which an empty element keeps.
        keeps_default: bool,
    },
}

/// An option where there are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Alone {
    Bare,
    /// As the original writes it.
    BehindBlank,
}

/// Text before and behind a value.
type Around = (String, String);

impl Adds {
    /// What stands around `own`; `None` is a container without the variable.
    fn around(self, own: Option<&str>) -> Around {
        let is_alone = own.unwrap_or_default().is_empty();
        match self {
            Self::Option { behind, alone } => {
                let is_bare = is_alone && alone == Alone::Bare;
                let blank = if is_bare { "" } else { " " };
                (String::new(), format!("{blank}{behind}"))
            }
            Self::Paths {
                before,
                behind,
                keeps_default,
            } => {
                let colon = |path: &str| if path.is_empty() { "" } else { ":" };
                if !is_alone {
                    let before = format!("{before}{}", colon(before));
                    return (before, format!("{}{behind}", colon(behind)));
                }
                let kept = if own.is_none() && keeps_default {
                    ":"
                } else {
                    ""
                };
                if before.is_empty() {
                    return (String::new(), format!("{kept}{behind}"));
                }
                // An empty element would be the working directory.
                let all = format!("{kept}{before}{}{behind}", colon(behind));
                (all, String::new())
            }
        }
    }
}

impl Loader {
    /// The edit by which the agent is loaded in a container; none where it is loaded already.
    ///
    /// # Errors
    /// Why the variable cannot be added to, as the rest of a sentence about the container.
    pub fn edit(&self, container: AppContainer<'_>) -> Result<Option<EnvEdit>, String> {
        let name = self.variable;
        let with = |own: &str, (before, behind): Around| {
            env::plain(name, format!("{before}{own}{behind}"))
        };
        let Some((place, own)) = container.variable(name) else {
            let entry = with("", self.adds.around(None));
            return Ok(Some(EnvEdit::Append(entry)));
        };
        let source = own.get("valueFrom").filter(|source| !source.is_null());
        let Some(source) = source else {
            let value = own.get("value").and_then(Value::as_str).unwrap_or_default();
            let (before, behind) = self.adds.around(Some(value));
            return Ok((!(self.is_in)(value)).then_some(EnvEdit::Extend {
                place,
                before,
                behind,
            }));
        };
        if is_optional(source) {
            // Where it does not exist, the reference to it would stay as text and stop the runtime.
            return Err(format!("its {name} is an optional reference"));
        }
        let original = original_of(name);
        if container.variable(&original).is_some() {
            return Err(format!("its {name} is a reference and {original} is taken"));
        }
        let reference = format!("$({original})");
        let around = self.adds.around(Some(&reference));
        Ok(Some(EnvEdit::Rename {
            place,
            then: with(&reference, around),
        }))
    }
}

fn is_optional(source: &Value) -> bool {
    source.as_object().is_some_and(|source| {
        source
            .values()
            .any(|reference| reference.get("optional") == Some(&Value::Bool(true)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn value(adds: Adds, own: Option<&str>) -> String {
        let (before, behind) = adds.around(own);
        format!("{before}{}{behind}", own.unwrap_or_default())
    }

    fn values(adds: Adds) -> [String; 3] {
        [None, Some(""), Some("own")].map(|own| value(adds, own))
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn puts_an_option_behind_the_others() {
        let option = |alone| Adds::Option {
            behind: "-x",
            alone,
        };
        assert_eq!(values(option(Alone::BehindBlank)), [" -x", " -x", "own -x"]);
        assert_eq!(values(option(Alone::Bare)), ["-x", "-x", "own -x"]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn puts_paths_around_the_own_ones() {
        let paths = |before, behind, keeps_default| Adds::Paths {
            before,
            behind,
            keeps_default,
        };
        assert_eq!(values(paths("/p", "", false)), ["/p", "/p", "/p:own"]);
        assert_eq!(values(paths("", "/p", true)), [":/p", "/p", "own:/p"]);
        assert_eq!(
            values(paths("/a", "/b", false)),
            ["/a:/b", "/a:/b", "/a:own:/b"]
        );
    }
}
