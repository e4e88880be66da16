use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor};

const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// What a gzip member claims as its size is believed up to this many times what arrived: base64 of
/// JPEG shrinks by a quarter, JSON of boxes by ten.
const BELIEVED_RATIO: usize = 16;

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
    let mut inflater = Decompressor::new();
    let mut room = claimed_size(data).min(data.len().saturating_mul(BELIEVED_RATIO)).min(limit);
    loop {
        let mut out = vec![0; room];
        match inflater.gzip_decompress(data, &mut out) {
            Ok(len) => {
                out.truncate(len);
                return Ok(out.into());
            }
            Err(DecompressionError::BadData) => return Err(InflateError::Corrupt),
            Err(DecompressionError::InsufficientSpace) if room == limit => {
                return Err(InflateError::TooLarge);
            }
            Err(DecompressionError::InsufficientSpace) => {
                room = room.max(data.len()).saturating_mul(4).min(limit);
            }
        }
    }
}

/// The size that a gzip member ends with, modulo 2³².
fn claimed_size(data: &[u8]) -> usize {
    data.last_chunk().map_or(0, |size| u32::from_le_bytes(*size) as usize)
}

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
