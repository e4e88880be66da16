use anyhow::Result;

use crate::bench::lab::Lab;
use crate::peers::{InferenceServer, Worker};

/// Whom the clients talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    OurWorker,
    RealServer,
}

impl Against {
    /// What its figures begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::OurWorker => "track",
            Self::RealServer => "track-real",
        }
    }

    /// Among the peers' workflows, the one that gives every frame back as it was.
    pub fn workflow(self) -> &'static str {
        match self {
            Self::OurWorker => "passthrough",
            Self::RealServer => "unchanged",
        }
    }

    /// How much of the other's latency ours may have. Most of it is the real server's own, whoever asks.
    pub fn most_latency(self) -> f64 {
        match self {
            Self::OurWorker => 0.6,
            Self::RealServer => 1.0,
        }
    }

    /// How many sessions are run at most for one that does not lose much. The real server drops what it is late
    /// with, which depends on what the machine does besides.
    pub fn attempts(self) -> usize {
        match self {
            Self::OurWorker => 1,
            Self::RealServer => 3,
        }
    }
}

/// It, started. Ends when dropped.
pub enum Server {
    OurWorker(Worker),
    RealServer(InferenceServer),
}

impl Server {
    pub fn start(lab: &Lab, which: Against) -> Result<Self> {
        Ok(match which {
            Against::OurWorker => Self::OurWorker(lab.worker()?),
            Against::RealServer => Self::RealServer(lab.real_server()?),
        })
    }

    pub fn url(&self) -> String {
        match self {
            Self::OurWorker(worker) => worker.url().into(),
            Self::RealServer(server) => server.url(),
        }
    }

    /// Waits until it does nothing any more for the session before.
    pub fn wait_until_idle(&self) -> Result<()> {
        match self {
            Self::OurWorker(_) => Ok(()),
            Self::RealServer(server) => server.wait_until_idle(),
        }
    }
}
