//! How far a download is: a bar on a terminal, a line now and then elsewhere, nothing if it is to be quiet.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use streamsdk::DownloadProgress;

use crate::terminal;

const LINE_INTERVAL: Duration = Duration::from_secs(2);

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
                total.into_iter().for_each(|total| bar.set_length(total));
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
    let template = "downloading [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length().with_style(style)
}

impl Drop for DownloadBar {
    fn drop(&mut self) {
        self.bar.iter().for_each(ProgressBar::abandon);
    }
}
