//! Many sessions in one process whose results are data: what each costs beyond the first, and whether sessions that come and go
//! leave anything behind. The server is a process of its own, whose results are numbers.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use futures::future::try_join_all;
use serde_json::{Value, json};
use streamsdk::{Client, RtspSource, Session, StreamConfig, Workflow};
use streamsdk_benches::{Moment, ServerProcess, Usage, conclude, resident_mb, runtime};
use streamsdk_protocol::chunk::split;
use streamsdk_protocol::output::{OutgoingMessage, VideoMetadata};
use streamsdk_testkit::FakeServer;

/// How many are started or closed at a time.
const AT_ONCE: usize = 8;
/// How often the server has a result for each.
const INTERVAL: Duration = Duration::from_millis(100);

#[derive(Parser)]
struct Options {
    /// How many sessions there are at a time
    #[arg(long, default_value_t = 500)]
    sessions: usize,
    /// How long they are looked at
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many sessions come and go, one after the other and some at a time
    #[arg(long, default_value_t = 10_000)]
    cycles: usize,
    /// Be the server
    #[arg(long, hide = true)]
    serve: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = match runtime(2) {
        Ok(runtime) => runtime,
        Err(error) => return conclude(Err(error)),
    };
    match options.serve {
        true => runtime.block_on(serve()),
        false => conclude(runtime.block_on(measure(&options))),
    }
}

/// Gives each session a result now and then, for as long as it is there.
async fn serve() -> ExitCode {
    let server = FakeServer::start(|peer, channel| async move {
        let mut ticks = tokio::time::interval(INTERVAL);
        for number in 1.. {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = peer.ended() => return,
            }
            let metadata = VideoMetadata { frame_id: number, ..VideoMetadata::default() };
            let message = OutgoingMessage { metadata, ..OutgoingMessage::default() }.encode(false);
            for chunk in split(number, &message) {
                if channel.send(chunk).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    println!("{}", server.url());
    std::future::pending().await
}

struct Server {
    client: Client,
    _process: ServerProcess,
}

impl Server {
    fn start() -> Result<Self> {
        let process = ServerProcess::start()?;
        Ok(Self { client: Client::builder(process.url()).build()?, _process: process })
    }

    async fn session(&self) -> Result<Session> {
        let config = StreamConfig::default().data_output(["*"]);
        let stream = self.client.stream(RtspSource::new("rtsp://192.0.2.1/1")?);
        let mut session = stream.workflow(Workflow::id("a", "b")).config(config).start().await?;
        session.next().await.context("a session ended before its first result")??;
        Ok(session)
    }

    async fn sessions(&self, count: usize) -> Result<Vec<Session>> {
        let mut sessions = Vec::with_capacity(count);
        while sessions.len() < count {
            let some = AT_ONCE.min(count - sessions.len());
            sessions.extend(try_join_all((0..some).map(|_| self.session())).await?);
        }
        Ok(sessions)
    }
}

async fn measure(options: &Options) -> Result<Value> {
    let server = Server::start()?;
    let cycles = come_and_go(&server, options.cycles).await?;
    let side_by_side = side_by_side(&server, options).await?;
    Ok(json!({ "cycles": cycles, "sessions": side_by_side }))
}

/// Memory and descriptors after a tenth of the sessions have come and gone, and after all.
async fn come_and_go(server: &Server, cycles: usize) -> Result<Value> {
    let started = Moment::now();
    let mut early = None;
    for cycle in 0..cycles.div_ceil(AT_ONCE) {
        for session in server.sessions(AT_ONCE).await? {
            session.close().await;
        }
        if cycle == cycles / AT_ONCE / 10 {
            early = Some((resident_mb(), descriptors()?));
        }
    }
    let usage = Moment::now().since(&started);
    let (early_mb, early_descriptors) = early.context("too few sessions")?;
    Ok(json!({
        "count": cycles, "wall_s": usage.wall_s, "cpu_s": usage.cpu_s,
        "early_mb": early_mb, "late_mb": resident_mb(),
        "early_descriptors": early_descriptors, "late_descriptors": descriptors()?,
    }))
}

async fn side_by_side(server: &Server, options: &Options) -> Result<Value> {
    let first = server.sessions(1).await?;
    let one_mb = resident_mb();
    let sessions = server.sessions(options.sessions - 1).await?;
    let mut all: Vec<Session> = first.into_iter().chain(sessions).collect();
    let started = Moment::now();
    let until = tokio::time::Instant::now() + Duration::from_secs(options.seconds);
    let taking = all.iter_mut().map(|session| async move {
        let mut results = 0_u64;
        while let Ok(Some(event)) = tokio::time::timeout_at(until, session.next()).await {
            event?;
            results += 1;
        }
        anyhow::Ok(results)
    });
    let results = try_join_all(taking).await?;
    let (usage, all_mb) = (Moment::now().since(&started), resident_mb());
    ensure!(results.iter().all(|count| *count > 0), "a session got nothing");
    let beyond_the_first = (options.sessions - 1) as f64;
    Ok(json!({
        "count": options.sessions, "results": results.iter().sum::<u64>(),
        "one_mb": one_mb, "all_mb": all_mb, "each_mb": (all_mb - one_mb) / beyond_the_first,
        "cpu_percent": 100.0 * usage.cpu_s / usage.wall_s, "peak_mb": Usage::peak_rss_mb(),
    }))
}

fn descriptors() -> Result<usize> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count())
}
