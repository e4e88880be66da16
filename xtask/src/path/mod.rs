//! `cargo xtask path`: sessions over paths that are narrower than an Ethernet.
//!
//! A path has two routers in it. The narrow link is that of the client, that between the routers, or
//! that of the worker; routers say so (ICMP), or do not, or fragments vanish besides. Or both ends have addresses of IPv4 and
//! of IPv6, and what is sent by one of them vanishes.

mod laid;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

pub use self::laid::LaidPath;
use crate::clip::Clip;
use crate::namespaces;
use crate::process::{Job, Output};
use crate::steps::{Outcome, Steps};
use crate::tally::closing_line;
use crate::{project, setup};

#[derive(clap::Args)]
pub struct Options {
    /// All sizes at all places, instead of some
    #[arg(long)]
    long: bool,
    /// Use this streamsdk instead of building it
    #[arg(long, value_name = "PROGRAM")]
    cli: Option<PathBuf>,
}

/// What a path is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathCase {
    name: &'static str,
    narrow: NarrowLink,
    mtu: u32,
    hears: Hearing,
    families: Families,
    /// On the client's link, each way.
    lost_percent: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NarrowLink {
    Client,
    Middle,
    Worker,
}

/// What ends of the path get to know about a link that is too narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// Routers tell them.
    Told,
    /// Nothing: packets vanish.
    BlackHole,
    /// Nothing, and fragments vanish as well.
    NoFragments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

/// What addresses the ends of a path have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Families {
    Only(Family),
    /// Those of both, of which one is carried nowhere.
    Both {
        silent: Family,
    },
}

impl Families {
    /// The one by which the worker is reached.
    fn carried(self) -> Family {
        match self {
            Self::Only(family) => family,
            Self::Both { silent: Family::V4 } => Family::V6,
            Self::Both { silent: Family::V6 } => Family::V4,
        }
    }

    fn silent(self) -> Option<Family> {
        match self {
            Self::Only(_) => None,
            Self::Both { silent } => Some(silent),
        }
    }
}

pub const fn case(
    name: &'static str,
    narrow: NarrowLink,
    mtu: u32,
    hears: Hearing,
    family: Family,
) -> PathCase {
    PathCase { name, narrow, mtu, hears, families: Families::Only(family), lost_percent: 0 }
}

const fn both(name: &'static str, silent: Family) -> PathCase {
    let families = Families::Both { silent };
    PathCase { families, ..case(name, NarrowLink::Client, 1500, Hearing::Told, Family::V4) }
}

impl PathCase {
    /// The same, with so many of a hundred packets lost on the client's link, each way.
    pub const fn losing(mut self, percent: u32) -> Self {
        self.lost_percent = percent;
        self
    }
}

const SHORT: &[PathCase] = &[
    case("1500", NarrowLink::Client, 1500, Hearing::Told, Family::V4),
    case("1464 at the client", NarrowLink::Client, 1464, Hearing::Told, Family::V4),
    case("1280 at the worker", NarrowLink::Worker, 1280, Hearing::Told, Family::V4),
    case("1420 behind routers", NarrowLink::Middle, 1420, Hearing::Told, Family::V4),
    case("1420 black hole", NarrowLink::Middle, 1420, Hearing::BlackHole, Family::V4),
    case("1280 no fragments", NarrowLink::Middle, 1280, Hearing::NoFragments, Family::V4),
    case("1280 behind routers v6", NarrowLink::Middle, 1280, Hearing::Told, Family::V6),
    case("1280 black hole v6", NarrowLink::Middle, 1280, Hearing::BlackHole, Family::V6),
    case("IPv6 alone", NarrowLink::Client, 1500, Hearing::Told, Family::V6),
    both("both, IPv6 goes nowhere", Family::V6),
    both("both, IPv4 goes nowhere", Family::V4),
];

const LONG: &[PathCase] = &[
    case("1465 at the client", NarrowLink::Client, 1465, Hearing::Told, Family::V4),
    case("1420 at the client", NarrowLink::Client, 1420, Hearing::Told, Family::V4),
    case("1280 at the client", NarrowLink::Client, 1280, Hearing::Told, Family::V4),
    case("1464 at the worker", NarrowLink::Worker, 1464, Hearing::Told, Family::V4),
    case("1420 at the worker", NarrowLink::Worker, 1420, Hearing::Told, Family::V4),
    case("1465 behind routers", NarrowLink::Middle, 1465, Hearing::Told, Family::V4),
    case("1464 behind routers", NarrowLink::Middle, 1464, Hearing::Told, Family::V4),
    case("1280 behind routers", NarrowLink::Middle, 1280, Hearing::Told, Family::V4),
    case("1464 black hole", NarrowLink::Middle, 1464, Hearing::BlackHole, Family::V4),
    case("1280 black hole", NarrowLink::Middle, 1280, Hearing::BlackHole, Family::V4),
    case("1420 no fragments", NarrowLink::Middle, 1420, Hearing::NoFragments, Family::V4),
    case("1280 at the client v6", NarrowLink::Client, 1280, Hearing::Told, Family::V6),
    case("1420 black hole v6", NarrowLink::Middle, 1420, Hearing::BlackHole, Family::V6),
    case("1280 no fragments v6", NarrowLink::Middle, 1280, Hearing::NoFragments, Family::V6),
];

/// Large enough, either way, for many full packets.
const CLIP: Clip = Clip { width: 640, height: 480, frames: 60 };
const PORT: u16 = 9001;
const START_LIMIT: Duration = Duration::from_secs(20);
const SESSION_LIMIT: Duration = Duration::from_secs(60);

/// Whether every frame came back over every path. The last line printed is the count of the paths.
pub fn run(options: &Options) -> Result<bool> {
    if let Err(reason) = namespaces::possible() {
        println!("skipped: {reason:#}");
        return Ok(true);
    }
    setup::ensure(setup::Scope::Demo)?;
    let cli = options.cli.clone().map_or_else(project::build_cli, Ok)?;
    let directory = project::work_directory("path")?;
    let mut steps = Steps::new(true);
    let clip = directory.join("clip.mp4");
    CLIP.write(&clip)?;
    let cases = cases(options.long);
    for case in &cases {
        steps.take(case.name, || session(case, &cli, &clip, &directory));
    }
    steps.print_table();
    let failed = steps.failures().count();
    println!("{}", closing_line(cases.len() - failed, failed));
    Ok(failed == 0)
}

fn cases(long: bool) -> Vec<PathCase> {
    let long = if long { LONG } else { &[] };
    SHORT.iter().chain(long).copied().collect()
}

/// A clip goes up, and each of its frames comes back as a picture.
fn session(case: &PathCase, cli: &Path, clip: &Path, directory: &Path) -> Result<Outcome> {
    let path = LaidPath::lay(case, "streamsdk", directory)?;
    let listen = match case.families {
        Families::Only(_) => path.worker_host(),
        Families::Both { .. } => "[::]".to_owned(),
    };
    let mut worker = path
        .at_worker(cli)
        .args(["worker", "--listen", &format!("{listen}:{PORT}")])
        .start(directory.join("worker.log"))?;
    worker.wait_for_line("listening on ", START_LIMIT)?;
    let url = format!("http://{}:{PORT}", path.worker_name());
    let summary = directory.join("summary.json");
    let finished = run_client(path.at_client(cli), clip, &url, &summary)?;
    finished.check()?;
    let summary: Value = serde_json::from_slice(&std::fs::read(&summary)?)?;
    let returned = summary["frames_returned"].as_u64().context("the summary has no frames")?;
    ensure!(returned == u64::from(CLIP.frames), "{returned} of {} frames", CLIP.frames);
    Ok(Outcome::Done(format!("{returned} frames in {:.1} s", finished.duration.as_secs_f64())))
}

fn run_client(
    client: Job,
    clip: &Path,
    url: &str,
    summary: &Path,
) -> Result<crate::process::Finished> {
    client
        .arg("run")
        .arg(clip)
        .args(["--server", url, "--workspace", "local", "--workflow-id", "passthrough"])
        .args(["--stream-output", "image"])
        .arg("--summary-json")
        .arg(summary)
        .output(Output::Capture)
        .limit(SESSION_LIMIT)
        .run()
}
