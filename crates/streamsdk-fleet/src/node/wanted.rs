//! What a node knows of the streams that should run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use streamsdk_sinks::StreamName;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::definition::Definition;
use super::desired::Descriptions;
use crate::lease::Holder;

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

/// A stream that this node runs.
pub(super) struct Post {
    pub(super) definition: Arc<Definition>,
    pub(super) stop: CancellationToken,
    /// The later, the larger.
    number: u64,
}

impl Wanted {
    /// This node runs a stream from now on. Returns what tells it to end.
    pub(super) fn post(
        &mut self,
        name: StreamName,
        definition: Arc<Definition>,
    ) -> CancellationToken {
        let stop = CancellationToken::new();
        self.taken += 1;
        let post = Post { definition, stop: stop.clone(), number: self.taken };
        self.posts.insert(name, post);
        stop
    }

    /// This node does not run a stream any more.
    pub(super) fn post_ended(&mut self, name: &StreamName) -> Option<Post> {
        self.posts.remove(name)
    }

    /// Does not take a stream for a while.
    pub(super) fn pause(&mut self, name: StreamName, pause: Duration) {
        self.paused.insert(name, Instant::now() + pause);
    }

    /// Whether that is the description of the stream already.
    pub(super) fn is_known(&self, name: &StreamName, text: &Arc<str>) -> bool {
        self.known.get(name).is_some_and(|known| known.text == *text)
    }

    /// What the stream is, if its description could be read.
    pub(super) fn definition(&self, name: &StreamName) -> Option<Arc<Definition>> {
        self.known.get(name)?.definition.clone()
    }

    /// Takes a description over. What runs as another one says ends, and is taken again.
    pub(super) fn put(
        &mut self,
        name: StreamName,
        text: Arc<str>,
        definition: Option<Arc<Definition>>,
    ) {
        if let Some(post) = self.posts.get(&name).filter(|post| post.definition.text != text) {
            post.stop.cancel();
        }
        let is_finished = match (self.known.get(&name), &definition) {
            (Some(Known { definition: Some(known), is_finished: true, .. }), Some(new)) => {
                known.work == new.work
            }
            _ => false,
        };
        // What it waited for may be there.
        self.paused.remove(&name);
        self.known.insert(name, Known { text, definition, is_finished });
    }

    /// Ends and forgets those that should not run any more.
    pub(super) fn forget_those_not_in(&mut self, descriptions: &Descriptions) {
        self.known.retain(|name, _| descriptions.contains_key(name));
        self.paused.retain(|name, _| descriptions.contains_key(name));
        for (name, post) in &self.posts {
            if !descriptions.contains_key(name) {
                post.stop.cancel();
            }
        }
    }

    /// Descriptions that could not be read, and may be by now: what they name may be there.
    pub(super) fn to_read_again(&self, now: Instant) -> Vec<(StreamName, Arc<str>)> {
        let unread = self
            .known
            .iter()
            .filter(|(name, known)| known.definition.is_none() && !self.is_paused(name, now));
        unread.map(|(name, known)| (name.clone(), Arc::clone(&known.text))).collect()
    }

    /// The stream has ended for good, as long as its description is about the same work.
    pub(super) fn finished(&mut self, name: &StreamName, definition: &Definition) {
        if let Some(known) = self.known.get_mut(name)
            && known.definition.as_ref().is_some_and(|known| known.work == definition.work)
        {
            known.is_finished = true;
        }
    }

    /// Those that should run, and this node does not run.
    pub(super) fn free(
        &self,
        now: Instant,
    ) -> impl Iterator<Item = (&StreamName, &Arc<Definition>)> {
        let unfinished = self.known.iter().filter(|(_, known)| !known.is_finished);
        let known = unfinished.filter_map(|(name, known)| Some((name, known.definition.as_ref()?)));
        known.filter(move |(name, _)| !self.posts.contains_key(*name) && !self.is_paused(name, now))
    }

    fn is_paused(&self, name: &StreamName, now: Instant) -> bool {
        self.paused.get(name).is_some_and(|until| now < *until)
    }

    /// The live streams that should run.
    pub(super) fn live(&self) -> impl Iterator<Item = &StreamName> {
        let is_live =
            |known: &Known| known.definition.as_ref().is_some_and(|known| !known.is_file());
        let live = self.known.iter().filter(move |(_, known)| !known.is_finished && is_live(known));
        live.map(|(name, _)| name)
    }

    /// Those that this node runs.
    pub(super) fn posts(&self) -> impl Iterator<Item = &Post> {
        self.posts.values()
    }

    /// Files, or live streams, among them.
    pub(super) fn posts_of(&self, files: bool) -> impl Iterator<Item = &Post> {
        self.posts.values().filter(move |post| post.definition.is_file() == files)
    }

    /// Whether the nodes in whose share a stream is do not take it.
    pub(super) fn is_neglected(&self, name: &StreamName) -> bool {
        self.neglected.contains(name)
    }

    /// Notes which live streams nobody has, and had at the last look.
    pub(super) fn note_neglected(&mut self, holders: &BTreeMap<StreamName, Holder>) {
        let unheld = self.live().filter(|name| !holders.contains_key(*name)).cloned();
        let unheld: BTreeSet<StreamName> = unheld.collect();
        self.neglected = self.unheld.intersection(&unheld).cloned().collect();
        self.unheld = unheld;
    }

    /// Gives those back that were taken last: they have run for the shortest time.
    pub(super) fn give_latest(&self, count: usize) {
        let mut live: Vec<&Post> =
            self.posts_of(false).filter(|post| !post.stop.is_cancelled()).collect();
        live.sort_unstable_by_key(|post| std::cmp::Reverse(post.number));
        live.into_iter().take(count).for_each(|post| post.stop.cancel());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    fn name(text: &str) -> StreamName {
        text.parse().unwrap()
    }

    fn definition(stream: &str, source: &str) -> Arc<Definition> {
        let text = format!(
            "[streams.{stream}]\nserver = \"http://127.0.0.1:9\"\nmodel = \"m\"\nsource = \"{source}\"\n"
        );
        Arc::new(Definition::read(&name(stream), text.into(), Path::new("")).unwrap())
    }

    /// With streams of cameras.
    fn wanted(streams: &[&str]) -> Wanted {
        let mut wanted = Wanted::default();
        for stream in streams {
            let definition = definition(stream, "rtsp://10.0.0.7/1");
            wanted.put(name(stream), Arc::clone(&definition.text), Some(definition));
        }
        wanted
    }

    fn free(wanted: &Wanted, now: Instant) -> Vec<&str> {
        wanted.free(now).map(|(name, _)| name.as_str()).collect()
    }

    fn run(wanted: &mut Wanted, stream: &str) -> CancellationToken {
        let definition = wanted.definition(&name(stream)).unwrap();
        wanted.post(name(stream), definition)
    }

    #[tokio::test]
    async fn what_runs_waits_or_has_ended_is_not_taken() {
        let mut wanted = wanted(&["a", "b", "c", "d"]);
        run(&mut wanted, "a");
        wanted.pause(name("b"), SOON);
        let ended = wanted.definition(&name("c")).unwrap();
        wanted.finished(&name("c"), &ended);
        let now = Instant::now();
        assert_eq!(free(&wanted, now), ["d"]);
        assert_eq!(free(&wanted, now + SOON), ["b", "d"]);
        wanted.post_ended(&name("a"));
        assert_eq!(free(&wanted, now), ["a", "d"]);
    }

    #[tokio::test]
    async fn a_description_that_changes_ends_what_runs_and_only_other_work_begins_what_has_ended() {
        let mut wanted = wanted(&["a", "b"]);
        let (a, b) = (run(&mut wanted, "a"), run(&mut wanted, "b"));
        let ended = wanted.definition(&name("a")).unwrap();
        wanted.finished(&name("a"), &ended);
        let other = definition("a", "rtsp://10.0.0.8/1");
        wanted.put(name("a"), Arc::clone(&other.text), Some(other));
        assert_eq!((a.is_cancelled(), b.is_cancelled()), (true, false));
        wanted.post_ended(&name("a"));
        assert_eq!(free(&wanted, Instant::now()), ["a"]);
        wanted.forget_those_not_in(&Descriptions::new());
        assert!(b.is_cancelled() && wanted.definition(&name("b")).is_none());
    }

    #[tokio::test]
    async fn what_nobody_had_at_two_looks_is_neglected() {
        let mut wanted = wanted(&["a", "b"]);
        let holder = || Holder::Node { name: "one".into(), capacity: None, keeps: false };
        wanted.note_neglected(&[(name("a"), holder())].into());
        assert!(!wanted.is_neglected(&name("a")) && !wanted.is_neglected(&name("b")));
        wanted.note_neglected(&BTreeMap::new());
        assert!(!wanted.is_neglected(&name("a")) && wanted.is_neglected(&name("b")));
    }

    #[tokio::test]
    async fn those_that_were_taken_last_are_given_back_first_and_no_file_is() {
        let mut wanted = wanted(&["a", "b", "c"]);
        let stops = ["b", "a", "c"].map(|stream| run(&mut wanted, stream));
        let file = run_file(&mut wanted);
        wanted.give_latest(1);
        wanted.give_latest(1);
        let given = stops.map(|stop| stop.is_cancelled());
        assert_eq!((given, file.is_cancelled()), ([false, true, true], false));
    }

    fn run_file(wanted: &mut Wanted) -> CancellationToken {
        let file = definition("file", "url:http://10.0.0.7/clip.mp4");
        wanted.put(name("file"), Arc::clone(&file.text), Some(file));
        run(wanted, "file")
    }
}
