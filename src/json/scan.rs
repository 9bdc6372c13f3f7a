//! Looks for bytes, eight at a time.

/// The place of the first byte that `set` has.
pub(super) fn position(bytes: &[u8], set: Set) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut place: usize = 0;
    for word in words {
        let found = set.among(u64::from_le_bytes(*word));
        if found != 0 {
            // The lowest bit that is set is that of the first byte.
            let bytes = found.trailing_zeros() / 8;
            return Some(place.saturating_add(bytes as usize));
        }
        place = place.saturating_add(8);
    }
    let rest = rest.iter().position(|byte| set.has(*byte))?;
    Some(place.saturating_add(rest))
}

/// The bytes that are looked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Set {
    /// What a string cannot have as it is: a quote, a backslash, a control character.
    Special,
    /// A quote, or a backslash.
    Quote,
    /// A quote, or a bracket of objects or lists.
    Bracket,
}

impl Set {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Special => matches!(byte, b'"' | b'\\' | 0..b' '),
            Self::Quote => matches!(byte, b'"' | b'\\'),
            Self::Bracket => matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'),
        }
    }

    /// A word whose highest bits are set in the bytes that are looked for; what is above the first of them may be wrong.
    fn among(self, word: u64) -> u64 {
        let quotes = zeros(word ^ each(b'"'));
        let found = match self {
            Self::Special => quotes | zeros(word ^ each(b'\\')) | less(word, b' '),
            Self::Quote => quotes | zeros(word ^ each(b'\\')),
            // The brackets of lists differ from those of objects in one bit.
            Self::Bracket => {
                let brackets = word | each(0x20);
                quotes | zeros(brackets ^ each(b'{')) | zeros(brackets ^ each(b'}'))
            }
        };
        found & each(0x80)
    }
}

/// A word of this byte.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

fn zeros(word: u64) -> u64 {
    less(word, 1)
}

/// Which bytes are less than `bound`, which is at most 128.
fn less(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(each(bound)) & !word
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn finds_the_first_of_each_byte_at_each_place() {
        for set in [Set::Special, Set::Quote, Set::Bracket] {
            for byte in 0..=u8::MAX {
                for place in 0..20 {
                    let mut bytes = [b'a'; 20];
                    bytes[place] = byte;
                    let expected = set.has(byte).then_some(place);
                    assert_eq!(position(&bytes, set), expected, "{byte} {place}");
                    // What follows the first one says nothing.
                    bytes[place..].fill(b'"');
                    bytes[place] = byte;
                    let first = if set.has(byte) { place } else { place + 1 };
                    let expected = (first < 20).then_some(first);
                    assert_eq!(position(&bytes, set), expected, "{byte} {place}");
                }
            }
        }
    }
}
