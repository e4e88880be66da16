//! How far a download is: a bar on a terminal, a line now and then elsewhere, nothing if it is to be quiet.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use streamsdk::DownloadProgress;

use crate::terminal;

const LINE_INTERVAL: Duration = Duration::from_secs(2);
const WITH_SIZE: &str = "downloading [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
/// Not every server tells it.
const WITHOUT_SIZE: &str = "downloading {spinner} {bytes} {bytes_per_sec}";

pub(super) struct DownloadBar {
    quiet: bool,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl DownloadBar {
    pub(super) fn new(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(bar);
        Self { quiet, bar, last_line: Instant::now() }
    }

    pub(super) fn show(&mut self, progress: DownloadProgress) {
        let received = HumanBytes(progress.received);
        match (&self.bar, progress.total) {
            _ if self.quiet => {}
            (Some(bar), total) => {
                if let Some(total) = total.filter(|_| bar.length().is_none()) {
                    bar.set_style(style(WITH_SIZE));
                    bar.set_length(total);
                }
                bar.set_position(progress.received);
            }
            (None, _) if progress.is_complete() => {
                terminal::say(format_args!("downloaded {received}"));
            }
            (None, total) if self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                let of = total.map_or(String::new(), |total| format!(" of {}", HumanBytes(total)));
                terminal::say(format_args!("downloaded {received}{of}"));
            }
            (None, _) => {}
        }
    }
}

fn bar() -> ProgressBar {
    ProgressBar::no_length().with_style(style(WITHOUT_SIZE))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Drop for DownloadBar {
    fn drop(&mut self) {
        self.bar.iter().for_each(ProgressBar::abandon);
    }
}
