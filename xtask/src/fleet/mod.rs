//! `cargo xtask fleet`: whether a fleet of nodes over NATS keeps its promises while they are killed, stopped, drained
//! and cut off, and the server with them.
//!
//! Three nodes, each in a network namespace of its own, share files and live streams. When all files are finished there
//! are more. Meanwhile there is one fault after the other, all drawn from one number. In the end the whole log is read
//! and audited, from what is in it and the diary of what was done, by code that has nothing in common with the product.

mod audit;
mod diary;
mod faults;
mod killer;
mod laid;
mod log;
mod nats;
mod nodes;
mod report;
mod server;
mod supply;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use self::audit::audit;
use self::diary::Diary;
use self::faults::NODES;
use self::killer::Killer;
use self::laid::LaidNetwork;
use self::log::Entry;
use self::nodes::{Node, Settings};
use self::server::{Address, Server};
use self::supply::Supply;
use crate::process::Background;
use crate::tally::closing_line;
use crate::{namespaces, project, setup};

#[derive(clap::Args)]
pub struct Options {
    /// The number that the faults are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Streams at a time, half of them files and half live
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    streams: usize,
    /// How many faults to make
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    faults: usize,
    /// After which a node that is not heard of has no streams any more, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    ttl: f64,
    /// No faults after so many minutes
    #[arg(long)]
    minutes: Option<f64>,
    /// Files that a node streams at a time; without it, up to 12 are streamed all at once, and of more 4, so that some are
    /// finished between two faults
    #[arg(long, value_name = "COUNT")]
    files_at_once: Option<usize>,
    /// Take it for in time when it is so much later, in seconds: a busy machine is slow, and what is in the log must be right all
    /// the same
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    slack: f64,
    /// Keep the diary, the log and what the programs wrote even if all is well
    #[arg(long)]
    keep: bool,
    /// Use this streamsdk instead of building it
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
}

const WORKERS: usize = 2;
const FIRST_WORKER_PORT: u16 = 9001;
/// Sessions whose node was killed are there for a while.
const MAX_SESSIONS: &str = "10000";
const START_LIMIT: Duration = Duration::from_secs(20);
const READ_LIMIT: Duration = Duration::from_secs(60);

/// Whether all promises were kept. The last line printed is the count of the checks.
pub fn run(options: &Options) -> Result<bool> {
    ensure!(options.ttl > 0.0 && options.ttl <= 3600.0, "a TTL of {} s", options.ttl);
    ensure!((0.0..=3600.0).contains(&options.slack), "a slack of {} s", options.slack);
    if let Err(reason) = namespaces::possible() {
        println!("skipped: {reason:#}");
        return Ok(true);
    }
    setup::ensure(setup::Scope::Test)?;
    let program = options.program.clone().map_or_else(project::build_cli, Ok)?;
    let program =
        fs::canonicalize(&program).with_context(|| format!("cannot find {}", program.display()))?;
    let directory = project::work_directory("fleet")?.join("run");
    // What the last run has left.
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory)?;
    let ttl = Duration::from_secs_f64(options.ttl);

    let diary = Diary::begin(&directory.join("diary.jsonl"))?;
    let bed = Bed::make(options, program, &directory, ttl)?;
    let slack = Duration::from_secs_f64(options.slack);
    let settings = audit::Settings { ttl, slack, files_at_once: bed.settings.files_at_once };
    let log = bed.work(options, &diary)?;
    let audit = audit(&log, &diary.notes(), settings);
    report::print(&audit, &diary.notes());
    if audit.failed() > 0 || options.keep {
        report::write_violations(&audit, &directory.join("violations.txt"))?;
        report::write_log(&log, &directory.join("log.jsonl"))?;
        println!("kept in {}", directory.display());
    } else {
        fs::remove_dir_all(&directory)?;
    }
    println!("{}", closing_line(audit.passed(), audit.failed()));
    Ok(audit.failed() == 0)
}

/// Everything but the nodes. What is first here ends first.
struct Bed {
    directory: PathBuf,
    settings: Settings,
    server: Server,
    _workers: Vec<Background>,
    worker_urls: Vec<String>,
    network: LaidNetwork,
}

impl Bed {
    fn make(options: &Options, program: PathBuf, directory: &Path, ttl: Duration) -> Result<Self> {
        let network = LaidNetwork::lay(server::PORT)?;
        let server = Server::start(&network, directory)?;
        let mut workers = Vec::new();
        let mut worker_urls = Vec::new();
        for port in (FIRST_WORKER_PORT..).take(WORKERS) {
            let listen = format!("{}:{port}", network.servers_host());
            let worker = network.at_servers(&program).args(["worker", "--listen", &listen]);
            let worker = worker.args(["--max-sessions", MAX_SESSIONS]);
            let mut worker = worker.start(directory.join(format!("worker-{port}.log")))?;
            worker_urls.push(worker.wait_for_line("listening on ", START_LIMIT)?);
            workers.push(worker);
        }
        let (files, live) = halves(options.streams);
        let settings = Settings {
            program,
            nats: server.address().url(),
            // One node has room for all, and for the files of the last generation, should they count.
            capacity: 2 * files + live,
            files_at_once: options
                .files_at_once
                .unwrap_or(if files > 12 { 4 } else { files })
                .max(1),
            ttl,
        };
        let directory = directory.to_owned();
        Ok(Self { directory, settings, server, _workers: workers, worker_urls, network })
    }

    /// Makes all faults, and returns the log when everything has come to its end.
    fn work(self, options: &Options, diary: &Diary) -> Result<Vec<Entry>> {
        let faults = faults::draw(options.seed, options.faults, self.settings.ttl);
        let until = options.minutes.map(|it| Duration::from_secs_f64(it * 60.0));
        let (made, ended) = (AtomicUsize::new(0), OnceLock::new());
        let nats = self.server.address();
        let (files, live) = halves(options.streams);
        let supply = Supply {
            network: &self.network,
            diary,
            program: &self.settings.program,
            directory: &self.directory,
            nats,
            workers: self.worker_urls,
            files,
            live,
            faults: &made,
            faults_ended: &ended,
        };
        let nodes = (0..NODES).map(|index| Node::new(index, &self.directory)).collect();
        let (network, settings) = (&self.network, &self.settings);
        let mut killer = Killer::new(network, settings, diary, self.server, nodes, &made);
        killer.start_all()?;
        println!(
            "{files} files and {live} live streams, {} faults from {}",
            faults.len(),
            options.seed
        );
        thread::scope(|scope| -> Result<()> {
            let supplying = scope.spawn(|| supply.run());
            let outcome = (|| {
                killer.make(&faults, until.map(|until| Instant::now() + until))?;
                killer.end_of_faults()
            })();
            // In any case, so that the other thread ends.
            let at = outcome.as_ref().ok().copied();
            let _ = ended.set(at.unwrap_or_else(diary::now));
            outcome?;
            println!("   the faults are over");
            while !supplying.is_finished() {
                killer.look_after()?;
            }
            supplying.join().map_err(|_| anyhow!("what supplies the streams panicked"))?
        })?;
        supply.keep_status()?;
        read_log(nats)
    }
}

/// All of it, from the server.
fn read_log(nats: Address) -> Result<Vec<Entry>> {
    let started = Instant::now();
    loop {
        let mut log = Vec::new();
        let read = nats
            .connect()
            .and_then(|mut it| it.read_log(1, |message| log.push(Entry::read(&message))));
        match read {
            Ok(_) => return Ok(log),
            Err(error) if started.elapsed() > READ_LIMIT => {
                return Err(error.context("the log cannot be read"));
            }
            Err(_) => thread::sleep(Duration::from_millis(500)),
        }
    }
}

/// Files and live streams.
fn halves(streams: usize) -> (usize, usize) {
    (streams.div_ceil(2), streams / 2)
}
