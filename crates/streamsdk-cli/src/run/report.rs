use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;
use streamsdk::{Summary, UploadProgress};

use crate::failure::Failure;
use crate::usage::Usage;

const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Shows how far a run is: bars on a terminal, a line now and then elsewhere.
pub(super) struct Progress {
    bars: Option<Bars>,
    frames: u64,
    last_line: Instant,
}

struct Bars {
    upload: ProgressBar,
    frames: ProgressBar,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bars = std::io::stderr().is_terminal().then(Bars::new);
        Self { bars, frames: 0, last_line: Instant::now() }
    }

    pub(super) fn uploaded(&mut self, progress: UploadProgress) {
        if let Some(bars) = &self.bars {
            bars.uploaded(progress);
        } else if progress.is_complete() {
            line(&format!("uploaded {}", HumanBytes(progress.bytes_total)));
        } else if self.line_is_due() {
            let (sent, total) = (HumanBytes(progress.bytes_sent), HumanBytes(progress.bytes_total));
            line(&format!("uploaded {sent} of {total}"));
        }
    }

    pub(super) fn received(&mut self) {
        self.frames += 1;
        if let Some(bars) = &self.bars {
            bars.frames.inc(1);
        } else if self.line_is_due() {
            line(&format!("{} frames returned", self.frames));
        }
    }

    fn line_is_due(&mut self) -> bool {
        let due = self.last_line.elapsed() >= LINE_INTERVAL;
        if due {
            self.last_line = Instant::now();
        }
        due
    }
}

impl Bars {
    fn new() -> Self {
        let bars = indicatif::MultiProgress::new();
        let style = |template| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        let upload = ProgressBar::new(0)
            .with_style(style("uploading  [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}"));
        let frames = ProgressBar::no_length()
            .with_style(style("processing {spinner} {pos} frames {per_sec} {elapsed}"));
        Self { upload: bars.add(upload), frames: bars.add(frames) }
    }

    fn uploaded(&self, progress: UploadProgress) {
        self.upload.set_length(progress.bytes_total);
        self.upload.set_position(progress.bytes_sent);
        if progress.is_complete() {
            self.upload.finish();
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.upload.abandon();
        self.frames.abandon();
    }
}

/// What a run came to.
pub(super) struct Report {
    summary: Summary,
    usage: Usage,
}

impl Report {
    pub(super) fn new(summary: Summary) -> Self {
        Self { summary, usage: Usage::now() }
    }

    #[expect(clippy::print_stdout, reason = "the summary is the program's result")]
    pub(super) fn print(&self) {
        let Usage { cpu_s, peak_rss_mb } = self.usage;
        println!("{}", self.summary);
        println!("CPU {cpu_s:.2} s, peak memory {peak_rss_mb:.0} MB");
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let summary = &self.summary;
        let json = json!({
            "frames_sent": summary.frames_sent,
            "frames_returned": summary.frames_returned,
            "dropped": summary.dropped,
            "upload_bytes": summary.upload_bytes,
            "upload_mb_per_s": summary.upload_mb_per_s(),
            "fps": summary.fps(),
            "cpu_s": self.usage.cpu_s,
            "peak_rss_mb": self.usage.peak_rss_mb,
            "ended": summary.ended,
        });
        std::fs::write(path, format!("{json:#}\n")).map_err(|error| {
            Failure::Internal(format!("{} cannot be written: {error}", path.display()))
        })
    }
}

#[expect(clippy::print_stderr, reason = "progress is for people")]
fn line(text: &str) {
    eprintln!("{text}");
}
