//! Manifests of any size: all of them are read before anything is done with one, but they are not kept in memory.

mod records;

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};

use datakit_policy_host::manifest::pieces::{self, Found, Joiner, Piece, Uncut};
use datakit_policy_host::manifest::{self, Document};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::manifests::{Choice, MOST_NAMED};
use crate::spool::{self, Spool};
use crate::{Failure, input};
use records::{BATCH, Records};
pub use records::{Batches, Read, Record};

/// So many bytes are read at a time, if they are more than one piece.
const BATCH_BYTES: u64 = 1 << 20;

/// The objects of manifests that are to be looked at, and what is wrong with the others.
pub struct Gathered {
    /// Whether the texts of documents are kept, too.
    with_texts: bool,
    records: Records,
    /// How many objects there were, and errors.
    found: usize,
    /// How many of them were not named.
    others: usize,
    /// The first of their names.
    names_of_others: Vec<String>,
    /// The Namespaces among all objects.
    namespaces: Vec<Result<Document, Failure>>,
}

/// Whether an object is to be looked at.
pub type Choose<'c> = dyn Fn(&Document) -> Choice + 'c;

/// Why a file is not read, or not in pieces.
enum Stopped {
    Uncut,
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Gathered {
    /// Nothing as yet; whether the texts of documents are to be kept, too.
    pub fn new(with_texts: bool) -> Self {
        Self {
            with_texts,
            records: Records::default(),
            found: 0,
            others: 0,
            names_of_others: Vec::new(),
            namespaces: Vec::new(),
        }
    }

    /// Reads a file, if there is one. What is wrong with it is kept with the objects.
    ///
    /// # Errors
    /// Where the objects cannot be kept.
    pub fn file(&mut self, file: Result<String, Failure>, choose: &Choose) -> Result<(), Failure> {
        match file.and_then(|file| open(&file).map(|source| (file, source))) {
            Ok((file, source)) => self.read(input::name(&file), source, choose),
            Err(error) => self.keep(vec![Err(error)], choose),
        }
    }

    /// Reads a text that has a name.
    ///
    /// # Errors
    /// As those of [`Self::file`].
    pub fn text(
        &mut self,
        text: Result<(String, String), Failure>,
        choose: &Choose,
    ) -> Result<(), Failure> {
        match text {
            Ok((name, text)) => self.read(&name, text.into_bytes().into(), choose),
            Err(error) => self.keep(vec![Err(error)], choose),
        }
    }

    /// How many objects are to be looked at, and errors.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// How many objects there are, and errors.
    pub fn found(&self) -> usize {
        self.found
    }

    /// How many objects could have been named, but were not.
    pub fn others(&self) -> usize {
        self.others
    }

    /// The first of their names.
    pub fn names_of_others(&self) -> &[String] {
        &self.names_of_others
    }

    /// The Namespaces among the objects.
    pub fn namespaces(&self) -> &[Result<Document, Failure>] {
        &self.namespaces
    }

    /// What cannot be read.
    pub fn errors(&self) -> &[Failure] {
        self.records.errors()
    }

    /// The objects that are to be looked at, batch by batch.
    ///
    /// # Errors
    /// Where they cannot be read again.
    pub fn batches(self) -> Result<Batches, Failure> {
        self.records.batches()
    }

    fn read(
        &mut self,
        file: &str,
        mut source: spool::Reader,
        choose: &Choose,
    ) -> Result<(), Failure> {
        let (records, found, others) = (self.records.mark()?, self.found, self.others);
        let (names, namespaces) = (self.names_of_others.len(), self.namespaces.len());
        let Err(stopped) = self.read_in_pieces(file, &mut source, choose) else {
            return Ok(());
        };
        self.records.forget(&records)?;
        (self.found, self.others) = (found, others);
        self.names_of_others.truncate(names);
        self.namespaces.truncate(namespaces);
        match stopped {
            Stopped::Failed(error) => self.keep(vec![Err(error)], choose),
            Stopped::Uncut => self.read_as_a_whole(file, source, choose),
        }
    }

    fn read_as_a_whole(
        &mut self,
        file: &str,
        mut source: spool::Reader,
        choose: &Choose,
    ) -> Result<(), Failure> {
        let mut text = String::new();
        source.rewind()?;
        source.read_to_string(&mut text)?;
        let all = manifest::read(file, &text).into_iter().map(|document| {
            Ok(Read {
                document: document?,
                text: None,
            })
        });
        self.keep(all.collect(), choose)
    }

    fn read_in_pieces(
        &mut self,
        file: &str,
        source: &mut spool::Reader,
        choose: &Choose,
    ) -> Result<(), Stopped> {
        let unreadable = |error| input::unreadable(file, &error);
        let pieces = pieces::index(BufReader::new(&mut *source)).map_err(unreadable)?;
        let mut joiner = Joiner::new(file);
        for batch in batches(&pieces) {
            let text = Text::of(batch, source).map_err(unreadable)?;
            let read = |piece: &Piece| piece.read(file, text.of_piece(piece));
            let found: Vec<Found> = batch.par_iter().map(read).collect();
            let mut all = Vec::new();
            for (piece, found) in batch.iter().zip(found) {
                let documents = joiner.take(found).map_err(|Uncut| Stopped::Uncut)?;
                let has_text = self.with_texts && piece.is_document() && documents.len() == 1;
                all.extend(documents.into_iter().map(|document| {
                    let document = document?;
                    let has_text = has_text && document.source.items.is_empty();
                    let text = has_text.then(|| text.of_piece(piece).to_owned());
                    Ok(Read { document, text })
                }));
            }
            self.keep(all, choose)?;
        }
        Ok(())
    }

    fn keep(
        &mut self,
        mut all: Vec<Result<Read, Failure>>,
        choose: &Choose,
    ) -> Result<(), Failure> {
        self.found += all.len();
        all.retain(|read| match read {
            Ok(read) => self.is_kept(&read.document, choose),
            Err(_) => true,
        });
        self.records.extend(all)
    }

    /// Whether an object is to be looked at; where it is not, it can still be of use.
    fn is_kept(&mut self, document: &Document, choose: &Choose) -> bool {
        if document.object["kind"] == "Namespace" {
            self.namespaces.push(Ok(document.clone()));
        }
        match choose(document) {
            Choice::Chosen => true,
            Choice::Ignored => false,
            Choice::Other(name) => {
                self.others += 1;
                // One more tells that there are too many.
                if self.names_of_others.len() <= MOST_NAMED {
                    self.names_of_others.extend(name);
                }
                false
            }
        }
    }
}

/// A file that can be read twice: what cannot, such as standard input, is kept.
fn open(path: &str) -> Result<spool::Reader, Failure> {
    let name = input::name(path);
    let unreadable = |error| input::unreadable(name, &error);
    if path == input::STDIN {
        input::take_stdin()?;
        let source = kept(std::io::stdin().lock()).map_err(unreadable)?;
        source.keep_as(name).map_err(unreadable)?;
        return Ok(source);
    }
    input::refuse_address(path)?;
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_file() {
        return Ok(spool::Reader::File(BufReader::new(file)));
    }
    kept(file).map_err(unreadable)
}

fn kept(mut source: impl std::io::Read) -> std::io::Result<spool::Reader> {
    let mut spool = Spool::default();
    std::io::copy(&mut source, &mut spool)?;
    spool.into_reader()
}

/// Pieces in their order, so many at a time as are read in parallel.
fn batches(mut pieces: &[Piece]) -> impl Iterator<Item = &[Piece]> {
    std::iter::from_fn(move || {
        let begin = pieces.first()?.range.start;
        let is_near = |piece: &&Piece| piece.range.end < begin + BATCH_BYTES;
        let near = pieces.iter().take(BATCH).take_while(is_near).count();
        let (batch, rest) = pieces.split_at(near.max(1));
        pieces = rest;
        Some(batch)
    })
}

/// The text around some pieces of a file.
struct Text {
    begin: u64,
    text: String,
}

impl Text {
    fn of(pieces: &[Piece], source: &mut spool::Reader) -> std::io::Result<Self> {
        let begin = pieces.first().map_or(0, |piece| piece.range.start);
        let end = pieces.last().map_or(0, |piece| piece.range.end);
        let mut text = String::new();
        source.seek(SeekFrom::Start(begin))?;
        source.take(end - begin).read_to_string(&mut text)?;
        Ok(Self { begin, text })
    }

    /// The text of a piece; less, where the file has become shorter since its pieces were found.
    fn of_piece(&self, piece: &Piece) -> &str {
        let place = |offset: u64| usize::try_from(offset - self.begin).unwrap_or(usize::MAX);
        let range = place(piece.range.start)..place(piece.range.end);
        self.text.get(range).unwrap_or_default()
    }
}
