use std::path::Path;

use crate::peers::{CliRun, Peers, PythonRun};

/// What every check has at hand.
pub struct Bench<'a> {
    pub peers: &'a Peers,
    pub clip: &'a Path,
    /// A clip whose frames show their numbers.
    pub marked_clip: &'a Path,
    pub directory: &'a Path,
}

impl Bench<'_> {
    pub fn python(&self, server: &str) -> PythonRun<'_> {
        PythonRun::new(self.peers, server, self.clip)
    }

    pub fn our_client(&self, cli: &Path, server: &str, name: &str) -> CliRun {
        CliRun::new(cli, server, self.clip, self.directory.join(name))
    }
}
