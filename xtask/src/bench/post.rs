//! From the start of the command-line program to its request.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::lab::Lab;
use super::programs::{CLI, CLI_DEFAULT};
use super::report::{Row, Target};
use super::stats::Samples;
use crate::process::Job;

const TIMES: usize = 20;
const LIMIT: Duration = Duration::from_secs(20);

/// The program with everything in it loads FFmpeg's libraries, the one without does not.
pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let (mut default, mut full) = (Samples::default(), Samples::default());
    for _ in 0..lab.times(TIMES) {
        default.push(start_to_request(lab, CLI_DEFAULT)?.as_secs_f64() * 1000.0);
        full.push(start_to_request(lab, CLI)?.as_secs_f64() * 1000.0);
    }
    println!("   ms: {default} | with every feature: {full}");
    Ok(vec![
        Row::alone("post", "ms", default.median(), Target::Below(50.0)),
        Row::alone("post-full", "ms", full.median(), Target::Below(50.0)),
    ])
}

fn start_to_request(lab: &Lab, program: &str) -> Result<Duration> {
    let file = lab.file(1)?;
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let url = format!("http://{}", listener.local_addr()?);
    let (arrivals, arrived) = mpsc::channel();
    // Left behind if nobody connects, which is the end of the bench.
    thread::spawn(move || arrivals.send(request_line(&listener)));

    let job = Job::new(lab.programs.find(program)?).arg("run").arg(file.0.path()).args([
        "--server",
        &url,
        "--workflow-id",
        "passthrough",
        "--workspace",
        "local",
    ]);
    let started = Instant::now();
    let program = job.start(lab.directory.join("post.log"))?;
    let at = arrived.recv_timeout(LIMIT).context("no request came")??;
    drop(program);
    Ok(at.duration_since(started))
}

/// Reads one request line from whoever connects; returns when it was there.
fn request_line(listener: &TcpListener) -> Result<Instant> {
    let (stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    anyhow::ensure!(line.starts_with("POST "), "it asked for something else: {line}");
    Ok(Instant::now())
}
