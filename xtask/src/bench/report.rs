use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::stats::Samples;

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Ours is at least so much of the other.
    RatioAtLeast(f64),
    /// Ours is at most so much of the other.
    RatioAtMost(f64),
    /// Ours is at least this.
    AtLeast(f64),
    /// Ours is at most this.
    AtMost(f64),
    /// Ours is below this.
    Below(f64),
}

/// One figure: ours, the other's where there is one, and whether that is good enough.
#[derive(Clone, Debug)]
pub struct Row {
    name: String,
    unit: &'static str,
    ours: Option<f64>,
    peer: Option<f64>,
    target: Option<Target>,
}

impl Row {
    /// Ours beside the other's.
    pub fn compared(
        name: impl Into<String>,
        unit: &'static str,
        ours: &Samples,
        peer: &Samples,
        target: Target,
    ) -> Self {
        let name = name.into();
        println!("   {name} in {unit}: ours {ours} | other {peer}");
        Self { name, unit, ours: ours.median(), peer: peer.median(), target: Some(target) }
    }

    /// A figure that stands for itself.
    pub fn alone(
        name: impl Into<String>,
        unit: &'static str,
        ours: Option<f64>,
        target: Target,
    ) -> Self {
        Self { name: name.into(), unit, ours, peer: None, target: Some(target) }
    }

    /// A part of another figure, with nothing to reach.
    pub fn part(name: impl Into<String>, unit: &'static str, ours: Option<f64>) -> Self {
        Self { name: name.into(), unit, ours, peer: None, target: None }
    }

    /// Something that could not be measured.
    pub fn failed(name: &str, error: &anyhow::Error) -> Self {
        println!("   FAILED: {error:#}");
        Self { name: name.into(), unit: "", ours: None, peer: None, target: None }
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.ours? / self.peer.filter(|peer| *peer != 0.0)?)
    }

    fn is_met(&self) -> bool {
        let met = match self.target {
            Some(Target::RatioAtLeast(least)) => self.ratio().map(|ratio| ratio >= least),
            Some(Target::RatioAtMost(most)) => self.ratio().map(|ratio| ratio <= most),
            Some(Target::AtLeast(least)) => self.ours.map(|ours| ours >= least),
            Some(Target::AtMost(most)) => self.ours.map(|ours| ours <= most),
            Some(Target::Below(limit)) => self.ours.map(|ours| ours < limit),
            None => self.ours.map(|_| true),
        };
        met.unwrap_or(false)
    }

    fn target(&self) -> String {
        match self.target {
            Some(Target::RatioAtLeast(least)) => format!("ratio >= {least}"),
            Some(Target::RatioAtMost(most)) => format!("ratio <= {most}"),
            Some(Target::AtLeast(least)) => format!(">= {least} {}", self.unit),
            Some(Target::AtMost(most)) => format!("<= {most} {}", self.unit),
            Some(Target::Below(limit)) => format!("< {limit} {}", self.unit),
            None if self.ours.is_none() => "to be measured".into(),
            None => "-".into(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer,
            "ratio": self.ratio(),
            "target": self.target(),
            "met": self.is_met(),
        })
    }
}

/// All figures of a run.
#[derive(Default)]
pub struct Report(Vec<Row>);

impl Report {
    pub fn extend(&mut self, rows: impl IntoIterator<Item = Row>) {
        for row in rows {
            println!("   {}", line(&row));
            self.0.push(row);
        }
    }

    pub fn all_met(&self) -> bool {
        self.0.iter().all(Row::is_met)
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let rows: Vec<_> = self.0.iter().map(Row::json).collect();
        let text = serde_json::to_string_pretty(&rows)? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    pub fn print_table(&self) {
        println!("\n{:-<100}", "");
        println!(
            "{:<26} {:>10} {:>10} {:<9} {:>7}  {:<15} met",
            "", "ours", "other", "unit", "ratio", "target"
        );
        for row in &self.0 {
            println!("{}", line(row));
        }
        println!("{:-<100}", "");
    }
}

fn line(row: &Row) -> String {
    let number = |value: Option<f64>| value.map_or("-".into(), readable);
    format!(
        "{:<26} {:>10} {:>10} {:<9} {:>7}  {:<15} {}",
        row.name,
        number(row.ours),
        number(row.peer),
        row.unit,
        row.ratio().map_or("-".into(), |ratio| format!("{ratio:.3}")),
        row.target(),
        if row.is_met() { "yes" } else { "NO" },
    )
}

/// Three significant digits, or all before the point.
fn readable(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: f64, peer: Option<f64>, target: Target) -> Row {
        Row { name: "x".into(), unit: "ms", ours: Some(ours), peer, target: Some(target) }
    }

    #[test]
    fn a_target_is_met_at_its_edge_and_missed_beyond() {
        for (ours, peer, target, met) in [
            (6.0, Some(10.0), Target::RatioAtLeast(0.6), true),
            (5.9, Some(10.0), Target::RatioAtLeast(0.6), false),
            (1.0, Some(10.0), Target::RatioAtMost(0.1), true),
            (1.1, Some(10.0), Target::RatioAtMost(0.1), false),
            (100.0, None, Target::AtMost(100.0), true),
            (50.0, None, Target::Below(50.0), false),
            (1.0, None, Target::RatioAtMost(0.1), false),
            (1.0, Some(0.0), Target::RatioAtLeast(0.6), false),
            (66.0, None, Target::AtLeast(66.0), true),
            (65.9, None, Target::AtLeast(66.0), false),
        ] {
            assert_eq!(row(ours, peer, target).is_met(), met, "{ours} {peer:?} {target:?}");
        }
    }

    #[test]
    fn what_could_not_be_measured_is_not_met() {
        let row = Row::failed("post", &anyhow::anyhow!("no worker"));
        assert!(!row.is_met());
        assert_eq!(row.json()["ours"], Value::Null);
    }

    #[test]
    fn a_part_is_met_when_it_was_measured() {
        assert!(Row::part("convert", "ms", Some(1.0)).is_met());
        assert!(!Row::part("convert", "ms", None).is_met());
    }

    #[test]
    fn the_json_has_every_field() {
        let written = row(3.0, Some(12.0), Target::RatioAtMost(0.5)).json();
        let expected = json!({
            "name": "x", "unit": "ms", "ours": 3.0, "peer": 12.0, "ratio": 0.25,
            "target": "ratio <= 0.5", "met": true,
        });
        assert_eq!(written, expected);
    }
}
