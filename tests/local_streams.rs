//! Streams that the client pulls and sends on: as they are where that is possible, encoded anew elsewhere.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use streamsdk::{
    ErrorKind, Event, LocalStreamSource, Session, SourceError, StreamConfig, Transcode, VideoCodec,
    VideoStatistics,
};
use streamsdk_capture::{CaptureError, NetworkStream, Reconnect, marker};
use streamsdk_media::PixelFormat;
use streamsdk_tests::{clip, honest_end, next, start_source, worker};
use tokio::net::TcpSocket;

const FRAMES: u64 = 90;

/// Serves a clip over HTTP to everybody, as an MP4 file; gives its address.
fn serve(name: &str) -> String {
    let body = std::fs::read(clip(name)).unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = [head.as_bytes(), &body].concat();
    let address = serve_bytes(answer, usize::MAX, true);
    format!("http://{address}/clip.mp4")
}

/// Sends those bytes to so many clients, after each one's request if there is to be one.
fn serve_bytes(bytes: Vec<u8>, clients: usize, after_request: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming().take(clients) {
            let mut client = client.unwrap();
            if after_request {
                let _ = client.read(&mut [0; 4096]);
            }
            let _ = client.write_all(&bytes);
        }
    });
    address
}

fn every_frame() -> StreamConfig {
    StreamConfig::default().stream_output(["image"]).realtime_processing(false)
}

/// The numbers that are drawn into the frames that came back, and what is known of the video.
async fn numbers(mut session: Session) -> (Vec<u32>, VideoStatistics) {
    let mut numbers = Vec::new();
    while let Some(event) = next(&mut session).await {
        if let Event::Frame(frame) = event.unwrap() {
            numbers.extend(marker::read(&frame.image_in(PixelFormat::I420).unwrap()));
        }
    }
    let video = session.control().statistics().video.unwrap();
    let summary = session.close().await;
    assert_eq!(summary.ended, honest_end(&summary));
    assert_eq!(summary.frames_sent, video.forwarded + video.encoded);
    (numbers, video)
}

#[tokio::test(flavor = "multi_thread")]
async fn h264_of_baseline_profile_is_passed_on_without_being_asked_for() {
    let worker = worker().await;
    let source = LocalStreamSource::open(serve("numbered_baseline.mp4")).await.unwrap();
    assert_eq!(source.format().unwrap().frame_rate, Some(30.0));
    let session = start_source(&worker.url(), source, "passthrough", every_frame()).await.unwrap();
    let (numbers, video) = numbers(session).await;
    assert_eq!((video.forwarded, video.encoded), (FRAMES, 0));
    assert_eq!(video.codec, Some(VideoCodec::H264));
    assert!(numbers.len() as u64 >= FRAMES - 2 && numbers.is_sorted(), "{numbers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_or_cannot_be_passed_on_is_encoded_anew() {
    let worker = worker().await;
    let vp8 = every_frame().video_codec(VideoCodec::Vp8);
    let cases = [
        ("numbered_baseline.mp4", Transcode::Always, every_frame()),
        // The caller's choice of codec counts.
        ("numbered_baseline.mp4", Transcode::Auto, vp8),
        // Another profile.
        ("moving_300.mp4", Transcode::Auto, every_frame()),
    ];
    for (name, transcode, config) in cases {
        let source = LocalStreamSource::open(serve(name)).await.unwrap().transcode(transcode);
        let session = start_source(&worker.url(), source, "passthrough", config).await.unwrap();
        let (_, video) = numbers(session).await;
        assert!(video.forwarded == 0 && video.encoded > 0, "{name}, {transcode:?}: {video:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_out_of_order_end_the_passing_on_and_not_the_session() {
    let worker = worker().await;
    let source = LocalStreamSource::open(serve("moving_300.mp4")).await.unwrap();
    let source = source.transcode(Transcode::UnlessH264);
    let session = start_source(&worker.url(), source, "passthrough", every_frame()).await.unwrap();
    let (_, video) = numbers(session).await;
    assert!(video.forwarded < 10 && video.encoded > 0, "{video:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_is_connected_to_again() {
    let worker = worker().await;
    let stream = std::fs::read(clip("numbered_baseline.ts")).unwrap();
    // One client looks what it is; the session loses its connection once.
    let address = serve_bytes(stream, 3, false);
    let options = NetworkStream::options(format!("tcp://{address}"))
        .reconnect(Reconnect::attempts(1).first_delay(Duration::from_millis(10)));
    let source = LocalStreamSource::open_with(options).await.unwrap();
    let mut session =
        start_source(&worker.url(), source, "passthrough", every_frame()).await.unwrap();
    let mut returned = 0;
    let error = loop {
        match next(&mut session).await {
            Some(Ok(Event::Frame(_))) => returned += 1,
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("the camera is gone, and nobody noticed"),
        }
    };
    assert_eq!(error.kind(), ErrorKind::Source);
    let sent = session.control().statistics().video.unwrap().forwarded;
    assert_eq!(sent, 2 * FRAMES);
    assert!(returned > FRAMES, "{returned} frames");
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_known_before_the_session() {
    // Bound, and not listening: so nobody else listens there either.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = nobody.local_addr().unwrap().port();
    let open = async |url: String| LocalStreamSource::open(url).await.unwrap_err();
    let refused = open(format!("rtsp://user:hunter2@127.0.0.1:{port}/live")).await;
    assert!(matches!(refused, SourceError::Capture(CaptureError::Refused { .. })), "{refused:?}");
    assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    let wrong = open("ftp://user:hunter2@host/".to_owned()).await;
    assert!(matches!(wrong, SourceError::Capture(CaptureError::Unsupported { .. })), "{wrong:?}");
}
