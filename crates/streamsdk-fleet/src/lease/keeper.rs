//! Renews a lease until it is lost or given up.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::config::Times;
use super::holder::{Holder, read};
use super::loss::Loss;
use super::take::take;
use super::tenure::Tenure;
use crate::nats::{Bucket, BucketError, WriteError};

/// How often a key is deleted that an own renewal has changed meanwhile.
const DELETIONS: u32 = 3;

/// What belongs to the renewal of one lease.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) bucket: Bucket,
    pub(super) times: Times,
    pub(super) tenure: Tenure,
    pub(super) value: Bytes,
    /// The last that is known to be ours.
    pub(super) revision: u64,
    /// When the last renewal was sent, or the lease was asked for.
    pub(super) sent: Duration,
    /// When the first of those renewals was sent of which it is not known whether the server has done them.
    pub(super) open_since: Option<Duration>,
}

/// What the bucket has instead of ours.
enum Standing {
    Ours,
    Lost(Loss),
}

impl Keeper {
    /// Returns itself when the lease is lost, or when it is told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Self {
        let tenure = self.tenure.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tenure.run_out() => {}
            loss = self.keep() => tenure.lose(loss),
        }
        self
    }

    /// Deletes the key if it is still ours.
    pub(super) async fn release(mut self) -> Result<(), BucketError> {
        let mut what = String::new();
        for _ in 0..DELETIONS {
            match self.bucket.delete(self.key(), self.revision).await {
                Ok(()) => return Ok(()),
                Err(WriteError::Refused) => {}
                Err(WriteError::Unknown(failure)) => what = failure,
            }
            match self.look().await {
                Ok(Standing::Ours) => {}
                Ok(Standing::Lost(_)) => return Ok(()),
                Err(failure) => {
                    what = failure;
                    break;
                }
            }
        }
        let tried = format!("release the lease of {}, which expires,", self.tenure.stream());
        Err(self.bucket.unavailable(tried, what))
    }

    /// Returns when the server says that the lease is ours no more.
    async fn keep(&mut self) -> Loss {
        loop {
            sleep(self.due()).await;
            let failure = match self.renew().await {
                Ok(Standing::Ours) => continue,
                Ok(Standing::Lost(loss)) => return loss,
                Err(failure) => failure,
            };
            tracing::debug!(stream = %self.tenure.stream(), failure, "a lease was not renewed");
            self.tenure.note(failure);
            sleep(self.times.pause).await;
            self.bucket.link().up().await;
        }
    }

    /// In how long the next renewal is due: at once if it is not known what became of the last.
    fn due(&self) -> Duration {
        if self.open_since.is_some() {
            return Duration::ZERO;
        }
        (self.sent + self.times.renewal).saturating_sub(self.tenure.now())
    }

    async fn renew(&mut self) -> Result<Standing, String> {
        self.sent = self.tenure.now();
        self.open_since.get_or_insert(self.sent);
        let put = self.bucket.put(self.key(), self.value.clone(), self.revision).await;
        match put {
            Ok(revision) => Ok(self.renewed(revision)),
            Err(failure) => match self.look().await? {
                Standing::Ours if self.open_since.is_some() => Err(failure.to_string()),
                Standing::Lost(Loss::Gone) if self.times.are_of_kept() => self.take_again().await,
                standing => Ok(standing),
            },
        }
    }

    /// Makes the key anew, unless somebody else was faster.
    async fn take_again(&mut self) -> Result<Standing, String> {
        self.sent = self.tenure.now();
        match take(&self.bucket, self.tenure.stream(), &self.value).await? {
            Some(revision) => Ok(self.renewed(revision)),
            None => self.look().await,
        }
    }

    fn renewed(&mut self, revision: u64) -> Standing {
        self.revision = revision;
        self.open_since = None;
        self.tenure.confirm(self.sent);
        Standing::Ours
    }

    /// Reads the key: a renewal that seemed to fail may have been done all the same.
    async fn look(&mut self) -> Result<Standing, String> {
        let Some(entry) = self.bucket.last(self.key()).await? else {
            return Ok(Standing::Lost(Loss::Gone));
        };
        match entry.value {
            None => Ok(Standing::Lost(Loss::Gone)),
            Some(value) if value == self.value => {
                self.take_over(entry.revision);
                Ok(Standing::Ours)
            }
            Some(value) => Ok(Standing::Lost(Loss::Taken { by: self.read(&value) })),
        }
    }

    /// Goes on with a revision of an own renewal. Which one it was of those under way nobody knows, so it counts from the first.
    fn take_over(&mut self, revision: u64) {
        if revision <= self.revision {
            return;
        }
        self.revision = revision;
        if let Some(sent) = self.open_since.take() {
            self.sent = sent;
            self.tenure.confirm(sent);
        }
    }

    fn read(&self, value: &[u8]) -> Holder {
        let holder = read(value);
        if holder == Holder::Unknown {
            let stream = self.tenure.stream();
            tracing::warn!(%stream, "a lease was taken by an entry that cannot be read");
        }
        holder
    }

    fn key(&self) -> &str {
        self.tenure.stream().as_str()
    }
}
