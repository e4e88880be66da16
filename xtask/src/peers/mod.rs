//! The programs that talk to each other: the real server, the real SDKs, and our own two.

mod backend;
mod cameras;
mod cli;
mod coturn;
mod http;
mod http_answers;
mod live_page;
mod marked_clip;
mod python_sdk;
mod python_tracks;
mod server;
mod slow_link;
mod web_page;
mod webcam;
mod whip;
mod worker;

use std::env;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use rustix::net::{self, AddressFamily, SocketAddrAny, SocketFlags, SocketType, sockopt};

use crate::process::{Finished, Job, Output, Usage};
use crate::project;

pub use backend::Backend;
pub use cameras::{MjpegServer, RtspServer};
pub use cli::{CliReport, CliRun, read_frames, read_summary};
pub use coturn::{Certificates, Coturn, CoturnPlace, TurnUsers};
pub use http_answers::HttpAnswers;
pub use live_page::{LivePage, LiveRun, Visit, pages_can_be_visited};
pub use marked_clip::{MARKED_FRAMES, MARKED_FRAMES_PER_SECOND, write_marked_clip};
pub use python_sdk::{Mode, PythonReport, PythonRun};
pub use python_tracks::{PythonTracks, TrackSource};
pub use server::InferenceServer;
pub use slow_link::{LinkEnd, LinkFaults, lay_slow_link};
pub use web_page::{
    ANOTHER_HOST, Browser, LiveEnd, Origin, PageReport, PageRun, PageSource,
    install_javascript_sdk, pages_can_be_run,
};
pub use webcam::encode_as_a_webcam;
pub use whip::{PublishRun, WHIP_TOKEN, WhipServer};
pub use worker::Worker;

/// The key every client sends. It opens nothing; it must show up nowhere.
pub const API_KEY: &str = "rf_not_a_real_key_5f1e7c";

/// Names an existing install to use as it is, instead of the one in the cache.
const INSTALL_OVERRIDE: &str = "STREAMSDK_PEERS";

/// An install of the real server and the real Python SDK.
#[derive(Clone, Debug)]
pub struct Peers {
    prefix: PathBuf,
}

impl Peers {
    /// Installs them, or finds them installed.
    pub fn install() -> Result<Self> {
        if let Some(prefix) = env::var_os(INSTALL_OVERRIDE) {
            return Self::at(PathBuf::from(prefix));
        }
        let script = project::peers_directory().join("install.py");
        let job = Job::new("python3").arg(script).output(Output::Tee);
        let finished = job.run_successfully().context("cannot install the real peers")?;
        let prefix = finished.stdout.lines().last().context("the installer named no directory")?;
        Self::at(PathBuf::from(prefix))
    }

    /// An install that is known to be complete.
    pub fn at(prefix: PathBuf) -> Result<Self> {
        let peers = Self { prefix };
        for python in [peers.python("server"), peers.python("client")] {
            if !python.exists() {
                bail!("{} is missing: the install is not complete", python.display());
            }
        }
        Ok(peers)
    }

    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The Python of `server` or `client`.
    pub fn python(&self, environment: &str) -> PathBuf {
        self.prefix.join(environment).join("bin/python")
    }
}

/// A workflow specification from `tests/peers/workflows`.
pub fn workflow(name: &str) -> PathBuf {
    project::peers_directory().join("workflows").join(name).with_extension("json")
}

/// A local TCP port that nobody listens on, and nobody is given but who asks for it: it stays bound until this program ends,
/// in a way that lets a server bind to it as well.
pub fn free_port() -> Result<u16> {
    static HELD: Mutex<Vec<OwnedFd>> = Mutex::new(Vec::new());
    let bind = || -> rustix::io::Result<(OwnedFd, SocketAddrAny)> {
        let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
        let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        let address = net::getsockname(&socket)?;
        Ok((socket, address))
    };
    let (socket, address) = bind().context("cannot find a free port")?;
    HELD.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    Ok(SocketAddrV4::try_from(address)?.port())
}

/// `--name value` for each value.
fn repeated<'a>(name: &'a str, values: &'a [String]) -> impl Iterator<Item = &'a OsStr> {
    values.iter().flat_map(move |value| [OsStr::new(name), OsStr::new(value)])
}

/// `8.1 s, 1.20 s CPU, 54 MB`
fn cost(finished: &Finished) -> String {
    let Usage { cpu_s, peak_rss_mb } = finished.usage;
    let mut cost = format!("{:.1} s", finished.duration.as_secs_f64());
    if let (Some(cpu), Some(peak)) = (cpu_s, peak_rss_mb) {
        cost += &format!(", {cpu:.2} s CPU, {peak:.0} MB");
    }
    cost
}
