//! Many streams in one process: sessions side by side, sessions that come and go, and small files one after the other.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::lab::{Lab, last_line, number};
use super::programs::{CLI, MANY};
use super::report::{Row, Target};
use crate::clip::Clip;
use crate::process::{Job, Output};

const SESSIONS: usize = 500;
const CYCLES: usize = 10_000;
const FILES: usize = 10_000;
/// A second.
const VIDEO: Clip = Clip { width: 160, height: 120, frames: 30 };
const LIMIT: Duration = Duration::from_secs(1200);

pub fn sessions(lab: &Lab) -> Result<Vec<Row>> {
    let (sessions, cycles) = (SESSIONS.to_string(), lab.times(CYCLES).to_string());
    let finished = Job::new(lab.programs.find(MANY)?)
        .args(["--sessions", &sessions, "--cycles", &cycles])
        .output(Output::Capture)
        .limit(LIMIT)
        .run_successfully()?;
    let report = last_line(&finished.stdout)?;
    println!("   {report}");
    let each = number(&report, "/sessions/each_mb")?;
    let growth = number(&report, "/cycles/late_mb")? - number(&report, "/cycles/early_mb")?;
    Ok(vec![
        Row::alone("many-sessions", "MB each", Some(each), Target::AtMost(1.0)),
        Row::alone("many-come-and-go", "MB more", Some(growth), Target::Below(5.0)),
        Row::part("many-cpu", "% of a core", Some(number(&report, "/sessions/cpu_percent")?)),
    ])
}

/// What the program costs for a file, the server aside, which is a process of its own.
pub fn files(lab: &Lab) -> Result<Vec<Row>> {
    let count = lab.times(FILES);
    let (folder, lines) = (folder_of_files(lab, count)?, lab.directory.join("many.jsonl"));
    let worker = lab.worker()?;
    let finished = Job::new(lab.programs.find(CLI)?)
        .args(["run", "--quiet", "--server", worker.url(), "--workspace", "local"])
        .args(["--workflow-id", "motion", "--jsonl"])
        .args([&lines, &folder])
        .output(Output::Capture)
        .limit(LIMIT)
        .run_successfully()?;
    let results = fs::read_to_string(&lines)?.lines().count();
    ensure!(results == count * VIDEO.frames as usize, "{results} results of {count} files");
    fs::remove_dir_all(&folder)?;
    let per_file = |seconds: f64| 1e3 * seconds / count as f64;
    let cpu = finished.usage.cpu_s.context("the system does not say what it cost")?;
    Ok(vec![
        Row::alone("many-files", "CPU ms/file", Some(per_file(cpu)), Target::AtMost(15.0)),
        Row::alone("many-files-memory", "MB", finished.usage.peak_rss_mb, Target::AtMost(100.0)),
        Row::part("many-files-time", "ms/file", Some(per_file(finished.duration.as_secs_f64()))),
    ])
}

/// The same file under many names.
fn folder_of_files(lab: &Lab, count: usize) -> Result<PathBuf> {
    let (clip, folder) = (lab.directory.join("many.mp4"), lab.directory.join("many"));
    VIDEO.write(&clip)?;
    // Left over where an earlier run broke off.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    for number in 0..count {
        fs::hard_link(&clip, folder.join(format!("{number}.mp4")))?;
    }
    Ok(folder)
}
