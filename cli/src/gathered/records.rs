//! Objects that are kept until it is their turn.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Write as _};

use datakit_policy_host::manifest::{Document, Source};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde_json::Value;

use crate::Failure;
use crate::spool::{Reader, Spool};

/// So many objects are worked on in parallel before they go on their way.
pub const BATCH: usize = 256;

/// An object of a manifest, with the text of its document: none where that is JSON, or a list of which it is an item.
pub struct Read {
    pub document: Document,
    pub text: Option<String>,
}

/// A [`Read`] as it is kept: two lines of JSON. The object is one by itself, because JSON is read to a certain depth only.
pub struct Record {
    head: Vec<u8>,
    object: Vec<u8>,
}

/// The first line of a [`Record`]; none where an error stands in its place.
type Head = Option<(Source, Option<String>)>;

/// Objects, and errors among them.
#[derive(Default)]
pub struct Records {
    lines: Spool,
    errors: Vec<Failure>,
    len: usize,
}

/// How many records there were at a time.
pub struct Mark {
    lines: u64,
    errors: usize,
    len: usize,
}

impl Records {
    /// How many objects there are, and errors.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn errors(&self) -> &[Failure] {
        &self.errors
    }

    /// Keeps objects.
    ///
    /// # Errors
    /// Where they cannot be kept.
    pub fn extend(&mut self, all: Vec<Result<Read, Failure>>) -> Result<(), Failure> {
        self.len += all.len();
        let mut reads = Vec::with_capacity(all.len());
        for read in all {
            reads.push(read.map_err(|error| self.errors.push(error)).ok());
        }
        let lines: Vec<_> = reads.into_par_iter().map(lines).collect();
        for lines in lines {
            self.lines.write_all(&lines?)?;
        }
        Ok(())
    }

    pub fn mark(&mut self) -> Result<Mark, Failure> {
        Ok(Mark {
            lines: self.lines.position()?,
            errors: self.errors.len(),
            len: self.len,
        })
    }

    /// Forgets what was kept since.
    pub fn forget(&mut self, since: &Mark) -> Result<(), Failure> {
        self.len = since.len;
        self.errors.truncate(since.errors);
        Ok(self.lines.truncate(since.lines)?)
    }

    /// All in their order, so many at a time as are worked on in parallel.
    ///
    /// # Errors
    /// Where they cannot be read again.
    pub fn batches(self) -> Result<Batches, Failure> {
        Ok(Batches {
            lines: BufReader::new(self.lines.into_reader()?),
            errors: self.errors.into(),
        })
    }
}

fn lines(read: Option<Read>) -> Result<Vec<u8>, Failure> {
    let (head, object): (Head, Value) = match read {
        Some(Read { document, text }) => (Some((document.source, text)), document.object),
        None => (None, Value::Null),
    };
    let mut lines = serde_json::to_vec(&head)?;
    lines.push(b'\n');
    serde_json::to_writer(&mut lines, &object)?;
    lines.push(b'\n');
    Ok(lines)
}

/// See [`Records::batches`].
pub struct Batches {
    lines: BufReader<Reader>,
    errors: VecDeque<Failure>,
}

impl Batches {
    fn next_record(&mut self) -> io::Result<Option<Result<Record, Failure>>> {
        const ERROR: &[u8] = b"null\n";
        let (mut head, mut object) = (Vec::new(), Vec::new());
        self.lines.read_until(b'\n', &mut head)?;
        self.lines.read_until(b'\n', &mut object)?;
        if head == ERROR {
            return Ok(self.errors.pop_front().map(Err));
        }
        Ok((!head.is_empty()).then_some(Ok(Record { head, object })))
    }
}

impl Iterator for Batches {
    type Item = Result<Vec<Result<Record, Failure>>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let records = std::iter::from_fn(|| self.next_record().transpose());
        match records.take(BATCH).collect::<io::Result<Vec<_>>>() {
            Ok(batch) if batch.is_empty() => None,
            Ok(batch) => Some(Ok(batch)),
            Err(error) => Some(Err(error.into())),
        }
    }
}

impl Record {
    /// What was kept.
    pub fn open(self) -> Result<Read, Failure> {
        let head: Head = serde_json::from_slice(&self.head)?;
        let (source, text) = head.ok_or("an object is not where it was kept")?;
        let object = serde_json::from_slice(&self.object)?;
        let document = Document { source, object };
        Ok(Read { document, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(name: &str) -> Read {
        let source = Source {
            file: "file".to_owned(),
            document: 1,
            line: 2,
            column: None,
            items: vec![3],
        };
        let object = json!({"z": name, "a": [1.5, "\n"]});
        Read {
            document: Document { source, object },
            text: Some(format!("# {name}\n")),
        }
    }

    /// The texts of all objects, and the messages of errors.
    fn all(records: Records) -> Vec<Result<String, String>> {
        let batches = records.batches().unwrap();
        let records = batches.flat_map(Result::unwrap);
        let texts = records.map(|record| {
            let read = record
                .and_then(Record::open)
                .map_err(|error| error.to_string())?;
            Ok(format!("{}{}", read.text.unwrap(), read.document.object))
        });
        texts.collect()
    }

    #[test]
    fn objects_and_errors_come_back_in_their_order() {
        let mut records = Records::default();
        records
            .extend(vec![Ok(read("a")), Err("broken".into())])
            .unwrap();
        let mark = records.mark().unwrap();
        records
            .extend(vec![Err("forgotten".into()), Ok(read("forgotten"))])
            .unwrap();
        records.forget(&mark).unwrap();
        records.extend(vec![Ok(read("b"))]).unwrap();
        assert_eq!((records.len(), records.errors().len()), (3, 1));
        assert_eq!(
            all(records),
            [
                Ok("# a\n{\"z\":\"a\",\"a\":[1.5,\"\\n\"]}".to_owned()),
                Err("broken".to_owned()),
                Ok("# b\n{\"z\":\"b\",\"a\":[1.5,\"\\n\"]}".to_owned()),
            ]
        );
    }

    #[test]
    fn more_than_a_batch_come_in_several() {
        let mut records = Records::default();
        for _ in 0..3 {
            let all = (0..100).map(|number| Ok(read(&number.to_string())));
            records.extend(all.collect()).unwrap();
        }
        let batches = records.batches().unwrap();
        let sizes: Vec<usize> = batches.map(|batch| batch.unwrap().len()).collect();
        assert_eq!(sizes, [256, 44]);
    }
}
