//! Uploaded files whose frames come back on a track.

use streamsdk_capture::{FrameProducer, marker};
use streamsdk_media::mp4::Mp4Writer;
use streamsdk_protocol::pairing::pts_to_90khz;
use streamsdk_protocol::upload::UploadPlan;
use streamsdk_transport::VideoDirection;

use crate::client::{Client, Wish, pattern, shut_down, worker};

fn clip(frames: u64) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("clip.mp4");
    let mut writer = Mp4Writer::create(&path, 320, 180, 30.0).unwrap();
    for captured in pattern(320, 180, frames).frames() {
        writer.write(&captured.unwrap().frame).unwrap();
    }
    writer.finish().unwrap();
    std::fs::read(path).unwrap()
}

async fn upload(client: &Client, file: &[u8]) {
    let plan = UploadPlan::new(file.len() as u64).unwrap();
    let mut rest = file;
    for index in 0..plan.chunks() {
        let mut chunk = plan.start_chunk(index);
        let (payload, after) = rest.split_at(plan.payload_len(index));
        chunk.extend_from_slice(payload);
        client.upload.as_ref().unwrap().send(chunk).await.unwrap();
        rest = after;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_of_a_file_comes_back_before_the_stream_is_complete() {
    const FRAMES: u32 = 90;
    let worker = worker().await;
    let wish = Wish {
        video: Some(VideoDirection::ReceiveOnly),
        channels: &["inference", "video_upload"],
        ..Wish::of("passthrough")
    };
    let wish = wish.ask(|request| {
        request.video_file_upload = true;
        request.stream_output = Some(vec!["image".into()]);
    });
    let mut client = wish.connect(&worker).await.unwrap();
    assert!(client.sender.is_none());
    upload(&client, &clip(FRAMES.into())).await;
    let mut offset = None;
    for n in 0..FRAMES {
        let metadata = client.data().await.metadata.unwrap();
        let (rtp_time, picture) = client.picture().await;
        assert_eq!((metadata.frame_id, marker::read(&picture)), (n + 1, Some(n)));
        assert_eq!(metadata.rtp_timestamp, Some(rtp_time));
        // The file's own time base.
        assert!((metadata.seconds().unwrap() - f64::from(n) / 30.0).abs() < 1e-6);
        assert!(metadata.time_base.unwrap() != 1.0 / 90_000.0);
        assert_eq!(metadata.declared_fps, Some(30.0));
        let time = pts_to_90khz(metadata.pts.unwrap(), metadata.time_base.unwrap()).unwrap();
        let distance = rtp_time.wrapping_sub(time as u32);
        let offset = *offset.get_or_insert(distance);
        assert!(distance.wrapping_sub(offset).cast_signed().abs() <= 1, "frame {n}");
    }
    let complete = client.data().await;
    assert!(complete.processing_complete && complete.errors.is_empty());
    assert_eq!((complete.frame_id, complete.termination_reason), (FRAMES + 1, None));
    client.peer.close().await;
    shut_down(worker).await;
}

/// The packets of a transport stream of 90 frames, without the frames of these numbers.
fn clip_with_hole(missing: std::ops::Range<u32>) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/video/numbered_baseline.ts");
    let data = std::fs::read(path).unwrap();
    let (packets, _) = data.as_chunks::<188>();
    let mut next = 0;
    let is_kept = |packet: &&[u8; 188]| {
        let is_video = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]) == 0x100;
        next += u32::from(is_video && packet[1] & 0x40 != 0);
        !(is_video && missing.contains(&(next - 1)))
    };
    packets.iter().filter(is_kept).flatten().copied().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upload_lacks_is_said_at_the_end_without_the_path_of_a_temporary_file() {
    let worker = worker().await;
    let uploading = async |file: &[u8]| {
        let wish = Wish {
            video: None,
            channels: &["inference", "video_upload"],
            ..Wish::of("passthrough")
        };
        let mut client =
            wish.ask(|request| request.video_file_upload = true).connect(&worker).await.unwrap();
        upload(&client, file).await;
        let complete = loop {
            let data = client.data().await;
            if data.processing_complete {
                break data;
            }
        };
        client.peer.close().await;
        complete
    };
    let complete = uploading(&clip_with_hole(20..22)).await;
    assert_eq!((complete.frame_id, complete.termination_reason), (89, None));
    let said = complete.errors.join("; ");
    assert!(said.starts_with("of the video, 2 frames are missing"), "{said}");

    // The counters of a transport stream jump, and nothing else is wrong.
    let mut marked = clip_with_hole(0..0);
    let half = marked.len() / 188 / 2 * 188;
    marked[half..]
        .chunks_mut(188)
        .for_each(|packet| packet[3] = packet[3] & 0xf0 | (packet[3] + 5) & 0x0f);
    let complete = uploading(&marked).await;
    assert_eq!((complete.frame_id, complete.termination_reason), (91, None));
    assert_eq!(complete.errors, Vec::<String>::new());

    for (file, cause) in [
        (b"This is not a video".to_vec(), "the uploaded file is not a video"),
        (clip(30)[..2000].to_vec(), "the uploaded file is not a video"),
    ] {
        let complete = uploading(&file).await;
        assert_eq!(complete.termination_reason.as_deref(), Some("video_decode_failed"));
        let said = complete.errors.join("; ");
        assert!(said.starts_with(cause) && !said.contains("streamsdk-upload"), "{said}");
    }
    shut_down(worker).await;
}
