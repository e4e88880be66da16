//! What the fleet has to do: live streams, and files, and more files when those are finished.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::diary::{Diary, Source, Wanted, What, now};
use super::laid::LaidNetwork;
use super::log::{Entry, Kind};
use super::server::Address;
use crate::clip::Clip;
use crate::process::{Job, Output};

/// So many at least finish.
const GENERATIONS: usize = 2;
const LIVE_PER_SECOND: u32 = 2;
const LENGTHS: [u32; 3] = [240, 300, 360];
const INTERVAL: Duration = Duration::from_millis(500);
const SAY_EVERY: Duration = Duration::from_secs(20);
const COMMAND_LIMIT: Duration = Duration::from_secs(20);
/// The server may be away meanwhile.
const APPLY_LIMIT: Duration = Duration::from_secs(60);
/// After the faults, when nothing more happens in the time.
const STALL_LIMIT: Duration = Duration::from_secs(90);

pub(super) struct Supply<'a> {
    pub(super) network: &'a LaidNetwork,
    pub(super) diary: &'a Diary,
    pub(super) program: &'a Path,
    pub(super) directory: &'a Path,
    pub(super) nats: Address,
    pub(super) workers: Vec<String>,
    /// At a time, of each kind.
    pub(super) files: usize,
    pub(super) live: usize,
    /// How many there were.
    pub(super) faults: &'a AtomicUsize,
    /// When there were the last of them.
    pub(super) faults_ended: &'a OnceLock<Duration>,
}

/// How far the fleet has come, from what there is of the log.
#[derive(Default)]
struct Progress {
    /// The place of the log that is read next.
    next: u64,
    complete: BTreeSet<String>,
    /// The last result of each stream.
    last: BTreeMap<String, Duration>,
    changed: Option<Instant>,
}

impl Supply<'_> {
    /// Ends when the faults have, and everything is as it should be, or nothing happens any more.
    pub(super) fn run(&self) -> Result<()> {
        self.make_clips()?;
        let mut progress = Progress { next: 1, ..Progress::default() };
        let (started, mut said) = (Instant::now(), Instant::now());
        let mut generation = 1;
        self.apply(generation)?;
        loop {
            thread::sleep(INTERVAL);
            self.follow(&mut progress);
            let files = self.files_of(generation);
            let complete = files.iter().filter(|it| progress.complete.contains(&it.name)).count();
            let ended = self.faults_ended.get();
            if said.elapsed() >= SAY_EVERY {
                said = Instant::now();
                println!(
                    "   {:>4} s: {} faults, {} messages, {complete} of {} files of generation {generation}",
                    started.elapsed().as_secs(),
                    self.faults.load(Ordering::Relaxed),
                    progress.next - 1,
                    files.len()
                );
            }
            let is_last = ended.is_some() && generation >= GENERATIONS;
            if complete == files.len() && !is_last {
                generation += 1;
                self.apply(generation)?;
                progress.changed = None;
            } else if is_last && complete == files.len() && self.live_goes_on(&progress) {
                return Ok(());
            }
            let changed = *progress.changed.get_or_insert_with(Instant::now);
            if ended.is_some() && changed.elapsed() > STALL_LIMIT {
                println!("   nothing has happened for {} s", STALL_LIMIT.as_secs());
                return Ok(());
            }
        }
    }

    fn live_goes_on(&self, progress: &Progress) -> bool {
        let ended = self.faults_ended.get();
        let goes_on = |it: &Wanted| progress.last.get(&it.name) > ended;
        ended.is_some() && self.live_streams().iter().all(goes_on)
    }

    /// What there is to be read is read; the server may be away.
    fn follow(&self, progress: &mut Progress) {
        let from = progress.next;
        let Ok(mut connection) = self.nats.connect() else { return };
        // What was read before it broke off counts.
        let read = connection.read_log(from, |message| progress.take(&Entry::read(&message)));
        if let Err(error) = read {
            println!("   the log could not be read on: {error:#}");
        }
    }

    /// What is wanted from now on: files that were finished before are wanted for one generation more.
    fn apply(&self, generation: usize) -> Result<()> {
        let before = generation.checked_sub(1).filter(|before| *before > 0);
        let files = before.into_iter().chain([generation]).flat_map(|it| self.files_of(it));
        let streams: Vec<Wanted> = self.live_streams().into_iter().chain(files).collect();
        let path = self.directory.join(format!("streams-{generation}.toml"));
        fs::write(&path, self.described(&streams)?)?;
        self.diary.note_of(now(), What::Applied { generation, streams })?;
        let job = || {
            let job = self.command("apply").arg(&path);
            job.args(["--nats", &self.nats.url()])
        };
        let deadline = Instant::now() + APPLY_LIMIT;
        loop {
            match job().run_successfully() {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    return Err(error.context("the streams cannot be applied"));
                }
                Err(_) => thread::sleep(INTERVAL),
            }
        }
    }

    /// The file of streams, linking the clips that it names.
    fn described(&self, streams: &[Wanted]) -> Result<String> {
        let mut text = String::from(
            "[defaults]\nworkspace = \"local\"\nworkflow_id = \"motion\"\ndata_output = [\"*\"]\n",
        );
        for (index, Wanted { name, source }) in streams.iter().enumerate() {
            let source = match source {
                Source::Live { .. } => format!("pattern:64x48@{LIVE_PER_SECOND}"),
                Source::File { frames } => self.linked(name, *frames)?.display().to_string(),
            };
            let worker = &self.workers[index % self.workers.len()];
            write!(text, "\n[streams.{name}]\nsource = \"{source}\"\nserver = \"{worker}\"\n")?;
        }
        Ok(text)
    }

    fn linked(&self, name: &str, frames: u64) -> Result<PathBuf> {
        let link = self.directory.join("files").join(format!("{name}.mp4"));
        if !link.exists() {
            fs::hard_link(self.clip(frames), &link)
                .with_context(|| format!("cannot link {}", link.display()))?;
        }
        Ok(link)
    }

    fn make_clips(&self) -> Result<()> {
        fs::create_dir_all(self.directory.join("files"))?;
        for frames in LENGTHS {
            Clip { width: 96, height: 72, frames }.write(&self.clip(frames.into()))?;
        }
        Ok(())
    }

    fn clip(&self, frames: u64) -> PathBuf {
        self.directory.join(format!("clip-{frames}.mp4"))
    }

    fn files_of(&self, generation: usize) -> Vec<Wanted> {
        let file = |index: usize| Wanted {
            name: format!("g{generation}-file{index}"),
            source: Source::File { frames: LENGTHS[index % LENGTHS.len()].into() },
        };
        (1..=self.files).map(file).collect()
    }

    fn live_streams(&self) -> Vec<Wanted> {
        let source = Source::Live { per_second: LIVE_PER_SECOND.into() };
        (1..=self.live).map(|index| Wanted { name: format!("live{index}"), source }).collect()
    }

    /// What the fleet says of itself, for whoever looks into what was found.
    pub(super) fn keep_status(&self) -> Result<()> {
        let job = self.command("status").args(["--nats", &self.nats.url(), "--json"]);
        let finished = job.run()?;
        Ok(fs::write(self.directory.join("status.json"), finished.stdout + &finished.stderr)?)
    }

    fn command(&self, command: &str) -> Job {
        let job = self.network.at_servers(self.program).args(["fleet", command]);
        job.output(Output::Capture).limit(COMMAND_LIMIT)
    }
}

impl Progress {
    fn take(&mut self, entry: &Entry) {
        self.next = entry.place + 1;
        match entry.record.as_ref().map(|record| &record.kind) {
            Ok(Kind::End { outcome, .. }) => {
                self.changed = Some(Instant::now());
                if outcome == "complete" {
                    self.complete.insert(entry.stream.clone());
                }
            }
            Ok(Kind::Result { .. }) => {
                // Live streams always go on.
                if !entry.stream.starts_with("live") {
                    self.changed = Some(Instant::now());
                }
                self.last.insert(entry.stream.clone(), entry.at);
            }
            _ => {}
        }
    }
}
