//! Lines of JSON in files that follow one another.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::record::Record;
use crate::sink::{DeliveryError, ResultSink};

/// Appends records to a file, one line each. A file that has become large enough gets a number behind its name, and a new one
/// is begun: `results.jsonl` is the newest, `results.jsonl.1` the one before.
///
/// A record is delivered when the system has it, so that it outlives this program, and with [`JsonlFile::sync`] when the disk
/// has it. After a crash the last line may be there twice, or be cut off: then it is ended before the next is written.
#[derive(Debug)]
pub struct JsonlFile {
    path: PathBuf,
    max_bytes: u64,
    max_files: usize,
    is_synced: bool,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
}

impl JsonlFile {
    /// Lines go to the end of that file, which is made if there is none.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().into(),
            max_bytes: 256 << 20,
            max_files: 8,
            is_synced: false,
            open: None,
        }
    }

    /// How large a file becomes, in bytes, before the next is begun. A longer line has a file of its own. Default is
    /// 256 MiB.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many files are kept; the oldest go. Default is 8.
    #[must_use]
    pub fn max_files(mut self, count: usize) -> Self {
        self.max_files = count.max(1);
        self
    }

    /// Whether each batch is on the disk before it counts as delivered. Default is not.
    #[must_use]
    pub fn sync(mut self, is_synced: bool) -> Self {
        self.is_synced = is_synced;
        self
    }

    fn append(&mut self, batch: &[Record]) -> Result<(), (usize, io::Error)> {
        let mut delivered = 0;
        while delivered < batch.len() {
            let written = self.append_to_one(&batch[delivered..]);
            delivered += written.map_err(|error| (delivered, error))?;
        }
        Ok(())
    }

    /// Appends what has room in one file, at once. Says how many records that were.
    fn append_to_one(&mut self, batch: &[Record]) -> io::Result<usize> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open::at_the_end_of(&self.path)?,
        };
        let line = |record: &Record| record.payload().len() as u64 + 1;
        if open.bytes > 0 && open.bytes + line(&batch[0]) > self.max_bytes {
            drop(open);
            self.rotate()?;
            open = Open::at_the_end_of(&self.path)?;
        }
        let (mut text, mut count) = (Vec::new(), 0);
        for record in batch {
            let bytes = open.bytes + text.len() as u64 + line(record);
            if count > 0 && bytes > self.max_bytes {
                break;
            }
            text.extend_from_slice(record.payload());
            text.push(b'\n');
            count += 1;
        }
        open.write(&text)?;
        if self.is_synced {
            open.file.sync_data()?;
        }
        self.open = Some(open);
        Ok(count)
    }

    /// Every file gets the number behind its own, and the oldest goes.
    fn rotate(&self) -> io::Result<()> {
        let numbered = |number: usize| match number {
            0 => self.path.clone(),
            number => {
                let mut name = self.path.clone().into_os_string();
                name.push(format!(".{number}"));
                name.into()
            }
        };
        if self.max_files == 1 {
            return fs::remove_file(&self.path);
        }
        for number in (0..self.max_files - 1).rev() {
            match fs::rename(numbered(number), numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Open {
    /// A line that was cut off is ended, so that it costs only itself.
    fn at_the_end_of(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let bytes = file.metadata()?.len();
        let mut open = Self { file, bytes };
        if bytes > 0 && last_byte(path)? != b'\n' {
            open.write(b"\n")?;
        }
        Ok(open)
    }

    /// All of it or nothing: what was written by halves is taken back.
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(text) {
            self.file.set_len(self.bytes)?;
            return Err(error);
        }
        self.bytes += text.len() as u64;
        Ok(())
    }
}

fn last_byte(path: &Path) -> io::Result<u8> {
    use std::io::{Read, Seek, SeekFrom};

    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last[0])
}

#[async_trait]
impl ResultSink for JsonlFile {
    async fn deliver(&mut self, batch: &[Record]) -> Result<(), DeliveryError> {
        // Some hundred kilobytes at most: the system takes them into its cache.
        self.append(batch).map_err(|(delivered, error)| {
            let message = format!("cannot write to {}: {error}", self.path.display());
            DeliveryError::unavailable(delivered, message)
        })
    }

    async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            // It was delivered already by what is promised.
            let _ = open.file.sync_data();
        }
    }
}
