//! The file of results, which is read while it is written: what is in it of each stream, and whether it is in order.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::clock;

/// The first are told; more would say the same.
const MAX_FAULTS: usize = 20;

/// Reads what there is more of each time.
pub(super) struct Results {
    path: PathBuf,
    reader: Option<BufReader<File>>,
    /// A line that is not whole yet.
    begun: Vec<u8>,
    /// When each life of the worker began.
    lives: Vec<Duration>,
    pub(super) streams: BTreeMap<String, StreamResults>,
    pub(super) faults: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct StreamResults {
    pub(super) epochs: Vec<Epoch>,
    /// By the lives of the worker.
    pub(super) lives: Vec<LifeResults>,
}

/// The results of one session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Epoch {
    number: u64,
    pub(super) results: u64,
    last: Place,
}

/// Where a result belongs in its session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    sequence: u64,
    link: u64,
    frame: u64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct LifeResults {
    pub(super) results: u64,
    /// When the first came back.
    pub(super) first: Option<Duration>,
}

impl Results {
    pub(super) fn new(path: PathBuf) -> Self {
        let (streams, faults) = (BTreeMap::new(), Vec::new());
        Self { path, reader: None, begun: Vec::new(), lives: Vec::new(), streams, faults }
    }

    /// What has come back since then is of another worker. To be said before any of that is read.
    pub(super) fn worker_begins(&mut self, at: Duration) {
        self.lives.push(at);
    }

    pub(super) fn total(&self) -> u64 {
        self.streams.values().map(StreamResults::total).sum()
    }

    /// Reads what is there by now. It has to be asked more often than the file is begun anew.
    pub(super) fn read_on(&mut self) -> Result<()> {
        loop {
            if self.reader.is_none() {
                // It is there as soon as there is a result.
                let Ok(file) = File::open(&self.path) else { return Ok(()) };
                self.reader = Some(BufReader::new(file));
            }
            let is_old = self.is_begun_anew()?;
            // An old one is read to its end once more: it grew until its name was another.
            self.read_open_file()?;
            if !is_old {
                return Ok(());
            }
            self.reader = None;
        }
    }

    fn is_begun_anew(&self) -> Result<bool> {
        let Some(reader) = &self.reader else { return Ok(false) };
        let Ok(named) = self.path.metadata() else { return Ok(false) };
        let open = reader.get_ref().metadata()?;
        Ok((named.dev(), named.ino()) != (open.dev(), open.ino()))
    }

    fn read_open_file(&mut self) -> Result<()> {
        while let Some(reader) = &mut self.reader
            && reader.read_until(b'\n', &mut self.begun)? > 0
        {
            if self.begun.ends_with(b"\n") {
                let line = std::mem::take(&mut self.begun);
                self.take_line(&line);
            }
        }
        Ok(())
    }

    pub(super) fn take_line(&mut self, line: &[u8]) {
        if self.take_result(line).is_none() {
            let line = String::from_utf8_lossy(line);
            self.fault(format!("this is no result: {}", line.trim_end()));
        }
    }

    fn take_result(&mut self, line: &[u8]) -> Option<()> {
        let told: Value = serde_json::from_slice(line).ok()?;
        let number = |name: &str| told[name].as_u64();
        let (epoch, link) = (number("epoch")?, number("link")?);
        let place = Place { sequence: number("sequence")?, link, frame: number("frame_id")? };
        let at = clock::read(told["received_at"].as_str()?)?;
        let name = told["stream"].as_str()?;
        let life = self.lives.partition_point(|begun| *begun <= at).saturating_sub(1);
        let stream = self.streams.entry(name.to_owned()).or_default();
        stream.count(life, at);
        if let Some(fault) = stream.append(epoch, place) {
            self.fault(format!("{name}: {fault}"));
        }
        Some(())
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }
}

impl StreamResults {
    pub(super) fn total(&self) -> u64 {
        self.epochs.iter().map(|epoch| epoch.results).sum()
    }

    /// `None` where there is none, as in a life in which nothing came.
    pub(super) fn life(&self, life: usize) -> Option<&LifeResults> {
        self.lives.get(life)
    }

    fn count(&mut self, life: usize, at: Duration) {
        if self.lives.len() <= life {
            self.lives.resize(life + 1, LifeResults::default());
        }
        let life = &mut self.lives[life];
        life.results += 1;
        life.first.get_or_insert(at);
    }

    /// What is wrong with it, behind those that were before.
    fn append(&mut self, number: u64, place: Place) -> Option<String> {
        let fault = match self.epochs.last_mut() {
            Some(epoch) if epoch.number == number => {
                let fault = place.fault_behind(epoch.last);
                (epoch.results, epoch.last) = (epoch.results + 1, place);
                return fault.map(|fault| format!("in epoch {number} {fault}"));
            }
            Some(epoch) if epoch.number > number => {
                Some(format!("epoch {number} comes behind {}", epoch.number))
            }
            _ if place.sequence != 1 => {
                Some(format!("epoch {number} begins with {}", place.sequence))
            }
            _ => None,
        };
        self.epochs.push(Epoch { number, results: 1, last: place });
        fault
    }
}

impl Place {
    fn fault_behind(self, last: Self) -> Option<String> {
        if self.sequence != last.sequence + 1 {
            return Some(format!("result {} comes behind {}", self.sequence, last.sequence));
        }
        if self.link < last.link {
            return Some(format!("connection {} comes behind {}", self.link, last.link));
        }
        let is_in_order = self.link > last.link || self.frame > last.frame;
        (!is_in_order).then(|| format!("frame {} comes behind {}", self.frame, last.frame))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn line(epoch: u64, sequence: u64, link: u64, frame: u64, second: u64) -> String {
        format!(
            "{{\"stream\":\"a\",\"epoch\":{epoch},\"sequence\":{sequence},\"link\":{link},\
             \"frame_id\":{frame},\"received_at\":\"1970-01-01T00:00:{second:02}.5Z\"}}\n"
        )
    }

    fn faults(lines: &[String]) -> Vec<String> {
        let mut results = Results::new(PathBuf::new());
        lines.iter().for_each(|line| results.take_line(line.as_bytes()));
        results.faults
    }

    #[test]
    fn what_is_in_order_has_no_fault() {
        let lines =
            [line(5, 1, 1, 1, 0), line(5, 2, 1, 4, 0), line(5, 3, 2, 1, 0), line(6, 1, 1, 1, 0)];
        assert_eq!(faults(&lines), Vec::<String>::new());
    }

    #[test]
    fn what_is_missing_twice_or_out_of_order_is_a_fault() {
        let second = |second| faults(&[line(5, 1, 2, 3, 0), second]).len();
        assert_eq!(second(line(5, 3, 2, 4, 0)), 1, "one is missing");
        assert_eq!(second(line(5, 1, 2, 3, 0)), 1, "it is there twice");
        assert_eq!(second(line(5, 2, 1, 4, 0)), 1, "an older connection");
        assert_eq!(second(line(5, 2, 2, 3, 0)), 1, "the same frame");
        assert_eq!(second(line(4, 1, 1, 1, 0)), 1, "an older session");
        assert_eq!(second(line(6, 2, 1, 2, 0)), 1, "the first is missing");
        assert_eq!(second("{}\n".to_owned()), 1, "no result");
    }

    #[test]
    fn results_belong_to_the_life_in_which_they_came() {
        let mut results = Results::new(PathBuf::new());
        [0, 10, 20].iter().for_each(|second| results.worker_begins(Duration::from_secs(*second)));
        for (sequence, second) in [(1, 1), (2, 9), (3, 21), (4, 22)] {
            results.take_line(line(5, sequence, 1, sequence, second).as_bytes());
        }
        let lives = &results.streams["a"].lives;
        let first = |life: usize| lives[life].first.map(|first| first.as_secs_f64());
        assert_eq!(lives.iter().map(|life| life.results).collect::<Vec<_>>(), [2, 0, 2]);
        assert_eq!((first(0), first(1), first(2)), (Some(1.5), None, Some(21.5)));
    }

    #[test]
    fn a_file_that_is_begun_anew_is_read_to_its_end_first() {
        let folder = std::env::temp_dir().join(format!("xtask-results-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("results.jsonl");
        let mut results = Results::new(path.clone());
        results.read_on().unwrap();
        let mut file = File::create(&path).unwrap();
        let second = line(5, 2, 1, 2, 0);
        let (begin, rest) = second.split_at(9);
        file.write_all((line(5, 1, 1, 1, 0) + begin).as_bytes()).unwrap();
        results.read_on().unwrap();
        assert_eq!(results.total(), 1);
        file.write_all(rest.as_bytes()).unwrap();
        fs::rename(&path, folder.join("results.jsonl.1")).unwrap();
        fs::write(&path, line(5, 3, 1, 3, 0)).unwrap();
        results.read_on().unwrap();
        fs::remove_dir_all(folder).unwrap();
        assert_eq!((results.total(), results.faults), (3, Vec::new()));
    }
}
