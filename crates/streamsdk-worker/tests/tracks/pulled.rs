//! Cameras that the worker pulls.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use streamsdk_capture::{FrameProducer, marker};
use streamsdk_media::jpeg;
use streamsdk_signaling::SignalingError;
use streamsdk_transport::VideoDirection;
use streamsdk_worker::WorkerConfig;

use crate::client::{Wish, pattern, shut_down, worker, worker_with};

/// A camera that sends so many pictures to one client and hangs up.
fn camera(pictures: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        // A client that has seen enough hangs up first.
        let _ = send_pictures(client, pictures);
    });
    format!("http://me:s3cret@{address}/video")
}

fn send_pictures(mut client: TcpStream, pictures: u64) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let _ = client.read(&mut request)?;
    client.write_all(
        b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n",
    )?;
    let encoder = jpeg::Encoder::new(90);
    for captured in pattern(320, 180, pictures).paced(true).frames() {
        let jpeg = encoder.encode(&captured.unwrap().frame).unwrap();
        let head =
            format!("--b\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        client.write_all(head.as_bytes())?;
        client.write_all(&jpeg)?;
        client.write_all(b"\r\n")?;
    }
    client.write_all(b"--b--\r\n")
}

fn pulling(configure: impl FnOnce(&mut streamsdk_protocol::init::InitRequest)) -> Wish {
    let wish = Wish { video: Some(VideoDirection::ReceiveOnly), ..Wish::of("passthrough") };
    wish.ask(|request| {
        request.webrtc_realtime_processing = true;
        configure(request);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mjpeg_camera_is_pulled_until_it_ends() {
    let worker = worker().await;
    for (realtime, stream) in [(true, None), (false, None), (true, Some(vec![]))] {
        let url = camera(60);
        let wish = pulling(|request| {
            request.mjpeg_url = Some(url);
            request.webrtc_realtime_processing = realtime;
            request.stream_output = stream;
        });
        let mut client = wish.connect(&worker).await.unwrap();
        let (mut last_pts, mut last_marker, mut offset, mut frames) = (-1, None, None, 0);
        let complete = loop {
            let data = client.data().await;
            if data.processing_complete {
                break data;
            }
            frames += 1;
            let metadata = data.metadata.unwrap();
            let pts = metadata.pts.unwrap();
            assert_eq!((metadata.frame_id, metadata.time_base), (frames, Some(1.0 / 90_000.0)));
            assert!(frames > 1 || pts == 0, "times begin at 0, not {pts}");
            assert!(pts > last_pts, "{pts} after {last_pts}");
            last_pts = pts;
            if client.receiver.is_some() {
                let (rtp_time, picture) = client.picture().await;
                assert_eq!(metadata.rtp_timestamp, Some(rtp_time));
                let distance = rtp_time.wrapping_sub(pts as u32);
                assert_eq!(*offset.get_or_insert(distance), distance);
                let marker = marker::read(&picture);
                assert!(marker > last_marker, "{marker:?} after {last_marker:?}");
                last_marker = marker;
            }
        };
        assert!(frames > 10, "{frames}");
        assert_eq!(complete.frame_id, frames + 1);
        assert!(!format!("{:?}", complete.errors).contains("s3cret"));
        client.peer.close().await;
    }
    shut_down(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_cannot_be_opened_is_an_internal_error_without_its_credentials() {
    let config = WorkerConfig::default().source_timeout(std::time::Duration::from_millis(500));
    let worker = worker_with(config).await;
    // Nobody listens, and somebody who never answers.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_address = silent.local_addr().unwrap();
    for (rtsp, url) in [
        (true, format!("rtsp://me:s3cret@{free}/live")),
        (true, format!("rtsp://me:s3cret@{silent_address}/live")),
        (false, format!("http://me:s3cret@{free}/live")),
        (true, "file:///etc/s3cret".to_owned()),
        (false, "rtsp://s3cret@127.0.0.1/".to_owned()),
    ] {
        let wish = pulling(|request| match rtsp {
            true => request.rtsp_url = Some(url.clone()),
            false => request.mjpeg_url = Some(url.clone()),
        });
        let refused = wish.connect(&worker).await.err().expect("refused");
        let SignalingError::Rejected { rejection, .. } = &refused else { panic!("{refused}") };
        let words = format!("{refused} {refused:?}");
        assert_eq!(rejection.status, 500, "{words}");
        assert!(words.contains("Internal error.") && !words.contains("s3cret"), "{words}");
    }
    shut_down(worker).await;
}

/// A server that sends on to where clouds give keys away.
fn redirect() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(
                b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n",
            );
        }
    });
    format!("http://{address}/video")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_sends_on_to_where_no_camera_is_pulled_from_is_refused_as_those_are() {
    let worker = worker().await;
    let mut refusals = Vec::new();
    for url in ["http://169.254.169.254/latest".to_owned(), redirect()] {
        let wish = pulling(|request| request.mjpeg_url = Some(url));
        let refused = wish.connect(&worker).await.err().expect("refused");
        let SignalingError::Rejected { rejection, .. } = refused else { panic!("{refused}") };
        refusals.push((rejection.status, format!("{rejection:?}")));
    }
    assert!(refusals[0].1.contains("private networks"), "{refusals:?}");
    assert_eq!(refusals[0], refusals[1]);
    shut_down(worker).await;
}

/// Answers one request with a whole answer.
fn serve(kind: &str, body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let length = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    format!("http://{address}/clip.mp4")
}

fn clip() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/video/numbered_baseline.mp4");
    std::fs::read(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lossless_session_gets_every_frame_of_what_can_wait() {
    let worker = worker().await;
    let cut = clip()[..clip().len() * 6 / 10].to_vec();
    for (body, is_whole) in [(clip(), true), (cut, false)] {
        let wish = pulling(|request| {
            request.mjpeg_url = Some(serve("video/mp4", body));
            request.webrtc_realtime_processing = false;
            request.stream_output = None;
        });
        let mut client = wish.connect(&worker).await.unwrap();
        let mut last = 0;
        let complete = loop {
            let data = client.data().await;
            if data.processing_complete {
                break data;
            }
            last = data.metadata.unwrap().frame_id;
        };
        if is_whole {
            assert_eq!((last, complete.errors.len(), complete.termination_reason), (90, 0, None));
        } else {
            let errors = complete.errors.join("; ");
            assert!(last < 90 && errors.contains("missing"), "{last} frames: {errors}");
        }
        client.peer.close().await;
    }
    shut_down(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_dies_is_never_a_complete_session() {
    let worker = worker().await;
    for realtime in [true, false] {
        let url = camera(5);
        let wish = pulling(|request| {
            request.mjpeg_url = Some(url);
            request.webrtc_realtime_processing = realtime;
        });
        let mut client = wish.connect(&worker).await.unwrap();
        let complete = loop {
            let data = client.data().await;
            if data.processing_complete {
                break data;
            }
        };
        assert_eq!(complete.termination_reason.as_deref(), Some("source_failed"));
        let errors = complete.errors.join("; ");
        assert!(errors.contains("is gone: "), "{errors}");
        client.peer.close().await;
    }
    shut_down(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_instead_of_a_camera_is_refused_as_that() {
    let worker = worker().await;
    let page = b"<html><body>login</body></html>".to_vec();
    for name in ["video.mjpeg", "video"] {
        let url = serve("text/html", page.clone()).replace("clip.mp4", name);
        let wish = pulling(|request| request.mjpeg_url = Some(url));
        let said = match wish.connect(&worker).await {
            Err(refused) => refused.to_string(),
            Ok(mut client) => {
                let complete = client.data().await;
                assert_eq!(complete.termination_reason.as_deref(), Some("source_failed"));
                client.peer.close().await;
                complete.errors.join("; ")
            }
        };
        assert!(said.contains("the server sends text/html"), "{said}");
    }
    shut_down(worker).await;
}
