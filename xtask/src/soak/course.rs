//! The hour: the worker is killed and started again, and samples are taken meanwhile.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::client::{Client, End};
use super::figures::Figures;
use super::lives::{Life, Lives};
use super::results::Results;
use super::state::{State, StreamState};
use super::streams::{Cameras, Description, FILES, LIVE};
use crate::peers::free_port;

/// For as long as nobody is at the worker's address.
const AWAY: Duration = Duration::from_secs(1);
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
const SAMPLE_LIMIT: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
const SAY_EVERY: Duration = Duration::from_secs(60);
/// Until all streams have results.
const START_LIMIT: Duration = Duration::from_secs(60);

pub(super) struct Plan {
    pub(super) program: PathBuf,
    pub(super) directory: PathBuf,
    pub(super) lives: u32,
    /// Of each life.
    pub(super) length: Duration,
}

/// All that was seen.
pub(super) struct Course {
    pub(super) samples: Vec<Sample>,
    pub(super) lives: Vec<Life>,
    pub(super) results: Results,
    pub(super) end: End,
    /// What the workers wrote.
    pub(super) worker_logs: Vec<PathBuf>,
}

pub(super) struct Sample {
    /// In which life of the worker, from 0.
    pub(super) life: usize,
    /// Since the first sample could have been taken.
    pub(super) at: Duration,
    pub(super) client: Figures,
    pub(super) streams: State,
}

impl Sample {
    /// Whether all streams had a session.
    pub(super) fn is_complete(&self) -> bool {
        self.streams.values().all(StreamState::is_running)
    }
}

impl Plan {
    pub(super) fn minutes(&self) -> f64 {
        self.length.as_secs_f64() * f64::from(self.lives) / 60.0
    }

    /// From the start of everything to the end of the client.
    pub(super) fn carry_out(&self) -> Result<Course> {
        let mut lives = Lives::new(&self.program, &self.directory)?;
        let cameras = Cameras::start(self.minutes(), &self.directory)?;
        let mut watch = self.begin(&mut lives, &cameras)?;
        let started = watch.started;
        watch.look_until(started + self.length, &lives)?;
        for life in 2..=self.lives {
            lives.end()?;
            thread::sleep(AWAY);
            watch.results.worker_begins(lives.begin()?);
            watch.look_until(started + self.length * life, &lives)?;
        }
        lives.take_down()?;
        // The worker is there until then, so that no session is lost in the end.
        let (samples, results, end) = watch.end()?;
        let worker_logs = lives.logs().collect();
        Ok(Course { samples, lives: lives.over().to_vec(), results, end, worker_logs })
    }

    /// Returns when all streams have results.
    fn begin(&self, lives: &mut Lives, cameras: &Cameras) -> Result<Watch> {
        let directory = &self.directory;
        let (results, admin_port) = (directory.join("results.jsonl"), free_port()?);
        let config = directory.join("streams.toml");
        let worker_port = lives.port;
        Description { cameras, worker_port, admin_port, results: &results }.write(&config)?;
        let mut results = Results::new(results);
        results.worker_begins(lives.begin()?);
        let log = directory.join("client.log");
        let mut client = Client::start(&self.program, &config, admin_port, log)?;
        client.wait_until(START_LIMIT, all_have_results).context("not all streams have begun")?;
        let started = Instant::now();
        let diary = File::create(directory.join("samples.jsonl"))?;
        Ok(Watch { client, results, diary, samples: Vec::new(), started, said: started })
    }
}

fn all_have_results(state: &State) -> bool {
    let has_results = |name: &&str| state.get(*name).is_some_and(|it| it.totals.returned > 0);
    LIVE.iter().chain(&FILES).all(has_results)
}

/// Looks at everything from time to time.
struct Watch {
    client: Client,
    results: Results,
    /// For whoever looks into what was found.
    diary: File,
    samples: Vec<Sample>,
    started: Instant,
    said: Instant,
}

impl Watch {
    /// A sample at each step that is left until then, the last of them right before.
    fn look_until(&mut self, end: Instant, lives: &Lives) -> Result<()> {
        loop {
            let next = (Instant::now() + SAMPLE_EVERY).min(end);
            thread::sleep(next.saturating_duration_since(Instant::now()));
            self.look(lives)?;
            if next == end {
                return Ok(());
            }
        }
    }

    /// Looks until all streams have a session, for as long as a sample may take: files are between two sessions again and
    /// again, and samples are compared.
    fn look(&mut self, lives: &Lives) -> Result<()> {
        self.results.read_on()?;
        let (worker, began) = (lives.figures()?, Instant::now());
        let mut sample = self.sample(lives.over().len())?;
        while !sample.is_complete() && began.elapsed() < SAMPLE_LIMIT {
            thread::sleep(POLL_INTERVAL);
            sample = self.sample(sample.life)?;
        }
        if self.said.elapsed() >= SAY_EVERY {
            self.said = Instant::now();
            say(&sample, &worker, self.results.total());
        }
        writeln!(self.diary, "{}", noted(&sample, &worker))?;
        self.samples.push(sample);
        Ok(())
    }

    fn end(mut self) -> Result<(Vec<Sample>, Results, End)> {
        let end = self.client.end()?;
        self.results.read_on()?;
        Ok((self.samples, self.results, end))
    }

    fn sample(&mut self, life: usize) -> Result<Sample> {
        let (at, client) = (self.started.elapsed(), self.client.figures()?);
        Ok(Sample { life, at, client, streams: self.client.state()? })
    }
}

fn noted(sample: &Sample, worker: &Figures) -> Value {
    let figures = |of: &Figures| {
        json!({
            "memory_mb": of.memory_mb,
            "threads": of.threads,
            "descriptors": of.descriptors,
            "cpu_s": of.cpu_s,
        })
    };
    let streams = sample.streams.iter().map(|(name, stream)| {
        let told = json!({
            "state": stream.state,
            "sessions": stream.sessions,
            "links": stream.links,
            "returned": stream.totals.returned,
        });
        (name.clone(), told)
    });
    json!({
        "life": sample.life,
        "at_s": sample.at.as_secs_f64(),
        "client": figures(&sample.client),
        "worker": figures(worker),
        "streams": streams.collect::<Map<_, _>>(),
    })
}

fn say(sample: &Sample, worker: &Figures, results: u64) {
    let Sample { life, at, client, streams } = sample;
    let running = streams.values().filter(|stream| stream.is_running()).count();
    println!(
        "   {:>4.0} min: life {}, {running} of {} running, {results} results, client {:.1} MB, {} threads, \
         {} descriptors, worker {:.1} MB",
        at.as_secs_f64() / 60.0,
        life + 1,
        streams.len(),
        client.memory_mb,
        client.threads,
        client.descriptors,
        worker.memory_mb,
    );
}
