//! What has threads or tasks, under the thread sanitizer.

use anyhow::Result;

use super::nightly;
use super::runs::{Run, known};
use crate::process::Job;

pub(super) const RUNS: &[Run] = &[
    Run {
        name: "thread: pictures",
        tests: &[
            "--package=streamsdk-media",
            "--package=streamsdk-capture",
            "--features=streamsdk-media/vp8,streamsdk-media/h264,streamsdk-capture/ffmpeg",
            "--lib",
        ],
        cargo,
    },
    Run {
        name: "thread: sessions",
        tests: &[
            "--package=streamsdk-view",
            "--package=streamsdk-transport",
            "--package=streamsdk",
            "--package=streamsdk-fleet",
            "--package=streamsdk-worker",
            "--lib",
        ],
        cargo,
    },
];

fn cargo() -> Result<Job> {
    nightly::need_sources()?;
    // What the standard library does between threads has to be seen, too.
    let cargo = nightly::test_with("thread")?.arg("-Zbuild-std");
    Ok(cargo.env("TSAN_OPTIONS", format!("suppressions={}", known("races.txt"))))
}
