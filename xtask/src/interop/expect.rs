//! What must be true of a session, read from what the programs report about it.

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use crate::clip::SHAPES;
use crate::peers::{CliReport, PythonReport};

/// What the workflow `blur` says is the size of every image.
pub const PIXELS: u32 = SHAPES.width * SHAPES.height;

/// The exit status with which our program says that the server refused.
const REFUSED: i32 = 5;

/// The Python SDK saw each frame once and in order, without an error, and was told the end.
pub fn python_got_every_frame(report: &PythonReport) -> Result<String> {
    complete_in_python(&report.report)?;
    let (messages, frames) = (&report.report["data_messages"], &report.report["frames"]);
    Ok(format!("{messages} messages, {frames} images handled, {}", report.cost()))
}

fn complete_in_python(report: &Value) -> Result<()> {
    ensure!(report["exception"].is_null(), "it raised {}", report["exception"]);
    ensure!(report["error_frames"] == 0, "frames had errors: {}", report["first_errors"]);
    ensure!(
        report["frame_ids"] == json!([[1, SHAPES.frames]]),
        "frames {} came instead of 1 to {}; closed because: {}",
        report["frame_ids"],
        SHAPES.frames,
        report["closed_because"],
    );
    ensure!(report["processing_complete"] == true, "it was not told the end");
    let size = format!("{}x{}", SHAPES.width, SHAPES.height);
    let sizes = report["image_sizes"].as_object();
    let is_right = sizes.is_some_and(|sizes| sizes.len() == 1 && sizes.contains_key(&size));
    ensure!(is_right, "images are {} instead of {size}", report["image_sizes"]);
    Ok(())
}

pub fn python_got_predictions(report: &PythonReport) -> Result<String> {
    match report.report["predictions"].as_u64() {
        Some(count @ 1..) => Ok(format!("{count} predictions")),
        _ => bail!("there was not one prediction in it"),
    }
}

/// The Python SDK raised an exception that holds each of the words.
pub fn python_was_refused(report: &PythonReport, words: &[&str]) -> Result<String> {
    let Some(exception) = report.report["exception"].as_str() else {
        bail!("it was not refused: {}", report.report);
    };
    contains_each(exception, words)?;
    Ok(one_line(exception))
}

/// Our client saw each frame once and in order, dropped none, and `output` was right in all of them.
pub fn every_frame(
    report: &CliReport,
    output: &str,
    is_right: impl Fn(&Value) -> bool,
) -> Result<String> {
    report.finished.check()?;
    ensure!(!report.told_the_key(), "it shows the API key");
    complete_in_our_client(&report.frames, &report.summary)?;
    if let Some(frame) = report.frames.iter().find(|frame| !is_right(&frame["outputs"][output])) {
        bail!("{output} is wrong in {frame}");
    }
    let ended = &report.summary["ended"];
    Ok(format!(
        "{} frames, {output} right in all, ended: {ended}, {}",
        SHAPES.frames,
        report.cost()
    ))
}

/// Our client got data about each frame that it sent, and lost none on the way.
pub fn every_frame_of_a_track(report: &CliReport) -> Result<String> {
    report.finished.check()?;
    ensure!(!report.told_the_key(), "it shows the API key");
    let (sent, returned) = (&report.summary["frames_sent"], &report.summary["frames_returned"]);
    ensure!(sent.as_u64() > Some(0) && sent == returned, "frames are missing: {}", report.summary);
    Ok(format!("{returned} frames, {}", report.cost()))
}

fn complete_in_our_client(frames: &[Value], summary: &Value) -> Result<()> {
    let ids: Vec<u64> = frames.iter().filter_map(|frame| frame["frame_id"].as_u64()).collect();
    let expected: Vec<u64> = (1..=u64::from(SHAPES.frames)).collect();
    ensure!(ids == expected, "{} frames came, not 1 to {} in order", ids.len(), SHAPES.frames);
    let is_faulty = |frame: &&Value| frame["errors"].as_array().is_none_or(|all| !all.is_empty());
    if let Some(frame) = frames.iter().find(is_faulty) {
        bail!("a frame has errors, or does not say: {frame}");
    }
    ensure!(summary["frames_returned"] == SHAPES.frames, "the summary disagrees: {summary}");
    let dropped = summary["dropped"].as_object();
    let is_zero = dropped.is_some_and(|causes| causes.values().all(|count| *count == 0));
    ensure!(is_zero, "frames were dropped: {}", summary["dropped"]);
    Ok(())
}

/// Our client failed in good order and said why, in the server's own words.
pub fn refusal_is_explained(report: &CliReport, words: &[&str]) -> Result<String> {
    let finished = &report.finished;
    ensure!(!finished.succeeded(), "it was not refused");
    if finished.status.and_then(|status| status.code()) != Some(REFUSED) {
        bail!("it ended with {}: {}", finished.ending(), finished.last_words());
    }
    ensure!(!report.told_the_key(), "it shows the API key");
    contains_each(&finished.stderr, words)?;
    Ok(format!("exit status {REFUSED}: {}", one_line(finished.last_words())))
}

/// The server took what it was to run, and then failed on every frame for that reason.
pub fn every_frame_failed(report: &CliReport, reason: &str) -> Result<String> {
    let finished = &report.finished;
    ensure!(!finished.succeeded(), "it did not fail");
    let frames = report.frames.len();
    ensure!(
        frames == SHAPES.frames as usize,
        "there are {frames} frames: {}",
        finished.last_words()
    );
    ensure!(!report.told_the_key(), "it shows the API key");
    contains_each(&finished.stderr, &[reason])?;
    Ok(one_line(finished.last_words()))
}

fn contains_each(text: &str, words: &[&str]) -> Result<()> {
    match words.iter().find(|word| !text.contains(**word)) {
        Some(missing) => bail!("`{missing}` is not in what it said: {}", one_line(text)),
        None => Ok(()),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good_python_report() -> Value {
        json!({
            "exception": null, "error_frames": 0, "frame_ids": [[1, 300]], "closed_because": null,
            "processing_complete": true, "image_sizes": { "640x480": 279 },
        })
    }

    fn good_frames() -> Vec<Value> {
        (1..=300).map(|id| json!({ "frame_id": id, "errors": [] })).collect()
    }

    fn good_summary() -> Value {
        json!({ "frames_returned": 300, "dropped": { "queue_full": 0 }, "ended": "complete" })
    }

    #[test]
    fn a_complete_python_session_is_accepted() {
        complete_in_python(&good_python_report()).unwrap();
    }

    #[test]
    fn anything_missing_from_a_python_session_is_a_failure() {
        for (field, value) in [
            ("exception", json!("RuntimeError: no")),
            ("error_frames", json!(1)),
            ("frame_ids", json!([[1, 299]])),
            ("frame_ids", json!([[1, 150], [152, 300], [151, 151]])),
            ("processing_complete", json!(false)),
            ("image_sizes", json!({ "640x480": 299, "320x240": 1 })),
            ("image_sizes", json!({})),
        ] {
            let mut report = good_python_report();
            report[field] = value.clone();
            assert!(complete_in_python(&report).is_err(), "{field} {value}");
        }
    }

    #[test]
    fn a_complete_session_of_our_client_is_accepted() {
        complete_in_our_client(&good_frames(), &good_summary()).unwrap();
    }

    #[test]
    fn a_missing_doubled_or_late_frame_is_a_failure() {
        let mut missing = good_frames();
        missing.remove(10);
        let mut doubled = good_frames();
        doubled[11] = doubled[10].clone();
        let mut late = good_frames();
        late.swap(10, 11);
        for frames in [missing, doubled, late] {
            assert!(complete_in_our_client(&frames, &good_summary()).is_err());
        }
    }

    #[test]
    fn a_frame_with_errors_and_a_dropped_frame_are_failures() {
        let mut frames = good_frames();
        frames[299]["errors"] = json!(["the block failed"]);
        assert!(complete_in_our_client(&frames, &good_summary()).is_err());
        let mut summary = good_summary();
        summary["dropped"]["queue_full"] = json!(1);
        assert!(complete_in_our_client(&good_frames(), &summary).is_err());
    }

    #[test]
    fn every_word_must_be_in_the_message() {
        contains_each("Invalid fields: ['nope']", &["Invalid", "nope"]).unwrap();
        let error = contains_each("Internal\n error.", &["nope"]).unwrap_err().to_string();
        assert_eq!(error, "`nope` is not in what it said: Internal error.");
    }
}
