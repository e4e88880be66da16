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

/// For each kill of a worker.
const KILL_LIMIT: Duration = Duration::from_secs(30);

const DEVICES: &str = "devices.json";
const FRAMES: &str = "frames.jsonl";
const SUMMARY: &str = "summary.json";
/// After so many results a session is interrupted, however long they took.
const RESULTS: u32 = 3;
/// The exit status of our program when it was interrupted.
const INTERRUPTED: u32 = 130;
/// How often the kernel has seen the camera opened: after the first result, and at the end.
const OPENS: &str = "opens";
/// From a worker listening again to the next result, in hundredths of a second.
const WAITS: &str = "waits";
/// The longest wait for a result.
const MOST_HUNDREDTHS: u32 = 6000;

/// Runs the tests of the crate that reads cameras. What they counted, and whether that is as it should be.
pub fn tests(system: &System) -> Result<(Counts, Result<()>)> {
    let program = project::build_test("webcam")?;
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
         touch {SHARED_DIRECTORY}/{FRAMES}
         {program} run webcam:0 --workflow-id motion --workspace local \
             --jsonl {SHARED_DIRECTORY}/{FRAMES} --summary-json {SHARED_DIRECTORY}/{SUMMARY} & client=$!
         until [ $(grep -c '\"predictions\"' {SHARED_DIRECTORY}/{FRAMES}) -ge {RESULTS} ]; do
             kill -0 $client || exit 1
             sleep 0.1
         done
         kill -INT $client
         wait $client
         [ $? -eq {INTERRUPTED} ]"
    );
    errand.run(&script, LIMIT)?.check()?;
    let devices = fs::read_to_string(errand.brought_back(DEVICES))?;
    first_camera_is_listed(&serde_json::from_str(&devices)?)?;
    let frames = read_frames(&errand.brought_back(FRAMES))?;
    let summary = read_summary(&errand.brought_back(SUMMARY))?;
    frames_came_with_data(&frames, &summary)
}

/// Runs a session from a camera while the worker is killed, and started again at the same address, so many times.
pub fn kills(system: &System, cli: Option<&Path>, kills: u32) -> Result<String> {
    let cli = cli.map_or_else(project::build_cli, |cli| Ok(cli.into()))?;
    let errand = Errand::new(system, "kills")?;
    let program = errand.take_along(&cli)?;
    let limit = LIMIT + KILL_LIMIT * kills;
    errand.run(&kill_script(&program, kills), limit)?.check()?;
    let frames = read_frames(&errand.brought_back(FRAMES))?;
    let survived = survived(&frames, &read_summary(&errand.brought_back(SUMMARY))?, kills)?;
    camera_stayed_open(&fs::read_to_string(errand.brought_back(OPENS))?)?;
    let waits = fs::read_to_string(errand.brought_back(WAITS))?;
    Ok(format!("{survived}, {}", waits_for_results(&waits)?))
}

/// Each kill waits for a new result, so that every connection gives one however slow the machine is. The kernel is
/// asked to say when the camera is opened.
fn kill_script(program: &str, kills: u32) -> String {
    format!(
        r#"
        echo 4 > /sys/class/video4linux/video0/dev_debug
        opens() {{ dmesg | grep -c 'video0: open' >> {SHARED_DIRECTORY}/{OPENS}; }}
        now() {{ read -r up rest < /proc/uptime; now=${{up%.*}}${{up#*.}}; }}
        worker() {{
            {program} worker --listen 127.0.0.1:9100 > /tmp/said & worker=$!
            until [ -s /tmp/said ]; do sleep 0.02; done
        }}
        result() {{
            now; asked=$now
            seen=$(wc -l < /tmp/{FRAMES})
            while [ $(wc -l < /tmp/{FRAMES}) -le $seen ]; do
                sleep 0.02
                now; [ $((now - asked)) -lt {MOST_HUNDREDTHS} ] || {{ echo "no result came"; exit 1; }}
            done
        }}
        touch /tmp/{FRAMES}
        worker
        {program} run webcam:0 --server http://127.0.0.1:9100 --workflow-id motion --workspace local             --data-output predictions --jsonl /tmp/{FRAMES}             --summary-json {SHARED_DIRECTORY}/{SUMMARY} & client=$!
        result
        opens
        kills=0
        while [ $kills -lt {kills} ]; do
            result
            kill -9 $worker
            sleep 0.5
            : > /tmp/said
            worker
            result
            now; echo $((now - asked)) >> {SHARED_DIRECTORY}/{WAITS}
            kills=$((kills + 1))
        done
        opens
        kill -INT $client
        wait $client
        kill -9 $worker
        cp /tmp/{FRAMES} {SHARED_DIRECTORY}/{FRAMES}
        exit 0
        "#
    )
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
    ensure!(ended == "by_caller", "the session ended badly: {summary}");
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

/// Every frame of a session that lost its worker so often is accounted for.
fn survived(frames: &[Value], summary: &Value, kills: u32) -> Result<String> {
    ensure!(summary["ended"] == "by_caller", "the session ended otherwise: {summary}");
    let links = summary["links"].as_u64().unwrap_or_default();
    ensure!(links == u64::from(kills) + 1, "{links} connections for {kills} kills: {summary}");
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let dropped = &summary["dropped"];
    let lost = ["not_returned", "queue_full", "unreadable", "not_taken"];
    let lost: u64 = lost.iter().map(|cause| number(&dropped[*cause])).sum();
    let (sent, returned) = (number(&summary["frames_sent"]), number(&summary["frames_returned"]));
    ensure!(sent == returned + lost, "{sent} frames sent, {returned} returned: {summary}");
    let ids: Vec<_> = frames.iter().filter_map(|frame| frame["frame_id"].as_u64()).collect();
    ensure!(ids.is_sorted_by(|one, next| one < next), "frame numbers do not rise: {ids:?}");
    Ok(format!("{kills} kills, {returned} of {sent} frames returned, all accounted for"))
}

fn camera_stayed_open(opens: &str) -> Result<()> {
    let opens: Vec<_> = opens.split_whitespace().collect();
    let [first, last] = opens[..] else { bail!("nobody counted: {opens:?}") };
    ensure!(first != "0", "the kernel does not say when the camera is opened");
    ensure!(first == last, "the camera was opened {first} times at first, {last} in the end");
    Ok(())
}

fn waits_for_results(hundredths: &str) -> Result<String> {
    let waits: Result<Vec<f64>, _> = hundredths.split_whitespace().map(str::parse).collect();
    let mut waits = waits?;
    ensure!(!waits.is_empty(), "nothing was waited for");
    waits.sort_by(f64::total_cmp);
    let percentile = |percent: usize| waits[(waits.len() * percent).div_ceil(100) - 1] / 100.0;
    let (p50, p95) = (percentile(50), percentile(95));
    Ok(format!("from listening to the next result p50 {p50:.2} s, p95 {p95:.2} s"))
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
            [(vec![], "by_caller"), (vec![empty], "by_caller"), (vec![faulty], "by_caller")]
        {
            assert!(frames_came_with_data(&frames, &ended(how)).is_err(), "{frames:?}");
        }
        assert!(frames_came_with_data(&[good], &ended("failed")).is_err());
    }

    #[test]
    fn a_session_with_a_frame_unaccounted_for_has_not_survived() {
        let summary = |sent: u64, links: u64| {
            let dropped =
                json!({ "not_returned": 2, "queue_full": 0, "unreadable": 0, "not_taken": 1 });
            json!({
                "ended": "by_caller", "links": links, "frames_sent": sent, "frames_returned": 7,
                "dropped": dropped,
            })
        };
        let frames = [json!({ "frame_id": 1 }), json!({ "frame_id": 4 })];
        survived(&frames, &summary(10, 3), 2).unwrap();
        survived(&frames, &summary(11, 3), 2).unwrap_err();
        survived(&frames, &summary(10, 2), 2).unwrap_err();
        survived(&[json!({ "frame_id": 4 }), json!({ "frame_id": 4 })], &summary(10, 3), 2)
            .unwrap_err();
    }

    #[test]
    fn a_camera_that_was_opened_again_is_noticed() {
        camera_stayed_open("2\n2\n").unwrap();
        for wrong in ["2\n3\n", "0\n0\n", "2\n", ""] {
            assert!(camera_stayed_open(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn waits_are_told_by_their_percentiles() {
        let waits: String = (1..=100).map(|wait| format!("{wait}\n")).collect();
        let told = waits_for_results(&waits).unwrap();
        assert_eq!(told, "from listening to the next result p50 0.50 s, p95 0.95 s");
        assert!(waits_for_results("").is_err());
    }
}
