use std::io::{Read, Write};

use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Whether `data` starts like a gzip member.
pub(crate) fn is_gzip(data: &[u8]) -> bool {
    data.starts_with(&MAGIC)
}

/// Why compressed data could not be opened.
#[derive(Debug)]
pub(crate) enum InflateError {
    TooLarge,
    Corrupt(std::io::Error),
}

/// Decompresses `data`, refusing to produce more than `limit` bytes.
///
/// Memory grows with the output as it is produced: a header that claims a size is not believed.
pub(crate) fn inflate(data: &[u8], limit: usize) -> Result<Bytes, InflateError> {
    let expected = data.len().saturating_mul(2).min(limit);
    let mut out = Vec::with_capacity(expected);
    let mut reader = GzDecoder::new(data).take(limit as u64 + 1);
    reader.read_to_end(&mut out).map_err(InflateError::Corrupt)?;
    if out.len() > limit {
        return Err(InflateError::TooLarge);
    }
    Ok(out.into())
}

/// Compresses `data` at the fastest level: what travels is mostly base64 of JPEG, in which only
/// the six-bit alphabet can be squeezed, and any level does that.
pub(crate) fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder =
        GzEncoder::new(Vec::with_capacity(data.len() * 4 / 5 + 64), Compression::fast());
    // Writing to a Vec does not fail; were it to, plain data is a valid message too.
    match encoder.write_all(data).and_then(|()| encoder.finish()) {
        Ok(compressed) => compressed,
        Err(_) => data.to_vec(),
    }
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
        assert!(matches!(inflate(&whole[..whole.len() - 9], 100), Err(InflateError::Corrupt(_))));
    }
}
