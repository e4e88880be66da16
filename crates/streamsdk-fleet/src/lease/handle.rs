//! A lease in the hands of whoever runs the stream.

use std::ops::Deref;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::keeper::Keeper;
use super::loss::Loss;
use super::tenure::Tenure;
use crate::nats::BucketError;

/// The right to run a stream. It is renewed in the background until it is lost, released or dropped; what it is at the moment its
/// [`Tenure`] tells.
///
/// Who has it has to look at [`Tenure::is_held`] before each use, and to stop when [`Tenure::lost`] says so, within a tenth of the TTL.
///
/// Dropping it stops the renewals. The stream is then free when the rest of the TTL has passed; [`Lease::release`] frees it at once.
#[derive(Debug)]
pub struct Lease {
    tenure: Tenure,
    stop: CancellationToken,
    task: Option<JoinHandle<Keeper>>,
}

impl Lease {
    pub(super) fn new(keeper: Keeper) -> Self {
        let (tenure, stop) = (keeper.tenure.clone(), CancellationToken::new());
        let task = tokio::spawn(keeper.run(stop.clone()));
        Self { tenure, stop, task: Some(task) }
    }

    /// Tells whether the lease is held, for those who use it elsewhere.
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Gives the lease up, so that another node can take it at once. What runs the stream has to have stopped. From the call on it
    /// is not held any more; whoever has it by now keeps it. Takes some requests to the server, each a quarter of the TTL at most.
    ///
    /// # Errors
    ///
    /// [`BucketError::Unavailable`] if the server does not say that it is released: then it expires. Dropping the future leaves open
    /// which of both.
    pub async fn release(mut self) -> Result<(), BucketError> {
        self.give_up();
        let Some(task) = self.task.take() else { return Ok(()) };
        match task.await {
            Ok(keeper) => keeper.release().await,
            // The runtime is going down, and the lease expires.
            Err(_) => Ok(()),
        }
    }

    fn give_up(&self) {
        self.stop.cancel();
        self.tenure.lose(Loss::GivenUp);
    }
}

impl Deref for Lease {
    type Target = Tenure;

    fn deref(&self) -> &Tenure {
        &self.tenure
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.give_up();
    }
}
