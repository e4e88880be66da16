//! What must be true of a session with video tracks.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::clip::FRAMES_PER_SECOND;
use crate::peers::{CliReport, MARKED_FRAMES, PythonReport};

/// How many of all frames must come back with their data, in percent. The real programs lose the last one each
/// way, since only the next one shows them that a frame is complete.
const ENOUGH: u64 = 98;

/// A camera's frames until the session is connected are not shown: at most a second of them.
const LATEST_FIRST_FRAME: u64 = FRAMES_PER_SECOND as u64;

/// What tells the number of the frame that data is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Numbers {
    /// The contours of its squares, which the workflow counted.
    Counted,
    /// Its time alone: the first frame has the number 0 and the time 0.
    FromZeroByTime,
}

/// How many squares the frame of a number shows; see `tests/peers/marked_frames.py`.
fn squares(number: u64) -> u64 {
    number % 8
}

/// The Python SDK was handed frames and data of which each pair shows the same frame, as seen from `judge`.
pub fn python_paired_rightly(report: &PythonReport, judge: &str) -> Result<String> {
    let PythonReport { report: seen, .. } = report;
    let pairs = right_pairs_in_python(seen, judge)?;
    let (codec, latency) = (&seen["codec"], &seen["latency_ms"]);
    let cost = report.cost();
    Ok(format!("{pairs} right pairs, none wrong, codec {codec}, latencies in ms {latency}, {cost}"))
}

/// As [`python_paired_rightly`], and there are [`ENOUGH`] of them.
pub fn python_got_nearly_every_frame(report: &PythonReport, judge: &str) -> Result<String> {
    let seen = python_paired_rightly(report, judge)?;
    let right = right_pairs_in_python(&report.report, judge)?;
    enough(right, due_frames(&report.report)?).context(seen.clone())?;
    Ok(seen)
}

/// How many frames should have come: those that the SDK sent and did not drop itself; or, of a camera, those
/// from the first that came, because a worker shows what happens now and not what was before the session.
fn due_frames(report: &Value) -> Result<u64> {
    if let Some(taken @ 1..) = report["taken"].as_u64() {
        return Ok(taken);
    }
    let first = report["numbers"][0].as_u64().context("not one frame came")?;
    ensure!(first <= LATEST_FIRST_FRAME, "the first frame that came was number {first}");
    Ok(MARKED_FRAMES - first)
}

fn right_pairs_in_python(report: &Value, judge: &str) -> Result<u64> {
    ensure!(report["exception"].is_null(), "it raised {}", report["exception"]);
    ensure!(report["errors"].as_array().is_some_and(Vec::is_empty), "errors: {}", report["errors"]);
    ensure!(report["out_of_order"] == 0, "{} frames were out of order", report["out_of_order"]);
    let pairs = &report["pairs"];
    ensure!(pairs["wrong"] == 0, "there are wrong pairs: {report}");
    let right = pairs["right"].as_u64().unwrap_or_default();
    ensure!(right > 0, "there is not one pair: {report}");
    ensure!(pairs["by"][judge] == right, "they were not judged by {judge}: {pairs}");
    Ok(right)
}

/// Our client handed out frames together with the data of the same frame, [`ENOUGH`] of them.
pub fn our_client_paired_rightly(report: &CliReport, numbers: Numbers) -> Result<String> {
    report.finished.check()?;
    paired_rightly(report, numbers, MARKED_FRAMES)
}

/// As [`our_client_paired_rightly`], of a camera that the server pulls: of its frames it leaves out those for which it is
/// too late, and on a busy machine, with its first frames, those are many.
pub fn our_client_paired_rightly_what_came(report: &CliReport) -> Result<String> {
    report.finished.check()?;
    let came = report.summary["video"]["received"]["frames"].as_u64();
    let came = came.context("it does not say how many frames came")?;
    ensure!(came >= MARKED_FRAMES / 2, "only {came} of {MARKED_FRAMES} frames came");
    Ok(format!("{came} came, {}", paired_rightly(report, Numbers::Counted, came)?))
}

/// As [`our_client_paired_rightly`], up to the end of a camera that our client pulled itself, about which it was
/// told to do nothing.
pub fn our_client_paired_rightly_to_the_end(report: &CliReport) -> Result<String> {
    let finished = &report.finished;
    let says_so = finished.stderr.contains("is gone");
    let code = finished.status.and_then(|status| status.code());
    ensure!(code == Some(3) && says_so, "it ended with {}: {}", finished.ending(), finished.stderr);
    let forwarded = report.summary["video"]["forwarded"].as_u64();
    let forwarded = forwarded.context("it does not say how many frames it passed on")?;
    // Of what comes at once when the camera is opened only the newest is encoded.
    let late = report.summary["dropped"]["not_encoded"].as_u64().unwrap_or_default();
    ensure!(late <= LATEST_FIRST_FRAME, "{late} frames were not encoded");
    let pairs = paired_rightly(report, Numbers::Counted, MARKED_FRAMES - late)?;
    Ok(format!("{forwarded} passed on, {pairs}"))
}

/// Of `due` frames enough came back.
fn paired_rightly(report: &CliReport, numbers: Numbers, due: u64) -> Result<String> {
    ensure!(!report.told_the_key(), "it shows the API key");
    let frames = MarkedFrames::read(&report.frames)?;
    frames.are_right(numbers)?;
    enough(frames.0.len() as u64, due)?;
    let (pairs, offset) = (frames.0.len(), frames.offset()?);
    let latency = latency(&report.summary["video"]);
    Ok(format!("{pairs} right pairs, none wrong, offset {offset}{latency}, {}", report.cost()))
}

/// How late data and frames came, where our client sent the frames itself.
fn latency(video: &Value) -> String {
    let median = |way: &str| video[way]["p50_s"].as_f64().filter(|&median| median > 0.0);
    match (median("to_data"), median("to_frame")) {
        (Some(data), Some(frame)) => {
            let (data, frame) = (data * 1e3, frame * 1e3);
            format!(", data after {data:.0} ms, frame after {frame:.0} ms")
        }
        _ => String::new(),
    }
}

fn enough(pairs: u64, frames: u64) -> Result<()> {
    let is_enough = pairs * 100 >= frames * ENOUGH;
    ensure!(is_enough, "only {pairs} of {frames} frames came back with their data");
    Ok(())
}

/// The frames that came with their data, by the number that was read from each.
#[derive(Debug)]
struct MarkedFrames(BTreeMap<u64, Data>);

#[derive(Debug)]
struct Data {
    /// Where the data says the frame is in the stream, counted in frames.
    place: f64,
    contours: Option<u64>,
}

impl MarkedFrames {
    fn read(lines: &[Value]) -> Result<Self> {
        let mut frames = BTreeMap::new();
        // A line without data is a frame whose data did not come, and one without a number the reverse.
        for line in lines.iter().filter(|line| line["outputs"].is_object()) {
            let Some(number) = line["marker"].as_u64() else { continue };
            let has_errors = line["errors"].as_array().is_none_or(|errors| !errors.is_empty());
            ensure!(!has_errors, "a frame has errors, or does not say: {line}");
            let seconds = line["pts"].as_f64().zip(line["time_base"].as_f64());
            let (pts, time_base) = seconds.with_context(|| format!("no time in {line}"))?;
            let place = pts * time_base * f64::from(FRAMES_PER_SECOND);
            let contours = line["outputs"]["number_contours"].as_u64();
            let earlier = frames.insert(number, Data { place, contours });
            ensure!(earlier.is_none(), "frame {number} came twice: {line}");
        }
        Ok(Self(frames))
    }

    fn are_right(&self, numbers: Numbers) -> Result<()> {
        let offset = self.offset()?;
        if numbers == Numbers::FromZeroByTime {
            ensure!(offset == 0, "every frame is {offset} away from its data");
            return Ok(());
        }
        for (&number, data) in &self.0 {
            let is_right = data.contours == Some(squares(number));
            ensure!(is_right, "frame {number} came with the data of another: {data:?}");
        }
        Ok(())
    }

    /// How many frames the numbers are ahead of the times, which is the same for all.
    fn offset(&self) -> Result<i64> {
        let mut offsets = self.0.iter().map(|(&number, data)| (number as f64 - data.place).round());
        let first = offsets.next().context("not one frame came with its data")?;
        ensure!(offsets.all(|offset| offset == first), "numbers and times drift apart: {self:?}");
        Ok(first as i64)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(number: u64, pts: u64, contours: u64) -> Value {
        json!({
            "frame_id": 1, "pts": pts, "time_base": 1.0 / 90000.0, "errors": [], "marker": number,
            "outputs": { "number_contours": contours },
        })
    }

    /// As they come when the server did not see the first frame: its times begin with the second.
    fn good_lines() -> Vec<Value> {
        (1..299).map(|number| line(number, (number - 1) * 3000 + number % 2, number % 8)).collect()
    }

    fn judge(lines: &[Value], numbers: Numbers) -> Result<()> {
        MarkedFrames::read(lines)?.are_right(numbers)
    }

    #[test]
    fn frames_with_their_own_data_are_right() {
        judge(&good_lines(), Numbers::Counted).unwrap();
        assert_eq!(MarkedFrames::read(&good_lines()).unwrap().offset().unwrap(), 1);
    }

    #[test]
    fn the_data_of_a_neighbour_is_wrong() {
        let mut lines = good_lines();
        lines[100]["outputs"]["number_contours"] = lines[101]["outputs"]["number_contours"].clone();
        let error = judge(&lines, Numbers::Counted).unwrap_err().to_string();
        assert!(error.contains("frame 101 came with the data of another"), "{error}");
    }

    #[test]
    fn the_data_of_the_eighth_frame_after_is_wrong_by_its_time() {
        let mut lines = good_lines();
        lines[100]["pts"] = lines[108]["pts"].clone();
        assert!(judge(&lines, Numbers::Counted).is_err());
    }

    #[test]
    fn data_that_is_all_shifted_by_one_frame_is_wrong_where_only_time_tells() {
        assert!(judge(&good_lines(), Numbers::FromZeroByTime).is_err());
        let lines: Vec<_> = (0..298).map(|number| line(number, number * 3000, 0)).collect();
        judge(&lines, Numbers::FromZeroByTime).unwrap();
    }

    #[test]
    fn a_frame_twice_and_a_frame_with_errors_are_failures() {
        let mut lines = good_lines();
        lines[7] = lines[6].clone();
        assert!(MarkedFrames::read(&lines).is_err());
        let mut lines = good_lines();
        lines[7]["errors"] = json!(["the block failed"]);
        assert!(MarkedFrames::read(&lines).is_err());
    }

    #[test]
    fn halves_do_not_count_as_pairs() {
        let mut lines = good_lines();
        lines[0]["outputs"] = Value::Null;
        lines[1]["marker"] = Value::Null;
        assert_eq!(MarkedFrames::read(&lines).unwrap().0.len(), 296);
        assert!(enough(294, 300).is_ok() && enough(293, 300).is_err());
    }

    #[test]
    fn only_a_camera_may_begin_late_and_by_no_more_than_a_second() {
        assert_eq!(due_frames(&json!({ "taken": 297, "numbers": [5, 299] })).unwrap(), 297);
        assert_eq!(due_frames(&json!({ "taken": 0, "numbers": [8, 297] })).unwrap(), 292);
        assert!(due_frames(&json!({ "taken": 0, "numbers": [31, 299] })).is_err());
        assert!(due_frames(&json!({ "taken": 0, "numbers": null })).is_err());
    }

    #[test]
    fn pairs_of_the_python_sdk_are_counted_when_all_are_right() {
        let good = json!({
            "exception": null, "errors": [], "out_of_order": 0,
            "pairs": { "right": 298, "wrong": 0, "unknown": 0, "by": { "image": 298 } },
        });
        assert_eq!(right_pairs_in_python(&good, "image").unwrap(), 298);
        for (pointer, value) in [
            ("/exception", json!("RuntimeError: no")),
            ("/errors", json!(["no"])),
            ("/out_of_order", json!(1)),
            ("/pairs/wrong", json!(1)),
            ("/pairs/right", json!(0)),
            ("/pairs/by", json!({ "contours": 298 })),
        ] {
            let mut report = good.clone();
            *report.pointer_mut(pointer).unwrap() = value;
            assert!(right_pairs_in_python(&report, "image").is_err(), "{pointer}");
        }
    }
}
