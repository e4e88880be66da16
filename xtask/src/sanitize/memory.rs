//! What calls libvpx and FFmpeg, under valgrind: it sees what these do, which no sanitizer was built into.

use anyhow::{Result, ensure};

use super::runs::{Run, known};
use crate::process::Job;
use crate::{project, setup};

/// Of what calls C only: everything is twenty times slower here.
pub(super) const RUNS: &[Run] = &[
    Run {
        name: "memory: media",
        tests: &["-pstreamsdk-media", "--features=vp8,h264", "--lib", "--", "video::", "mp4::"],
        cargo,
    },
    Run {
        name: "memory: video",
        tests: &[
            "--package=streamsdk-media",
            "--features=vp8,h264",
            "--test=mp4",
            "--test=video_decode",
            "--test=video_encode",
        ],
        cargo,
    },
    Run {
        name: "memory: capture",
        tests: &[
            "--package=streamsdk-capture",
            "--features=ffmpeg",
            "--lib",
            "--",
            "ffmpeg::",
            "file::",
            "network::",
        ],
        cargo,
    },
];

fn cargo() -> Result<Job> {
    ensure!(
        setup::find_program("valgrind").is_some(),
        "valgrind is missing: it is in the package `valgrind` of every distribution"
    );
    let target = project::target_directory()?.join("sanitize/memory");
    let cargo = project::cargo().args(["test", "--no-fail-fast", "--target-dir"]).arg(target);
    Ok(cargo.arg("--config").arg(run_by_valgrind()?))
}

/// The setting that has cargo start what it has built by way of valgrind.
fn run_by_valgrind() -> Result<String> {
    let known = format!("--suppressions={}", known("memory.supp"));
    let words = serde_json::to_string(&[VALGRIND, &[known.as_str()]].concat())?;
    Ok(format!("target.'cfg(all())'.runner={words}"))
}

const VALGRIND: &[&str] = &[
    "valgrind",
    "--quiet",
    "--error-exitcode=9",
    "--leak-check=full",
    "--show-leak-kinds=definite",
    "--errors-for-leak-kinds=definite",
];
