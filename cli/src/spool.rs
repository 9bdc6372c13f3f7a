//! What is kept for later: in memory as long as it is little, then in a temporary file that has no name, so that nobody else
//! reads it and nothing stays behind.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Cursor, Read, Seek, SeekFrom, Write};

use crate::input;

/// So much is kept in memory.
const IN_MEMORY: usize = 8 << 20;

/// Bytes that are written, then read once.
pub struct Spool {
    memory: Vec<u8>,
    file: Option<BufWriter<File>>,
    /// From so many bytes on there is a file.
    most: usize,
}

impl Default for Spool {
    fn default() -> Self {
        Self::with_memory(IN_MEMORY)
    }
}

impl Spool {
    fn with_memory(most: usize) -> Self {
        Self {
            memory: Vec::new(),
            file: None,
            most,
        }
    }

    /// How much has been written.
    pub fn position(&mut self) -> io::Result<u64> {
        match &mut self.file {
            Some(file) => file.stream_position(),
            None => Ok(self.memory.len() as u64),
        }
    }

    /// Forgets what was written behind a position.
    pub fn truncate(&mut self, position: u64) -> io::Result<()> {
        match &mut self.file {
            Some(file) => {
                file.flush()?;
                file.get_ref().set_len(position)?;
                file.seek(SeekFrom::Start(position)).map(drop)
            }
            None => {
                self.memory
                    .truncate(usize::try_from(position).unwrap_or(usize::MAX));
                Ok(())
            }
        }
    }

    /// All that was written, from the beginning.
    pub fn into_reader(self) -> io::Result<Reader> {
        match self.file {
            Some(file) => {
                let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.rewind()?;
                Ok(Reader::File(BufReader::new(file)))
            }
            None => Ok(Reader::Memory(Cursor::new(self.memory))),
        }
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() && self.memory.len() + bytes.len() > self.most {
            match tempfile::tempfile() {
                Ok(file) => {
                    let mut file = BufWriter::new(file);
                    file.write_all(&std::mem::take(&mut self.memory))?;
                    self.file = Some(file);
                }
                // Where no file can be made, as on a read-only system, there is the memory.
                Err(_) => self.most = usize::MAX,
            }
        }
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => self.memory.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// Reads a [`Spool`].
pub enum Reader {
    Memory(Cursor<Vec<u8>>),
    File(BufReader<File>),
}

impl Reader {
    /// Keeps what is in it for messages about its parts, under a name.
    pub fn keep_as(&self, name: &str) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => {
                if let Ok(text) = std::str::from_utf8(bytes.get_ref()) {
                    input::keep(name, text);
                }
            }
            Self::File(file) => input::keep_file(name, file.get_ref().try_clone()?),
        }
        Ok(())
    }
}

impl From<Vec<u8>> for Reader {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Memory(Cursor::new(bytes))
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => bytes.read(buffer),
            Self::File(file) => file.read(buffer),
        }
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Memory(bytes) => bytes.seek(to),
            Self::File(file) => file.seek(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_written_wherever_it_is() {
        for most in [0, 3, 4, 100] {
            let mut spool = Spool::with_memory(most);
            spool.write_all(b"abc").unwrap();
            let position = spool.position().unwrap();
            spool.write_all(b"forgotten").unwrap();
            spool.truncate(position).unwrap();
            spool.write_all(b"def").unwrap();
            assert_eq!(spool.position().unwrap(), 6);
            let mut reader = spool.into_reader().unwrap();
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "abcdef", "{most}");
            reader.seek(SeekFrom::Start(4)).unwrap();
            text.clear();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "ef", "{most}");
        }
    }
}
