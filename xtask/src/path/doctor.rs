//! What `streamsdk doctor` finds on paths whose faults need routers.

use std::env;
use std::net::UdpSocket;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::laid::LaidPath;
use super::{Family, Hearing, NarrowLink, PathCase, case};
use crate::process::Output;
use crate::steps::Outcome;

/// A fault, and all that is to be found.
pub(super) struct Fault {
    pub(super) name: &'static str,
    path: PathCase,
    /// What the first router drops, as `ip rule` has it.
    dropped: &'static [&'static str],
    found: &'static [&'static str],
}

const fn on(
    path: PathCase,
    dropped: &'static [&'static str],
    found: &'static [&'static str],
) -> Fault {
    Fault { name: path.name, path, dropped, found }
}

const fn wide(name: &'static str) -> PathCase {
    case(name, NarrowLink::Middle, 1500, Hearing::Told, Family::V4)
}

const fn narrow(name: &'static str, hears: Hearing) -> PathCase {
    case(name, NarrowLink::Middle, 1280, hears, Family::V4)
}

const UDP: &[&str] = &["ipproto", "udp"];
const TCP: &[&str] = &["ipproto", "tcp"];
const UDP_TO_ONE: &[&str] = &["to", "10.77.2.3/32", "ipproto", "udp"];

const SERVER_SILENT: &str = "connection-filtered";
const SERVER_GONE: &str = "connection-refused";

pub(super) const FAULTS: &[Fault] = &[
    on(wide("doctor, no server"), &[], &[SERVER_GONE]),
    on(wide("doctor, TCP filtered"), TCP, &[SERVER_SILENT]),
    on(wide("doctor, STUN blocked"), UDP_TO_ONE, &[SERVER_GONE, "stun-blocked"]),
    on(
        wide("doctor, UDP blocked"),
        UDP,
        &[SERVER_GONE, "stun-blocked", "stun-blocked", "udp-blocked"],
    ),
    on(narrow("doctor, 1280", Hearing::Told), &[], &[SERVER_GONE, "path-mtu-small"]),
    on(narrow("doctor, black hole", Hearing::BlackHole), &[], &[SERVER_GONE, "path-black-hole"]),
];

const SECOND_ADDRESS: &str = "10.77.2.3";
const PORT: u16 = 3478;
const START_LIMIT: Duration = Duration::from_secs(5);
/// It promises 5 s.
const LIMIT: Duration = Duration::from_secs(6);

/// Two STUN servers are at the end of the path, and no inference server.
pub(super) fn examine(fault: &Fault, cli: &Path, directory: &Path) -> Result<Outcome> {
    let path = LaidPath::lay(&fault.path)?;
    path.add_worker_address(SECOND_ADDRESS)?;
    let hosts = [path.worker_host(), SECOND_ADDRESS.to_owned()];
    let addresses = hosts.map(|host| format!("{host}:{PORT}"));
    let program = env::current_exe().context("cannot find this program")?;
    let servers = path.at_worker(program).arg("stun-server").args(&addresses);
    let mut servers = servers.start(directory.join("stun.log"))?;
    servers.wait_for_line("listening", START_LIMIT)?;
    path.drop_what_is(fault.dropped)?;

    let [first, second] = addresses.map(|address| format!("stun:{address}"));
    let server = format!("http://{}:9001", path.worker_host());
    let doctor = path.at_client(cli).args(["doctor", "--json", "--server", &server]);
    let doctor = doctor.args(["--stun", &first, "--stun", &second]);
    let finished = doctor.output(Output::Capture).limit(LIMIT).run()?;
    let found = found(&finished.stdout).context(finished.ending())?;
    ensure!(found == fault.found, "found {found:?} in {}", finished.stdout);
    Ok(Outcome::Done(format!("{:.1} s", finished.duration.as_secs_f64())))
}

/// The codes of all that is not just fine, without this machine's cameras.
fn found(json: &str) -> Result<Vec<String>> {
    let diagnosis: Value = serde_json::from_str(json)?;
    let findings = diagnosis["findings"].as_array().context("there are no findings")?;
    let findings = findings.iter().filter(|finding| finding["severity"] != "ok");
    let codes = findings.filter_map(|finding| finding["code"].as_str());
    Ok(codes.filter(|code| !code.contains("camera")).map(str::to_owned).collect())
}

/// Answers whoever asks where its packets come from, until it is ended. It does not say where.
pub fn serve_stun(addresses: &[String]) -> Result<bool> {
    let sockets: Result<Vec<_>, _> = addresses.iter().map(UdpSocket::bind).collect();
    let threads: Vec<_> =
        sockets?.into_iter().map(|socket| thread::spawn(move || answer(&socket))).collect();
    println!("listening");
    Ok(threads.into_iter().all(|thread| thread.join().is_ok()))
}

fn answer(socket: &UdpSocket) {
    let mut packet = [0; 2048];
    while let Ok((length, from)) = socket.recv_from(&mut packet) {
        if length < 20 {
            continue;
        }
        // A success, without attributes, to the same transaction.
        packet[..4].copy_from_slice(&[0x01, 0x01, 0, 0]);
        // Nobody may be there any more.
        let _ = socket.send_to(&packet[..20], from);
    }
}
