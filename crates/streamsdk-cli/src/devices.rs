//! `streamsdk devices`: this machine's cameras.

use std::fmt::{self, Display, Formatter};
use std::process::ExitCode;

use serde_json::{Value, json};
use streamsdk::SourceError;
use streamsdk::capture::{
    WebcamFormatInfo, WebcamInfo, WebcamMode, WebcamRates, WebcamSize, WebcamSteps, webcams,
};

use crate::args::DevicesArguments;
use crate::failure::Failure;
use crate::terminal;

pub(crate) fn run(arguments: &DevicesArguments) -> Result<ExitCode, Failure> {
    let cameras = webcams().map_err(SourceError::from)?;
    if arguments.json {
        terminal::print(format_args!("{:#}", Value::from_iter(cameras.iter().map(as_json))))?;
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

fn as_json(camera: &WebcamInfo) -> Value {
    json!({
        "index": camera.index,
        "path": camera.path,
        "name": camera.name,
        "driver": camera.driver,
        "bus": camera.bus,
        "formats": Value::from_iter(camera.formats().iter().map(format_as_json)),
    })
}

fn format_as_json(format: &WebcamFormatInfo) -> Value {
    json!({
        "fourcc": format.fourcc,
        "description": format.description,
        "usable": format.format.is_some(),
        "modes": Value::from_iter(format.modes.iter().map(mode_as_json)),
    })
}

fn mode_as_json(mode: &WebcamMode) -> Value {
    let range =
        |steps: WebcamSteps| json!({ "min": steps.min, "max": steps.max, "step": steps.step });
    let (width, height) = match mode.size {
        WebcamSize::Discrete { width, height } => (json!(width), json!(height)),
        WebcamSize::Stepwise { width, height } => (range(width), range(height)),
    };
    let fps = match &mode.rates {
        WebcamRates::Discrete(rates) => json!(rates),
        WebcamRates::Range { slowest, fastest, .. } => json!({ "min": slowest, "max": fastest }),
    };
    json!({ "width": width, "height": height, "fps": fps })
}
