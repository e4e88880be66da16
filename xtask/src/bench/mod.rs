//! `cargo xtask bench`: what sessions cost, against the real programs and against what is possible.
//!
//! Ours and the other are measured in turns, and their medians are compared: what else the machine does
//! meanwhile hits both.

mod capture;
mod client;
mod codec;
mod connect;
mod lab;
mod local;
mod many;
mod memory;
mod post;
mod programs;
mod python;
mod receive;
mod report;
mod soak;
mod stats;
mod track;
mod upload_loopback;
mod upload_real;

use std::path::PathBuf;

use anyhow::{Context, Result};

use self::lab::Lab;
use self::programs::{
    BOUND, CAPTURE, CLI, CLI_DEFAULT, CLIENT, CLIENT_TURBOJPEG, CONNECT, LOCAL, MANY, PASS_ON,
    Programs, SINK, TRACK_H264, TRACK_VP8,
};
use self::report::{Report, Row};
pub use self::stats::Samples;
use self::track::Against;
use crate::peers::Peers;
use crate::{network, setup};

#[derive(clap::Args)]
pub struct Options {
    /// Do only the benches with a figure whose name begins with one of these
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure less often: good to see that it works, not to compare
    #[arg(long)]
    quick: bool,
    /// Everything is prepared and the peers are here; set by the command itself
    #[arg(long, hide = true, value_name = "PREFIX", requires = "programs")]
    prepared: Option<PathBuf>,
    /// Where the measuring programs are; set by the command itself
    #[arg(long, hide = true, value_name = "DIRECTORY")]
    programs: Option<PathBuf>,
}

/// One measurement, which may give several figures.
struct Bench {
    figures: &'static [&'static str],
    programs: &'static [&'static str],
    measure: fn(&Lab) -> Result<Vec<Row>>,
}

const BENCHES: &[Bench] = &[
    Bench {
        figures: &["upload-loopback"],
        programs: &[CLI, CLIENT, BOUND],
        measure: upload_loopback::speed,
    },
    Bench { figures: &["upload-gap"], programs: &[CLIENT, SINK], measure: upload_loopback::gap },
    Bench {
        figures: &["upload-real", "upload-real-cpu", "upload-real-memory"],
        programs: &[CLIENT],
        measure: upload_real::measure,
    },
    Bench {
        figures: &["connect-real", "connect-real-worst"],
        programs: &[CONNECT],
        measure: connect::real,
    },
    Bench {
        figures: &["connect-worker", "connect-worker-worst"],
        programs: &[CLI, CONNECT],
        measure: connect::worker,
    },
    Bench {
        figures: &["post", "post-full"],
        programs: &[CLI, CLI_DEFAULT],
        measure: post::measure,
    },
    Bench {
        figures: &["receive-480p", "receive-480p-turbojpeg", "receive-data-480p"],
        programs: &[CLI, CLIENT, CLIENT_TURBOJPEG],
        measure: |lab| receive::measure(lab, "480p", 640, 480),
    },
    Bench {
        figures: &["receive-720p", "receive-720p-turbojpeg", "receive-data-720p"],
        programs: &[CLI, CLIENT, CLIENT_TURBOJPEG],
        measure: |lab| receive::measure(lab, "720p", 1280, 720),
    },
    Bench {
        figures: &["receive-1080p", "receive-1080p-turbojpeg", "receive-data-1080p"],
        programs: &[CLI, CLIENT, CLIENT_TURBOJPEG],
        measure: |lab| receive::measure(lab, "1080p", 1920, 1080),
    },
    Bench {
        figures: &[
            "track-vp8",
            "track-vp8-data",
            "track-vp8-data-p95",
            "track-vp8-frame",
            "track-vp8-frame-p95",
            "track-vp8-memory",
        ],
        programs: &[CLI, TRACK_VP8],
        measure: |lab| track::measure(lab, Against::OurWorker, &codec::VP8),
    },
    Bench {
        figures: &[
            "track-h264",
            "track-h264-data",
            "track-h264-data-p95",
            "track-h264-frame",
            "track-h264-frame-p95",
            "track-h264-memory",
        ],
        programs: &[CLI, TRACK_H264],
        measure: |lab| track::measure(lab, Against::OurWorker, &codec::H264),
    },
    Bench {
        figures: &[
            "track-real-vp8",
            "track-real-vp8-data",
            "track-real-vp8-data-p95",
            "track-real-vp8-frame",
            "track-real-vp8-frame-p95",
            "track-real-vp8-memory",
        ],
        programs: &[TRACK_VP8],
        measure: |lab| track::measure(lab, Against::RealServer, &codec::VP8),
    },
    Bench {
        figures: &[
            "track-real-h264",
            "track-real-h264-data",
            "track-real-h264-data-p95",
            "track-real-h264-frame",
            "track-real-h264-frame-p95",
            "track-real-h264-memory",
        ],
        programs: &[TRACK_H264],
        measure: |lab| track::measure(lab, Against::RealServer, &codec::H264),
    },
    Bench {
        figures: &["capture-vp8", "capture-vp8-convert", "capture-vp8-encode"],
        programs: &[CAPTURE],
        measure: |lab| capture::measure(lab, &codec::VP8),
    },
    Bench {
        figures: &["capture-h264", "capture-h264-convert", "capture-h264-encode"],
        programs: &[CAPTURE],
        measure: |lab| capture::measure(lab, &codec::H264),
    },
    Bench { figures: &["local-passed-on"], programs: &[CLI, LOCAL], measure: local::measure },
    Bench { figures: &["pass-on", "pass-on-memory"], programs: &[PASS_ON], measure: local::many },
    Bench {
        figures: &["many-sessions", "many-come-and-go", "many-cpu"],
        programs: &[MANY],
        measure: many::sessions,
    },
    Bench {
        figures: &["many-files", "many-files-memory", "many-files-time"],
        programs: &[CLI],
        measure: many::files,
    },
    Bench {
        figures: &["memory-1gb", "memory-2gb"],
        programs: &[CLI, CLIENT],
        measure: memory::measure,
    },
];

/// What takes so long that it is done only when it is asked for by name.
const LONG_BENCHES: &[Bench] = &[Bench {
    figures: &["soak-latency", "soak-memory"],
    programs: &[CLI, TRACK_VP8],
    measure: soak::measure,
}];

/// Whether every target was met.
pub fn run(options: &Options) -> Result<bool> {
    if let (Some(prefix), Some(programs)) = (&options.prepared, &options.programs) {
        let lab = Lab::new(Peers::at(prefix.clone())?, Programs::at(programs), options.quick)?;
        return measure(options, &lab);
    }
    Ok(network::rerun_isolated(&prepare(options)?)?.succeeded())
}

/// Does what needs the outside network. Returns the arguments with which the benches are run.
fn prepare(options: &Options) -> Result<Vec<String>> {
    setup::ensure(setup::Scope::Everything)?;
    let peers = Peers::install()?;
    let programs = Programs::build(&wanted_programs(&options.only))?;

    let text = |path: PathBuf| path.to_str().map(String::from).context("a path is not UTF-8");
    let mut arguments = vec!["bench".into(), "--prepared".into(), text(peers.prefix().into())?];
    arguments.extend(["--programs".into(), text(programs.directory().into())?]);
    if let Some(json) = &options.json {
        arguments.extend(["--json".into(), text(std::path::absolute(json)?)?]);
    }
    for name in &options.only {
        arguments.extend(["--only".into(), name.clone()]);
    }
    if options.quick {
        arguments.push("--quick".into());
    }
    Ok(arguments)
}

fn wanted(only: &[String]) -> impl Iterator<Item = &'static Bench> {
    let long = LONG_BENCHES.iter().filter(|_| !only.is_empty());
    BENCHES.iter().chain(long).filter(|bench| is_wanted(bench.figures, only))
}

fn wanted_programs(only: &[String]) -> Vec<&'static str> {
    wanted(only).flat_map(|bench| bench.programs).copied().collect()
}

fn measure(options: &Options, lab: &Lab) -> Result<bool> {
    let mut report = Report::default();
    for bench in wanted(&options.only) {
        println!("-- {}", bench.figures.join(", "));
        match (bench.measure)(lab) {
            Ok(rows) => report.extend(rows),
            Err(error) => report.extend([Row::failed(bench.figures[0], &error)]),
        }
        // Written each time, so that an interrupted run is not lost.
        if let Some(path) = &options.json {
            report.write(path)?;
        }
    }
    report.print_table();
    Ok(report.all_met())
}

fn is_wanted(figures: &[&str], only: &[String]) -> bool {
    let matches = |figure: &&str| only.iter().any(|name| figure.starts_with(name.as_str()));
    only.is_empty() || figures.iter().any(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_is_chosen_by_the_beginning_of_any_of_its_figures() {
        let figures = ["receive-480p", "receive-data-480p"];
        let wanted = |only: &[&str]| {
            is_wanted(&figures, &only.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert!(wanted(&[]) && wanted(&["receive-data"]) && wanted(&["post", "receive-4"]));
        assert!(!wanted(&["post"]) && !wanted(&["480p"]));
    }

    #[test]
    fn figures_have_different_names() {
        let benches = BENCHES.iter().chain(LONG_BENCHES);
        let mut names: Vec<_> = benches.flat_map(|bench| bench.figures).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
