//! Records that wait for their delivery, in order: the first and the last of them in memory, the others in files where
//! there is a folder for them.

mod chunk;

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use self::chunk::Chunk;
use crate::record::Record;

const LOCK: &str = "lock";
/// Leaves room before each file for what comes to stand before it: what is in memory at the end of a run.
const NUMBER_STEP: u64 = 1000;

/// Bounded in bytes. Reads and writes no file by itself: what is to be read or written is handed out, so that nobody has to
/// wait for it who has the spool, and handed back.
///
/// The order is that of `first`, `chunks`, `saving`, `last`.
#[derive(Debug)]
pub(crate) struct Spool {
    first: Part,
    /// The file that `first` begins with, which stays until those of its records are gone.
    loaded: Option<(Chunk, usize)>,
    /// Whether the first of `chunks` is being read.
    is_loading: bool,
    chunks: VecDeque<Chunk>,
    /// Is being written.
    saving: Part,
    last: Part,
    limits: Limits,
    folder: Option<Folder>,
}

/// A file that is to be written.
#[derive(Debug)]
pub(crate) struct Unsaved {
    folder: PathBuf,
    number: u64,
    records: Vec<Record>,
}

/// A file that is to be read.
#[derive(Debug)]
pub(crate) struct Unread(PathBuf);

/// In bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) memory: usize,
    pub(crate) disk: u64,
}

/// What waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) records: usize,
    pub(crate) memory_bytes: usize,
    pub(crate) disk_bytes: u64,
}

/// Records in memory.
#[derive(Debug, Default)]
struct Part {
    records: VecDeque<Record>,
    bytes: usize,
}

/// A folder of ours alone.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    highest: u64,
    /// Held until it is dropped.
    _lock: File,
}

impl Spool {
    pub(crate) fn in_memory(limits: Limits) -> Self {
        Self {
            first: Part::default(),
            loaded: None,
            is_loading: false,
            chunks: VecDeque::new(),
            saving: Part::default(),
            last: Part::default(),
            limits,
            folder: None,
        }
    }

    /// With what an earlier run has left in the folder, which is made if there is none. Also says how many of its files
    /// were damaged, and put aside.
    pub(crate) fn open(folder: &Path, limits: Limits) -> io::Result<(Self, usize)> {
        let lock = Folder::lock(folder)?;
        let found = Chunk::find(folder)?;
        let folder = Folder { path: folder.into(), highest: found.highest, _lock: lock };
        let spool =
            Self { chunks: found.chunks.into(), folder: Some(folder), ..Self::in_memory(limits) };
        Ok((spool, found.damaged))
    }

    /// Puts a record behind the others. Gives it back where there is no room.
    pub(crate) fn push(&mut self, record: Record) -> Result<(), Record> {
        let is_in_order = self.chunks.is_empty() && self.saving.is_empty() && self.last.is_empty();
        // With a folder, one half is for what is delivered and the other for what is written.
        let part_limit = match self.folder {
            Some(_) => self.limits.memory / 2,
            None => self.limits.memory,
        };
        if is_in_order && self.first.has_room(&record, part_limit) {
            self.first.push(record);
            return Ok(());
        }
        let left = part_limit.saturating_sub(self.saving.bytes);
        if self.folder.is_some() && self.last.has_room(&record, left) {
            self.last.push(record);
            return Ok(());
        }
        Err(record)
    }

    /// The records that are next, so many and so many bytes of them at most, but one in any case.
    pub(crate) fn next(&self, records: usize, bytes: usize) -> Vec<Record> {
        let mut left = bytes;
        let fits = |record: &&Record| {
            let fits = record.size() <= left || left == bytes;
            left = left.saturating_sub(record.size());
            fits
        };
        self.first.records.iter().take(records.max(1)).take_while(fits).cloned().collect()
    }

    /// The first so many records are gone.
    pub(crate) fn remove(&mut self, records: usize) {
        for _ in 0..records {
            self.first.pop();
        }
        self.count_loaded_off(records);
    }

    /// Drops the oldest record that is not being delivered; with a folder, the oldest file of them. Says how many.
    pub(crate) fn drop_oldest(&mut self, in_delivery: usize) -> usize {
        // What is being read is about to be delivered.
        if let Some(chunk) = self.chunks.remove(usize::from(self.is_loading)) {
            let _ = chunk.remove();
            return chunk.records();
        }
        match self.first.records.remove(in_delivery) {
            Some(record) => {
                self.first.bytes -= record.size();
                if self.loaded.as_ref().is_some_and(|(_, left)| in_delivery < *left) {
                    self.count_loaded_off(1);
                }
                1
            }
            None => usize::from(self.last.pop().is_some()),
        }
    }

    /// So many of the records that are in the file that was loaded are gone.
    fn count_loaded_off(&mut self, records: usize) {
        let Some((chunk, left)) = &mut self.loaded else { return };
        *left = left.saturating_sub(records);
        if *left == 0 {
            // What stays is delivered once more after the next start.
            let _ = chunk.remove();
            self.loaded = None;
        }
    }

    /// Whether there will be room when what is to be written is written.
    pub(crate) fn will_have_room(&self) -> bool {
        !self.saving.is_empty() || self.should_save()
    }

    /// Hands out what came last, if it is time to write it.
    pub(crate) fn take_unsaved(&mut self) -> Option<Unsaved> {
        if !self.should_save() {
            return None;
        }
        let folder = self.folder.as_mut()?;
        self.saving = std::mem::take(&mut self.last);
        let number = folder.next_number();
        let records = self.saving.records.iter().cloned().collect();
        Some(Unsaved { folder: folder.path.clone(), number, records })
    }

    /// What came of it. Where it failed the records stay in memory.
    pub(crate) fn saved(&mut self, outcome: io::Result<Chunk>) -> io::Result<()> {
        let mut records = std::mem::take(&mut self.saving);
        match outcome {
            Ok(chunk) => self.chunks.push_back(chunk),
            Err(error) => {
                records.append(&mut self.last);
                self.last = records;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Hands out the next file, if nothing is left in memory before it.
    pub(crate) fn take_unread(&mut self) -> Option<Unread> {
        if !self.first.is_empty() || self.is_loading {
            return None;
        }
        match self.chunks.front() {
            Some(chunk) => {
                self.is_loading = true;
                Some(Unread(chunk.path().into()))
            }
            None => {
                // What is being written has to come back first.
                if self.saving.is_empty() {
                    std::mem::swap(&mut self.first, &mut self.last);
                }
                None
            }
        }
    }

    /// What came of it. Says how many records are lost with it: those of a damaged file.
    pub(crate) fn read(&mut self, outcome: io::Result<Vec<Record>>) -> io::Result<usize> {
        self.is_loading = false;
        let is_damaged =
            matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::InvalidData);
        let records = match outcome {
            Err(error) if !is_damaged => return Err(error),
            outcome => outcome.unwrap_or_default(),
        };
        let Some(chunk) = self.chunks.pop_front() else { return Ok(0) };
        if is_damaged {
            return Ok(chunk.records());
        }
        self.loaded = Some((chunk, records.len()));
        records.into_iter().for_each(|record| self.first.push(record));
        Ok(0)
    }

    /// Writes everything that is in memory to files, for the next start. Says how many records are in none.
    pub(crate) fn save_all(&mut self) -> (usize, io::Result<()>) {
        let outcome = self.try_to_save_all();
        // Of what was loaded there is still a file.
        let loaded = self.loaded.as_ref().map_or(0, |(_, left)| *left);
        let unsaved = self.first.records.len() - loaded;
        (unsaved + self.saving.records.len() + self.last.records.len(), outcome)
    }

    fn try_to_save_all(&mut self) -> io::Result<()> {
        let Some(folder) = &mut self.folder else { return Ok(()) };
        let mut last = std::mem::take(&mut self.saving);
        last.append(&mut self.last);
        self.last = last;
        if !self.last.is_empty() {
            let records = self.last.records.make_contiguous();
            let number = folder.next_number();
            self.chunks.push_back(Chunk::write(&folder.path, number, records)?);
            self.last = Part::default();
        }
        let loaded = self.loaded.as_ref().map_or(0, |(_, left)| *left);
        let unsaved: Vec<_> = self.first.records.iter().skip(loaded).cloned().collect();
        if unsaved.is_empty() {
            return Ok(());
        }
        let number = match self.chunks.front() {
            // Where that is taken, writing says so.
            Some(next) => next.number().saturating_sub(1),
            None => folder.next_number(),
        };
        self.chunks.push_front(Chunk::write(&folder.path, number, &unsaved)?);
        self.first.truncate(loaded);
        Ok(())
    }

    pub(crate) fn waiting(&self) -> Waiting {
        let parts = [&self.first, &self.saving, &self.last];
        let in_chunks: usize = self.chunks.iter().map(Chunk::records).sum();
        Waiting {
            records: in_chunks + parts.iter().map(|part| part.records.len()).sum::<usize>(),
            memory_bytes: parts.iter().map(|part| part.bytes).sum(),
            disk_bytes: self.disk_bytes(),
        }
    }

    /// Whether so much waits to be written that it is time for it, and there is room.
    fn should_save(&self) -> bool {
        let is_enough = self.last.bytes > self.limits.memory / 4;
        self.folder.is_some() && self.saving.is_empty() && is_enough && self.has_room_on_disk()
    }

    fn has_room_on_disk(&self) -> bool {
        self.disk_bytes() + self.last.bytes as u64 <= self.limits.disk
    }

    fn disk_bytes(&self) -> u64 {
        let loaded = self.loaded.as_ref().map_or(0, |(chunk, _)| chunk.bytes());
        loaded + self.chunks.iter().map(Chunk::bytes).sum::<u64>()
    }
}

impl Unsaved {
    pub(crate) fn write(&self) -> io::Result<Chunk> {
        Chunk::write(&self.folder, self.number, &self.records)
    }
}

impl Unread {
    pub(crate) fn read(&self) -> io::Result<Vec<Record>> {
        chunk::read(&self.0)
    }
}

impl Part {
    fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// One record has room in any case where nothing else is.
    fn has_room(&self, record: &Record, limit: usize) -> bool {
        self.is_empty() || self.bytes + record.size() <= limit
    }

    fn push(&mut self, record: Record) {
        self.bytes += record.size();
        self.records.push_back(record);
    }

    fn append(&mut self, other: &mut Self) {
        self.records.append(&mut other.records);
        self.bytes += std::mem::take(&mut other.bytes);
    }

    fn truncate(&mut self, records: usize) {
        for record in self.records.drain(records..) {
            self.bytes -= record.size();
        }
    }

    fn pop(&mut self) -> Option<Record> {
        let record = self.records.pop_front()?;
        self.bytes -= record.size();
        Some(record)
    }
}

impl Folder {
    fn lock(path: &Path) -> io::Result<File> {
        fs::create_dir_all(path)?;
        let lock = File::create(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::Error(error)) => Err(error),
            Err(TryLockError::WouldBlock) => {
                let used = format!("{} is used by another program", path.display());
                Err(io::Error::new(io::ErrorKind::WouldBlock, used))
            }
        }
    }

    fn next_number(&mut self) -> u64 {
        self.highest += NUMBER_STEP;
        self.highest
    }
}
