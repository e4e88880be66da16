//! What must be true of what `tests/peers/js/view_page.js` reports.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use crate::peers::Browser;

/// Of a thousand pictures so many have the boxes of their own frame, and the others none, where many are looked at.
const EXACT: u64 = 999;
/// The same where a few are, among which those of a moment in which the machine was busy are more.
const EXACT_OF_FEW: u64 = 970;
const FEW: u64 = 5_000;
/// Of a hundred pictures so many may be such that nothing can be said of them.
const UNCERTAIN: u64 = 1;
/// Seconds in which the program notices that a page was left.
const LEFT: f64 = 10.0;
/// Seconds in which the program gives up somebody who does not connect.
const GIVEN_UP: f64 = 60.0;
/// The program answers others meanwhile, in milliseconds.
const RESPONSIVE_MS: f64 = 2_000.0;

/// How pictures come to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Video,
    Images,
}

impl Way {
    /// How pictures of a track come. One that Firefox takes from a video does not say which one it is.
    pub(super) fn of(browser: Browser) -> Self {
        match browser {
            Browser::Chromium => Self::Video,
            Browser::Firefox => Self::Images,
        }
    }
}

/// Nearly all pictures had the boxes of their frame, and none had others.
pub(super) fn exact(report: &Value) -> Result<String> {
    let seen = exact_pictures(report)?;
    has_no_complaints(report)?;
    ensure!(number(report, "with_drawn_boxes")? > 0, "not one box was drawn");
    let late = report["late_ms"]["p50"].as_f64().map_or(String::new(), |p50| {
        let own = time_to_frame_ms(report).map_or(String::new(), |own| format!(" (run: {own:.0})"));
        format!(", {p50:.0} ms after they were drawn{own}")
    });
    Ok(format!("{seen}{late}"))
}

/// The same where nothing in the pictures says which ones they are.
pub(super) fn each_has_its_message(report: &Value) -> Result<String> {
    has_no_complaints(report)?;
    ensure!(report["is_enough"] == true, "too few pictures came: {}", brief(report));
    let (all, of_frames) = (number(report, "pictures")?, number(report, "of_frames")?);
    let has_all = of_frames * 1000 >= all * EXACT_OF_FEW;
    ensure!(has_all, "only {of_frames} of {all} have a message: {}", brief(report));
    ensure!(number(report, "with_drawn_boxes")? > 0, "not one box was drawn");
    Ok(format!("{of_frames} of {all} pictures have their message"))
}

/// The same of pictures of the screen, of which no more is known.
pub(super) fn exact_on_screen(report: &Value) -> Result<String> {
    let unmarked = number(report, "unmarked")?;
    let seen = exact_pictures(report)?;
    Ok(format!("{seen} ({unmarked} could not be judged)"))
}

fn has_no_complaints(report: &Value) -> Result<()> {
    ensure!(report["complaints"] == json!([]), "the page complains: {}", report["complaints"]);
    ensure!(report["address_has_token"] == false, "the token is in the address bar");
    Ok(())
}

fn exact_pictures(report: &Value) -> Result<String> {
    let counted = |name| number(report, name);
    let (equal, unequal) = (counted("equal")?, counted("unequal")?);
    ensure!(report["is_enough"] == true, "too few pictures came: {}", brief(report));
    ensure!(unequal == 0, "{unequal} have the boxes of another frame: {}", brief(report));
    let judged = equal + counted("without_boxes")?;
    let least = if judged < FEW { EXACT_OF_FEW } else { EXACT };
    let is_exact = judged > 0 && equal * 1000 >= judged * least;
    ensure!(is_exact, "only {equal} of {judged} have boxes: {}", brief(report));
    let uncertain = counted("unreadable")? + counted("unknown")?;
    let is_certain = uncertain * 100 <= counted("pictures")? * UNCERTAIN;
    ensure!(is_certain, "{uncertain} could not be judged: {}", brief(report));
    Ok(format!("{equal} of {judged} pictures have the boxes of their frame, none those of another"))
}

pub(super) fn came_as(report: &Value, way: Way) -> Result<()> {
    let (all, images) = (number(report, "pictures")?, number(report, "as_images")?);
    let is_right = match way {
        Way::Video => images == 0,
        Way::Images => images == all,
    };
    ensure!(is_right, "{images} of {all} pictures came as images");
    Ok(())
}

pub(super) fn was_there_before(report: &Value) -> Result<String> {
    let shows = report["shows_before"].as_array().context("it did not ask")?;
    ensure!(shows.iter().all(Value::is_null), "there was something to be seen: {shows:?}");
    let text = report["text_before"].as_str().unwrap_or_default();
    ensure!(!text.trim().is_empty(), "the page says nothing before there is something");
    exact(report)
}

pub(super) fn two_pages_were_exact(report: &Value) -> Result<String> {
    let seen = exact(report)?;
    exact(&report["other"]).context("the other page")?;
    ensure!(report["viewers_of_both"] == 2, "{} viewers", report["viewers_of_both"]);
    let left = within(report, "seconds_to_leave", LEFT)?;
    within(report, "seconds_until_nobody", LEFT)?;
    Ok(format!("{seen}; a closed tab is gone after {left:.1} s"))
}

pub(super) fn was_loaded_anew(report: &Value) -> Result<String> {
    ensure!(report["viewers"] == 1, "{} viewers after it was loaded anew", report["viewers"]);
    exact(report)
}

/// It has about as many pictures as were seen meanwhile: one is there before it is seen, and is seen before it is cut off.
pub(super) fn recording_was_played(report: &Value, seen: u32) -> Result<String> {
    ensure!(report["complaints"] == json!([]), "the page complains: {}", report["complaints"]);
    ensure!(report["is_enough"] == true, "too few pictures came: {}", brief(report));
    ensure!(report["error"].is_null(), "it cannot be played: {}", report["error"]);
    ensure!(report["size"] == json!([640, 360]), "its size is {}", report["size"]);
    let (pictures, bytes) = (number(report, "pictures")?, number(report, "bytes")?);
    ensure!(pictures * 2 > u64::from(seen), "it has {pictures} pictures, and {seen} were seen");
    let seconds = report["seconds"].as_f64().context("it has no length")?;
    Ok(format!("{pictures} pictures in {bytes} bytes, played for {seconds:.1} s"))
}

pub(super) fn last_picture_stays(report: &Value) -> Result<String> {
    let last = report["last"].as_u64().context("no picture came")?;
    let stays = &report["number_at_the_end"];
    ensure!(*stays == last, "the last picture was {last}, and {stays} is there");
    let text = report["text"].as_str().unwrap_or_default().to_lowercase();
    let is_said = ["is over", "has ended"].iter().any(|words| text.contains(words));
    ensure!(is_said, "the page does not say that it is over: {text}");
    ensure!(number(report, "unequal")? == 0, "boxes of another frame: {}", brief(report));
    Ok(format!("picture {last} stays, and it is said that it is over"))
}

pub(super) fn strangers_got_nothing(report: &Value) -> Result<String> {
    let attempts = fields(report, "from_another_origin")?;
    for (name, outcome) in attempts {
        ensure!(outcome == "refused", "from another origin, {name}: {outcome}");
    }
    let requests = fields(report, "without_the_token")?;
    for (name, status) in requests {
        ensure!(*status == 401, "without the right token, {name}: {status}");
    }
    let named = &report["by_another_name"];
    ensure!(named["state"] == 401, "by another name: {named}");
    ensure!(named["state_from_origin"] == 403, "from another origin: {named}");
    let policy = report["headers"]["content-security-policy"].as_str().unwrap_or_default();
    for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
        ensure!(policy.contains(part), "the policy lacks {part}: {policy}");
    }
    ensure!(!policy.contains("unsafe"), "{policy}");
    Ok(format!("{} attempts, {} requests without the token", attempts.len(), requests.len()))
}

/// Nonsense is the fault of whoever sends it. What is too large may be cut off.
pub(super) fn nonsense_was_refused(report: &Value) -> Result<String> {
    let statuses = fields(report, "statuses")?;
    for (name, status) in statuses {
        let is_large = ["50 MB", "large"].iter().any(|word| name.contains(word));
        match status.as_u64() {
            Some(status) => {
                ensure!(status < 500 || matches!(status, 501 | 503), "{name}: {status}");
            }
            None => ensure!(is_large, "{name}: {status}"),
        }
    }
    let raw = &report["raw"];
    ensure!(raw["answers_with_300_half_requests_open"] == true, "{raw}");
    let slowest = answered_meanwhile(report)?;
    ensure!(report["after"] != json!([]), "the stream is gone");
    Ok(format!("{} kinds of it; others waited {slowest:.0} ms at most", statuses.len()))
}

pub(super) fn crowd_was_refused(report: &Value, all: u64) -> Result<String> {
    let (taken, refused) = taken_and_refused(report, all)?;
    ensure!(report["retry_after"].is_string(), "nobody was told when to come again");
    let slowest = answered_meanwhile(report)?;
    ensure!(number(report, "pictures_meanwhile")? > 0, "who was there saw nothing meanwhile");
    ensure!(report["goes_on"] == true, "who was there sees nothing more");
    let gone = within(report, "seconds_until_gone", GIVEN_UP)?;
    Ok(format!(
        "{taken} taken, {refused} refused; others waited {slowest:.0} ms at most; gone after {gone:.1} s"
    ))
}

pub(super) fn idle_offers_were_given_up(report: &Value, all: u64) -> Result<String> {
    let (taken, refused) = taken_and_refused(report, all)?;
    let slowest = answered_meanwhile(report)?;
    let gone = within(report, "seconds_until_given_up", GIVEN_UP)?;
    Ok(format!(
        "{taken} taken, {refused} refused; others waited {slowest:.0} ms at most; given up after {gone:.1} s"
    ))
}

pub(super) fn looks_right(report: &Value) -> Result<String> {
    let text = report["text_without_token"].as_str().unwrap_or_default();
    ensure!(text.contains("token"), "without a token the page does not say so: {text}");
    fits_each_screen(report)
}

pub(super) fn fits_each_screen(report: &Value) -> Result<String> {
    for (name, sideways) in fields(report, "scrolls_sideways")? {
        ensure!(*sideways == false, "{name}: it scrolls sideways: {sideways}");
    }
    let files = report["files"].as_array().context("no pictures")?;
    Ok(format!("{} pictures of it", files.len()))
}

/// A session was lost and begun again. That a browser complains of the requests in between is as it should be.
pub(super) fn went_on(report: &Value) -> Result<String> {
    ensure!(report["has_begun"] == true, "nothing came at first: {}", brief(report));
    ensure!(report["address_has_token"] == false, "the token is in the address bar");
    ensure!(report["is_enough"] == true, "nothing came again: {}", brief(report));
    Ok(format!("{} pictures, before and after", report["pictures"]))
}

pub(super) fn is_accessible(report: &Value) -> Result<String> {
    ensure!(report["violations"] == json!([]), "{}", report["violations"]);
    Ok(format!("{} rules, none broken", report["rules"]))
}

/// How long after it was drawn a frame was back at the program, by its own account.
pub(super) fn time_to_frame_ms(report: &Value) -> Option<f64> {
    let p50 = report["session"]["latency"]["to_frame"]["p50_s"].as_f64()?;
    (p50 > 0.0).then_some(p50 * 1000.0)
}

fn taken_and_refused(report: &Value, all: u64) -> Result<(u64, u64)> {
    let statuses = &report["statuses"];
    let count = |status: &str| statuses[status].as_u64().unwrap_or_default();
    let (taken, refused) = (count("201"), count("503"));
    ensure!(taken + refused == all, "not each was taken, or told to come later: {statuses}");
    ensure!(taken > 0 && refused > 0, "{statuses}");
    Ok((taken, refused))
}

/// The longest that somebody else waited for an answer, in milliseconds.
fn answered_meanwhile(report: &Value) -> Result<f64> {
    let failures = &report["state_failures"];
    ensure!(*failures == json!([]), "others got no answer meanwhile: {failures}");
    let times = &report["state_ms"];
    let slowest = times["max"].as_f64().context("nobody asked meanwhile")?;
    let p95 = times["p95"].as_f64().unwrap_or(slowest);
    ensure!(p95 < RESPONSIVE_MS, "others waited long meanwhile: {times}");
    Ok(slowest)
}

fn within(report: &Value, name: &str, limit: f64) -> Result<f64> {
    let seconds = report[name].as_f64().with_context(|| format!("{name}: not at all"))?;
    ensure!(seconds <= limit, "{name}: {seconds}");
    Ok(seconds)
}

fn number(report: &Value, name: &str) -> Result<u64> {
    report[name].as_u64().with_context(|| format!("the report has no {name}: {report}"))
}

fn fields<'a>(report: &'a Value, name: &str) -> Result<&'a Map<String, Value>> {
    report[name].as_object().with_context(|| format!("the report has no {name}"))
}

/// Without what the page says.
fn brief(report: &Value) -> Value {
    let mut report = report.clone();
    if let Some(fields) = report.as_object_mut() {
        fields.retain(|name, _| !name.starts_with("text") && name != "session");
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Value {
        json!({
            "pictures": 1000, "equal": 1000, "unequal": 0, "without_boxes": 0, "unreadable": 0, "unknown": 0,
            "with_drawn_boxes": 990, "as_images": 0, "is_enough": true, "complaints": [], "address_has_token": false,
            "late_ms": { "p50": 80 }, "session": { "latency": { "to_frame": { "p50_s": 0.05 } } },
            "viewers": 1, "viewers_of_both": 2, "seconds_to_leave": 0.2, "seconds_until_nobody": 0.2,
            "last": 7, "number_at_the_end": 7, "text": "It is over.",
        })
    }

    fn with(changes: Value) -> Value {
        let mut report = good();
        let changes = changes.as_object().unwrap().clone();
        report.as_object_mut().unwrap().extend(changes);
        report
    }

    #[test]
    fn nearly_every_picture_has_its_boxes_and_none_has_those_of_another() {
        assert!(exact(&good()).unwrap().contains("80 ms after they were drawn (run: 50)"));
        exact(&with(json!({ "equal": 999, "without_boxes": 1 }))).unwrap();
        for wrong in [
            json!({ "equal": 969, "without_boxes": 31 }),
            json!({ "equal": 9_989, "without_boxes": 11, "pictures": 10_000 }),
            json!({ "equal": 999, "unequal": 1 }),
            json!({ "equal": 0 }),
            json!({ "equal": 989, "unreadable": 11 }),
            json!({ "equal": 989, "unknown": 11 }),
            json!({ "is_enough": false }),
            json!({ "complaints": ["exception"] }),
            json!({ "address_has_token": true }),
            json!({ "with_drawn_boxes": 0 }),
        ] {
            assert!(exact(&with(wrong.clone())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn pictures_come_as_they_should() {
        came_as(&good(), Way::Video).unwrap();
        assert!(came_as(&good(), Way::Images).is_err());
        assert!(came_as(&with(json!({ "as_images": 1 })), Way::Video).is_err());
        came_as(&with(json!({ "as_images": 1000 })), Way::Images).unwrap();
    }

    #[test]
    fn a_page_that_was_left_or_loaded_anew_is_counted_once() {
        let both = with(json!({ "other": good() }));
        two_pages_were_exact(&both).unwrap();
        was_loaded_anew(&good()).unwrap();
        assert!(was_loaded_anew(&with(json!({ "viewers": 2 }))).is_err());
        for wrong in [
            json!({ "other": with(json!({ "unequal": 1 })) }),
            json!({ "other": good(), "viewers_of_both": 1 }),
            json!({ "other": good(), "seconds_to_leave": null }),
            json!({ "other": good(), "seconds_until_nobody": 11 }),
        ] {
            assert!(two_pages_were_exact(&with(wrong.clone())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_recording_is_whole_and_can_be_played() {
        let played = |changes: Value| {
            let mut report = json!({
                "is_enough": true, "complaints": [], "error": null, "size": [640, 360], "seconds": 2.0,
                "pictures": 58, "bytes": 500_000,
            });
            report.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            recording_was_played(&report, 60)
        };
        played(json!({})).unwrap();
        for wrong in [
            json!({ "is_enough": false }),
            json!({ "complaints": ["exception"] }),
            json!({ "error": "no decoder" }),
            json!({ "size": [0, 0] }),
            json!({ "pictures": 30 }),
            json!({ "seconds": null }),
        ] {
            assert!(played(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_picture_of_a_camera_has_its_message() {
        let pictures = |of_frames: u32| with(json!({ "pictures": 100, "of_frames": of_frames }));
        each_has_its_message(&pictures(97)).unwrap();
        assert!(each_has_its_message(&pictures(96)).is_err());
        assert!(each_has_its_message(&with(json!({ "is_enough": false }))).is_err());
    }

    #[test]
    fn in_the_end_the_last_picture_is_there_and_words() {
        last_picture_stays(&good()).unwrap();
        for wrong in
            [json!({ "number_at_the_end": 6 }), json!({ "last": null }), json!({ "text": "Live" })]
        {
            assert!(last_picture_stays(&with(wrong.clone())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn strangers_get_nothing_at_all() {
        let policy = "default-src 'none'; script-src 'self'; frame-ancestors 'none'";
        let good = json!({
            "from_another_origin": { "GET /state": "refused" }, "without_the_token": { "GET /state": 401 },
            "by_another_name": { "state": 401, "state_from_origin": 403 },
            "headers": { "content-security-policy": policy },
        });
        strangers_got_nothing(&good).unwrap();
        for (pointer, wrong) in [
            ("/from_another_origin/GET ~1state", json!("could be read: 200")),
            ("/without_the_token/GET ~1state", json!(200)),
            ("/by_another_name/state_from_origin", json!(200)),
            ("/headers/content-security-policy", json!("default-src 'none'")),
        ] {
            let mut report = good.clone();
            *report.pointer_mut(pointer).unwrap() = wrong;
            assert!(strangers_got_nothing(&report).is_err(), "{pointer}");
        }
    }

    #[test]
    fn nonsense_is_refused_and_others_are_answered_meanwhile() {
        let good = json!({
            "statuses": { "whep: bytes": 400, "control: large": "no answer: EPIPE" },
            "raw": { "answers_with_300_half_requests_open": true },
            "state_ms": { "p95": 20, "max": 90 }, "state_failures": [], "after": [{}],
        });
        nonsense_was_refused(&good).unwrap();
        for (pointer, wrong) in [
            ("/statuses/whep: bytes", json!(500)),
            ("/statuses/whep: bytes", json!("no answer: ECONNRESET")),
            ("/raw/answers_with_300_half_requests_open", json!("timeout")),
            ("/state_ms/p95", json!(2001)),
            ("/state_failures", json!(["timeout"])),
            ("/after", json!([])),
        ] {
            let mut report = good.clone();
            *report.pointer_mut(pointer).unwrap() = wrong;
            assert!(nonsense_was_refused(&report).is_err(), "{pointer}");
        }
    }

    #[test]
    fn a_crowd_is_told_to_come_later() {
        let good = json!({
            "statuses": { "201": 31, "503": 169 }, "retry_after": "5", "pictures_meanwhile": 9, "goes_on": true,
            "state_ms": { "p95": 20, "max": 90 }, "state_failures": [],
            "seconds_until_gone": 12.5, "seconds_until_given_up": 11,
        });
        crowd_was_refused(&good, 200).unwrap();
        idle_offers_were_given_up(&good, 200).unwrap();
        for (pointer, wrong) in [
            ("/statuses", json!({ "201": 200 })),
            ("/statuses", json!({ "201": 31, "503": 168, "500": 1 })),
            ("/retry_after", json!(null)),
            ("/pictures_meanwhile", json!(0)),
            ("/goes_on", json!(false)),
            ("/seconds_until_gone", json!(null)),
        ] {
            let mut report = good.clone();
            *report.pointer_mut(pointer).unwrap() = wrong;
            assert!(crowd_was_refused(&report, 200).is_err(), "{pointer}");
        }
    }
}
