//! The client's track, and what comes back of it.

use std::time::Duration;

use serde_json::json;
use streamsdk_capture::{TestPattern, marker};
use streamsdk_media::Frame;
use streamsdk_protocol::control::ControlMessage;
use streamsdk_protocol::output::OutputMessage;
use streamsdk_transport::VideoCodec;
use streamsdk_worker::{
    FrameContext, OutputDeclaration, Processor, ProcessorError, ProcessorOutputs, Processors,
    WorkerConfig,
};

use crate::client::{Client, Wish, pattern, shut_down, worker, worker_with};

/// Takes so many frames and messages, which must be about the same frames, one by one.
async fn expect_pairs(client: &mut Client, count: u32) {
    let mut offset = None;
    for n in 0..count {
        let data = client.data().await;
        let (rtp_time, picture) = client.picture().await;
        let metadata = data.metadata.unwrap();
        assert_eq!((metadata.frame_id, marker::read(&picture)), (n + 1, Some(n)));
        assert_eq!(metadata.rtp_timestamp, Some(rtp_time));
        assert_eq!(
            (metadata.pts, metadata.time_base),
            (Some(i64::from(n) * 3000), Some(1.0 / 9e4))
        );
        assert_eq!(
            (metadata.width, metadata.height),
            (Some(picture.width()), Some(picture.height()))
        );
        assert_eq!((metadata.declared_fps, data.errors), (Some(25.0), vec![]));
        let distance = rtp_time.wrapping_sub(metadata.pts.unwrap() as u32);
        assert_eq!(*offset.get_or_insert(distance), distance, "frame {n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_comes_back_and_pairs_with_its_data() {
    let worker = worker().await;
    for (codec, stream) in [(VideoCodec::Vp8, None), (VideoCodec::H264, Some("image"))] {
        let wish = Wish { codec, ..Wish::of("passthrough") }.ask(|request| {
            request.stream_output = stream.map(|name| vec![name.to_owned()]);
            request.declared_fps = Some(25.0);
            request.manual_mode = true;
        });
        let mut client = wish.connect(&worker).await.unwrap();
        let sending = client.send(pattern(320, 180, 60));
        expect_pairs(&mut client, 60).await;
        assert_eq!(sending.join().unwrap().encoded(), 60);
        client.peer.close().await;
    }
    shut_down(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stream_output_there_is_data_only() {
    let worker = worker().await;
    let wish = Wish::of("motion").ask(|request| {
        request.stream_output = Some(vec![]);
        request.data_output = Some(vec!["*".into()]);
    });
    let mut client = wish.connect(&worker).await.unwrap();
    assert!(client.receiver.is_none());
    let sending = client.send(pattern(320, 180, 20));
    for n in 1..=20 {
        let data = client.data().await;
        let outputs = data.outputs.unwrap();
        let names: Vec<_> = outputs.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!((data.frame_id, names), (n, vec!["predictions".to_owned()]));
    }
    // There is no track to change.
    let change = ControlMessage::stream_output(vec!["image".into()]);
    client.inference.send_text(&change.to_text()).await.unwrap();
    sending.join().unwrap();
    client.peer.close().await;
    shut_down(worker).await;
}

fn colours(picture: &Frame) -> bool {
    (1..3).any(|plane| picture.rows(plane).flatten().any(|sample| sample.abs_diff(128) > 20))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_output_can_be_changed_while_running() {
    let worker = worker().await;
    let specification = json!({
        "steps": [{ "type": "streamsdk/grayscale@v1", "name": "gray", "image": "$inputs.image" }],
        "outputs": [
            { "type": "JsonField", "name": "gray", "selector": "$steps.gray.image" },
            { "type": "JsonField", "name": "source", "selector": "$inputs.image" },
        ],
    });
    let wish = Wish::of("").ask(|request| {
        request.workflow_configuration.image_input_name = "image".into();
        request.workflow_configuration.workflow_specification = Some(specification);
    });
    let mut client = wish.connect(&worker).await.unwrap();
    let sending = client.send(TestPattern::new(320, 180, 30.0));
    assert!(!colours(&client.picture().await.1));
    let change = ControlMessage::stream_output(vec!["source".into()]);
    client.inference.send_text(&change.to_text()).await.unwrap();
    while !colours(&client.picture().await.1) {}
    let change = ControlMessage::stream_output(vec!["nonsense".into()]);
    client.inference.send_text(&change.to_text()).await.unwrap();
    let errors = loop {
        let errors = client.data().await.errors;
        if !errors.is_empty() {
            break errors;
        }
    };
    assert_eq!(errors, ["the workflow has no output 'nonsense'"]);
    client.peer.close().await;
    sending.join().unwrap();
    shut_down(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_outputs_that_are_not_there_are_named_with_every_frame() {
    let worker = worker().await;
    let wish =
        Wish::of("motion").ask(|request| request.data_output = Some(vec!["predictions".into()]));
    let mut client = wish.connect(&worker).await.unwrap();
    let sending = client.send(TestPattern::new(320, 180, 30.0));
    let names = |data: &OutputMessage| -> Option<Vec<String>> {
        Some(data.outputs.as_ref()?.iter().map(|(name, _)| name.to_owned()).collect())
    };
    let predictions = Some(vec!["predictions".to_owned()]);
    let data = client.data().await;
    assert_eq!((names(&data), data.errors), (predictions.clone(), vec![]));
    for (wanted, left) in [(vec!["nonsense", "predictions"], predictions), (vec!["nonsense"], None)]
    {
        let wanted = wanted.into_iter().map(str::to_owned).collect();
        let change = ControlMessage::data_output(wanted);
        client.inference.send_text(&change.to_text()).await.unwrap();
        loop {
            let data = client.data().await;
            if data.errors == ["Output 'nonsense' not found"] && names(&data) == left {
                break;
            }
        }
    }
    client.peer.close().await;
    sending.join().unwrap();
    shut_down(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_change_their_size_and_may_be_odd() {
    use streamsdk_capture::{FrameProducer, WhenFull, manual_with};
    use streamsdk_media::{TimeBase, Timestamp};

    let worker = worker().await;
    for codec in [VideoCodec::Vp8, VideoCodec::H264] {
        let wish = Wish { codec, ..Wish::of("passthrough") };
        let mut client = wish.connect(&worker).await.unwrap();
        let (frames, producer) = manual_with(1, WhenFull::Wait);
        let sending = client.send(producer);
        let sizes = [(320, 180), (481, 271), (360, 202)];
        std::thread::spawn(move || {
            let patterns = sizes.map(|(width, height)| pattern(width, height, 8));
            let all = patterns.into_iter().flat_map(FrameProducer::frames);
            for (time, captured) in (0..).step_by(3000).zip(all) {
                let frame = captured.unwrap().frame;
                frames.send(frame.at(Timestamp::new(time, TimeBase::RTP_VIDEO))).unwrap();
            }
        });
        for (width, height) in sizes {
            // H264 has even sizes only.
            let even =
                |size: u32| if codec == VideoCodec::H264 { size.next_multiple_of(2) } else { size };
            for n in 0..8 {
                let metadata = client.data().await.metadata.unwrap();
                let (rtp_time, picture) = client.picture().await;
                assert_eq!(metadata.rtp_timestamp, Some(rtp_time));
                let size = (picture.width(), picture.height());
                assert_eq!((size, marker::read(&picture)), ((even(width), even(height)), Some(n)));
                assert_eq!((metadata.width, metadata.height), (Some(size.0), Some(size.1)));
            }
        }
        sending.join().unwrap();
        client.peer.close().await;
    }
    shut_down(worker).await;
}

/// Takes its time, and fails at every other frame.
struct SlowAndFaulty(u32);

impl Processor for SlowAndFaulty {
    fn process(
        &mut self,
        frame: &Frame,
        _: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError> {
        std::thread::sleep(Duration::from_millis(100));
        self.0 += 1;
        match self.0 % 2 {
            0 => Err(ProcessorError::Other("out of luck".into())),
            _ => Ok(ProcessorOutputs::new().image("image", frame.clone())),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realtime_session_leaves_frames_out_before_counting_and_returns_what_failed() {
    let image = OutputDeclaration::image("image");
    let slow = Processors::empty().register("slow", [image], |_| Ok(Box::new(SlowAndFaulty(0))));
    let worker = worker_with(WorkerConfig::default().processors(slow)).await;
    let wish = Wish::of("slow").ask(|request| request.webrtc_realtime_processing = true);
    let mut client = wish.connect(&worker).await.unwrap();
    let sending = client.send(TestPattern::new(320, 180, 30.0));
    let mut markers = Vec::new();
    for n in 1..=12 {
        let data = client.data().await;
        let (rtp_time, picture) = client.picture().await;
        assert_eq!(data.frame_id, n);
        assert_eq!(data.metadata.unwrap().rtp_timestamp, Some(rtp_time));
        let expected = if n % 2 == 0 { vec!["out of luck"] } else { vec![] };
        assert_eq!(data.errors, expected);
        markers.push(marker::read(&picture).unwrap());
    }
    assert!(markers.is_sorted() && markers[11] >= 20, "{markers:?}");
    client.peer.close().await;
    sending.join().unwrap();
    shut_down(worker).await;
}
