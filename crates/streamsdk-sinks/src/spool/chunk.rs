//! Records in a file: written whole or not at all, and read only if they are undamaged.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut, Bytes};

use crate::record::{Place, Record};

const MAGIC: &[u8; 8] = b"SDKSPL01";
const ENDING: &str = "spool";
const DAMAGED: &str = "damaged";

/// A file with records. The file goes when [`Chunk::remove`] is called, and not before.
#[derive(Debug)]
pub(crate) struct Chunk {
    number: u64,
    path: PathBuf,
    bytes: u64,
    records: usize,
}

impl Chunk {
    /// Writes records to the file with that number, which must not be there.
    pub(super) fn write(directory: &Path, number: u64, records: &[Record]) -> io::Result<Self> {
        let path = directory.join(format!("{number:020}.{ENDING}"));
        let content = encode(records);
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(&content)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(&path).map_err(|error| error.error)?;
        // Otherwise a power cut may take its name away again.
        File::open(directory)?.sync_all()?;
        Ok(Self { number, path, bytes: content.len() as u64, records: records.len() })
    }

    /// The files that are there, in their order, and the highest number. Damaged ones are put aside and counted.
    pub(super) fn find(directory: &Path) -> io::Result<Found> {
        let mut found = Found::default();
        let mut files = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let is_ours = path.extension().is_some_and(|ending| ending == ENDING);
            let number = path.file_stem().and_then(|name| name.to_str()?.parse::<u64>().ok());
            if let (true, Some(number)) = (is_ours, number) {
                files.push((number, path));
            }
        }
        files.sort_unstable();
        for (number, path) in files {
            found.highest = found.highest.max(number);
            match read(&path) {
                Ok(records) => {
                    let bytes = fs::metadata(&path)?.len();
                    found.chunks.push(Self { number, path, bytes, records: records.len() });
                }
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    fs::rename(&path, path.with_extension(DAMAGED))?;
                    found.damaged += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn records(&self) -> usize {
        self.records
    }
}

/// What an earlier run has left.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) chunks: Vec<Chunk>,
    pub(super) highest: u64,
    pub(super) damaged: usize,
}

/// Damage is an error of the kind [`io::ErrorKind::InvalidData`].
pub(super) fn read(path: &Path) -> io::Result<Vec<Record>> {
    decode(fs::read(path)?.into()).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged", path.display()))
    })
}

/// Names and payloads stand behind their lengths, and a checksum of all before it at the end.
fn encode(records: &[Record]) -> Vec<u8> {
    let mut content = MAGIC.to_vec();
    for record in records {
        let name = record.stream().as_str();
        content.put_u8(name.len() as u8);
        content.put_slice(name.as_bytes());
        content.put_u64(record.place().epoch);
        content.put_u64(record.place().sequence);
        content.put_u64(record.payload().len() as u64);
        content.put_slice(record.payload());
    }
    let checksum = crc32fast::hash(&content);
    content.put_u32(checksum);
    content
}

fn decode(content: Bytes) -> Option<Vec<Record>> {
    let (body, mut checksum) = content.split_at_checked(content.len().checked_sub(4)?)?;
    if crc32fast::hash(body) != checksum.try_get_u32().ok()? {
        return None;
    }
    let mut rest = content.slice(..body.len());
    if take(&mut rest, MAGIC.len())? != MAGIC[..] {
        return None;
    }
    let mut records = Vec::new();
    while !rest.is_empty() {
        let length = rest.try_get_u8().ok()?.into();
        let name = take(&mut rest, length)?;
        let stream = std::str::from_utf8(&name).ok()?.parse().ok()?;
        let (epoch, sequence) = (rest.try_get_u64().ok()?, rest.try_get_u64().ok()?);
        let length = usize::try_from(rest.try_get_u64().ok()?).ok()?;
        let payload = take(&mut rest, length)?;
        records.push(Record::new(stream, Place { epoch, sequence }, payload));
    }
    Some(records)
}

fn take(bytes: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let record = |sequence, payload: &'static str| {
            Record::new("gate".parse().unwrap(), Place { epoch: 3, sequence }, payload)
        };
        vec![record(1, "{}"), record(2, ""), record(7, "{\"a\":1}")]
    }

    #[test]
    fn records_come_back_as_they_were_in_the_order_of_their_files() {
        let directory = tempfile::tempdir().unwrap();
        let all = records();
        Chunk::write(directory.path(), 10, &all[1..]).unwrap();
        Chunk::write(directory.path(), 9, &all[..1]).unwrap();
        let found = Chunk::find(directory.path()).unwrap();
        assert_eq!((found.highest, found.damaged), (10, 0));
        let read: Vec<_> =
            found.chunks.iter().flat_map(|chunk| read(chunk.path()).unwrap()).collect();
        assert_eq!(read, all);
    }

    #[test]
    fn damage_anywhere_is_noticed_and_put_aside() {
        let whole = encode(&records());
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x10;
            assert_eq!(decode(damaged.into()), None, "byte {place}");
            assert_eq!(decode(whole[..place].to_vec().into()), None, "cut at {place}");
        }
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("00000000000000000004.spool"), &whole[..9]).unwrap();
        fs::write(directory.path().join("notes.txt"), "no chunk").unwrap();
        let found = Chunk::find(directory.path()).unwrap();
        assert_eq!((found.chunks.len(), found.highest, found.damaged), (0, 4, 1));
        assert!(directory.path().join("00000000000000000004.damaged").exists());
        assert!(directory.path().join("notes.txt").exists());
    }

    #[test]
    fn what_a_checksum_cannot_tell_does_not_cost_memory() {
        let mut content = MAGIC.to_vec();
        content.put_slice(b"\x01a");
        content.put_u64(1);
        content.put_u64(1);
        content.put_u64(u64::MAX);
        let checksum = crc32fast::hash(&content);
        content.put_u32(checksum);
        assert_eq!(decode(content.into()), None);
    }
}
