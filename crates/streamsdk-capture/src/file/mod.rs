//! Frames from a video file, through FFmpeg.

mod error;
mod info;
mod open;
mod playback;
mod reading;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use streamsdk_media::{Frame, PixelFormat, StreamClock};

pub use self::error::VideoFileError;
pub use self::info::VideoInfo;
use self::playback::{Pacing, Playback};
use self::reading::{FileReader, skipped_packets};
use crate::ffmpeg::DecoderOptions;
use crate::{CaptureError, CapturedFrame, Damage, FrameProducer, ProducerFormat, StopHandle};

/// A video file that is being decoded, frame by frame, on the caller's thread.
///
/// The file may come from anywhere: only containers that hold their own frames are opened, never
/// playlists or anything else that names other files or addresses, and nothing but the file itself
/// is read.
///
/// A damaged file gives the frames that can be decoded; [`VideoFile::damage`] says what was missing
/// or damaged.
///
/// As a [`FrameProducer`] it leaves out no frame and gives, if it is [paced](VideoFileOptions::paced),
/// each when its time has come.
pub struct VideoFile {
    path: PathBuf,
    options: VideoFileOptions,
    reading: FileReader,
    clock: StreamClock,
    /// That of the rounds before this one.
    damage: Damage,
    playback: Playback,
    format: Option<ProducerFormat>,
}

/// How a video file is opened.
///
/// ```no_run
/// use streamsdk_capture::VideoFile;
///
/// let video = VideoFile::options().threads(2).open("traffic.mp4")?;
/// # Ok::<(), streamsdk_capture::VideoFileError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct VideoFileOptions {
    decoding: DecoderOptions,
    pacing: Pacing,
    is_looped: bool,
}

impl VideoFileOptions {
    /// How many threads decode, from 1 to 64; what lies outside is taken as the nearest of them. More
    /// threads are faster as long as cores are idle, and hold more frames in memory. Default is 1.
    pub fn threads(self, threads: usize) -> Self {
        Self { decoding: self.decoding.threads(threads), ..self }
    }

    /// How many pixels a frame may have as it is stored, which is a little more than is shown. A small
    /// file can claim to hold huge frames. Default is 35,389,440, which is 8192 by 4320.
    pub fn max_pixels(self, pixels: u64) -> Self {
        Self { decoding: self.decoding.max_pixels(pixels), ..self }
    }

    /// Whether [`FrameProducer::next_frame`] gives each frame at its time, counted from the first, or
    /// as fast as it is asked. [`VideoFile::next_frame`] never waits. Default is `false`.
    pub fn paced(self, is_paced: bool) -> Self {
        Self { pacing: Pacing { is_paced, ..self.pacing }, ..self }
    }

    /// Whether a paced file leaves out frames that are taken too late: by more than 0.2 seconds and the
    /// time of a frame. [`CapturedFrame::dropped`] counts them. One a second or so is given, however late
    /// it is. Default is `false`: they are given one after the other.
    pub fn drop_late(self, drops_late: bool) -> Self {
        Self { pacing: Pacing { drops_late, ..self.pacing }, ..self }
    }

    /// How long a paced file waits for one frame, whatever the file says. Longer pauses are shortened in
    /// playing; timestamps show them. Default is 2 seconds.
    pub fn max_wait(self, max_wait: Duration) -> Self {
        Self { pacing: Pacing { max_wait, ..self.pacing }, ..self }
    }

    /// Whether the file is read again when it ends. Timestamps go on. Default is `false`.
    pub fn looped(self, is_looped: bool) -> Self {
        Self { is_looped, ..self }
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// As [`VideoFile::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<VideoFile, VideoFileError> {
        VideoFile::open_with(path.as_ref(), self)
    }
}

impl VideoFile {
    /// Opens a file. Of several video streams, FFmpeg chooses the best.
    ///
    /// # Errors
    ///
    /// If there is no such file, it is not a video that FFmpeg knows, has no video stream, or one of
    /// an unknown codec. Whether frames can be decoded is found out by [`VideoFile::next_frame`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, VideoFileError> {
        Self::options().open(path)
    }

    /// Opens a file otherwise than by default.
    pub fn options() -> VideoFileOptions {
        VideoFileOptions::default()
    }

    fn open_with(path: &Path, options: VideoFileOptions) -> Result<Self, VideoFileError> {
        let reading = FileReader::open(path, &options.decoding)?;
        let info = reading.info();
        let format = ProducerFormat::new(PixelFormat::I420, info.width, info.height);
        Ok(Self {
            path: path.to_owned(),
            format: Some(format.frame_rate(info.declared_fps)),
            clock: StreamClock::recorded(info.time_base, info.frame_time()),
            playback: Playback::new(&options.pacing, info.frame_time()),
            options,
            reading,
            damage: Damage::default(),
        })
    }

    /// What the file says about itself.
    pub fn info(&self) -> &VideoInfo {
        self.reading.info()
    }

    /// What was missing or damaged so far, in all rounds. What the file promised and does not have is
    /// known when it has ended.
    pub fn damage(&self) -> Damage {
        self.damage.and(self.reading.damage())
    }

    /// How many packets were damaged so far and gave no frame.
    pub fn skipped_packets(&self) -> u64 {
        skipped_packets(&self.damage())
    }

    /// The next frame in the order of display, in I420, in the colour space that the file says it has, and
    /// turned as the file says; `None` at the end and ever after.
    ///
    /// Each frame has a timestamp in the time base of [`VideoFile::info`]. They always grow, and their
    /// distances are those of the file, which need not be regular. Where the file's clock was set, as in
    /// recordings that were joined, they go on by the time of a frame
    /// ([`StreamClock::recorded`](streamsdk_media::StreamClock::recorded) says when that is). Frames
    /// change their size where the video does.
    ///
    /// # Errors
    ///
    /// If the file ends and nothing in it could be decoded, if decoding cannot go on, or if a
    /// [looped](VideoFileOptions::looped) file cannot be opened again. After an error there are no more
    /// frames.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, VideoFileError> {
        let next = self.next_of_all_rounds();
        if next.is_err() {
            self.options.is_looped = false;
        }
        next
    }

    fn next_of_all_rounds(&mut self) -> Result<Option<Frame>, VideoFileError> {
        match self.reading.next_frame()? {
            Some(frame) => Ok(Some(self.timed(frame))),
            None if self.options.is_looped => {
                self.begin_again()?;
                // A round without a frame is an error, so there is no going round for ever.
                Ok(self.reading.next_frame()?.map(|frame| self.timed(frame)))
            }
            None => Ok(None),
        }
    }

    /// Opening the file anew is possible in every container, unlike seeking.
    fn begin_again(&mut self) -> Result<(), VideoFileError> {
        let reading = FileReader::open(&self.path, &self.options.decoding)?;
        self.damage = self.damage();
        self.clock.restart();
        self.reading = reading;
        Ok(())
    }

    fn timed(&mut self, frame: Frame) -> Frame {
        let timestamp = self.clock.stamp(frame.timestamp(), Instant::now());
        frame.at(timestamp)
    }
}

impl FrameProducer for VideoFile {
    fn format(&self) -> Option<&ProducerFormat> {
        self.format.as_ref()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        while self.playback.is_empty() {
            let frame = Self::next_frame(self).map_err(|error| error.about(self.path.display()))?;
            self.playback.put(frame.ok_or(CaptureError::EndOfStream)?);
        }
        let captured = self.playback.take(timeout)?;
        ProducerFormat::follow(&mut self.format, &captured.frame);
        Ok(captured)
    }

    fn stop_handle(&self) -> StopHandle {
        self.playback.stop_handle()
    }

    fn damage(&self) -> Damage {
        Self::damage(self)
    }
}

impl fmt::Debug for VideoFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VideoFile")
            .field("path", &self.path)
            .field("info", self.info())
            .field("damage", &self.damage())
            .finish_non_exhaustive()
    }
}
