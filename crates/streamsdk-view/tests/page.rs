//! A page that is served, looked at by viewers of this project's own transport.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod common;

use std::sync::Arc;

use common::{Page, TestFrame, Viewed, get, request};
use serde_json::json;
use streamsdk_view::{PageConfig, PageServer, Token};

#[tokio::test]
async fn a_video_is_passed_on_as_it_came_and_told_with_the_time_of_its_picture() {
    let page = Page::start().await;
    let script = page.show("camera");
    script.frame(TestFrame::key(1));
    let mut viewer = page.look("camera", "").await;
    assert_eq!(viewer.hello().await, json!({"type":"hello","shows":"video","stream":"camera"}));
    script.frame(TestFrame::key(2));
    for number in 3..10 {
        script.frame(TestFrame::delta(number));
    }
    for number in 2..10 {
        let (told, picture) = (viewer.told().await, viewer.picture().await);
        assert_eq!(told["frame"], number);
        assert_eq!(told["rtp"], picture.rtp_time);
        assert_eq!(told["outputs"]["n"], number);
        assert_eq!(picture.data, TestFrame::encoded(number, number == 2));
    }
}

#[tokio::test]
async fn what_is_known_of_a_frame_is_within_it_for_who_asks_for_that() {
    let page = Page::start().await;
    let script = page.show("camera");
    script.frame(TestFrame::key(1));
    let mut viewer = page.look("camera", "&inside=1").await;
    viewer.hello().await;
    script.frame(TestFrame::key(2));
    script.frame(TestFrame::delta(3));
    for number in [2, 3] {
        let picture = viewer.picture().await;
        let video = TestFrame::encoded(number, number == 2);
        let (own, inside) = picture.data.split_at(video.len());
        assert_eq!(own, video);
        let text = inside.strip_suffix(b"streamsdk").unwrap();
        let (text, length) = text.split_at(text.len() - 8);
        assert_eq!(length, format!("{:08x}", text.len()).as_bytes());
        let told: serde_json::Value = serde_json::from_slice(text).unwrap();
        assert_eq!((&told["frame"], &told["rtp"]), (&json!(number), &json!(picture.rtp_time)));
    }
}

#[tokio::test]
async fn a_viewer_who_joins_late_has_a_key_frame_asked_for_at_most_once_a_second() {
    let page = Page::start().await;
    let script = page.show("camera");
    script.frame(TestFrame::key(1));
    let mut viewer = page.look("camera", "").await;
    viewer.hello().await;
    script.controls().asked_for_key_frame().await;
    for number in 2..20 {
        script.frame(TestFrame::delta(number));
    }
    script.frame(TestFrame::key(20));
    assert_eq!(viewer.told().await["frame"], 20);
    assert_eq!(viewer.picture().await.data, TestFrame::encoded(20, true));
    assert_eq!(script.controls().key_frames_asked(), 1);
}

#[tokio::test]
async fn after_a_gap_a_video_goes_on_with_a_key_frame() {
    let page = Page::start().await;
    let script = page.show("camera");
    script.frame(TestFrame::key(1));
    let mut viewer = page.look("camera", "").await;
    viewer.hello().await;
    script.frame(TestFrame::key(2));
    script.gap();
    script.frame(TestFrame::delta(3));
    script.frame(TestFrame::key(4));
    assert_eq!(viewer.told().await["frame"], 2);
    assert_eq!(viewer.told().await["frame"], 4);
}

#[tokio::test]
async fn a_picture_is_compressed_once_for_all_who_take_images() {
    let page = Page::start().await;
    let script = page.show("camera");
    let compressed = script.frame(TestFrame::key(1));
    let (mut first, mut second) =
        (page.look("camera", "&images=1").await, page.look("camera", "&images=1").await);
    for viewer in [&mut first, &mut second] {
        assert_eq!(viewer.hello().await["shows"], "images");
        let (told, jpeg) = viewer.image().await;
        assert_eq!((&told["frame"], &told["rtp"]), (&json!(1), &json!(null)));
        assert_eq!(jpeg, TestFrame::jpeg_of(1));
    }
    assert_eq!(compressed.times(), 1);
}

#[tokio::test]
async fn a_stream_of_data_alone_is_told_and_is_another_once_it_has_pictures() {
    let page = Page::start().await;
    let script = page.show("sensor");
    script.frame(TestFrame::data(1));
    let mut viewer = page.look("sensor", "").await;
    assert_eq!(viewer.hello().await["shows"], "data");
    assert_eq!(get(&page, "/state").await.json()["streams"][0]["shows"], "data");
    script.frame(TestFrame::data(2));
    let told = viewer.told().await;
    assert_eq!((&told["frame"], &told["outputs"]["n"]), (&json!(2), &json!(2)));
    script.frame(TestFrame::image(3));
    let word = viewer.told().await;
    assert_eq!((&word["type"], &word["final"]), (&json!("over"), &json!(false)));
    assert_eq!(page.look("sensor", "").await.hello().await["shows"], "images");
}

#[tokio::test]
async fn a_viewer_says_which_outputs_it_wants() {
    let page = Page::start().await;
    let script = page.show("camera");
    script.frame(TestFrame::image(1));
    let mut viewer = page.look("camera", "").await;
    viewer.hello().await;
    viewer.image().await;
    viewer.say(r#"{"outputs":[]}"#).await;
    // What was on its way still has them.
    loop {
        script.frame(TestFrame::image(2));
        if viewer.image().await.0["outputs"] == json!({}) {
            break;
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_over_says_so_and_its_last_picture_stays() {
    let page = Page::start().await;
    let script = page.show("camera");
    script.frame(TestFrame::image(1));
    let mut viewer = page.look("camera", "").await;
    viewer.hello().await;
    viewer.image().await;
    drop(script);
    let word = viewer.told().await;
    assert_eq!((&word["type"], &word["final"]), (&json!("over"), &json!(true)));
    viewer.is_closed().await;
    let snapshot = get(&page, "/snapshot.jpg?stream=camera").await;
    assert_eq!((snapshot.status, snapshot.body), (200, TestFrame::jpeg_of(1)));
    let state = get(&page, "/state").await.json();
    assert_eq!(state["streams"][0]["over"], true);
    assert_eq!(state["streams"][0]["shows"], "images");
    assert_eq!(state["streams"][0]["session"], json!({"phase": "scripted"}));
}

#[tokio::test]
async fn pictures_follow_each_other_for_whoever_takes_motion_jpeg() {
    let page = Page::start().await;
    let script = page.show("camera");
    script.frame(TestFrame::image(1));
    let stream = tokio::spawn(get(&page, "/stream.mjpeg"));
    page.has_viewers(1).await;
    script.frame(TestFrame::image(2));
    drop(script);
    let stream = stream.await.unwrap();
    let text = String::from_utf8_lossy(&stream.body).into_owned();
    for jpeg in ["jpeg 1", "jpeg 2"] {
        assert!(text.contains(jpeg), "{text}");
    }
    page.has_viewers(0).await;
}

#[tokio::test]
async fn a_place_is_free_when_a_viewer_goes() {
    let page = Page::with(PageConfig::default().max_viewers(1)).await;
    let script = page.show("camera");
    script.frame(TestFrame::key(1));
    let viewer = page.look("camera", "").await;
    let offer = Viewed::offer().await;
    let refused = page.post_offer("camera", "", offer.sdp()).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_eq!(request(&page, "DELETE", viewer.place(), &[], b"").await.status, 200);
    viewer.is_closed().await;
    page.has_viewers(0).await;
    assert_eq!(page.post_offer("camera", "", offer.sdp()).await.status, 201);
    assert_eq!(request(&page, "DELETE", viewer.place(), &[], b"").await.status, 404);
}

#[tokio::test]
async fn nobody_gets_in_without_the_token_or_from_another_page() {
    let page = Page::start().await;
    page.show("camera").frame(TestFrame::image(1));
    let paths = ["/state", "/snapshot.jpg", "/stream.mjpeg", "/recording.mp4"];
    for path in paths {
        assert_eq!(page.without_token(path).await.status, 401, "{path}");
        let wrong = format!("{path}?token=wrong");
        assert_eq!(page.without_token(&wrong).await.status, 401, "{path}");
        let origin = [("Origin", "http://evil.example")];
        assert_eq!(request(&page, "GET", path, &origin, b"").await.status, 403, "{path}");
    }
    let shown = format!("/snapshot.jpg?token={}", Page::TOKEN);
    assert_eq!(page.without_token(&shown).await.status, 200);
    let state = String::from_utf8(get(&page, "/state").await.body.to_vec()).unwrap();
    assert!(!state.contains(Page::TOKEN));
    let index = page.without_token("/").await;
    assert_eq!(index.status, 200);
    assert!(index.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(!String::from_utf8_lossy(&index.body).contains(Page::TOKEN));
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_in_words() {
    let page = Page::start().await;
    let script = page.show("camera");
    let sdp = [("Content-Type", "application/sdp")];
    let refusals = [
        ("POST", "/whep", &sdp[..], &b"v=0"[..], 409),
        ("POST", "/whep?stream=other", &sdp, b"v=0", 404),
        ("POST", "/whep", &[], b"v=0", 400),
        ("DELETE", "/whep/nobody", &[], b"", 404),
        ("GET", "/snapshot.jpg?stream=other", &[], b"", 404),
        ("POST", "/control", &[], b"garbage", 400),
        ("POST", "/control", &[], br#"{"outputs":["n"]}"#, 501),
    ];
    for (method, path, headers, body, status) in refusals {
        let refused = request(&page, method, path, headers, body).await;
        assert_eq!(refused.status, status, "{method} {path}");
        assert!(refused.json()["error"].is_string(), "{method} {path}");
    }
    script.frame(TestFrame::key(1));
    for garbage in [&b""[..], b"v=0", b"\xff\xfe", &[b'x'; 300_000]] {
        let refused = request(&page, "POST", "/whep", &sdp, garbage).await;
        assert!((400..500).contains(&refused.status), "{}", refused.status);
    }
    assert_eq!(get(&page, "/state").await.json()["streams"][0]["viewers"], 0);
}

#[tokio::test]
async fn a_stream_of_the_same_name_takes_the_place_of_the_one_before() {
    let page = Page::start().await;
    let before = page.show("camera");
    before.frame(TestFrame::image(1));
    let mut viewer = page.look("camera", "").await;
    viewer.hello().await;
    viewer.image().await;
    let after = page.show("camera");
    assert_eq!(viewer.told().await["type"], "over");
    after.frame(TestFrame::image(5));
    page.shows("images").await;
    assert_eq!(get(&page, "/snapshot.jpg").await.body, TestFrame::jpeg_of(5));
    page.remove("camera");
    assert_eq!(get(&page, "/state").await.json()["streams"], json!([]));
}

#[tokio::test]
async fn a_page_that_is_shut_down_leaves_nobody_waiting() {
    let page = Page::start().await;
    let script = page.show("camera");
    script.frame(TestFrame::key(1));
    let mut viewer = page.look("camera", "").await;
    let (address, controls) = (page.address(), Arc::downgrade(script.controls()));
    drop(script);
    let shut_down = tokio::spawn(page.into_server().shutdown());
    while viewer.told().await["type"] != "over" {}
    shut_down.await.unwrap();
    viewer.is_closed().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(controls.strong_count(), 0);
}

#[tokio::test]
async fn an_address_that_is_taken_is_said() {
    let config = || PageConfig::default().token(Token::new("t"));
    let first = PageServer::start("127.0.0.1:0", config()).await.unwrap();
    let address = first.address().to_string();
    let error = PageServer::start(&address, config()).await.unwrap_err();
    assert!(error.to_string().contains(&address), "{error}");
    assert!(!format!("{first:?}").contains("\"t\""));
}

#[tokio::test]
async fn a_recording_begins_with_a_key_frame_and_ends_with_the_stream() {
    let page = Page::start().await;
    let script = page.show("camera");
    script.frame(TestFrame::key(1));
    page.shows("video").await;
    let recording = tokio::spawn(get(&page, "/recording.mp4?stream=camera"));
    script.controls().asked_for_key_frame().await;
    for number in 2..5 {
        script.frame(TestFrame::delta(number));
    }
    script.frame(TestFrame::key(5));
    script.frame(TestFrame::delta(6));
    script.gap();
    script.frame(TestFrame::delta(7));
    script.frame(TestFrame::key(8));
    drop(script);
    let answer = recording.await.unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("video/mp4")));
    let has = |frame: &[u8]| answer.body.windows(frame.len()).any(|part| part == frame);
    let kept = (1..9).filter(|&number| {
        has(&TestFrame::encoded(number, true)) || has(&TestFrame::encoded(number, false))
    });
    assert_eq!(kept.collect::<Vec<_>>(), [5, 6, 8]);
}

#[tokio::test]
async fn only_a_video_can_be_recorded() {
    let page = Page::start().await;
    let script = page.show("camera");
    assert_eq!(get(&page, "/recording.mp4").await.status, 409);
    script.frame(TestFrame::image(1));
    page.shows("images").await;
    let refused = get(&page, "/recording.mp4").await;
    assert_eq!(refused.status, 409);
    assert!(refused.json()["error"].as_str().unwrap().contains("no video"), "{refused:?}");
}
