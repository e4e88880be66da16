//! What a client can send to the worker, and that the worker stays whole.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use serde_json::json;
use streamsdk::{Ended, StreamConfig};
use streamsdk_protocol::chunk::Reassembler;
use streamsdk_protocol::init::{InitRequest, SessionDescription, WorkflowConfiguration};
use streamsdk_protocol::output::OutputMessage;
use streamsdk_protocol::{Limits, Redactor};
use streamsdk_signaling::{HttpSignaling, Signaling};
use streamsdk_tests::{drain, start, worker, worker_with};
use streamsdk_transport::{
    Answer, Channel, Connected, Interfaces, Message, Offer, Peer, PeerConfig,
};
use streamsdk_worker::{Worker, WorkerConfig};

/// A client of nothing but a connection: it says what it likes.
async fn connect(worker: &Worker) -> (Peer, Channel, Channel) {
    let config = PeerConfig::default().interfaces(Interfaces::Loopback);
    let offer = Offer::create(config, &["inference", "video_upload"], None).await.unwrap();
    let workflow = WorkflowConfiguration::default().workflow_id("passthrough");
    let request = InitRequest::new(workflow, SessionDescription::offer(offer.sdp()))
        .webrtc_realtime_processing(false)
        .stream_output(std::iter::empty::<String>())
        .data_output(["image"]);
    let answer = HttpSignaling::builder(worker.url()).build().unwrap().exchange(request).await;
    let Connected { peer, mut channels, .. } = offer.accept(&answer.unwrap().sdp).await.unwrap();
    let upload = channels.pop().unwrap();
    (peer, channels.pop().unwrap(), upload)
}

/// Addresses of nobody who takes part, and what arrives there.
struct Strangers {
    candidates: String,
    sockets: Vec<std::net::UdpSocket>,
}

impl Strangers {
    fn new(count: usize) -> Self {
        let sockets: Vec<_> =
            (0..count).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let candidates = sockets.iter().map(|socket| {
            socket.set_nonblocking(true).unwrap();
            let port = socket.local_addr().unwrap().port();
            format!("a=candidate:1 1 udp {port} 127.0.0.1 {port} typ host\r\n")
        });
        Self { candidates: candidates.collect(), sockets }
    }

    /// The description with them in the place of its own candidates.
    fn named_in(&self, sdp: &str) -> String {
        let lines = sdp.split_inclusive('\n').filter(|line| !line.starts_with("a=candidate:"));
        let lines = lines.map(|line| match line.starts_with("a=mid:") {
            true => format!("{line}{}", self.candidates),
            false => line.to_owned(),
        });
        lines.collect()
    }

    /// Bytes that have arrived.
    fn received(&self) -> usize {
        let mut buf = [0; 2000];
        let all = self.sockets.iter();
        all.map(|socket| std::iter::from_fn(|| socket.recv(&mut buf).ok()).sum::<usize>()).sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_that_a_client_names_get_no_more_than_three_times_its_offer() {
    let limit = Duration::from_secs(2);
    let worker = worker_with(WorkerConfig::default().connect_timeout(limit)).await;
    for count in [1, 50] {
        let config = PeerConfig::default().interfaces(Interfaces::Loopback);
        let offer = Offer::create(config, &["inference", "video_upload"], None).await.unwrap();
        let strangers = Strangers::new(count);
        let sdp = strangers.named_in(offer.sdp());
        let size = sdp.len();
        let workflow = WorkflowConfiguration::default().workflow_id("passthrough");
        let request = InitRequest::new(workflow, SessionDescription::offer(sdp));
        let signaling = HttpSignaling::builder(worker.url()).build().unwrap();
        signaling.exchange(request).await.unwrap();
        offer.abandon().await;
        let mut received = 0;
        let watched = std::time::Instant::now();
        while watched.elapsed() < limit {
            received += strangers.received();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        println!("{count} strangers, {size} bytes of offer: {received} bytes");
        assert!(received > 0 && received <= 3 * size, "{received} bytes for {size}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_that_a_server_names_get_no_more_than_three_times_its_answer() {
    let limit = Duration::from_secs(2);
    let config = PeerConfig::default().interfaces(Interfaces::Loopback).connect_timeout(limit);
    let offer = Offer::create(config.clone(), &["inference"], None).await.unwrap();
    let answer = Answer::create(config, offer.sdp(), false).await.unwrap();
    let strangers = Strangers::new(50);
    let sdp = strangers.named_in(answer.sdp());
    answer.into_parts().0.abort().await;
    offer.accept(&sdp).await.unwrap_err();
    let received = strangers.received();
    assert!(received > 0 && received <= 3 * sdp.len(), "{received} bytes for {}", sdp.len());
}

fn chunk(index: u32, total: u32, payload: &[u8]) -> BytesMut {
    let mut chunk = BytesMut::new();
    chunk.put_u32_le(index);
    chunk.put_u32_le(total);
    chunk.put_slice(payload);
    chunk
}

/// The worker's last message.
async fn final_message(inference: &mut Channel) -> OutputMessage {
    let mut reassembler = Reassembler::new(Limits::default());
    loop {
        let message = tokio::time::timeout(streamsdk_tests::MAX_WAIT, inference.recv()).await;
        let Some(Message::Binary(bytes)) = message.unwrap() else { panic!("no final message") };
        if let Some(message) = reassembler.push(bytes).unwrap() {
            let message =
                OutputMessage::parse(message, &Limits::default(), &Redactor::default()).unwrap();
            if message.processing_complete {
                return message;
            }
        }
    }
}

async fn still_works(worker: &Worker) {
    let config = StreamConfig::default().stream_output(["image"]);
    let session = start(&worker.url(), "plain_160x120.mp4", "passthrough", config).await.unwrap();
    let (results, summary) = drain(session).await.unwrap();
    assert_eq!((results.len(), summary.ended), (30, Some(Ended::Complete)));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_nonsense_are_answered_and_ended() {
    let worker = worker().await;
    let cases: [(&str, Vec<BytesMut>); 7] = [
        ("shorter than its", vec![BytesMut::from("abc")]),
        ("over the limit", vec![chunk(0, u32::MAX, b"x")]),
        ("cannot exist", vec![chunk(7, 3, b"x")]),
        ("is empty", vec![chunk(0, 0, b"")]),
        ("is empty", vec![chunk(0, 1, b"")]),
        ("is empty", vec![chunk(1, 2, b""), chunk(0, 2, b"")]),
        ("announced", vec![chunk(0, 3, b"x"), chunk(1, 4, b"x")]),
    ];
    for (words, chunks) in cases {
        let (peer, mut inference, upload) = connect(&worker).await;
        for chunk in chunks {
            upload.send(chunk).await.unwrap();
        }
        let message = final_message(&mut inference).await;
        assert_eq!(message.termination_reason.as_deref(), Some("upload_failed"));
        assert!(message.errors[0].contains(words), "{:?}", message.errors);
        peer.abort().await;
    }
    still_works(&worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_over_the_limit_is_refused_at_the_first_chunk() {
    let limits = Limits::default().upload_bytes(100_000);
    let config = WorkerConfig::default().limits(limits);
    let worker = worker_with(config).await;
    let (_peer, mut inference, upload) = connect(&worker).await;
    upload.send(chunk(0, 4, &[0; 49_152])).await.unwrap();
    let message = final_message(&mut inference).await;
    assert!(message.errors[0].contains("100000 bytes"), "{:?}", message.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_stands_still_is_ended() {
    let config = WorkerConfig::default().idle_timeout(Duration::from_millis(300));
    let worker = worker_with(config).await;
    let (_peer, mut inference, upload) = connect(&worker).await;
    upload.send(chunk(0, 4, &[0; 100])).await.unwrap();
    let message = final_message(&mut inference).await;
    assert!(message.errors[0].contains("nothing came"), "{:?}", message.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_pings_and_repeated_parts_is_ended() {
    let config = WorkerConfig::default().progress_timeout(Duration::from_millis(500));
    let worker = worker_with(config).await;
    let (_peer, mut inference, mut upload) = connect(&worker).await;
    let kept_alive = async {
        loop {
            upload.send(BytesMut::from("p")).await.unwrap();
            upload.send(chunk(0, 4, &[0; 100])).await.unwrap();
            if upload.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
    };
    let message = tokio::select! {
        message = final_message(&mut inference) => message,
        () = kept_alive => unreachable!(),
    };
    assert_eq!(message.termination_reason.as_deref(), Some("upload_failed"));
    assert!(message.errors[0].contains("stood still"), "{:?}", message.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_acks_no_more_is_told_the_end() {
    let config = WorkerConfig::default().ack_timeout(Duration::from_millis(500));
    let worker = worker_with(config).await;
    let (_peer, mut inference, upload) = connect(&worker).await;
    inference.send_text("{\"ack\": 1}").await.unwrap();
    let file = std::fs::read(streamsdk_tests::clip("plain_160x120.mp4")).unwrap();
    let parts = file.chunks(49_152);
    let total = parts.len() as u32;
    for (index, part) in (0..).zip(parts) {
        upload.send(chunk(index, total, part)).await.unwrap();
    }
    let message = final_message(&mut inference).await;
    assert_eq!(message.termination_reason.as_deref(), Some("client_stalled"));
    assert!(message.errors[0].contains("acknowledged no frame"), "{:?}", message.errors);
}

/// What is said last while a client sends something again and again.
async fn told_while_sending(
    inference: &mut Channel,
    upload: &Channel,
    mut next: impl FnMut() -> BytesMut,
) -> OutputMessage {
    let sending = async {
        loop {
            // Once the worker has left nothing is taken any more.
            if upload.send(next()).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        message = final_message(inference) => message,
        () = sending => unreachable!(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_trickles_is_ended() {
    let config = WorkerConfig::default().min_upload(1 << 20, Duration::from_millis(500));
    let worker = worker_with(config).await;
    let (_peer, mut inference, upload) = connect(&worker).await;
    let mut index = 0;
    let trickle = || {
        index += 1;
        chunk(index - 1, 4000, b"x")
    };
    let message = told_while_sending(&mut inference, &upload, trickle).await;
    assert_eq!(message.termination_reason.as_deref(), Some("upload_failed"));
    assert!(message.errors[0].contains("slower than"), "{:?}", message.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_pings_for_ever_is_ended_with_its_session() {
    let config = WorkerConfig::default().session_timeout(Duration::from_millis(500));
    let worker = worker_with(config).await;
    let (_peer, mut inference, upload) = connect(&worker).await;
    let ping = || BytesMut::from("p");
    let message = told_while_sending(&mut inference, &upload, ping).await;
    assert_eq!(message.termination_reason.as_deref(), Some("timeout_reached"));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_all_sessions_share_the_disk() {
    let worker = worker_with(WorkerConfig::default().upload_disk(80_000)).await;
    let (first, _first_inference, first_upload) = connect(&worker).await;
    let (_peer, mut inference, upload) = connect(&worker).await;
    first_upload.send(chunk(0, 100, &[0; 49_152])).await.unwrap();
    // An echo says that what came before it has been taken.
    let mut first_upload = first_upload;
    first_upload.send(BytesMut::from("p")).await.unwrap();
    first_upload.recv().await.unwrap();
    let mut index = 0;
    let parts = || {
        index += 1;
        chunk(index - 1, 100, &[0; 49_152])
    };
    let message = told_while_sending(&mut inference, &upload, parts).await;
    assert!(message.errors[0].contains("all uploads together"), "{:?}", message.errors);
    first.abort().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_that_nobody_follows_do_not_keep_others_out() {
    let config = WorkerConfig::default().max_sessions(2);
    let worker = worker_with(config).await;
    let abandoned = async || {
        let config = PeerConfig::default().interfaces(Interfaces::Loopback);
        let offer = Offer::create(config, &["inference", "video_upload"], None).await.unwrap();
        let workflow = WorkflowConfiguration::default().workflow_id("passthrough");
        let request = InitRequest::new(workflow, SessionDescription::offer(offer.sdp()));
        let signaling = HttpSignaling::builder(worker.url()).build().unwrap();
        let answered = signaling.exchange(request).await.is_ok();
        offer.abandon().await;
        answered
    };
    assert!(abandoned().await);
    // The other place is for others, and they have it while the first is still waited for.
    assert!(!abandoned().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_come_is_not_waited_for() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let config = WorkerConfig::default().request_timeout(Duration::from_millis(300));
    let worker = worker_with(config).await;
    let address = worker.address();
    for (begun, answer) in [
        ("", ""),
        ("POST /initialise_webrtc_worker HTTP/1.1\r\nhost: x\r\nx-slow: ", ""),
        (
            "POST /initialise_webrtc_worker HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
            "HTTP/1.1 408",
        ),
    ] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut answered = String::new();
        let read = stream.read_to_string(&mut answered);
        let read = tokio::time::timeout(streamsdk_tests::MAX_WAIT, read).await.unwrap();
        assert!(read.is_ok() && answered.starts_with(answer), "{begun}: {read:?} {answered}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_limit_past_all_clocks_is_none() {
    let worker = worker().await;
    let limit = Duration::from_secs(u64::MAX);
    let config = StreamConfig::default().stream_output(["image"]).processing_timeout(limit);
    let session = start(&worker.url(), "plain_160x120.mp4", "passthrough", config).await.unwrap();
    assert_eq!(drain(session).await.unwrap().1.ended, Some(Ended::Complete));
}

#[tokio::test(flavor = "multi_thread")]
async fn control_messages_of_nonsense_are_ignored_and_pings_echoed() {
    let worker = worker().await;
    let (_peer, inference, mut upload) = connect(&worker).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for text in ["", "{", "{\"ack\": \"x\"}", "{\"data_output\": 7}", deep.as_str()] {
        inference.send_text(text).await.unwrap();
    }
    inference.send(BytesMut::from(&b"\x00\xff"[..])).await.unwrap();
    upload.send(BytesMut::from("p")).await.unwrap();
    let echoed = tokio::time::timeout(streamsdk_tests::MAX_WAIT, upload.recv()).await.unwrap();
    assert_eq!(echoed, Some(Message::Binary("p".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_the_middle_leaves_nothing() {
    let config = WorkerConfig::default().max_sessions(1);
    let worker = worker_with(config).await;
    let (peer, _inference, upload) = connect(&worker).await;
    upload.send(chunk(0, 100, &[0; 49_152])).await.unwrap();
    peer.abort().await;
    // The only place is free again once the session is gone.
    let freed = async {
        loop {
            let config = StreamConfig::default();
            match start(&worker.url(), "plain_160x120.mp4", "passthrough", config).await {
                Ok(session) => return session,
                Err(error) => assert!(error.is_quota(), "{error}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let session = tokio::time::timeout(streamsdk_tests::MAX_WAIT, freed).await.unwrap();
    assert_eq!(drain(session).await.unwrap().0.len(), 30);
    // Shutting down waits for every task that a session had.
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_nonsense_get_the_real_servers_statuses() {
    let worker = worker().await;
    let post = async |path: &str, body: Vec<u8>| {
        let response = streamsdk_tests::http_post(&format!("{}{path}", worker.url()), body).await;
        (response.status, response.text)
    };
    let init = "/initialise_webrtc_worker";
    let offer = json!({ "type": "offer", "sdp": "garbage" });
    let configuration = json!({ "type": "WorkflowConfiguration", "workflow_id": "motion" });
    let request = |value: serde_json::Value| serde_json::to_vec(&value).unwrap();
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let cases = [
        (init, Vec::new(), 422, "missing"),
        (init, b"{not json".to_vec(), 422, "json_invalid"),
        (init, deep.into_bytes(), 422, "json_invalid"),
        (init, b"[]".to_vec(), 422, "model_attributes_type"),
        (init, request(json!({ "api_key": "s3cret" })), 422, "workflow_configuration"),
        (
            init,
            request(json!({ "workflow_configuration": {}, "webrtc_offer": offer })),
            422,
            "type",
        ),
        (
            init,
            request(json!({ "workflow_configuration": configuration, "webrtc_offer": offer,
                            "api_key": "s3cret", "data_output": "s3cret" })),
            422,
            "data_output",
        ),
        (
            init,
            request(json!({ "workflow_configuration": configuration, "webrtc_offer": offer })),
            400,
            "offer",
        ),
        (
            init,
            request(json!({ "workflow_configuration": configuration,
                            "webrtc_offer": { "type": "answer", "sdp": "x" } })),
            500,
            "Internal error.",
        ),
        ("/nowhere", Vec::new(), 405, "Method Not Allowed"),
    ];
    for (path, body, status, words) in cases {
        let (got, text) = post(path, body).await;
        assert_eq!(got, status, "{text}");
        assert!(text.contains(words) && !text.contains("s3cret"), "{text}");
    }
}
