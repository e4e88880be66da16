//! Reading the fixtures in `tests/data/video` of the repository.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use streamsdk_capture::{
    CaptureError, Damage, FrameProducer, ProducerFormat, VideoFile, VideoFileError, VideoInfo,
};
use streamsdk_media::{ColorSpace, Frame, PixelFormat, Rotation};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/video").join(name)
}

fn open(name: &str) -> VideoFile {
    VideoFile::open(fixture(name)).unwrap()
}

fn frames(video: &mut VideoFile) -> Vec<Frame> {
    std::iter::from_fn(|| video.next_frame().unwrap()).collect()
}

fn seconds(frames: &[Frame]) -> Vec<f64> {
    frames.iter().map(|frame| frame.timestamp().unwrap().seconds()).collect()
}

fn assert_near(actual: &[f64], expected: impl IntoIterator<Item = f64>) {
    let expected: Vec<_> = expected.into_iter().collect();
    assert_eq!(actual.len(), expected.len(), "{actual:?}");
    for (actual, expected) in actual.iter().zip(expected) {
        assert!((actual - expected).abs() < 0.001, "{actual}, expected {expected}");
    }
}

fn sizes(frames: &[Frame]) -> Vec<(u32, u32)> {
    frames.iter().map(|frame| (frame.width(), frame.height())).collect()
}

fn rgb_at(frame: &Frame, x: u32, y: u32) -> [u8; 3] {
    let rgb = frame.convert(PixelFormat::Rgb24).unwrap().to_packed();
    let start = (y * frame.width() + x) as usize * 3;
    [rgb[start], rgb[start + 1], rgb[start + 2]]
}

fn is_red([red, green, blue]: [u8; 3]) -> bool {
    red > 200 && green < 50 && blue < 50
}

/// The corners of a frame that are red: upper left, upper right, lower right, lower left.
fn red_corners(frame: &Frame) -> [bool; 4] {
    let (right, bottom) = (frame.width() - 11, frame.height() - 11);
    [(10, 10), (right, 10), (right, bottom), (10, bottom)].map(|(x, y)| is_red(rgb_at(frame, x, y)))
}

#[test]
fn a_plain_file_gives_every_frame_at_its_time() {
    let mut video = open("plain_160x120.mp4");
    let VideoInfo { width, height, declared_fps, frames: count, duration, rotation, .. } =
        *video.info();
    assert_eq!((width, height, rotation), (160, 120, Rotation::None));
    assert_eq!((declared_fps, count), (Some(30.0), Some(30)));
    assert_eq!(duration, Some(Duration::from_secs(1)));

    let time_base = video.info().time_base;
    let frames = frames(&mut video);
    assert_near(&seconds(&frames), (0..30).map(|frame| f64::from(frame) / 30.0));
    assert!(frames.iter().all(|frame| frame.timestamp().unwrap().time_base == time_base));
    assert!(frames.iter().all(|frame| frame.format() == PixelFormat::I420));
    assert_eq!(sizes(&frames), vec![(160, 120); 30]);
    assert_eq!(video.skipped_packets(), 0);
    assert_eq!(video.next_frame().unwrap().map(drop), None);
}

#[test]
fn frames_outlive_the_file_they_came_from() {
    let mut video = open("plain_160x120.mp4");
    let first = video.next_frame().unwrap().unwrap();
    let before = first.to_packed();
    frames(&mut video);
    drop(video);
    assert_eq!(first.to_packed(), before);
}

#[test]
fn several_threads_give_the_same_frames() {
    let pixels = |mut video: VideoFile| -> Vec<_> {
        frames(&mut video).iter().map(|frame| (frame.timestamp(), frame.to_packed())).collect()
    };
    let threaded = VideoFile::options().threads(4).open(fixture("plain_160x120.mp4")).unwrap();
    assert!(pixels(threaded) == pixels(open("plain_160x120.mp4")));
}

#[test]
fn turned_files_are_turned_back() {
    for (name, rotation, size, corners) in [
        ("rotated90.mp4", Rotation::Clockwise90, (120, 160), [false, true, false, false]),
        ("rotated180.mp4", Rotation::Half, (160, 120), [false, false, true, false]),
        ("rotated270.mp4", Rotation::Clockwise270, (120, 160), [false, false, false, true]),
    ] {
        let mut video = open(name);
        assert_eq!(video.info().rotation, rotation, "{name}");
        assert_eq!((video.info().width, video.info().height), size, "{name}");
        let frames = frames(&mut video);
        assert_eq!(sizes(&frames), vec![size; 10], "{name}");
        assert_eq!(red_corners(&frames[5]), corners, "{name}");
    }
}

#[test]
fn odd_sizes_keep_their_last_row_and_column() {
    let mut video = open("odd_161x121.mp4");
    let frames = frames(&mut video);
    assert_eq!(sizes(&frames), vec![(161, 121); 10]);
    assert_eq!(red_corners(&frames[0]), [true, false, false, false]);
    let [red, green, blue] = rgb_at(&frames[0], 160, 120);
    assert!(red.abs_diff(128) < 6 && green.abs_diff(128) < 6 && blue.abs_diff(128) < 6);
}

#[test]
fn a_variable_frame_rate_is_kept() {
    let mut video = open("vfr.mp4");
    let frames = frames(&mut video);
    assert_near(&seconds(&frames), (0..10).map(|frame| f64::from(frame * frame) / 40.0));
}

#[test]
fn a_change_of_size_within_the_file_is_followed() {
    let mut video = open("two_sizes.h264");
    let frames = frames(&mut video);
    assert_eq!(sizes(&frames), [[(160, 120); 5], [(96, 64); 5]].concat());
    let times = seconds(&frames);
    assert!(times.is_sorted_by(|earlier, later| earlier < later), "{times:?}");
}

#[test]
fn full_range_colours_stay_in_full_range() {
    let mut video = open("mjpeg.avi");
    let frames = frames(&mut video);
    assert_eq!((frames.len(), frames[0].color_space()), (3, ColorSpace::JPEG));
    let luma = frames[0].planes()[0].data[100 * frames[0].planes()[0].stride + 100];
    assert!(luma.abs_diff(128) <= 1, "{luma}");
    assert_eq!(red_corners(&frames[0]), [true, false, false, false]);
}

#[test]
fn a_file_that_is_cut_off_gives_what_it_has() {
    let mut video = open("truncated.mp4");
    let frames = frames(&mut video);
    assert!((5..30).contains(&frames.len()), "{}", frames.len());
    assert!(video.skipped_packets() > 0);
    let whole = self::frames(&mut open("plain_160x120.mp4"));
    for frame in &frames {
        let same = whole.iter().find(|whole| whole.timestamp() == frame.timestamp()).unwrap();
        assert_eq!(frame.to_packed(), same.to_packed());
    }
    assert_eq!(video.next_frame().unwrap().map(drop), None);
}

/// The packets of a transport stream.
fn transport_packets(name: &str) -> Vec<[u8; 188]> {
    let data = std::fs::read(fixture(name)).unwrap();
    data.as_chunks::<188>().0.to_vec()
}

fn is_video(packet: &[u8; 188]) -> bool {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]]) == 0x100
}

fn begins_frame(packet: &[u8; 188]) -> bool {
    is_video(packet) && packet[1] & 0x40 != 0
}

/// What a file of that name and content gives, and what was wrong with it.
fn read(name: &str, content: &[u8]) -> (Vec<Frame>, Damage) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    let mut video = VideoFile::open(&path).unwrap();
    let frames = frames(&mut video);
    (frames, video.damage())
}

fn pixels(frames: &[Frame]) -> Vec<impl PartialEq> {
    frames.iter().map(Frame::to_packed).collect()
}

#[test]
fn packets_that_are_only_marked_as_damaged_are_decoded_like_all_others() {
    let mut packets = transport_packets("numbered_baseline.ts");
    let mut jump = 0;
    for (index, packet) in packets.iter_mut().filter(|packet| is_video(packet)).enumerate() {
        // As where recordings were joined: the counter goes on elsewhere.
        jump += if index % 20 == 19 { 5 } else { 0 };
        packet[3] = packet[3] & 0xf0 | (packet[3] & 0x0f).wrapping_add(jump) & 0x0f;
    }
    let (frames, damage) = read("joined.ts", packets.as_flattened());
    let whole = self::frames(&mut open("numbered_baseline.ts"));
    assert!(pixels(&frames) == pixels(&whole), "{} of {} frames", frames.len(), whole.len());
    assert!(damage.marked_packets > 2 && !damage.is_loss(), "{damage}");
}

#[test]
fn a_hole_in_a_transport_stream_is_as_many_frames_as_are_missing() {
    let packets = transport_packets("numbered_baseline.ts");
    let mut number = 0;
    let numbered: Vec<_> = packets
        .iter()
        .map(|packet| {
            number += u64::from(begins_frame(packet));
            (number, packet)
        })
        .collect();
    let without = |from: u64, count: u64| -> Vec<u8> {
        let is_missing = |number: u64| (from..from + count).contains(&number);
        let kept =
            numbered.iter().filter(|(number, packet)| !is_video(packet) || !is_missing(*number));
        kept.flat_map(|(_, packet)| packet.iter().copied()).collect()
    };
    // After the last of these holes the decoder gives nothing up to the next key frame.
    for (from, count, given) in [(45, 1, 89), (20, 7, 83), (46, 3, 75)] {
        let (frames, damage) = read("hole.ts", &without(from, count));
        assert_eq!((frames.len(), damage.missing_frames), (given, 90 - given as u64), "{damage}");
        assert!(damage.is_loss());
    }
    // A recording that was begun between two key frames.
    let (frames, damage) = read("begun.ts", &without(1, 10));
    assert!(!frames.is_empty() && !damage.is_loss(), "{} frames, {damage}", frames.len());
}

#[test]
fn a_file_that_is_cut_off_says_how_much_is_missing() {
    let mut video = open("truncated.mp4");
    let delivered = frames(&mut video).len() as u64;
    let damage = video.damage();
    let missing = damage.missing_frames + damage.undecodable_packets;
    assert_eq!((delivered + missing, damage.undecodable_packets), (30, 1), "{damage}");

    let matroska = matroska(20);
    let (frames, damage) = read("whole.mkv", &matroska);
    assert_eq!((frames.len(), damage), (20, Damage::default()));
    let (frames, damage) = read("cut.mkv", &matroska[..matroska.len() * 6 / 10]);
    assert!((10..13).contains(&frames.len()), "{}", frames.len());
    let missing = damage.missing_end.as_secs_f64();
    assert!((missing - (20 - frames.len()) as f64 / 10.0).abs() < 0.01, "{damage}");

    let avi = std::fs::read(fixture("mjpeg.avi")).unwrap();
    let movie = avi.windows(4).position(|window| window == b"movi").unwrap();
    let second = avi[movie..].windows(4).skip(5).position(|window| window == b"00dc").unwrap();
    let (frames, damage) = read("cut.avi", &avi[..movie + 5 + second]);
    assert!(frames.len() == 1 && damage.is_loss(), "{} frames, {damage}", frames.len());
}

#[test]
fn files_that_are_odd_and_whole_have_no_damage() {
    for name in [
        "plain_160x120.mp4",
        "rotated90.mp4",
        "odd_161x121.mp4",
        "vfr.mp4",
        "moving_300.mp4",
        "numbered_baseline.mp4",
        "numbered_baseline.ts",
        "two_sizes.h264",
        "mjpeg.avi",
    ] {
        let mut video = open(name);
        frames(&mut video);
        assert_eq!(video.damage(), Damage::default(), "{name}");
    }
}

/// So many JPEGs at ten a second in a Matroska file, which says how long it lasts.
fn matroska(frames: u16) -> Vec<u8> {
    fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
        // Sizes in eight bytes: the first says that there are seven more.
        let size = (content.len() as u64 | 1 << 56).to_be_bytes();
        [id, &size, content].concat()
    }
    let header = element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"matroska"));
    let duration = (f64::from(frames) * 100.0).to_be_bytes();
    let info = element(&[0x15, 0x49, 0xa9, 0x66], &element(&[0x44, 0x89], &duration));
    let size = [element(&[0xb0], &320_u16.to_be_bytes()), element(&[0xba], &180_u16.to_be_bytes())];
    let track = [
        element(&[0xd7], &[1]),
        element(&[0x73, 0xc5], &[1]),
        element(&[0x83], &[1]),
        element(&[0x86], b"V_MJPEG"),
        // A tenth of a second, in nanoseconds.
        element(&[0x23, 0xe3, 0x83], &100_000_000_u32.to_be_bytes()),
        element(&[0xe0], &size.concat()),
    ];
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &track.concat()));
    let encoder = streamsdk_media::jpeg::Encoder::new(60);
    let pattern = streamsdk_capture::TestPattern::new(320, 180, 10.0).paced(false);
    let clusters = (0..frames).zip(pattern.frames()).flat_map(|(number, captured)| {
        let time = (number * 100).to_be_bytes();
        let jpeg = encoder.encode(&captured.unwrap().frame).unwrap();
        let block = [&[0x81, 0, 0, 0x80][..], &jpeg].concat();
        let cluster = [element(&[0xe7], &time), element(&[0xa3], &block)].concat();
        element(&[0x1f, 0x43, 0xb6, 0x75], &cluster)
    });
    let content = [info, tracks, clusters.collect()].concat();
    [header, element(&[0x18, 0x53, 0x80, 0x67], &content)].concat()
}

#[test]
fn a_file_of_which_nothing_can_be_decoded_is_an_error_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.mp4");
    let mut data = std::fs::read(fixture("plain_160x120.mp4")).unwrap();
    let frames = data.windows(4).position(|window| window == b"mdat").unwrap() + 4;
    data[frames..].fill(0);
    std::fs::write(&path, data).unwrap();

    let mut video = VideoFile::open(&path).unwrap();
    let error = video.next_frame().unwrap_err();
    assert!(
        matches!(error, VideoFileError::NothingDecoded { skipped_packets: 1.., .. }),
        "{error}"
    );
    assert_eq!(video.next_frame().unwrap().map(drop), None);
}

#[test]
fn what_is_not_a_video_is_a_typed_error() {
    let error = |path: &Path| VideoFile::open(path).map(drop).unwrap_err();
    assert!(matches!(error(&fixture("text.mp4")), VideoFileError::Open { .. }));
    assert!(matches!(error(&fixture("audio_only.m4a")), VideoFileError::NoVideoStream { .. }));
    assert!(matches!(error(&fixture("no_such.mp4")), VideoFileError::NotFound { .. }));
    assert!(matches!(error(&fixture("")), VideoFileError::Open { .. }));
    assert!(matches!(
        error(Path::new("http://127.0.0.1:1/x.mp4")),
        VideoFileError::NotFound { .. }
    ));
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.mp4");
    std::fs::write(&empty, []).unwrap();
    assert!(matches!(error(&empty), VideoFileError::Open { .. }));
}

#[test]
fn a_playlist_that_names_a_real_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let clip = directory.path().join("clip.mp4");
    std::fs::copy(fixture("plain_160x120.mp4"), &clip).unwrap();
    let url = clip.display();
    for (name, text) in [
        ("list.m3u8", format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n")),
        ("list.ffconcat", format!("ffconcat version 1.0\nfile '{url}'\n")),
        ("list.mp4", "ffconcat version 1.0\nfile clip.mp4\n".to_owned()),
        ("list.mpd", format!("<?xml version=\"1.0\"?>\n<MPD type=\"static\" profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\"><Period><AdaptationSet contentType=\"video\"><Representation id=\"0\"><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>\n")),
        ("session.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\na=rtpmap:96 H264/90000\n".to_owned()),
    ] {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = VideoFile::open(&path).map(drop).unwrap_err();
        assert!(matches!(error, VideoFileError::Open { .. }), "{name}: {error}");
    }
    assert!(VideoFile::open(&clip).is_ok());
}

#[test]
fn frames_larger_than_allowed_are_refused() {
    let path = fixture("plain_160x120.mp4");
    // What is counted is how frames are stored, with padding.
    let allowed = VideoFile::options().max_pixels(192 * 128).open(&path).unwrap().next_frame();
    assert!(allowed.is_ok());
    let refused = VideoFile::options().max_pixels(100 * 100).open(&path);
    let error = refused.and_then(|mut video| video.next_frame()).map(drop).unwrap_err();
    assert!(
        matches!(error, VideoFileError::Open { .. } | VideoFileError::NothingDecoded { .. }),
        "{error}"
    );
}

#[test]
fn damage_anywhere_never_crashes_or_hangs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.mp4");
    let original = std::fs::read(fixture("plain_160x120.mp4")).unwrap();
    let mut seed = 1_u32;
    let mut random = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize
    };
    for _ in 0..150 {
        let mut data = original.clone();
        for _ in 0..1 + random() % 20 {
            let position = random() % data.len();
            data[position] = random() as u8;
        }
        std::fs::write(&path, &data).unwrap();
        let Ok(mut video) = VideoFile::open(&path) else { continue };
        let mut frames = 0;
        while let Ok(Some(_)) = video.next_frame() {
            frames += 1;
            assert!(frames < 1000);
        }
    }
}

#[test]
fn a_file_can_be_moved_to_another_thread() {
    let mut video = open("mjpeg.avi");
    video.next_frame().unwrap();
    let count = std::thread::spawn(move || frames(&mut video).len()).join().unwrap();
    assert_eq!(count, 2);
}

#[test]
fn as_a_producer_it_gives_every_frame_and_ends() {
    let video = open("plain_160x120.mp4");
    let announced = ProducerFormat::new(PixelFormat::I420, 160, 120).frame_rate(30.0);
    assert_eq!(video.format(), Some(&announced));
    let captured: Vec<_> = video.frames().map(Result::unwrap).collect();
    assert!(
        captured
            .iter()
            .map(|captured| (captured.sequence, captured.dropped))
            .eq((0..30).map(|number| (number, 0)))
    );
    let frames: Vec<_> = captured.into_iter().map(|captured| captured.frame).collect();
    assert_near(&seconds(&frames), (0..30).map(|frame| f64::from(frame) / 30.0));
}

#[test]
fn a_paced_file_takes_as_long_as_it_lasts_and_can_be_stopped() {
    let producer = || VideoFile::options().paced(true).open(fixture("plain_160x120.mp4")).unwrap();
    let started = Instant::now();
    assert_eq!(producer().frames().count(), 30);
    assert!(started.elapsed() >= Duration::from_millis(950), "{:?}", started.elapsed());

    let second = Duration::from_secs(1);
    let mut video = producer();
    let mut next =
        |timeout| FrameProducer::next_frame(&mut video, timeout).map(|captured| captured.sequence);
    assert_eq!(next(Duration::ZERO), Ok(0));
    assert!(next(Duration::ZERO).unwrap_err().is_timeout());
    assert_eq!(next(second), Ok(1));
    video.stop_handle().stop();
    assert_eq!(FrameProducer::next_frame(&mut video, second).unwrap_err(), CaptureError::Stopped);
}

#[test]
fn a_looped_file_begins_again_with_times_that_go_on() {
    for name in ["plain_160x120.mp4", "two_sizes.h264"] {
        let once = frames(&mut open(name));
        let mut video = VideoFile::options().looped(true).open(fixture(name)).unwrap();
        let frames: Vec<_> =
            (0..once.len() * 3).map(|_| video.next_frame().unwrap().unwrap()).collect();
        for round in frames.chunks(once.len()) {
            assert!(round.iter().zip(&once).all(|(a, b)| a.to_packed() == b.to_packed()), "{name}");
        }
        let times = seconds(&frames);
        assert!(times.is_sorted_by(|earlier, later| earlier < later), "{name}: {times:?}");
    }
    let expected = (0..90).map(|frame| f64::from(frame) / 30.0);
    let mut video = VideoFile::options().looped(true).open(fixture("plain_160x120.mp4")).unwrap();
    let frames: Vec<_> = (0..90).map(|_| video.next_frame().unwrap().unwrap()).collect();
    assert_near(&seconds(&frames), expected);
}

/// The packets of a transport stream whose clock says so many seconds more.
fn later(stream: &[u8], seconds: u64) -> Vec<u8> {
    let mut stream = stream.to_vec();
    for packet in stream.chunks_exact_mut(188) {
        let begins = packet[1] & 0x40 != 0;
        let payload = if packet[3] & 0x20 == 0 { 4 } else { 5 + usize::from(packet[4]) };
        let Some(header) = packet.get_mut(payload..) else { continue };
        // The header of a packetized elementary stream: PTS, and perhaps DTS, of 33 bits in 5 bytes.
        if !begins || !header.starts_with(&[0, 0, 1, 0xe0]) {
            continue;
        }
        let stamps = [header[7] & 0x80 != 0, header[7] & 0x40 != 0];
        for (stamp, _) in header[9..].chunks_exact_mut(5).zip(stamps).filter(|(_, has)| *has) {
            let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|index| u64::from(stamp[index]));
            let time = (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1;
            let time = time + seconds * 90_000;
            stamp[0] = stamp[0] & 0xf1 | (time >> 29 & 0x0e) as u8;
            stamp[1] = (time >> 22) as u8;
            stamp[2] = (time >> 14) as u8 | 1;
            stamp[3] = (time >> 7) as u8;
            stamp[4] = (time << 1) as u8 | 1;
        }
    }
    stream
}

/// The packets with numbers that go on, as if nothing had been joined.
fn renumbered(mut stream: Vec<u8>) -> Vec<u8> {
    let mut numbers = HashMap::new();
    for packet in stream.chunks_exact_mut(188) {
        let number: &mut u8 = numbers.entry((packet[1] & 0x1f, packet[2])).or_default();
        packet[3] = packet[3] & 0xf0 | *number;
        let has_payload = packet[3] & 0x10 != 0;
        *number = (*number + u8::from(has_payload)) & 0x0f;
    }
    stream
}

#[test]
fn joined_recordings_go_on_and_keep_nobody_waiting() {
    let first = std::fs::read(fixture("numbered_baseline.ts")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    for seconds in [0, 3600] {
        let path = directory.path().join(format!("{seconds}.ts"));
        let joined = [first.clone(), later(&first, seconds)].concat();
        std::fs::write(&path, renumbered(joined)).unwrap();
        let times = seconds_from_zero(&frames(&mut VideoFile::open(&path).unwrap()));
        assert!(times.len() >= 178, "{} frames", times.len());
        assert!(times.is_sorted_by(|earlier, later| earlier < later), "{times:?}");
        let last = times[times.len() - 1];
        assert!((5.8..6.3).contains(&last), "{last} s");
    }
    let paced = VideoFile::options().paced(true).max_wait(Duration::from_millis(1));
    let paced = paced.open(directory.path().join("3600.ts")).unwrap();
    assert!(paced.frames().filter(Result::is_ok).count() >= 178);
}

fn seconds_from_zero(frames: &[Frame]) -> Vec<f64> {
    let times = seconds(frames);
    times.iter().map(|time| time - times[0]).collect()
}

#[test]
fn a_looped_file_that_is_gone_is_an_error_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("clip.mp4");
    std::fs::copy(fixture("plain_160x120.mp4"), &path).unwrap();
    let mut video = VideoFile::options().looped(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    (0..30).for_each(|_| drop(video.next_frame().unwrap().unwrap()));
    assert!(matches!(video.next_frame(), Err(VideoFileError::NotFound { .. })));
    assert_eq!(video.next_frame().unwrap().map(drop), None);
}
