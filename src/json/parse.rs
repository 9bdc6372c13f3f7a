//! Reads JSON text. The values borrow from the text, which is why this is not a library's: a host asks about an object
//! of which the policy looks at a few places, and nothing is copied that is not changed.

use std::borrow::Cow;

use super::scan::{Set, position};
use super::{Object, SyntaxError, Value};

/// How deep values may be nested: as `serde_json` takes them, so that no text overflows the stack.
const DEEPEST: u8 = 127;

impl<'a> Value<'a> {
    /// Reads `text`.
    ///
    /// # Errors
    /// What is wrong and where (line and column), without a word of the text.
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        Self::parse_below(text, 0)
    }

    /// Reads a text that stands so many levels deep in another.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_below(text: &'a str, levels: u8) -> Result<Self, SyntaxError> {
        let mut reader = Reader::new(text);
        reader.depth = levels;
        let value = reader.value().filter(|_| reader.is_at_end());
        value.ok_or_else(|| SyntaxError::of(text.as_bytes()))
    }

    /// Reads text in UTF-8.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, SyntaxError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(_) => Err(SyntaxError::of(bytes)),
        }
    }
}

/// Reads a text from its start. Where something is wrong, an answer is `None`: what and where is found out by who reads
/// the text again, for a host sends no such thing.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: u8,
}

impl<'a> Reader<'a> {
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
        }
    }

    /// Whether nothing follows.
    pub fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// The next byte that is no white space, which stays the next.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.step(1);
        }
    }

    fn step(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    /// Goes on behind `byte`, which has to be the next.
    fn pass(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.step(1))
    }

    /// Passes a null, if that is next; says whether it was.
    pub fn is_null(&mut self) -> bool {
        self.peek() == Some(b'n') && self.word("null", Value::Null).is_some()
    }

    /// Reads the next value.
    pub fn value(&mut self) -> Option<Value<'a>> {
        match self.peek()? {
            b'"' => self.string().map(Value::String),
            b'{' => self.nested(Self::object).map(Value::Object),
            b'[' => self.nested(Self::array).map(Value::Array),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Option<Value<'a>> {
        let rest = self.bytes.get(self.at..)?;
        rest.starts_with(word.as_bytes()).then(|| {
            self.step(word.len());
            value
        })
    }

    /// Reads what has brackets, of which the first is next.
    fn nested<T>(&mut self, read: fn(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= DEEPEST {
            return None;
        }
        self.step(1);
        self.depth = self.depth.saturating_add(1);
        let value = read(self);
        self.depth = self.depth.saturating_sub(1);
        value
    }

    fn array(&mut self) -> Option<Vec<Value<'a>>> {
        let mut items = Vec::new();
        if self.pass(b']').is_some() {
            return Some(items);
        }
        loop {
            items.push(self.value()?);
            if self.pass(b',').is_none() {
                self.pass(b']')?;
                return Some(items);
            }
        }
    }

    fn object(&mut self) -> Option<Object<'a>> {
        let mut object = Object::new();
        self.entries(|reader, key| {
            object.push(key, reader.value()?);
            Some(())
        })?;
        Some(object)
    }

    /// Reads the next value, which has to be an object: `read` is called with each key, and has to read the value.
    pub fn fields(
        &mut self,
        read: impl FnMut(&mut Self, Cow<'a, str>) -> Option<()>,
    ) -> Option<()> {
        self.open()?;
        self.entries(read)
    }

    /// Begins with the next value, which has to be an object.
    pub fn open(&mut self) -> Option<()> {
        self.pass(b'{')
    }

    /// The next key of an object, whose value has to be read then; no key at its end.
    pub fn key(&mut self, is_first: bool) -> Option<Option<Cow<'a, str>>> {
        if self.pass(b'}').is_some() {
            return Some(None);
        }
        if !is_first {
            self.pass(b',')?;
        }
        let key = self.string()?;
        self.pass(b':')?;
        Some(Some(key))
    }

    /// The entries of an object, behind its bracket.
    fn entries(
        &mut self,
        mut read: impl FnMut(&mut Self, Cow<'a, str>) -> Option<()>,
    ) -> Option<()> {
        let mut is_first = true;
        while let Some(key) = self.key(is_first)? {
            read(self, key)?;
            is_first = false;
        }
        Some(())
    }

    /// Passes the next value, and gives its text. It is not checked but for its brackets: a text that is used is read
    /// then.
    pub fn text(&mut self) -> Option<&'a str> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => self.pass_string()?,
            b'{' | b'[' => self.pass_brackets()?,
            _ => {
                let rest = self.bytes.get(start..)?;
                let ends =
                    |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
                self.step(rest.iter().position(ends).unwrap_or(rest.len()));
            }
        }
        self.text.get(start..self.at)
    }

    fn pass_brackets(&mut self) -> Option<()> {
        let mut open: usize = 0;
        loop {
            let rest = self.bytes.get(self.at..)?;
            self.step(position(rest, Set::Bracket)?);
            match self.bytes.get(self.at)? {
                b'"' => self.pass_string()?,
                b'{' | b'[' => {
                    self.step(1);
                    open = open.saturating_add(1);
                }
                _ => {
                    self.step(1);
                    open = open.checked_sub(1)?;
                    if open == 0 {
                        return Some(());
                    }
                }
            }
        }
    }

    /// Passes a string, of which the first quote is next.
    fn pass_string(&mut self) -> Option<()> {
        self.step(1);
        loop {
            let rest = self.bytes.get(self.at..)?;
            self.step(position(rest, Set::Quote)?);
            if self.bytes.get(self.at) == Some(&b'"') {
                self.step(1);
                return Some(());
            }
            self.step(2);
        }
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.pass(b'"')?;
        let start = self.at;
        let plain = self.plain()?;
        match self.bytes.get(self.at)? {
            b'"' => {
                self.step(1);
                Some(Cow::Borrowed(plain))
            }
            b'\\' => self.escaped(start).map(Cow::Owned),
            _ => None,
        }
    }

    /// What stands before the next quote, backslash or control character.
    fn plain(&mut self) -> Option<&'a str> {
        let start = self.at;
        let rest = self.bytes.get(start..)?;
        self.step(position(rest, Set::Special)?);
        self.text.get(start..self.at)
    }

    /// The string that begins at `start`, in which a backslash is next.
    fn escaped(&mut self, start: usize) -> Option<String> {
        let mut text = self.text.get(start..self.at)?.to_owned();
        loop {
            match self.bytes.get(self.at)? {
                b'"' => {
                    self.step(1);
                    return Some(text);
                }
                b'\\' => {
                    self.step(1);
                    text.push(self.escape()?);
                }
                _ => return None,
            }
            text.push_str(self.plain()?);
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Option<char> {
        let byte = *self.bytes.get(self.at)?;
        self.step(1);
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return None,
        })
    }

    /// A character in UTF-16: a unit, or a pair of surrogates.
    fn code_point(&mut self) -> Option<char> {
        let first = self.unit()?;
        let mut units = [first, 0];
        let is_pair = (0xd800..0xdc00).contains(&first);
        if is_pair {
            if self.bytes.get(self.at..)?.starts_with(b"\\u") {
                self.step(2);
            } else {
                return None;
            }
            units = [first, self.unit()?];
        }
        let units = units.into_iter().take(if is_pair { 2 } else { 1 });
        char::decode_utf16(units).next()?.ok()
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at.saturating_add(4))?;
        self.step(4);
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        are_digits.then(|| u16::from_str_radix(digits, 16).ok())?
    }

    fn number(&mut self) -> Option<Value<'a>> {
        let start = self.at;
        self.skip(b"-");
        let leading_zero = self.bytes.get(self.at) == Some(&b'0');
        let digits = self.digits()?;
        if leading_zero && digits > 1 {
            return None;
        }
        if self.skip(b".") {
            self.digits()?;
        }
        if self.skip(b"eE") {
            self.skip(b"+-");
            self.digits()?;
        }
        let text = self.text.get(start..self.at)?;
        is_in_range(text).then_some(Value::Number(Cow::Borrowed(text)))
    }

    /// Passes the next byte if it is one of these; says whether it was.
    fn skip(&mut self, bytes: &[u8]) -> bool {
        let is_one = self
            .bytes
            .get(self.at)
            .is_some_and(|byte| bytes.contains(byte));
        if is_one {
            self.step(1);
        }
        is_one
    }

    /// Passes digits, of which there has to be one; says how many.
    fn digits(&mut self) -> Option<usize> {
        let rest = self.bytes.get(self.at..)?;
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.step(count);
        (count > 0).then_some(count)
    }
}

/// Whether a number is not larger than any that hosts read.
fn is_in_range(number: &str) -> bool {
    const SHORT: usize = 300;
    let is_small = number.len() < SHORT && !number.contains(['e', 'E']);
    is_small || number.parse().is_ok_and(f64::is_finite)
}
