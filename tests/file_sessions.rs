//! A video file goes up, every frame comes back: what a session gives its caller.

use std::collections::HashSet;
use std::time::Duration;

use streamsdk::{ControlError, Ended, Event, FramePolicy, StreamConfig};
use streamsdk_tests::{drain, next, start, start_source, worker, worker_with};
use streamsdk_worker::WorkerConfig;

fn images() -> StreamConfig {
    StreamConfig::default().stream_output(["image"])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_comes_back_once_in_order_with_its_image() {
    let worker = worker().await;
    let mut session =
        start(&worker.url(), "plain_160x120.mp4", "passthrough", images()).await.unwrap();
    let mut ids = Vec::new();
    while let Some(event) = next(&mut session).await {
        if let Event::Frame(frame) = event.unwrap() {
            ids.push(frame.frame_id());
            let metadata = frame.metadata().unwrap().clone();
            let image = frame.image().unwrap();
            assert_eq!(Some(image.width()), metadata.width);
            assert_eq!(Some(image.height()), metadata.height);
            assert!(frame.jpeg().unwrap().starts_with(&[0xff, 0xd8]));
        }
    }
    assert_eq!(ids, (1..=30).collect::<Vec<u32>>());
    let summary = session.close().await;
    assert_eq!((summary.frames_sent, summary.frames_returned), (30, 30));
    assert_eq!((summary.dropped.total(), summary.ended), (0, Some(Ended::Complete)));
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upload_is_reported_to_its_end() {
    let worker = worker().await;
    let mut session =
        start(&worker.url(), "plain_160x120.mp4", "passthrough", images()).await.unwrap();
    let mut last = None;
    while let Some(event) = next(&mut session).await {
        if let Event::Upload(progress) = event.unwrap() {
            last = Some(progress);
        }
    }
    let last = last.unwrap();
    assert!(last.is_complete() && last.chunks_sent == last.chunks_total, "{last:?}");
    assert_eq!(session.summary().upload_bytes, last.bytes_total);
}

#[tokio::test(flavor = "multi_thread")]
async fn motion_comes_with_boxes_that_can_be_read() {
    let worker = worker().await;
    let config = images().data_output(["predictions"]);
    let session = start(&worker.url(), "moving_300.mp4", "motion", config).await.unwrap();
    let (results, _) = drain(session).await.unwrap();
    let found: usize = results.iter().map(|data| data.detections().unwrap().unwrap().len()).sum();
    assert!(found > 100, "{found} boxes in 300 frames of moving things");
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_odd_sizes_and_uneven_times_survive() {
    let worker = worker().await;
    let run = async |clip| {
        let config = StreamConfig::default().data_output(Vec::<String>::new());
        let session = start(&worker.url(), clip, "passthrough", config).await.unwrap();
        drain(session).await.unwrap().0
    };
    let size = |data: &streamsdk::FrameData| {
        let metadata = data.metadata().unwrap();
        (metadata.width.unwrap(), metadata.height.unwrap())
    };
    assert_eq!(size(&run("rotated90.mp4").await[0]), (120, 160));
    assert_eq!(size(&run("odd_161x121.mp4").await[0]), (161, 121));
    let times: Vec<f64> = run("vfr.mp4")
        .await
        .iter()
        .map(|data| data.metadata().unwrap().seconds().unwrap())
        .collect();
    let gaps: HashSet<u64> =
        times.windows(2).map(|pair| ((pair[1] - pair[0]) * 1000.0).round() as u64).collect();
    assert!(gaps.len() > 1, "{gaps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_data_beside_the_frames_keeps_the_frames() {
    let worker = worker().await;
    let config = images().data_output(["*"]);
    let mut session = start(&worker.url(), "plain_160x120.mp4", "motion", config).await.unwrap();
    let control = session.control();
    let mut frames = 0;
    while let Some(event) = next(&mut session).await {
        match event.unwrap() {
            Event::Frame(frame) => assert!(frame.output("predictions").is_some()),
            Event::Data(data) => panic!("frame {} came without its image", data.frame_id()),
            _ => continue,
        }
        frames += 1;
        if frames == 10 {
            control.set_data_output(["*"]).await.unwrap();
        }
    }
    assert_eq!(frames, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_outputs_are_what_was_asked_for() {
    let worker = worker().await;
    let names = async |wanted: &[&str]| {
        let config = StreamConfig::default().data_output(wanted.iter().copied());
        let session = start(&worker.url(), "plain_160x120.mp4", "motion", config).await.unwrap();
        let (results, _) = drain(session).await.unwrap();
        assert_eq!(results.len(), 30);
        results[0]
            .outputs()
            .map(|outputs| outputs.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(names(&[]).await, None);
    assert_eq!(names(&["*"]).await, Some(vec!["predictions".to_owned()]));
    assert_eq!(names(&["predictions"]).await, Some(vec!["predictions".to_owned()]));
    assert_eq!(
        names(&["image", "predictions"]).await,
        Some(vec!["image".to_owned(), "predictions".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn predictions_that_were_not_asked_for_are_none_and_no_error() {
    let worker = worker().await;
    let config = StreamConfig::default().stream_output(["image"]);
    let session = start(&worker.url(), "plain_160x120.mp4", "motion", config).await.unwrap();
    let (results, _) = drain(session).await.unwrap();
    assert_eq!(results.len(), 30);
    assert!(results.iter().all(|data| data.predictions().unwrap().is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_can_be_changed_while_running() {
    let worker = worker().await;
    let config = StreamConfig::default();
    let mut session = start(&worker.url(), "moving_300.mp4", "motion", config).await.unwrap();
    let control = session.control();
    let mut with_outputs = 0;
    while let Some(event) = next(&mut session).await {
        if let Event::Data(data) = event.unwrap() {
            if data.frame_id() == 10 {
                control.set_data_output(["predictions"]).await.unwrap();
            }
            with_outputs += u32::from(data.output("predictions").is_some());
        }
    }
    assert!((200..=290).contains(&with_outputs), "{with_outputs}");
    assert!(control.set_data_output(["predictions"]).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_not_there_or_has_no_track_is_an_error() {
    let worker = worker().await;
    let config = StreamConfig::default().stream_output(["image"]);
    let mut session = start(&worker.url(), "moving_300.mp4", "motion", config).await.unwrap();
    let control = session.control();
    let refused = control.set_stream_output(["edges"]).await;
    assert_eq!(refused, Err(ControlError::NoReturnedTrack));
    let mut errors = Vec::new();
    while let Some(event) = next(&mut session).await {
        if let Event::Frame(frame) = event.unwrap() {
            if frame.frame_id() == 10 {
                control.set_data_output(["nonsense", ""]).await.unwrap();
            }
            errors.extend(frame.errors().iter().cloned());
        }
    }
    assert!(errors.len() > 200, "{errors:?}");
    assert!(errors.iter().all(|error| error.contains("nonsense")), "{errors:?}");
    assert_eq!(session.summary().ended, Some(Ended::Incomplete));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sessions_at_once_do_not_mix() {
    let worker = worker().await;
    let url = worker.url();
    let sessions = ["plain_160x120.mp4", "rotated90.mp4", "odd_161x121.mp4", "plain_160x120.mp4"]
        .map(|clip| {
            let url = url.clone();
            async move {
                let session = start(&url, clip, "passthrough", images()).await.unwrap();
                let (results, summary) = drain(session).await.unwrap();
                let sizes: HashSet<_> =
                    results.iter().map(|data| data.metadata().unwrap().width).collect();
                assert_eq!(sizes.len(), 1);
                assert_eq!(summary.ended, Some(Ended::Complete));
            }
        });
    futures::future::join_all(sessions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realtime_session_keeps_the_newest_and_counts_the_rest() {
    let worker = worker().await;
    let source =
        streamsdk::VideoFileSource::open(streamsdk_tests::clip("plain_160x120.mp4")).unwrap();
    let config = images().realtime_processing(true).frame_policy(FramePolicy::Latest(3));
    let session = start_source(&worker.url(), source, "passthrough", config).await.unwrap();
    // The caller sleeps through the whole of it.
    let control = session.control();
    let ended = async {
        while control.statistics().session.ended.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap();
    let (results, summary) = drain(session).await.unwrap();
    let ids: Vec<u32> = results.iter().map(|data| data.frame_id()).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(ids.last(), Some(&(summary.frames_sent as u32)));
    let dropped = summary.dropped;
    assert_eq!(summary.frames_sent, 3 + dropped.queue_full + dropped.not_returned);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_time_limit_ends_a_session_with_its_reason() {
    let worker = worker().await;
    let config = images().realtime_processing(true).processing_timeout(Duration::from_secs(1));
    let source = streamsdk::VideoFileSource::open(streamsdk_tests::clip("moving_300.mp4")).unwrap();
    let session = start_source(&worker.url(), source, "passthrough", config).await.unwrap();
    let (results, summary) = drain(session).await.unwrap();
    assert_eq!(summary.ended, Some(Ended::ByServer("timeout_reached".to_owned())));
    assert!(results.len() < 60, "{}", results.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_the_upload_ends_the_session() {
    let worker = worker().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(2 << 30).unwrap();
    let source = streamsdk::VideoFileSource::open(file.path()).unwrap();
    let mut session = start_source(&worker.url(), source, "passthrough", images()).await.unwrap();
    let control = session.control();
    while let Some(event) = next(&mut session).await {
        if let Event::Upload(_) = event.unwrap() {
            control.cancel_upload();
        }
    }
    let summary = session.close().await;
    assert_eq!(summary.ended, Some(Ended::UploadCancelled));
    assert!(summary.upload_bytes < 2 << 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_in_the_middle_stops_both_sides() {
    let worker = worker_with(WorkerConfig::default().max_sessions(1)).await;
    let mut session =
        start(&worker.url(), "moving_300.mp4", "passthrough", images()).await.unwrap();
    while !matches!(next(&mut session).await, Some(Ok(Event::Frame(_)))) {}
    let summary = session.close().await;
    assert_eq!(summary.ended, Some(Ended::ByCaller));
    // The worker's only place is free again when it has let go of the session.
    let again = async {
        loop {
            match start(&worker.url(), "plain_160x120.mp4", "passthrough", images()).await {
                Ok(session) => return session,
                Err(error) => assert!(error.is_quota(), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let session = tokio::time::timeout(Duration::from_secs(10), again).await.unwrap();
    assert_eq!(drain(session).await.unwrap().0.len(), 30);
}
