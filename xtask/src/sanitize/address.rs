//! What has unsafe code, and what others send, under the address sanitizer and its search for leaks.

use anyhow::Result;

use super::nightly;
use super::runs::{Run, known};
use crate::process::Job;

pub(super) const RUNS: &[Run] = &[
    Run {
        name: "address: media",
        tests: &["--package", "streamsdk-media", "--all-features", "--lib", "--tests"],
        cargo,
    },
    Run {
        name: "address: capture",
        tests: &["--package", "streamsdk-capture", "--all-features", "--lib", "--tests"],
        cargo,
    },
    Run {
        name: "address: transport",
        tests: &["--package", "streamsdk-transport", "--lib"],
        cargo,
    },
    Run {
        name: "address: hostile input",
        tests: &["--package", "streamsdk-fuzz-targets", "--tests"],
        cargo,
    },
];

fn cargo() -> Result<Job> {
    // C libraries keep no frame pointers: without the slow way, the stack of what they allocate ends in them, and a
    // leak is that of nobody.
    // And libdeflate compiles one file several times, each with constants of its own by the same name, which is not the accident
    // that it would be taken for.
    let asan = "fast_unwind_on_malloc=0:detect_odr_violation=0";
    let cargo = nightly::test_with("address")?.env("ASAN_OPTIONS", asan);
    let options = format!("suppressions={}:print_suppressions=0", known("leaks.txt"));
    Ok(cargo.env("LSAN_OPTIONS", options))
}
