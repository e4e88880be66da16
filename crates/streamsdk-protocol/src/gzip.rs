use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};

use crate::pool;

const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// What a gzip member claims as its size is believed up to this many times what arrived: base64 of
/// JPEG shrinks by a quarter, JSON of boxes by ten.
const MAX_TRUSTED_RATIO: usize = 16;

/// Whether `data` starts like a gzip member.
pub(crate) fn is_gzip(data: &[u8]) -> bool {
    data.starts_with(&MAGIC)
}

/// Why compressed data could not be opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InflateError {
    TooLarge,
    Corrupt,
}

/// Decompresses `data`, refusing to produce more than `limit` bytes.
///
/// Memory is proportional to what arrived, and to what comes out of it: a claimed size is not
/// believed.
pub(crate) fn inflate(data: &[u8], limit: usize) -> Result<Bytes, InflateError> {
    let GzipMember { mut deflated, trailer } =
        GzipMember::find(data).ok_or(InflateError::Corrupt)?;
    let claimed = trailer.size as usize;
    let room = claimed.min(data.len().saturating_mul(MAX_TRUSTED_RATIO)).min(limit);
    let mut out = pool::take(room);
    out.resize(room, 0);
    let mut len = 0;
    let mut inflater = zlib_inflater()?;
    loop {
        let (taken, given) = inflater.read(deflated, &mut out, len, true).map_err(corrupt)?;
        deflated = &deflated[taken..];
        len += given;
        if inflater.is_done() {
            break;
        }
        if out.len() >= limit {
            return Err(InflateError::TooLarge);
        }
        out.resize(out.len().max(data.len()).saturating_mul(2).min(limit), 0);
    }
    out.truncate(len);
    if out.capacity() / 2 > len {
        out.shrink_to_fit();
    }
    let is_whole = len as u32 == trailer.size && crc32fast::hash(&out) == trailer.checksum;
    if is_whole { Ok(pool::share(out)) } else { Err(InflateError::Corrupt) }
}

/// It takes deflated data in the wrapper of zlib only, whose checksum a gzip member does not have.
fn zlib_inflater() -> Result<fdeflate::Decompressor, InflateError> {
    const HEADER: [u8; 2] = [0x78, 0x01];
    let mut inflater = fdeflate::Decompressor::new();
    inflater.ignore_adler32();
    inflater.read(&HEADER, &mut [], 0, false).map_err(corrupt)?;
    Ok(inflater)
}

fn corrupt(_: fdeflate::DecompressionError) -> InflateError {
    InflateError::Corrupt
}

/// The one member that a message is (RFC 1952).
struct GzipMember<'a> {
    /// With the trailer behind it.
    deflated: &'a [u8],
    trailer: Trailer,
}

struct Trailer {
    checksum: u32,
    /// Modulo 2³².
    size: u32,
}

impl<'a> GzipMember<'a> {
    fn find(data: &'a [u8]) -> Option<Self> {
        let (header, mut deflated) = data.split_first_chunk::<10>()?;
        let [_, _, method, flags, ..] = *header;
        if method != DEFLATE || flags & !(TEXT | HEADER_CHECKSUM | EXTRA | NAME | COMMENT) != 0 {
            return None;
        }
        if flags & EXTRA != 0 {
            let (length, rest) = deflated.split_first_chunk()?;
            deflated = rest.get(usize::from(u16::from_le_bytes(*length))..)?;
        }
        for text in [NAME, COMMENT] {
            if flags & text != 0 {
                deflated = &deflated[memchr::memchr(0, deflated)? + 1..];
            }
        }
        if flags & HEADER_CHECKSUM != 0 {
            deflated = deflated.get(2..)?;
        }
        let word = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
        let (before, size) = deflated.split_last_chunk()?;
        let trailer = Trailer { checksum: word(before.last_chunk()?), size: word(size) };
        Some(Self { deflated, trailer })
    }
}

const DEFLATE: u8 = 8;
const TEXT: u8 = 1;
const HEADER_CHECKSUM: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;

/// Compresses `data` at the lowest level: what travels is mostly base64 of JPEG, in which only
/// the six-bit alphabet can be squeezed, and any level does that.
pub(crate) fn deflate(data: &[u8]) -> Vec<u8> {
    // The level below stores.
    let mut deflater = Compressor::new(CompressionLvl::new(1).unwrap_or_default());
    let mut out = vec![0; deflater.gzip_compress_bound(data.len())];
    match deflater.gzip_compress(data, &mut out) {
        Ok(len) => out.truncate(len),
        // There is room for the worst case; were there not, plain data is a valid message too.
        Err(_) => data.clone_into(&mut out),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_refused_at_the_limit_and_honest_data_passes_at_it() {
        let bomb = deflate(&vec![0; 10 << 20]);
        assert!(bomb.len() < 500_000, "{}", bomb.len());
        assert!(matches!(inflate(&bomb, 1 << 20), Err(InflateError::TooLarge)));
        assert_eq!(inflate(&bomb, 10 << 20).unwrap().len(), 10 << 20);
    }

    #[test]
    fn truncated_data_is_corrupt() {
        let whole = deflate(b"hello hello hello hello");
        for len in 0..whole.len() {
            assert_eq!(inflate(&whole[..len], 100), Err(InflateError::Corrupt), "{len}");
        }
    }

    #[test]
    fn optional_parts_of_the_header_are_skipped_and_a_changed_checksum_is_noticed() {
        let plain = deflate(b"hello hello");
        let mut long = plain[..10].to_vec();
        long[3] = TEXT | HEADER_CHECKSUM | EXTRA | NAME | COMMENT;
        long.extend_from_slice(b"\x03\x00abcname\0comment\0\x12\x34");
        long.extend_from_slice(&plain[10..]);
        assert_eq!(inflate(&long, 100).unwrap(), "hello hello");
        for at in [2, 3, plain.len() - 1, plain.len() - 5] {
            let mut changed = plain.clone();
            changed[at] ^= 0x80;
            assert_eq!(inflate(&changed, 100), Err(InflateError::Corrupt), "byte {at}");
        }
    }

    #[test]
    fn a_claimed_size_is_neither_allocated_nor_needed() {
        let mut data = deflate(&vec![b'x'; 100_000]);
        let size = data.len() - 4..;
        data[size.clone()].copy_from_slice(&u32::MAX.to_le_bytes());
        // The check of the size fails, after at most 16 times the data was allocated.
        assert_eq!(inflate(&data, usize::MAX), Err(InflateError::Corrupt));
        data[size].copy_from_slice(&0_u32.to_le_bytes());
        assert_eq!(inflate(&data, 1 << 20), Err(InflateError::Corrupt));
    }
}
