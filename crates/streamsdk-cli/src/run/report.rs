use std::fmt::Display;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde::Serialize;
use streamsdk::{Control, FrameError, Latency, Summary, UploadProgress, VideoStatistics};

use crate::terminal;
use crate::usage::ProcessUsage;

pub(super) const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Shows how far a run is: bars on a terminal, a line now and then elsewhere, nothing if it is to be quiet.
pub(super) struct ProgressBars {
    quiet: bool,
    bars: Option<Bars>,
    control: Control,
    frames: u64,
    last_line: Instant,
}

struct Bars {
    upload: ProgressBar,
    frames: ProgressBar,
}

impl ProgressBars {
    pub(super) fn new(control: Control, quiet: bool) -> Self {
        let bars = (!quiet && std::io::stderr().is_terminal()).then(Bars::new);
        Self { quiet, bars, control, frames: 0, last_line: Instant::now() }
    }

    pub(super) fn uploaded(&mut self, progress: UploadProgress) {
        if self.quiet {
            return;
        }
        if let Some(bars) = &self.bars {
            bars.uploaded(progress);
        } else if progress.is_complete() {
            terminal::say(format_args!("uploaded {}", HumanBytes(progress.bytes_total)));
        } else if self.line_is_due() {
            let (sent, total) = (HumanBytes(progress.bytes_sent), HumanBytes(progress.bytes_total));
            terminal::say(format_args!("uploaded {sent} of {total}"));
        }
    }

    pub(super) fn received(&mut self) {
        self.frames += 1;
        if let Some(bars) = &self.bars {
            bars.frames.inc(1);
        }
        if self.line_is_due() {
            let video = self.control.statistics().video.as_ref().and_then(describe);
            match &self.bars {
                Some(bars) => bars.frames.set_message(video.unwrap_or_default()),
                None => terminal::say(format_args!(
                    "{} frames returned{}",
                    self.frames,
                    video.map(|video| format!(", {video}")).unwrap_or_default()
                )),
            }
        }
    }

    /// Tells how much was published, where nothing returns that would be told of.
    pub(super) fn published(&self) {
        let statistics = self.control.statistics();
        let Some(frames) = statistics.session.frames_published.filter(|_| !self.quiet) else {
            return;
        };
        let video = statistics.video.as_ref().and_then(describe);
        match &self.bars {
            Some(bars) => {
                bars.frames.set_position(frames);
                bars.frames.set_message(video.unwrap_or_default());
            }
            None => terminal::say(format_args!(
                "{frames} frames published{}",
                video.map(|video| format!(", {video}")).unwrap_or_default()
            )),
        }
    }

    /// Tells of something that happens now and then.
    pub(super) fn tell(&self, news: &dyn Display) {
        match &self.bars {
            _ if self.quiet => {}
            Some(bars) => bars.frames.suspend(|| terminal::say(format_args!("{news}"))),
            None => terminal::say(format_args!("{news}")),
        }
    }

    fn line_is_due(&mut self) -> bool {
        let due = !self.quiet && self.last_line.elapsed() >= LINE_INTERVAL;
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
            .with_style(style("processing {spinner} {pos} frames {per_sec} {elapsed} {msg}"));
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
pub(super) struct RunReport {
    summary: Summary,
    video: Option<VideoStatistics>,
    usage: Option<ProcessUsage>,
}

impl RunReport {
    pub(super) fn new(summary: Summary, video: Option<VideoStatistics>) -> Self {
        Self { summary, video, usage: ProcessUsage::now() }
    }

    /// For people: the whole report in some lines.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![self.summary.to_string()];
        let failed =
            |error: &FrameError| format!("failed, {} frames: {}", error.frames, error.text);
        lines.extend(self.summary.errors.iter().map(failed));
        lines.extend(self.video.as_ref().and_then(describe));
        let used = |ProcessUsage { cpu_s, peak_rss_mb }| {
            format!("CPU {cpu_s:.2} s, peak memory {peak_rss_mb:.0} MB")
        };
        lines.extend(self.usage.map(used));
        lines.join("\n")
    }

    /// For programs: one JSON object.
    pub(super) fn json(&self) -> String {
        let written = SummaryJson {
            summary: &self.summary,
            fps: self.summary.fps(),
            upload_mb_per_s: self.summary.upload_mb_per_s(),
            cpu_s: self.usage.map(|usage| usage.cpu_s),
            peak_rss_mb: self.usage.map(|usage| usage.peak_rss_mb),
            video: self.video.as_ref(),
        };
        // Numbers and texts can always be written.
        serde_json::to_string_pretty(&written).unwrap_or_default() + "\n"
    }
}

#[derive(Serialize)]
struct SummaryJson<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    fps: f64,
    upload_mb_per_s: f64,
    cpu_s: Option<f64>,
    peak_rss_mb: Option<f64>,
    video: Option<&'a VideoStatistics>,
}

/// The video of a session in a line, if there is anything to say.
fn describe(video: &VideoStatistics) -> Option<String> {
    let mut parts = Vec::new();
    let mut latency = |what: &str, Latency { count, p50, p95, .. }: Latency| {
        if count > 0 {
            parts.push(format!("{what} {} ms (95 %: {} ms)", p50.as_millis(), p95.as_millis()));
        }
    };
    latency("data after", video.to_data);
    latency("frame after", video.to_frame);
    if video.encoded > 0 {
        parts.push(format!("sending {:.1} Mbit/s", f64::from(video.target_bitrate) / 1e6));
        parts.push(format!("loss {:.1} %", video.sent.missed_share() * 100.0));
    }
    if video.received.lost > 0 {
        parts.push(format!("{} frames lost on the way back", video.received.lost));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}
