//! `cargo xtask turn`: sessions by way of a TURN server, coturn, between network namespaces.
//!
//! Over UDP, TCP and TLS; with servers that cannot be used; where UDP is lost altogether; and with a server that is
//! started again meanwhile. Client, TURN server and worker are each behind a link of a router.

mod laid;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use self::laid::LaidNetwork;
use crate::clip::Clip;
use crate::namespaces;
use crate::peers::{Certificates, Coturn, CoturnPlace, TurnUsers};
use crate::process::{Background, Finished, Job, Output};
use crate::tally::{Tally, closing_line};
use crate::{project, setup};

#[derive(clap::Args)]
pub struct Options {
    /// Do only the checks whose name has this in it
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Use this streamsdk instead of building it
    #[arg(long, value_name = "PROGRAM")]
    cli: Option<PathBuf>,
}

const USER: &str = "us3r";
const PASSWORD: &str = "pa55w0rd";
const PORT: u16 = 3478;
const TLS_PORT: u16 = 5349;
const CLIP: Clip = Clip { width: 160, height: 120, frames: 15 };
/// It is sent in one flight of packets, so that what is measured is how long a session takes to begin.
const SMALL_CLIP: Clip = Clip { width: 64, height: 48, frames: 2 };
const START_LIMIT: Duration = Duration::from_secs(20);
const SESSION_LIMIT: Duration = Duration::from_secs(60);
/// Each way; the path's round trip is twice that.
const DELAY: Duration = Duration::from_millis(10);
/// For what has a limit of its own.
const TIMES: usize = 20;
/// For what is there to be compared with.
const FEW_TIMES: usize = 8;
/// To the first result, in all sessions but one of twenty: from the start of the program, which is more than that of the
/// session.
const BLOCKED_LIMIT: Duration = Duration::from_millis(1500);
/// From the start of the session, where it is said so.
const DIRECT_LIMIT: Duration = Duration::from_millis(150);
/// Of what servers cost a session that needs none, where the machine is too busy for that limit.
const MAX_RATIO: f64 = 1.5;
/// Nobody has it.
const NOBODY: &str = "10.79.1.77";

/// Whether all went as it should. The last line printed is the count of the checks.
pub fn run(options: &Options) -> Result<bool> {
    if let Err(reason) = namespaces::possible() {
        println!("skipped: {reason:#}");
        return Ok(true);
    }
    setup::ensure(setup::Scope::Turn)?;
    let cli = options.cli.clone().map_or_else(project::build_cli, Ok)?;
    let directory = project::work_directory("turn")?;
    let clip = directory.join("clip.mp4");
    CLIP.write(&clip)?;
    let mut tally = Tally::new(options.only.clone());
    let bed = |delay| Bed::new(delay, cli.clone(), clip.clone(), directory.clone());
    servers(&mut tally, &bed(Duration::ZERO)?);
    tally.check("a server is started again", || started_again(bed(Duration::ZERO)?));
    delayed(&mut tally, &bed(DELAY)?);
    tally.print_table();
    println!("{}", closing_line(tally.passed(), tally.failed()));
    Ok(tally.failed() == 0)
}

/// Sessions over each transport, and with servers that cannot be used.
fn servers(tally: &mut Tally, bed: &Bed) {
    let [udp, tcp, tls] = bed.urls();
    for (name, url) in
        [("relayed over UDP", &udp), ("relayed over TCP", &tcp), ("relayed over TLS", &tls)]
    {
        tally.check(name, || bed.complete(&[url], &["--relay-only"]));
    }
    tally.check("a wrong password", || {
        let client = bed.client(&[&udp, &tcp, &tls], &["--relay-only"]);
        let said = failed(&client.env("STREAMSDK_TURN_CREDENTIAL", "wr0ng").run()?)?;
        let refused = said.matches("401 wrong user name or password").count();
        ensure!(refused == 3 && !said.contains("wr0ng"), "{said}");
        Ok(said)
    });
    tally.check("a certificate that nobody trusts", || {
        let client = bed.client(&[&tls], &["--relay-only"]).env("SSL_CERT_FILE", "/dev/null");
        let said = failed(&client.run()?)?;
        ensure!(said.contains("certificate not trusted"), "{said}");
        Ok(said)
    });
    tally.check("servers that are not there", || {
        let refused = tcp.replace(&PORT.to_string(), "1");
        let nobody = format!("turn:{NOBODY}");
        let dead = [&*nobody, &*refused, "turns:a.invalid"];
        let said = failed(&bed.client(&dead, &["--relay-only"]).run()?)?;
        let reasons =
            ["(UDP): no answer in", "(TCP): no connection", "(TLS): its name was not found"];
        ensure!(reasons.iter().all(|reason| said.contains(reason)), "{said}");
        Ok(said)
    });
    tally.check("the first that answers is preferred", || {
        let before = bed.relayed_over_tls()?;
        let seen = bed.within(FEW_TIMES, SESSION_LIMIT, &[&tls, &udp, &tcp], &["--relay-only"])?;
        let relayed = bed.relayed_over_tls()? - before;
        ensure!(relayed == FEW_TIMES, "{relayed} of {FEW_TIMES} sessions went over TLS");
        Ok(seen)
    });
    tally.check("one that is not there does no harm", || {
        bed.complete(&[&format!("turn:{NOBODY}"), &tls], &["--relay-only"])
    });
    tally.check("direct, with servers", || {
        bed.no_slower_than_without(TIMES, DIRECT_LIMIT, &[&udp, &tcp, &tls])
    });
}

/// Sessions over a path on which packets take their time.
fn delayed(tally: &mut Tally, bed: &Bed) {
    let [udp, tcp, tls] = bed.urls();
    tally.check("direct, no servers, 20 ms", || bed.begins_within(TIMES, DIRECT_LIMIT));
    tally.check("direct, 20 ms", || bed.within(FEW_TIMES, BLOCKED_LIMIT, &[&udp, &tls], &[]));
    tally.check("relayed over TLS, 20 ms", || {
        bed.within(FEW_TIMES, BLOCKED_LIMIT, &[&tls], &["--relay-only"])
    });
    let blocked = bed.network.block_udp();
    tally.check("UDP is lost, with UDP and TLS, 20 ms", || {
        blocked?;
        bed.within(TIMES, BLOCKED_LIMIT, &[&udp, &tls], &[])
    });
    tally.check("UDP is lost, with UDP and TCP, 20 ms", || {
        bed.within(TIMES, BLOCKED_LIMIT, &[&udp, &tcp], &[])
    });
    tally.check("UDP is lost, with servers over UDP only", || {
        let finished = bed.client(&[&udp], &["--connect-timeout", "3"]).run()?;
        let said = failed(&finished)?;
        ensure!(said.contains("(UDP): no answer in"), "{said}");
        Ok(said)
    });
}

/// A live session goes on over another connection.
fn started_again(mut bed: Bed) -> Result<String> {
    let [_, tcp, _] = bed.urls();
    let summary = bed.directory.join("live.json");
    let log = bed.directory.join("live.log");
    let mut live = bed
        .client_of("pattern:160x120@15", &[&tcp], &["--relay-only", "--duration", "8"])
        .arg("--summary-json")
        .arg(&summary)
        .start(log)?;
    live.wait_for_line(r#"{"#, START_LIMIT)?;
    bed.coturn = None;
    bed.coturn = Some(coturn(&bed.network, &bed.certificates, &bed.directory)?);
    let broken = Instant::now();
    let reason = "receiving results: the connection to the TURN server broke off";
    live.wait_for_line(reason, START_LIMIT)?;
    let noticed = broken.elapsed();
    live.wait_for_line("connected again", START_LIMIT)?;
    live.wait_until(SESSION_LIMIT, || summary.exists().then_some(()))?;
    let summary = read_json(&summary)?;
    ensure!(summary["links"] == 2, "{summary}");
    Ok(format!("noticed after {:.1} s, {} links", noticed.as_secs_f64(), summary["links"]))
}

/// A network with a TURN server and a worker in it.
struct Bed {
    cli: PathBuf,
    clip: PathBuf,
    directory: PathBuf,
    certificates: Certificates,
    url: String,
    _worker: Background,
    coturn: Option<Coturn>,
    network: LaidNetwork,
}

impl Bed {
    fn new(delay: Duration, cli: PathBuf, clip: PathBuf, directory: PathBuf) -> Result<Self> {
        let network = LaidNetwork::lay(delay, &directory)?;
        let certificates = Certificates::write(&network.relay_host(), &directory)?;
        let coturn = Some(coturn(&network, &certificates, &directory)?);
        let listen = format!("{}:9001", network.worker_host());
        let mut worker = network
            .at_worker(&cli)
            .args(["worker", "--listen", &listen])
            .start(directory.join("worker.log"))?;
        let url = worker.wait_for_line("listening on ", START_LIMIT)?;
        Ok(Self { cli, clip, directory, certificates, url, _worker: worker, coturn, network })
    }

    fn relayed_over_tls(&self) -> Result<usize> {
        self.coturn.as_ref().context("there is no server")?.relayed_over_tls()
    }

    /// Of the same server, over UDP, TCP and TLS.
    fn urls(&self) -> [String; 3] {
        let host = self.network.relay_host();
        [
            format!("turn:{host}:{PORT}"),
            format!("turn:{host}:{PORT}?transport=tcp"),
            format!("turns:{host}:{TLS_PORT}"),
        ]
    }

    fn client(&self, turn: &[&str], options: &[&str]) -> Job {
        self.client_of(&self.clip.to_string_lossy(), turn, options)
    }

    fn client_of(&self, source: &str, turn: &[&str], options: &[&str]) -> Job {
        self.network
            .at_client(&self.cli)
            .args(["run", source, "--server", &self.url, "--data-output", "*", "--jsonl", "-"])
            // What an error says itself is looked at.
            .args(["--workspace", "local", "--workflow-id", "passthrough", "--no-diagnosis"])
            .args(turn.first().iter().flat_map(|_| ["--turn-user", USER]))
            .args(turn.iter().flat_map(|url| ["--turn", url]))
            .args(options)
            .env("STREAMSDK_TURN_CREDENTIAL", PASSWORD)
            .env("SSL_CERT_FILE", &self.certificates.authority)
            .output(Output::Capture)
            .limit(SESSION_LIMIT)
    }

    /// Every frame of the clip comes back.
    fn complete(&self, turn: &[&str], options: &[&str]) -> Result<String> {
        let first = self.first_result(turn, options)?;
        Ok(format!("first result after {} ms", first.as_millis()))
    }

    /// How long the first result takes, of a session that is complete.
    fn first_result(&self, turn: &[&str], options: &[&str]) -> Result<Duration> {
        let finished = self.client(turn, options).run_successfully()?;
        let lines = finished.stdout.lines().count();
        ensure!(lines == CLIP.frames as usize, "{lines} of {} frames", CLIP.frames);
        ensure!(!finished.stderr.contains(PASSWORD), "the password was shown");
        finished.first_output.context("nothing was printed")
    }

    /// The first result comes in time, in all sessions but one of twenty.
    fn within(
        &self,
        count: usize,
        limit: Duration,
        turn: &[&str],
        options: &[&str],
    ) -> Result<String> {
        let times = (0..count).map(|_| self.first_result(turn, options));
        let times = Times::of(times.collect::<Result<_>>()?);
        ensure!(times.late <= limit, "{times}");
        Ok(times.to_string())
    }

    /// The first result of a session comes in time, or this says that it does not: a machine may be busy.
    fn begins_within(&self, count: usize, bar: Duration) -> Result<String> {
        let clip = self.directory.join("small.mp4");
        SMALL_CLIP.write(&clip)?;
        let times = (0..count).map(|_| self.first_result_of_session(&clip));
        let times = Times::of(times.collect::<Result<_>>()?);
        ensure!(times.late <= BLOCKED_LIMIT, "{times}");
        Ok(format!("{times} of the session; {}", times.against(bar)))
    }

    /// How long the first result of a small file takes, from when the session is started within the program.
    fn first_result_of_session(&self, clip: &Path) -> Result<Duration> {
        let summary = self.directory.join("small.json");
        let client = self.client_of(&clip.to_string_lossy(), &[], &[]);
        client.arg("--summary-json").arg(&summary).run_successfully()?;
        let summary = read_json(&summary)?;
        ensure!(summary["frames_returned"] == SMALL_CLIP.frames, "{summary}");
        let seconds = summary["first_result_s"].as_f64().context("there is no first result")?;
        Ok(Duration::from_secs_f64(seconds))
    }

    /// There is little to wait for but the program itself, so what counts is how long it takes without servers, at
    /// the same time on the same machine.
    fn no_slower_than_without(&self, count: usize, bar: Duration, turn: &[&str]) -> Result<String> {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..count {
            without.push(self.first_result(&[], &[])?);
            with.push(self.first_result(turn, &[])?);
        }
        let (with, without) = (Times::of(with), Times::of(without));
        let ratio = with.median.as_secs_f64() / without.median.as_secs_f64();
        let held = with.against(bar);
        let seen = format!("{with}: {ratio:.2} times as long as without servers; {held}");
        ensure!(with.late <= bar || ratio <= MAX_RATIO, "{seen}");
        Ok(seen)
    }
}

/// How long first results took.
struct Times {
    median: Duration,
    /// Of all but one of twenty.
    late: Duration,
    last: Duration,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let count = times.len();
        let late = times[count - 1 - count / 20];
        Self { median: times[count / 2], late, last: times[count - 1] }
    }

    /// Whether they are within `bar`, in words.
    fn against(&self, bar: Duration) -> String {
        let met = if self.late <= bar { "met" } else { "missed" };
        format!("p95 of {} ms {met}", bar.as_millis())
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, late, last] = [self.median, self.late, self.last].map(|time| time.as_millis());
        write!(f, "first result after {median} ms, p95 {late} ms, last {last} ms")
    }
}

fn coturn(network: &LaidNetwork, certificates: &Certificates, directory: &Path) -> Result<Coturn> {
    let place = CoturnPlace {
        place: network.relay_place(),
        hosts: &[network.relay_host()],
        port: PORT,
        tls_port: TLS_PORT,
        users: TurnUsers::One { name: USER, password: PASSWORD },
        certificates,
    };
    Coturn::start(&place, directory)
}

/// What a program said that failed; an error if it did not.
fn failed(finished: &Finished) -> Result<String> {
    ensure!(!finished.succeeded(), "it succeeded");
    Ok(finished.last_words().trim().to_owned())
}

fn read_json(path: &std::path::Path) -> Result<Value> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}
