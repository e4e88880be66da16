//! Several beds beside each other, so that sessions that mostly wait do so at once.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use anyhow::Result;

use super::bed::{self, Bed};
use super::grid::What;
use crate::peers::Peers;
use crate::project;

pub(super) struct Lanes {
    beds: Vec<Bed>,
    directory: PathBuf,
}

impl Lanes {
    pub(super) fn new(count: usize, cli: &Path, peers: &Peers) -> Result<Self> {
        let directory = project::work_directory("loss")?;
        let bed = |lane| {
            let own = directory.join(format!("lane{lane}"));
            std::fs::create_dir_all(&own)?;
            Bed::new(cli.to_owned(), peers, own, lane)
        };
        let beds = (0..count).map(bed).collect::<Result<_>>()?;
        Ok(Self { beds, directory })
    }

    /// A file for all of them, of about so many bytes if it is an upload.
    pub(super) fn write_file(&self, what: What, bytes: u64) -> Result<PathBuf> {
        bed::write_file(&self.directory, what, bytes)
    }

    /// What is found with each of the seeds, so many of them at a time.
    pub(super) fn each_seed<Found: Send>(
        &mut self,
        seeds: RangeInclusive<u64>,
        at_once: usize,
        find: impl Fn(&Bed, u64) -> Found + Sync,
    ) -> Vec<Found> {
        let seeds = Mutex::new(seeds);
        let next = || seeds.lock().expect("taking the next seed does not panic").next();
        let find_all = |bed: &mut Bed| -> Vec<Found> {
            std::iter::from_fn(next).map(|seed| find(bed, seed)).collect()
        };
        thread::scope(|scope| {
            let beds = self.beds.iter_mut().take(at_once);
            let lanes: Vec<_> = beds.map(|bed| scope.spawn(|| find_all(bed))).collect();
            let found =
                |lane: thread::ScopedJoinHandle<'_, _>| lane.join().expect("a lane panicked");
            lanes.into_iter().flat_map(found).collect()
        })
    }
}
