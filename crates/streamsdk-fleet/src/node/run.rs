//! What a node does all the time: takes streams that are free, gives some back, and follows what should run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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
use super::desired::{Descriptions, Following};
use super::error::NodeError;
use super::membership::Membership;
use super::post::{Common, PostEnd};
use super::share::{count_by_node, share, to_give};
use crate::lease::{Holder, LeaseWatch};
use crate::session_settings::StreamError;
use crate::streams::StreamNews;

/// Before a stream is tried again that could not be run here.
const FAILED_PAUSE: Duration = Duration::from_secs(60);
/// Before one is tried again for which the servers did not do something.
const UNAVAILABLE_PAUSE: Duration = Duration::from_millis(500);

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

/// What this node knows of the streams that should run.
#[derive(Default)]
pub(super) struct Wanted {
    known: BTreeMap<StreamName, Known>,
    posts: BTreeMap<StreamName, Post>,
    /// What cannot be taken before then.
    paused: HashMap<StreamName, Instant>,
    /// Live streams that nobody had at the last look.
    unheld: BTreeSet<StreamName>,
    /// Those that nobody had at the two last looks: the nodes in whose share they are do not take them.
    neglected: BTreeSet<StreamName>,
    taken: u64,
}

struct Known {
    text: Arc<str>,
    /// What was wrong with the description stays until it changes or the pause is over.
    definition: Option<Arc<Definition>>,
    is_finished: bool,
}

struct Post {
    definition: Arc<Definition>,
    stop: CancellationToken,
    /// The later, the larger.
    number: u64,
}

impl NodeRun {
    /// Returns when the node is told to end, or cannot go on. All its streams have ended then.
    pub(super) async fn run(mut self) -> Result<(), NodeError> {
        let mut posts = JoinSet::new();
        let mut ticks = interval(self.config.ttl / 4);
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
                _ = ticks.tick() => self.look_around().await,
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
        if streams.posts.len() >= self.config.capacity {
            return BTreeSet::new();
        }
        let takes_files = streams.posts_of(true).count() < self.config.files_at_once;
        let takes_live = streams.posts_of(false).count() < self.share();
        let is_wanted = |name: &StreamName, definition: &Definition| match definition.is_file() {
            true => takes_files,
            false => takes_live || streams.neglected.contains(name),
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
        let stop = CancellationToken::new();
        self.streams.taken += 1;
        let post = Post {
            definition: Arc::clone(&definition),
            stop: stop.clone(),
            number: self.streams.taken,
        };
        self.streams.posts.insert(name.clone(), post);
        let common = Arc::clone(&self.common);
        posts.spawn(async move {
            let end = common.run_post(&name, &definition, stop).await;
            (name, end)
        });
    }

    async fn post_ended(&mut self, name: StreamName, end: PostEnd) {
        let Some(post) = self.streams.posts.remove(&name) else { return };
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
            self.streams.paused.insert(name, Instant::now() + pause);
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
            Ok(definition) => {
                self.streams.paused.remove(&name);
                Some(Arc::new(definition))
            }
            Err(what) => {
                self.tell_failure(&name, what).await;
                self.streams.paused.insert(name.clone(), Instant::now() + FAILED_PAUSE);
                None
            }
        };
        self.streams.put(name, text, definition);
    }

    /// What has to be looked at from time to time.
    async fn look_around(&mut self) {
        for (name, text) in self.streams.to_read_again(Instant::now()) {
            self.read_description(name, text).await;
        }
        let holders = self.leases.holders();
        self.streams.note_neglected(&holders);
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
        self.streams.posts.values().for_each(|post| post.stop.cancel());
        self.membership.leave().await;
        while posts.join_next().await.is_some() {}
    }
}

impl Wanted {
    fn is_known(&self, name: &StreamName, text: &Arc<str>) -> bool {
        self.known.get(name).is_some_and(|known| known.text == *text)
    }

    fn definition(&self, name: &StreamName) -> Option<Arc<Definition>> {
        self.known.get(name)?.definition.clone()
    }

    /// Takes a description over. What runs as another one says ends, and is taken again.
    fn put(&mut self, name: StreamName, text: Arc<str>, definition: Option<Arc<Definition>>) {
        if let Some(post) = self.posts.get(&name).filter(|post| post.definition.text != text) {
            post.stop.cancel();
        }
        let is_finished = match (self.known.get(&name), &definition) {
            (Some(Known { definition: Some(known), is_finished: true, .. }), Some(new)) => {
                known.work == new.work
            }
            _ => false,
        };
        self.known.insert(name, Known { text, definition, is_finished });
    }

    fn forget_those_not_in(&mut self, descriptions: &Descriptions) {
        self.known.retain(|name, _| descriptions.contains_key(name));
        self.paused.retain(|name, _| descriptions.contains_key(name));
        for (name, post) in &self.posts {
            if !descriptions.contains_key(name) {
                post.stop.cancel();
            }
        }
    }

    /// Descriptions that could not be read, and may be by now: what they name may be there.
    fn to_read_again(&self, now: Instant) -> Vec<(StreamName, Arc<str>)> {
        let unread = self
            .known
            .iter()
            .filter(|(name, known)| known.definition.is_none() && !self.is_paused(name, now));
        unread.map(|(name, known)| (name.clone(), Arc::clone(&known.text))).collect()
    }

    fn finished(&mut self, name: &StreamName, definition: &Definition) {
        if let Some(known) = self.known.get_mut(name)
            && known.definition.as_ref().is_some_and(|known| known.work == definition.work)
        {
            known.is_finished = true;
        }
    }

    /// Those that should run, and this node does not run.
    fn free(&self, now: Instant) -> impl Iterator<Item = (&StreamName, &Arc<Definition>)> {
        let unfinished = self.known.iter().filter(|(_, known)| !known.is_finished);
        let known = unfinished.filter_map(|(name, known)| Some((name, known.definition.as_ref()?)));
        known.filter(move |(name, _)| !self.posts.contains_key(*name) && !self.is_paused(name, now))
    }

    fn is_paused(&self, name: &StreamName, now: Instant) -> bool {
        self.paused.get(name).is_some_and(|until| now < *until)
    }

    /// The live streams that should run.
    fn live(&self) -> impl Iterator<Item = &StreamName> {
        let is_live =
            |known: &Known| known.definition.as_ref().is_some_and(|known| !known.is_file());
        let live = self.known.iter().filter(move |(_, known)| !known.is_finished && is_live(known));
        live.map(|(name, _)| name)
    }

    fn posts_of(&self, files: bool) -> impl Iterator<Item = &Post> {
        self.posts.values().filter(move |post| post.definition.is_file() == files)
    }

    /// Notes which live streams nobody has, and had at the last look.
    fn note_neglected(&mut self, holders: &BTreeMap<StreamName, Holder>) {
        let unheld = self.live().filter(|name| !holders.contains_key(*name)).cloned();
        let unheld: BTreeSet<StreamName> = unheld.collect();
        self.neglected = self.unheld.intersection(&unheld).cloned().collect();
        self.unheld = unheld;
    }

    /// Gives those back that were taken last: they have run for the shortest time.
    fn give_latest(&self, count: usize) {
        let mut live: Vec<&Post> =
            self.posts_of(false).filter(|post| !post.stop.is_cancelled()).collect();
        live.sort_unstable_by_key(|post| std::cmp::Reverse(post.number));
        live.into_iter().take(count).for_each(|post| post.stop.cancel());
    }
}
