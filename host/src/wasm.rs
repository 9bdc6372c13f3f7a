//! Custom sections of a WebAssembly module.

/// Why bytes cannot be taken apart into sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WasmError {
    /// The eight bytes of magic number and version are not there.
    #[error("it does not start like a WebAssembly module")]
    NoModule,
    /// A section is longer than the file, or has no readable length or name.
    #[error("its sections are cut off or damaged, from byte {0} on")]
    Damaged(usize),
}

const HEADER: &[u8] = b"\0asm\x01\0\0\0";
const CUSTOM: u8 = 0;

/// The contents of the first custom section of that name: the one that hosts read.
///
/// # Errors
/// Where the bytes are no module, or a section up to the one looked for is damaged.
pub fn custom_section<'a>(module: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, WasmError> {
    let mut rest = module.strip_prefix(HEADER).ok_or(WasmError::NoModule)?;
    while !rest.is_empty() {
        let damaged = WasmError::Damaged(module.len() - rest.len());
        let (id, after_id) = rest.split_first().ok_or(damaged)?;
        let (contents, after) = counted(after_id).ok_or(damaged)?;
        if *id == CUSTOM {
            let (found, data) = counted(contents).ok_or(damaged)?;
            if found == name.as_bytes() {
                return Ok(Some(data));
            }
        }
        rest = after;
    }
    Ok(None)
}

/// The module with a custom section more, at its end.
#[must_use]
pub fn with_custom_section(module: &[u8], name: &str, data: &[u8]) -> Vec<u8> {
    let name_length = leb128(name.len());
    let size = leb128(name_length.len() + name.len() + data.len());
    [
        module,
        &[CUSTOM],
        &size,
        &name_length,
        name.as_bytes(),
        data,
    ]
    .concat()
}

/// Splits bytes that a LEB128 length stands before from what follows them.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_u64;
    // WebAssembly's lengths are 32 bits: five groups of seven at most.
    for (position, byte) in bytes.iter().take(5).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            let length = usize::try_from(length).ok()?;
            return bytes.get(position + 1..)?.split_at_checked(length);
        }
    }
    None
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let group = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(group);
            return bytes;
        }
        bytes.push(group | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_added_and_only_the_first() {
        for length in [0, 1, 127, 128, 300, 70_000] {
            let data = vec![7; length];
            let module = with_custom_section(HEADER, "other", b"nothing");
            assert_eq!(custom_section(&module, "meta"), Ok(None));
            let module = with_custom_section(&module, "meta", &data);
            let module = with_custom_section(&module, "meta", b"second");
            assert_eq!(custom_section(&module, "meta"), Ok(Some(&data[..])));
            assert_eq!(custom_section(&module, "other"), Ok(Some(&b"nothing"[..])));
        }
    }

    #[test]
    fn writes_what_other_tools_read() {
        let module = wat::parse_str(r#"(module (func) (@custom "first" "x"))"#).unwrap();
        assert_eq!(custom_section(&module, "first"), Ok(Some(&b"x"[..])));
        let by_hand = with_custom_section(HEADER, "meta", b"x");
        let by_wat = wat::parse_str(r#"(module (@custom "meta" "x"))"#).unwrap();
        assert_eq!(by_hand, by_wat);
    }

    #[test]
    fn says_where_a_module_is_damaged() {
        assert_eq!(custom_section(b"text", "meta"), Err(WasmError::NoModule));
        for tail in [
            &[0][..],
            &[0, 9, 1],
            &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
            &[0, 1, 5],
        ] {
            let module = [HEADER, tail].concat();
            assert_eq!(custom_section(&module, "meta"), Err(WasmError::Damaged(8)));
        }
    }
}
