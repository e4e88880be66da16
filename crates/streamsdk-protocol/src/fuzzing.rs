//! What fuzz targets reach beside the public API.

use bytes::Bytes;

use crate::gzip;

/// What `data` is when it is decompressed; `None` if that is more than `limit` bytes, or it is damaged.
pub fn inflate(data: &[u8], limit: usize) -> Option<Bytes> {
    gzip::inflate(data, limit).ok()
}
