//! Making a recording that broke off readable.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Length and name of a box.
const HEADER: u64 = 8;

/// Takes away the last fragment's index where it was cut off, as by a full disk: a video may end anywhere, but
/// players refuse a file that ends in the middle of an index. Call it when nobody writes the file any more.
///
/// # Errors
///
/// When the file cannot be read or shortened.
pub fn drop_cut_index(path: impl AsRef<Path>) -> io::Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut start = 0;
    while start < length {
        if start + HEADER > length {
            return file.set_len(start);
        }
        let (size, kind) = read_header(&mut file, start)?;
        let end = start.saturating_add(size);
        if end > length {
            return if kind == *b"moof" { file.set_len(start) } else { Ok(()) };
        }
        start = end;
    }
    Ok(())
}

fn read_header(file: &mut File, start: u64) -> io::Result<(u64, [u8; 4])> {
    let mut header = [0; HEADER as usize];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut header)?;
    let [a, b, c, d, kind @ ..] = header;
    // Shorter than its own header is no length that is written here: 64 bits, or up to the end.
    let size = match u32::from_be_bytes([a, b, c, d]) {
        size if u64::from(size) < HEADER => u64::MAX,
        size => size.into(),
    };
    Ok((size, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_box(kind: &[u8; 4], len: u32) -> Vec<u8> {
        let mut made = (len + 8).to_be_bytes().to_vec();
        made.extend_from_slice(kind);
        made.resize(len as usize + 8, 7);
        made
    }

    #[test]
    fn only_an_index_that_was_cut_off_goes() {
        let whole = [made_box(b"moov", 50), made_box(b"moof", 20), made_box(b"mdat", 100)].concat();
        let next = [made_box(b"moof", 20), made_box(b"mdat", 100)].concat();
        let file = tempfile::NamedTempFile::new().unwrap();
        for cut in 0..=next.len() {
            std::fs::write(file.path(), [&whole[..], &next[..cut]].concat()).unwrap();
            drop_cut_index(file.path()).unwrap();
            let kept = if cut < 28 {
                0
            } else if cut < 36 {
                28
            } else {
                cut
            };
            let left = std::fs::metadata(file.path()).unwrap().len();
            assert_eq!(left, (whole.len() + kept) as u64, "{cut}");
        }
        std::fs::write(file.path(), b"").unwrap();
        drop_cut_index(file.path()).unwrap();
        assert!(drop_cut_index("/no/such/file").is_err());
    }
}
