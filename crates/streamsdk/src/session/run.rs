//! The loop over links.

use std::time::Duration;

use streamsdk_transport::EndReason;
use tokio::time::sleep;

use super::standby;
use crate::error::Error;
use crate::event::{Event, Reconnected, Reconnecting};
use crate::link::{Connector, Link, LinkContext, LinkEnd};
use crate::retry::Retry;
use crate::source::{AfterBreak, StreamSource};
use crate::stats::Ended;

/// Owns a session until it is over.
pub(super) struct SessionRun<C> {
    pub(super) connector: C,
    pub(super) source: Box<dyn StreamSource>,
    pub(super) context: LinkContext,
    pub(super) retry: Retry,
}

/// Why a link is left.
enum RunEnd<L> {
    Link(LinkEnd),
    /// Its peer has fallen silent, and this one was made meanwhile.
    Replaced(L),
}

/// How a session ended.
type Outcome = Result<Ended, Error>;

impl<C: Connector> SessionRun<C> {
    /// Makes the first link.
    pub(super) async fn connect_first(&mut self) -> Result<C::Link, Error> {
        loop {
            match connect(&self.connector, &mut *self.source, &self.context).await {
                Ok(link) => {
                    self.retry.reset();
                    return Ok(link);
                }
                Err(error) => match self.retry.next_wait_for_first() {
                    Some(wait) if error.is_retryable() => {
                        tracing::info!(%error, ?wait, "connecting once more");
                        sleep(wait).await;
                    }
                    _ => return Err(self.connector.explain(error).await),
                },
            }
        }
    }

    /// Runs the source over one link after another, until the session is over.
    pub(super) async fn run(mut self, first: C::Link) {
        let mut link = first;
        let outcome = loop {
            match self.run_on(&mut link).await {
                // The source first, so that nothing more is made for a link that is being closed.
                RunEnd::Link(LinkEnd::Over(ended)) => {
                    self.source.clean_up().await;
                    match ended {
                        Ended::ByCaller => link.leave(&self.context).await,
                        _ => link.close(&self.context).await,
                    }
                    break Ok(ended);
                }
                RunEnd::Link(LinkEnd::Failed(error)) => {
                    self.source.clean_up().await;
                    link.abort(&self.context).await;
                    break Err(error);
                }
                RunEnd::Link(LinkEnd::Lost(cause)) => {
                    link.abort(&self.context).await;
                    link = match self.next_link(cause).await {
                        Ok(next) => next,
                        Err(outcome) => {
                            self.source.clean_up().await;
                            break outcome;
                        }
                    };
                }
                RunEnd::Replaced(next) => {
                    link.abort(&self.context).await;
                    self.go_on();
                    link = next;
                }
            }
        };
        self.end(outcome);
    }

    /// Runs the source on a link. Where it can go on after a break, another link takes the place of one that has
    /// fallen silent.
    async fn run_on(&mut self, link: &mut C::Link) -> RunEnd<C::Link> {
        let goes_on = self.source.after_break() == AfterBreak::GoOn;
        let (last_heard, retry) = (link.last_heard(), self.retry.afresh());
        let steering = &self.context.steering;
        let replacement = standby::replacement(&self.connector, steering, retry, last_heard);
        let next = tokio::select! {
            biased;
            end = link.run(&mut *self.source, &self.context) => return RunEnd::Link(end),
            next = replacement, if goes_on => next,
        };
        let cause = Error::lost(self.context.tracker.stage(), Some(EndReason::PeerSilent));
        if self.source.after_break() == AfterBreak::End {
            next.abort(&self.context).await;
            return RunEnd::Link(LinkEnd::Lost(cause));
        }
        let news = Reconnecting { attempt: 1, cause, wait: Duration::ZERO };
        self.context.queue.push_link_news(Event::Reconnecting(news));
        RunEnd::Replaced(next)
    }

    /// Goes on with another link, which stands.
    fn go_on(&self) {
        let (number, lost) = self.context.tracker.next_link();
        let news = Reconnected { link: number, lost };
        self.context.queue.push_link_news(Event::Reconnected(news));
    }

    /// Makes another link after one was lost because of `cause`, or says how the session ended.
    async fn next_link(&mut self, mut cause: Error) -> Result<C::Link, Outcome> {
        if self.context.tracker.link_is_fruitful() {
            self.retry.reset();
        }
        loop {
            let Some(wait) = self.wait_before_next(&cause) else {
                let (attempts, after) = (self.retry.attempts(), self.retry.elapsed());
                return Err(Err(cause.after_attempts(attempts, after)));
            };
            tracing::info!(%cause, ?wait, "connecting again");
            let attempt = self.retry.attempts();
            let news = Reconnecting { attempt, cause, wait };
            self.context.queue.push_link_news(Event::Reconnecting(news));
            let closed = closed(&self.context, self.source.after_break());
            let connecting = async {
                sleep(wait).await;
                connect(&self.connector, &mut *self.source, &self.context).await
            };
            let connected = tokio::select! {
                biased;
                ended = closed => return Err(Ok(ended)),
                connected = connecting => connected,
            };
            match connected {
                Ok(link) => {
                    self.go_on();
                    return Ok(link);
                }
                Err(error) => cause = error,
            }
        }
    }

    /// `None` if no other link is of use, or it was tried for long enough.
    fn wait_before_next(&mut self, cause: &Error) -> Option<Duration> {
        let is_of_use = cause.is_retryable() && self.source.after_break() != AfterBreak::End;
        if is_of_use { self.retry.next_wait() } else { None }
    }

    fn end(self, outcome: Outcome) {
        let LinkContext { queue, tracker, steering, .. } = self.context;
        steering.end();
        let (ended, error) = match outcome {
            Ok(ended) => (ended, None),
            Err(error) => (Ended::Failed, Some(error)),
        };
        let is_incomplete = ended == Ended::Incomplete;
        tracker.end(ended);
        let incomplete = is_incomplete.then(|| Ok(Event::Incomplete(Box::new(tracker.summary()))));
        queue.close(incomplete.or(error.map(Err)));
    }
}

/// Tries once to make a link, and has the source get ready for it meanwhile.
async fn connect<C: Connector>(
    connector: &C,
    source: &mut dyn StreamSource,
    context: &LinkContext,
) -> Result<C::Link, Error> {
    let connecting = connector.connect(context.steering.outputs());
    // What goes to the server first.
    let (link, ()) = tokio::join!(biased; connecting, source.prepare());
    link
}

/// Resolves when the caller wants no other link. What goes on is no upload that could be cancelled.
async fn closed(context: &LinkContext, after_break: AfterBreak) -> Ended {
    let LinkContext { close, upload, .. } = context;
    match after_break {
        AfterBreak::StartAgain => upload.cancelled().await,
        _ => close.cancelled().await,
    }
    if close.is_cancelled() { Ended::ByCaller } else { Ended::UploadCancelled }
}

#[cfg(test)]
mod tests;
