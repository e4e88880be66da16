//! Large buffers that are used again.
//!
//! The message of a large frame takes hundreds of kilobytes, which an allocator gives back to the system
//! when they are free: to have every page brought in anew for every frame was a sixth of all the work of
//! receiving. So a few buffers are kept, by all sessions of the process together.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// What is not worth keeping, and what is too large to be kept, in bytes.
const MIN_KEPT_BYTES: usize = 16 << 10;
const MAX_KEPT_BYTES: usize = 4 << 20;
/// A message that is joined and one that is inflated, of two sessions.
const MAX_KEPT_BUFFERS: usize = 4;

static FREE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A buffer for so many bytes. What it holds is of no meaning.
pub(crate) fn take(bytes: usize) -> Vec<u8> {
    let kept = if bytes < MIN_KEPT_BYTES { None } else { free().pop() };
    kept.unwrap_or_else(|| Vec::with_capacity(bytes))
}

/// The bytes in the buffer, which comes back when nobody holds them any more.
pub(crate) fn share(buffer: Vec<u8>) -> Bytes {
    match is_worth_keeping(&buffer) {
        true => Bytes::from_owner(PooledBuffer(buffer)),
        false => buffer.into(),
    }
}

struct PooledBuffer(Vec<u8>);

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let mut free = free();
        if free.len() < MAX_KEPT_BUFFERS {
            free.push(std::mem::take(&mut self.0));
        }
    }
}

fn is_worth_keeping(buffer: &Vec<u8>) -> bool {
    (MIN_KEPT_BYTES..=MAX_KEPT_BYTES).contains(&buffer.capacity())
}

fn free() -> MutexGuard<'static, Vec<Vec<u8>>> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_buffers_are_kept_and_none_that_is_small_or_huge() {
        let shared: Vec<_> =
            (0..MAX_KEPT_BUFFERS * 2).map(|_| share(vec![7; MIN_KEPT_BYTES])).collect();
        assert!(shared.iter().all(|bytes| bytes.len() == MIN_KEPT_BYTES));
        drop(shared);
        drop((share(vec![7; MIN_KEPT_BYTES - 1]), share(vec![7; MAX_KEPT_BYTES + 1])));
        let kept = free().len();
        assert!(kept <= MAX_KEPT_BUFFERS, "{kept}");
        assert!(free().iter().all(is_worth_keeping));
    }

    #[test]
    fn bytes_stay_as_they_are_while_somebody_holds_them() {
        let held = share(vec![1; MIN_KEPT_BYTES]).slice(10..20);
        let mut others: Vec<_> = (0..MAX_KEPT_BUFFERS * 2).map(|_| take(MIN_KEPT_BYTES)).collect();
        others.iter_mut().for_each(|other| {
            other.clear();
            other.resize(MIN_KEPT_BYTES, 2);
        });
        assert_eq!(held.as_ref(), [1; 10]);
    }
}
