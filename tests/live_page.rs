//! A session on a live page: what a viewer is told of a picture is what the caller has of that frame.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use streamsdk::view::{self, PageConfig, PageServer, Token};
use streamsdk::{
    Event, Interfaces, Message, ProducerSource, Session, StreamConfig, TestPattern, VideoCodec,
};
use streamsdk_capture::{FrameProducer, VideoFile, marker};
use streamsdk_media::video::{DecoderConfig, decoder};
use streamsdk_media::{PixelFormat, TimeBase, Timestamp};
use streamsdk_tests::{http, http_bytes, next, start_source, worker};
use streamsdk_transport::{Connected, IncomingFrame, Offer, PeerConfig, VideoDirection};

const TOKEN: &str = "5ecre7";
const PICTURES: usize = 60;
/// Longer than anything takes, on a machine however busy.
const LIMIT: Duration = Duration::from_secs(60);

/// Number that is drawn into each frame, by the frame's number in the session, as the caller sees them.
type Drawn = Arc<Mutex<HashMap<u64, u32>>>;

/// Takes the session to its end.
fn take_all(mut session: Session, drawn: Drawn) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        while let Some(event) = next(&mut session).await {
            if let Ok(Event::Frame(frame)) = event {
                let number = marker::read(&frame.image_in(PixelFormat::I420).unwrap());
                drawn.lock().unwrap().extend(number.map(|it| (u64::from(frame.frame_id()), it)));
            }
        }
    })
}

/// Asks the page until it does not say that there is nothing to be seen yet.
async fn look(page: &PageServer) -> Connected {
    loop {
        let config = PeerConfig::default().interfaces(Interfaces::Loopback);
        let receive = Some(VideoDirection::ReceiveOnly);
        let offer = Offer::create(config, &["view"], receive).await.unwrap();
        let headers = format!("content-type: application/sdp\r\nauthorization: Bearer {TOKEN}\r\n");
        let url = format!("http://{}/whep", page.address());
        let answer = http("POST", &url, &headers, offer.sdp().into()).await;
        if answer.status == 201 {
            let (_, sdp) = answer.text.split_once("\r\n\r\n").unwrap();
            return offer.accept(sdp).await.unwrap();
        }
        assert_eq!(answer.status, 409, "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_a_picture_belongs_to_it() {
    let worker = worker().await;
    let source = ProducerSource::new(TestPattern::new(640, 360, 30.0));
    let config = StreamConfig::default().stream_output(["image"]).data_output(["*"]);
    let session = start_source(&worker.url(), source, "passthrough", config).await.unwrap();
    let config = PageConfig::default().token(Token::new(TOKEN));
    let page = PageServer::start("127.0.0.1:0", config).await.unwrap();
    page.show("pattern", view::of(&session));
    let (control, drawn) = (session.control(), Drawn::default());
    let taking = take_all(session, Arc::clone(&drawn));

    let Connected { peer, mut channels, video, .. } = look(&page).await;
    let mut frames = channels.remove(0);
    let mut receiver = video.unwrap().receiver.unwrap();
    let mut decoder = decoder(receiver.codec(), DecoderConfig::default()).unwrap();
    let (mut told, mut shown) = (HashMap::new(), Vec::new());
    let is_told = |shown: &[(u64, u32)], told: &HashMap<u64, u64>| {
        shown.iter().all(|(rtp, _)| told.contains_key(rtp))
    };
    while shown.len() < PICTURES || !is_told(&shown, &told) {
        tokio::select! {
            message = frames.recv() => {
                let Some(Message::Text(text)) = message else { panic!("{message:?}") };
                let message: Value = serde_json::from_str(&text).unwrap();
                if let Some(rtp) = message["rtp"].as_u64() {
                    told.insert(rtp, message["frame"].as_u64().unwrap());
                }
            }
            picture = receiver.recv() => {
                let IncomingFrame { data, rtp_time, .. } = picture.unwrap();
                let time = Timestamp::new(rtp_time.into(), TimeBase::RTP_VIDEO);
                let picture = decoder.decode(&data, time).unwrap().unwrap();
                shown.push((u64::from(rtp_time), marker::read(&picture).unwrap()));
            }
            () = tokio::time::sleep(LIMIT) => panic!("nothing comes any more"),
        }
    }
    peer.close().await;
    control.close();
    taking.await.unwrap();
    page.shutdown().await;

    let drawn = drawn.lock().unwrap();
    for (rtp, number) in shown {
        let frame = &told[&rtp];
        // A viewer may have seen what the caller was too late for.
        assert!(drawn.get(frame).is_none_or(|drawn| *drawn == number), "{frame} {number}");
    }
    assert!(told.values().filter(|frame| drawn.contains_key(frame)).count() > PICTURES / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_how_a_session_fares_and_that_it_is_over() {
    let worker = worker().await;
    let source = ProducerSource::new(TestPattern::new(160, 120, 30.0).limit(30));
    let config = StreamConfig::default().stream_output(["image"]).data_output(["*"]);
    let session = start_source(&worker.url(), source, "passthrough", config).await.unwrap();
    let config = PageConfig::default().token(Token::new(TOKEN));
    let page = PageServer::start("127.0.0.1:0", config).await.unwrap();
    page.show("pattern", view::of(&session));
    take_all(session, Drawn::default()).await.unwrap();
    let state = loop {
        let authorization = format!("authorization: Bearer {TOKEN}\r\n");
        let url = format!("http://{}/state", page.address());
        let answer = http("GET", &url, &authorization, Vec::new()).await;
        let (_, body) = answer.text.split_once("\r\n\r\n").unwrap();
        let state: Value = serde_json::from_str(body).unwrap();
        if state["streams"][0]["over"] == true {
            break state;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let stream = &state["streams"][0];
    assert_eq!((&stream["name"], &stream["shows"]), (&"pattern".into(), &"video".into()));
    assert_eq!(stream["session"]["phase"], "over");
    let statistics = &stream["session"]["statistics"];
    let (counted, video) = (&statistics["session"], &statistics["video"]);
    assert!(counted["frames_returned"].as_u64().unwrap() > 0);
    assert!(video["to_frame"]["p50_s"].as_f64().unwrap() > 0.0);
}

/// Takes the recording of the first stream to its end, once there is something to be recorded.
async fn record(page: &PageServer) -> Vec<u8> {
    let url = format!("http://{}/recording.mp4", page.address());
    loop {
        let answer = http_bytes(&url, &format!("authorization: Bearer {TOKEN}\r\n")).await;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        match std::str::from_utf8(&answer[9..12]).unwrap() {
            "200" => return answer[end..].to_vec(),
            status => assert_eq!(status, "409", "{}", String::from_utf8_lossy(&answer)),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_has_the_pictures_that_came_back_at_their_times() {
    let worker = worker().await;
    let directory = tempfile::tempdir().unwrap();
    for codec in [VideoCodec::Vp8, VideoCodec::H264] {
        let source = ProducerSource::new(TestPattern::new(320, 240, 30.0).limit(90));
        let config = StreamConfig::default().stream_output(["image"]).data_output(["*"]);
        let config = config.realtime_processing(false).video_codec(codec);
        let session = start_source(&worker.url(), source, "passthrough", config).await.unwrap();
        let config = PageConfig::default().token(Token::new(TOKEN));
        let page = PageServer::start("127.0.0.1:0", config).await.unwrap();
        page.show("pattern", view::of(&session));
        let taking = take_all(session, Drawn::default());
        let file = tokio::time::timeout(LIMIT, record(&page)).await.unwrap();
        taking.await.unwrap();
        page.shutdown().await;

        let path = directory.path().join(format!("{codec}.mp4"));
        std::fs::write(&path, file).unwrap();
        let frames = VideoFile::open(&path).unwrap().frames();
        let seen: Vec<_> = frames
            .map(|captured| captured.unwrap().frame)
            .map(|frame| (marker::read(&frame).unwrap(), frame.timestamp().unwrap().seconds()))
            .collect();
        let (first, start) = seen[0];
        assert!(seen.len() > 10, "{codec}: {seen:?}");
        for (n, (number, seconds)) in (first..).zip(&seen) {
            let expected = f64::from(n - first) / 30.0;
            assert_eq!(*number, n, "{codec}: {seen:?}");
            assert!((seconds - start - expected).abs() < 0.002, "{codec}: {seen:?}");
        }
    }
}
