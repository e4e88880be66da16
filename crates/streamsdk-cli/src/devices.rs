//! `streamsdk devices`: this machine's cameras.

use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use streamsdk::{
    SourceError, WebcamFormatInfo, WebcamInfo, WebcamMode, WebcamRates, WebcamSize, WebcamSteps,
    webcams,
};

use crate::args::DevicesArguments;
use crate::failure::Failure;
use crate::terminal;

pub(crate) fn run(arguments: &DevicesArguments) -> Result<ExitCode, Failure> {
    let cameras = webcams().map_err(SourceError::from)?;
    if arguments.json {
        let cameras: Vec<_> = cameras.iter().map(Camera::from).collect();
        let text = serde_json::to_string_pretty(&cameras)
            .map_err(|error| Failure::Internal(error.to_string()))?;
        terminal::print(text)?;
    } else if cameras.is_empty() {
        terminal::print("no camera")?;
    } else {
        let tables = cameras.iter().map(|camera| Table(camera).to_string());
        terminal::write(tables.collect::<String>().as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

struct Table<'a>(&'a WebcamInfo);

impl Display for Table<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let camera = self.0;
        let place = camera.path.display();
        writeln!(
            f,
            "webcam:{}  {}  ({place}, {}, {})",
            camera.index, camera.name, camera.driver, camera.bus
        )?;
        for format in camera.formats() {
            let note = if format.format.is_none() { "  (cannot be taken)" } else { "" };
            writeln!(f, "  {:<4}  {}{note}", format.fourcc, format.description)?;
            for mode in &format.modes {
                writeln!(f, "    {:<24} {}", size(mode.size), rates(&mode.rates))?;
            }
        }
        Ok(())
    }
}

fn size(size: WebcamSize) -> String {
    match size {
        WebcamSize::Discrete { width, height } => format!("{width}x{height}"),
        WebcamSize::Stepwise { width, height } => format!("{}x{}", steps(width), steps(height)),
    }
}

fn steps(WebcamSteps { min, max, .. }: WebcamSteps) -> String {
    if min == max { min.to_string() } else { format!("{min}..{max}") }
}

fn rates(rates: &WebcamRates) -> String {
    match rates {
        WebcamRates::Discrete(rates) if rates.is_empty() => String::new(),
        WebcamRates::Discrete(rates) => {
            let rates: Vec<_> = rates.iter().map(|rate| decimal(*rate)).collect();
            format!("{} fps", rates.join(", "))
        }
        WebcamRates::Range { slowest, fastest, .. } => {
            format!("{} to {} fps", decimal(*slowest), decimal(*fastest))
        }
    }
}

/// Two decimals at most.
fn decimal(rate: f64) -> String {
    let text = format!("{rate:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A camera as `--json` has it.
#[derive(Serialize)]
struct Camera<'a> {
    index: u32,
    path: &'a Path,
    name: &'a str,
    driver: &'a str,
    bus: &'a str,
    formats: Vec<Format<'a>>,
}

#[derive(Serialize)]
struct Format<'a> {
    fourcc: &'a str,
    description: &'a str,
    usable: bool,
    modes: Vec<Mode<'a>>,
}

#[derive(Serialize)]
struct Mode<'a> {
    width: Extent,
    height: Extent,
    fps: Rates<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Extent {
    One(u32),
    Several { min: u32, max: u32, step: u32 },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Rates<'a> {
    These(&'a [f64]),
    Between { min: f64, max: f64 },
}

impl<'a> From<&'a WebcamInfo> for Camera<'a> {
    fn from(camera: &'a WebcamInfo) -> Self {
        Self {
            index: camera.index,
            path: &camera.path,
            name: &camera.name,
            driver: &camera.driver,
            bus: &camera.bus,
            formats: camera.formats().iter().map(Format::from).collect(),
        }
    }
}

impl<'a> From<&'a WebcamFormatInfo> for Format<'a> {
    fn from(format: &'a WebcamFormatInfo) -> Self {
        Self {
            fourcc: &format.fourcc,
            description: &format.description,
            usable: format.format.is_some(),
            modes: format.modes.iter().map(Mode::from).collect(),
        }
    }
}

impl<'a> From<&'a WebcamMode> for Mode<'a> {
    fn from(mode: &'a WebcamMode) -> Self {
        let (width, height) = match mode.size {
            WebcamSize::Discrete { width, height } => (Extent::One(width), Extent::One(height)),
            WebcamSize::Stepwise { width, height } => (width.into(), height.into()),
        };
        let fps = match &mode.rates {
            WebcamRates::Discrete(rates) => Rates::These(rates),
            WebcamRates::Range { slowest, fastest, .. } => {
                Rates::Between { min: *slowest, max: *fastest }
            }
        };
        Self { width, height, fps }
    }
}

impl From<WebcamSteps> for Extent {
    fn from(WebcamSteps { min, max, step }: WebcamSteps) -> Self {
        Self::Several { min, max, step }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_stands_alone_and_a_range_says_its_ends() {
        let steps = WebcamSteps { min: 16, max: 640, step: 8 };
        let mode = Mode {
            width: steps.into(),
            height: Extent::One(480),
            fps: Rates::Between { min: 1.0, max: 30.0 },
        };
        assert_eq!(
            serde_json::to_string(&mode).unwrap(),
            r#"{"width":{"min":16,"max":640,"step":8},"height":480,"fps":{"min":1.0,"max":30.0}}"#
        );
        assert_eq!(serde_json::to_string(&Rates::These(&[30.0, 15.0])).unwrap(), "[30.0,15.0]");
    }
}
