use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::errand::{Errand, Finished, SHARED_DIRECTORY};
use super::system::System;
use crate::counts::{Counts, from_libtest};
use crate::peers::{read_frames, read_summary};
use crate::project;

/// Programs run ten times slower in there, and the host may be busy with something else.
const LIMIT: Duration = Duration::from_secs(600);

/// Without this the tests are not run anywhere, since they need cameras; one at a time, since there are so few.
const TEST_OPTIONS: &str = "--ignored --test-threads=1";

const DEVICES: &str = "devices.json";
const FRAMES: &str = "frames.jsonl";
const SUMMARY: &str = "summary.json";

/// Runs the tests of the crate that reads cameras. What they counted, and whether that is as it should be.
pub fn tests(system: &System) -> Result<(Counts, Result<()>)> {
    let program = project::build_test("streamsdk-capture", "webcam", "webcam")?;
    let errand = Errand::new(system, "tests")?;
    let program = errand.take_along(&program)?;
    let finished = errand.run(&format!("exec {program} {TEST_OPTIONS}"), LIMIT)?;
    let counts = from_libtest(&finished.output);
    if counts == Counts::default() {
        finished.check().context("the tests did not come to their end")?;
        bail!("not one test was run");
    }
    Ok((counts, finished.check()))
}

/// Lists the cameras, and runs a whole session: from one of them through our client and our worker, and back.
pub fn session(system: &System, cli: Option<&Path>) -> Result<String> {
    let cli = cli.map_or_else(project::build_cli, |cli| Ok(cli.into()))?;
    let errand = Errand::new(system, "session")?;
    let program = errand.take_along(&cli)?;
    let script = format!(
        "{program} devices --json > {SHARED_DIRECTORY}/{DEVICES} || exit
         exec {program} run webcam:0 --workflow-id motion --workspace local --duration 5 \
         --jsonl {SHARED_DIRECTORY}/{FRAMES} --summary-json {SHARED_DIRECTORY}/{SUMMARY}"
    );
    errand.run(&script, LIMIT)?.check()?;
    let devices = fs::read_to_string(errand.brought_back(DEVICES))?;
    first_camera_is_listed(&serde_json::from_str(&devices)?)?;
    let frames = read_frames(&errand.brought_back(FRAMES))?;
    let summary = read_summary(&errand.brought_back(SUMMARY))?;
    frames_came_with_data(&frames, &summary)
}

/// Runs a script of somebody's own, from which nothing is expected.
pub fn script(system: &System, script: &Path) -> Result<Finished> {
    let script =
        fs::read_to_string(script).with_context(|| format!("cannot read {}", script.display()))?;
    Errand::new(system, "script")?.run(&script, LIMIT)
}

fn first_camera_is_listed(devices: &Value) -> Result<()> {
    let first = &devices[0];
    let formats = first["formats"].as_array().map_or(&[][..], Vec::as_slice);
    let is_offered = |format: &Value| {
        let (usable, modes) = (&format["usable"], format["modes"].as_array());
        format["fourcc"] == "YUYV" && usable == true && modes.is_some_and(|all| !all.is_empty())
    };
    ensure!(first["driver"] == "vivid", "the first camera is another one: {devices}");
    ensure!(formats.iter().any(is_offered), "its pictures are not listed: {first}");
    Ok(())
}

/// How many come depends on how fast the host is: one shows that everything is connected.
fn frames_came_with_data(frames: &[Value], summary: &Value) -> Result<String> {
    let ended = summary["ended"].as_str().unwrap_or_default();
    ensure!(["complete", "by_caller"].contains(&ended), "the session ended badly: {summary}");
    let is_faulty = |frame: &&Value| frame["errors"].as_array().is_none_or(|all| !all.is_empty());
    if let Some(frame) = frames.iter().find(is_faulty) {
        bail!("a frame has errors, or does not say: {frame}");
    }
    let has_data = |frame: &&Value| frame["outputs"]["predictions"].is_object();
    let with_data = frames.iter().filter(has_data).count();
    ensure!(with_data > 0, "of {} frames none has predictions: {summary}", frames.len());
    let fps = summary["fps"].as_f64().unwrap_or_default();
    Ok(format!("{with_data} frames with predictions, {fps:.1} fps, ended: {ended}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_camera_without_modes_is_not_listed_well() {
        let devices = |modes: Value| {
            let format = json!({ "fourcc": "YUYV", "usable": true, "modes": modes });
            json!([{ "driver": "vivid", "formats": [format] }])
        };
        first_camera_is_listed(&devices(json!([{ "width": 640 }]))).unwrap();
        for wrong in [devices(json!([])), json!([]), json!([{ "driver": "other" }])] {
            assert!(first_camera_is_listed(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_frame_with_data_and_a_clean_end_are_enough() {
        let good = json!({ "errors": [], "outputs": { "predictions": { "predictions": [] } } });
        let empty = json!({ "errors": [], "outputs": {} });
        let faulty =
            json!({ "errors": ["no"], "outputs": { "predictions": { "predictions": [] } } });
        let ended = |how: &str| json!({ "ended": how, "fps": 2.5 });

        let seen = frames_came_with_data(&[empty.clone(), good.clone()], &ended("by_caller"));
        assert_eq!(seen.unwrap(), "1 frames with predictions, 2.5 fps, ended: by_caller");
        for (frames, how) in
            [(vec![], "complete"), (vec![empty], "complete"), (vec![faulty], "complete")]
        {
            assert!(frames_came_with_data(&frames, &ended(how)).is_err(), "{frames:?}");
        }
        assert!(frames_came_with_data(&[good], &ended("failed")).is_err());
    }
}
