use anyhow::Result;
use serde_json::Value;

use super::server::Against;
use crate::bench::codec::Codec;
use crate::bench::lab::number;
use crate::bench::report::{Row, Target};
use crate::bench::stats::Samples;

const MAX_MEMORY: f64 = 0.25;

/// What is looked at in every session.
struct Figure {
    /// What follows the codec in its name.
    name: &'static str,
    unit: &'static str,
    kind: Kind,
    /// Where it is in what the programs report.
    ours: &'static str,
    python: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    Cpu,
    Latency,
    Memory,
}

const COUNT: usize = 6;

const FIGURES: [Figure; COUNT] = [
    Figure {
        name: "",
        unit: "ms/frame",
        kind: Kind::Cpu,
        ours: "/cpu_ms_per_frame",
        python: "/cpu/ms_per_frame",
    },
    latency("-data", "/to_data/p50", "/latency_ms/data/p50"),
    latency("-data-p95", "/to_data/p95", "/latency_ms/data/p95"),
    latency("-frame", "/to_frame/p50", "/latency_ms/frame/p50"),
    latency("-frame-p95", "/to_frame/p95", "/latency_ms/frame/p95"),
    Figure {
        name: "-memory",
        unit: "MB",
        kind: Kind::Memory,
        ours: "/peak_rss_mb",
        python: "/peak_rss_mb",
    },
];

const fn latency(name: &'static str, ours: &'static str, python: &'static str) -> Figure {
    Figure { name, unit: "ms", kind: Kind::Latency, ours, python }
}

/// The figures of several sessions, of ours and of the Python SDK.
#[derive(Default)]
pub struct Sessions {
    ours: [Samples; COUNT],
    python: [Samples; COUNT],
}

impl Sessions {
    pub fn add_ours(&mut self, report: &Value) -> Result<()> {
        add(&mut self.ours, report, |figure| figure.ours)
    }

    pub fn add_python(&mut self, report: &Value) -> Result<()> {
        add(&mut self.python, report, |figure| figure.python)
    }

    pub fn rows(&self, against: Against, codec: &Codec) -> Vec<Row> {
        let samples = self.ours.iter().zip(&self.python);
        let row = |(figure, (ours, python)): (&Figure, (&Samples, &Samples))| {
            let name = format!("{}-{}{}", against.prefix(), codec.ours, figure.name);
            let most = match figure.kind {
                Kind::Cpu => codec.most_cpu,
                Kind::Latency => against.most_latency(),
                Kind::Memory => MAX_MEMORY,
            };
            Row::compared(name, figure.unit, ours, python, Target::RatioAtMost(most))
        };
        FIGURES.iter().zip(samples).map(row).collect()
    }
}

fn add(
    samples: &mut [Samples; COUNT],
    report: &Value,
    place: impl Fn(&Figure) -> &'static str,
) -> Result<()> {
    for (samples, figure) in samples.iter_mut().zip(&FIGURES) {
        samples.push(number(report, place(figure))?);
    }
    Ok(())
}
