//! What a node does all the time: takes streams that are free, gives some back, and follows what should run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Subscriber;
use futures::StreamExt;
use streamsdk_sinks::StreamName;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::config::NodeConfig;
use super::definition::Definition;
use super::desired::Following;
use super::error::NodeError;
use super::membership::Membership;
use super::post::{Common, PostEnd};
use super::share::{count_by_node, share, to_give};
use super::wanted::Wanted;
use crate::lease::LeaseWatch;
use crate::session_settings::StreamError;
use crate::streams::StreamNews;

/// Before a stream is tried again that could not be run here.
const FAILED_PAUSE: Duration = Duration::from_secs(60);
/// Before one is tried again for which the servers did not do something.
const UNAVAILABLE_PAUSE: Duration = Duration::from_millis(500);
/// How often is looked for streams that others do not take.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A node that runs.
pub(super) struct NodeRun {
    pub(super) config: NodeConfig,
    pub(super) common: Arc<Common>,
    pub(super) membership: Membership,
    pub(super) leases: LeaseWatch,
    pub(super) following: Following,
    /// Requests to drain.
    pub(super) requests: Subscriber,
    pub(super) client: async_nats::Client,
    pub(super) stop: CancellationToken,
    pub(super) streams: Wanted,
}

impl NodeRun {
    /// Returns when the node is told to end, or cannot go on. All its streams have ended then.
    pub(super) async fn run(mut self) -> Result<(), NodeError> {
        let mut posts = JoinSet::new();
        let (mut looks, mut ticks) = (interval(LOOK_INTERVAL), interval(self.config.ttl / 4));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut request = None;
        let outcome = loop {
            let wanted = self.wanted();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break Ok(()),
                () = self.membership.name_taken() => {
                    break Err(NodeError::NameTaken(self.config.name.clone()));
                }
                Some(message) = self.requests.next() => {
                    request = Some(message);
                    break Ok(());
                }
                Some(ended) = posts.join_next() => {
                    if let Ok((name, end)) = ended {
                        self.post_ended(name, end).await;
                    }
                }
                Ok(()) = self.following.descriptions.changed() => self.read_descriptions().await,
                _ = looks.tick() => self.streams.note_neglected(&self.leases.holders()),
                _ = ticks.tick() => match self.membership.conflict(&self.config) {
                    Some(error) => break Err(error),
                    None => self.look_around().await,
                },
                name = self.leases.next_free(&wanted) => self.take(name, &mut posts),
            }
        };
        let client = self.client.clone();
        self.drain(posts).await;
        if let Some(reply) = request.and_then(|request| request.reply) {
            // Whoever asked may not wait any more.
            let _ = client.publish(reply, "drained".into()).await;
            let _ = client.flush().await;
        }
        outcome
    }

    /// Those that this node would take now.
    fn wanted(&self) -> BTreeSet<StreamName> {
        let streams = &self.streams;
        if streams.posts().count() >= self.config.capacity {
            return BTreeSet::new();
        }
        let takes_files = streams.posts_of(true).count() < self.config.files_at_once;
        let takes_live = streams.posts_of(false).count() < self.share();
        let is_wanted = |name: &StreamName, definition: &Definition| match definition.is_file() {
            true => takes_files,
            false => takes_live || streams.is_neglected(name),
        };
        let free = streams.free(Instant::now());
        let wanted = free.filter(|(name, definition)| is_wanted(name, definition));
        wanted.map(|(name, _)| name.clone()).collect()
    }

    /// How many live streams this node should have.
    fn share(&self) -> usize {
        let live = self.streams.live().count();
        share(live, self.config.name.as_str(), &self.membership.capacities())
    }

    fn take(&mut self, name: StreamName, posts: &mut JoinSet<(StreamName, PostEnd)>) {
        let Some(definition) = self.streams.definition(&name) else { return };
        let stop = self.streams.post(name.clone(), Arc::clone(&definition));
        let common = Arc::clone(&self.common);
        posts.spawn(async move {
            let end = common.run_post(&name, &definition, stop).await;
            (name, end)
        });
    }

    async fn post_ended(&mut self, name: StreamName, end: PostEnd) {
        let Some(post) = self.streams.post_ended(&name) else { return };
        let pause = match end {
            PostEnd::Left | PostEnd::Held => None,
            PostEnd::Finished => {
                self.streams.finished(&name, &post.definition);
                None
            }
            PostEnd::Unavailable(what) => {
                tracing::warn!(stream = %name, what, "a stream is not taken for the moment");
                Some(UNAVAILABLE_PAUSE)
            }
            PostEnd::Failed(what) => {
                self.tell_failure(&name, what).await;
                Some(FAILED_PAUSE)
            }
        };
        if let Some(pause) = pause {
            self.streams.pause(name, pause);
        }
    }

    async fn read_descriptions(&mut self) {
        let descriptions = self.following.descriptions.borrow_and_update().clone();
        self.streams.forget_those_not_in(&descriptions);
        for (name, text) in descriptions {
            if self.streams.is_known(&name, &text) {
                continue;
            }
            self.read_description(name, text).await;
        }
    }

    async fn read_description(&mut self, name: StreamName, text: Arc<str>) {
        let definition = Definition::read(&name, Arc::clone(&text), &self.common.folder);
        let definition = match definition {
            Ok(definition) => Some(Arc::new(definition)),
            Err(what) => {
                self.tell_failure(&name, what).await;
                None
            }
        };
        let pause = definition.is_none().then_some(FAILED_PAUSE);
        self.streams.put(name.clone(), text, definition);
        if let Some(pause) = pause {
            self.streams.pause(name, pause);
        }
    }

    /// What has to be looked at from time to time.
    async fn look_around(&mut self) {
        for (name, text) in self.streams.to_read_again(Instant::now()) {
            self.read_description(name, text).await;
        }
        let holders = self.leases.holders();
        let capacities = self.membership.capacities();
        let (node, live) = (self.config.name.as_str(), self.streams.live().count());
        let held = count_by_node(&holders, self.streams.live());
        let excess = to_give(live, node, &capacities, &held);
        self.streams.give_latest(excess);
    }

    async fn tell_failure(&self, name: &StreamName, what: String) {
        let news = StreamNews::Failed(StreamError::Settings(what));
        self.common.streams.tell(name.clone(), news).await;
    }

    async fn drain(self, mut posts: JoinSet<(StreamName, PostEnd)>) {
        self.streams.posts().for_each(|post| post.stop.cancel());
        self.membership.leave().await;
        while posts.join_next().await.is_some() {}
    }
}
