//! What a live session costs the client and how late its results are: 720p drawn, encoded and sent 30 times a
//! second to our worker or to the real server, and the frames that come back decoded. Ours, and the real
//! Python SDK.
//!
//! Both send BGR pictures that were drawn before, and decode each frame that comes back to pixels. The CPU time
//! is from the first frame to the last. Our program has the codec that it uses and no other.

mod figures;
mod server;

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use self::figures::Sessions;
pub use self::server::Against;
use self::server::Server;
use super::codec::Codec;
use super::lab::{Lab, last_line, number};
use super::report::Row;
use crate::peers::{PythonTracks, TrackSource, workflow};
use crate::process::{Job, Output};

const FRAMES: u64 = 300;
const REPETITIONS: usize = 5;
const LIMIT: Duration = Duration::from_secs(90);

pub fn measure(lab: &Lab, against: Against, codec: &Codec) -> Result<Vec<Row>> {
    let server = Server::start(lab, against)?;
    let (url, workflow) = (server.url(), against.workflow());
    let mut sessions = Sessions::default();
    for _ in 0..lab.times(REPETITIONS) {
        let python = || python(lab, &url, workflow, codec);
        sessions.add_python(&whole_session(&server, against, "/frames", python)?)?;
        let ours = || our_client(lab, &url, workflow, codec);
        sessions.add_ours(&whole_session(&server, against, "/returned", ours)?)?;
    }
    Ok(sessions.rows(against, codec))
}

/// Costs and times of a session that lost much are not to be compared.
fn whole_session(
    server: &Server,
    against: Against,
    returned: &str,
    run: impl Fn() -> Result<Value>,
) -> Result<Value> {
    for _ in 0..against.attempts() {
        let report = run()?;
        server.wait_until_idle()?;
        let frames = number(&report, returned)?;
        if frames >= 0.9 * FRAMES as f64 {
            return Ok(report);
        }
        println!("   {frames} of {FRAMES} frames came back, which is too few to compare: {report}");
    }
    bail!("too many frames were lost")
}

fn python(lab: &Lab, url: &str, workflow: &str, codec: &Codec) -> Result<Value> {
    let source = TrackSource::Manual { frames: FRAMES, size: "1280x720" };
    let run = PythonTracks::new(&lab.peers, url, source).workflow(workflow).codec(codec.python);
    // No data is asked for: there is a message for each frame all the same, which says which one it is.
    let report = run.run(LIMIT)?.report;
    let used = &report["codec"];
    ensure!(used == codec.python, "the Python SDK used {used} instead of {}", codec.python);
    Ok(report)
}

fn our_client(lab: &Lab, url: &str, name: &str, codec: &Codec) -> Result<Value> {
    let frames = FRAMES.to_string();
    let finished = Job::new(lab.programs.find(codec.track_program)?)
        .args([url, "--codec", codec.ours, "--frames", &frames])
        .arg("--workflow")
        .arg(workflow(name))
        .output(Output::Capture)
        .limit(LIMIT)
        .run_successfully()?;
    last_line(&finished.stdout)
}
