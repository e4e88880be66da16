use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the uploads of all sessions may take of the disk together.
#[derive(Debug)]
pub(crate) struct UploadDisk {
    limit: u64,
    taken: AtomicU64,
}

/// What one upload has of it, until this is dropped.
#[derive(Debug)]
pub(super) struct DiskShare {
    disk: Arc<UploadDisk>,
    bytes: u64,
}

impl UploadDisk {
    /// A disk with room for so many bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, taken: AtomicU64::new(0) }
    }

    /// The share of another upload, of nothing yet.
    pub(super) fn share(self: &Arc<Self>) -> DiskShare {
        DiskShare { disk: Arc::clone(self), bytes: 0 }
    }
}

impl DiskShare {
    /// Takes so many bytes more.
    pub(super) fn grow(&mut self, bytes: usize) -> io::Result<()> {
        let UploadDisk { limit, taken } = &*self.disk;
        let with_these = |taken: u64| taken.checked_add(bytes as u64).filter(|sum| sum <= limit);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        match taken.fetch_update(set, fetch, with_these) {
            Ok(_) => {
                self.bytes += bytes as u64;
                Ok(())
            }
            Err(_) => Err(io::Error::other("all uploads together are larger than they may be")),
        }
    }
}

impl Drop for DiskShare {
    fn drop(&mut self) {
        self.disk.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_share_a_disk_and_give_back_what_they_had() {
        let disk = Arc::new(UploadDisk::new(10));
        let (mut first, mut second) = (disk.share(), disk.share());
        first.grow(6).unwrap();
        second.grow(4).unwrap();
        assert!(first.grow(1).is_err() && second.grow(usize::MAX).is_err());
        drop(second);
        first.grow(4).unwrap();
    }
}
