//! A map by name that costs little code: a journal has few entries of several kinds, and every kind
//! of a `BTreeMap` is some kilobytes of the module.

/// Values by their names, in the order of those.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named<T>(Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Named<T> {
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(other, _)| other.as_str().cmp(name))
    }

    /// Adds a value, or puts it in the place of the one with its name.
    pub fn insert(&mut self, name: &str, value: T) {
        match self.place(name) {
            Ok(place) => {
                if let Some((_, old)) = self.0.get_mut(place) {
                    *old = value;
                }
            }
            Err(place) => self.0.insert(place, (name.to_owned(), value)),
        }
    }

    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.get(self.place(name).ok()?).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let place = self.place(name).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// The name itself and its value, if there is one.
    pub fn entry(&self, name: &str) -> Option<(&str, &T)> {
        let (name, value) = self.0.get(self.place(name).ok()?)?;
        Some((name, value))
    }

    pub fn has(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn add(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        for (name, value) in other {
            self.insert(&name, value);
        }
    }
}

impl<T> IntoIterator for Named<T> {
    type Item = (String, T);
    type IntoIter = std::vec::IntoIter<(String, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
