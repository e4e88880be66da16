//! Frames from a video file, through FFmpeg.

mod error;
mod info;
mod open;
mod picture;

use std::fmt;
use std::path::{Path, PathBuf};

use ffmpeg_next::error::{EAGAIN, ENOMEM};
use ffmpeg_next::format::context::Input;
use ffmpeg_next::{Dictionary, Packet, codec, decoder, frame};
use streamsdk_media::{Frame, Timestamp};

pub use self::error::VideoFileError;
pub use self::info::VideoInfo;
use self::picture::Pictures;

/// A video file that is being decoded, frame by frame, on the caller's thread.
///
/// The file may come from anywhere: only containers that hold their own frames are opened, never
/// playlists or anything else that names other files or addresses, and nothing but the file itself
/// is read.
///
/// A damaged file gives the frames that can be decoded; [`VideoFile::skipped_packets`] counts what
/// could not.
pub struct VideoFile {
    path: PathBuf,
    input: Input,
    stream: usize,
    decoder: decoder::Video,
    info: VideoInfo,
    pictures: Pictures,
    progress: Progress,
    /// The timestamp of a frame that comes without one.
    next_pts: i64,
    delivered: u64,
    skipped: u64,
    /// Failures to read or decode since something last worked.
    failures: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Reading,
    /// The file is at its end; the decoder still has frames.
    Draining,
    Ended,
}

/// How a video file is opened.
///
/// ```no_run
/// use streamsdk_capture::VideoFile;
///
/// let video = VideoFile::options().threads(2).open("traffic.mp4")?;
/// # Ok::<(), streamsdk_capture::VideoFileError>(())
/// ```
#[derive(Debug, Clone)]
pub struct VideoFileOptions {
    threads: usize,
    max_pixels: u64,
}

impl VideoFileOptions {
    /// How many threads decode, from 1 to 64; what lies outside is taken as the nearest of them. More
    /// threads are faster as long as cores are idle, and hold more frames in memory. Default is 1.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads: threads.clamp(1, 64), ..self }
    }

    /// How many pixels a frame may have as it is stored, which is a little more than is shown. A small
    /// file can claim to hold huge frames. Default is 35,389,440, which is 8192 by 4320.
    #[must_use]
    pub fn max_pixels(self, pixels: u64) -> Self {
        Self { max_pixels: pixels.clamp(1, i32::MAX as u64), ..self }
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// As [`VideoFile::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<VideoFile, VideoFileError> {
        VideoFile::open_with(path.as_ref(), &self)
    }

    /// What both the decoder and FFmpeg's search for streams are told.
    fn for_decoder(&self) -> Dictionary<'static> {
        let mut options = Dictionary::new();
        options.set("threads", &self.threads.to_string());
        options.set("max_pixels", &self.max_pixels.to_string());
        options
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
        VideoFileOptions { threads: 1, max_pixels: 8192 * 4320 }
    }

    fn open_with(path: &Path, options: &VideoFileOptions) -> Result<Self, VideoFileError> {
        streamsdk_media::ffmpeg::init();
        let input = open::open(path, options)?;
        let stream = open::video_stream(&input)
            .ok_or_else(|| VideoFileError::NoVideoStream { path: path.to_owned() })?;
        let decoder = open_decoder(path, &stream, options)?;
        let info = VideoInfo::read(&input, &stream, &decoder)
            .ok_or_else(|| VideoFileError::open(path, "the video has no size or no time base"))?;
        let stream = stream.index();
        Ok(Self {
            path: path.to_owned(),
            pictures: Pictures::new(info.rotation),
            input,
            stream,
            decoder,
            info,
            progress: Progress::Reading,
            next_pts: 0,
            delivered: 0,
            skipped: 0,
            failures: 0,
        })
    }

    /// What the file says about itself.
    pub fn info(&self) -> &VideoInfo {
        &self.info
    }

    /// How many packets were damaged so far and gave no frame.
    pub fn skipped_packets(&self) -> u64 {
        self.skipped
    }

    /// The next frame in the order of display, in I420 and turned as the file says; `None` at the end
    /// and ever after.
    ///
    /// Each frame has a timestamp in the time base of [`VideoFile::info`]. Their distances are those
    /// of the file, which need not be regular. Frames change their size where the video does.
    ///
    /// # Errors
    ///
    /// If the file ends and nothing in it could be decoded, or if decoding cannot go on. After an error
    /// there are no more frames.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, VideoFileError> {
        let next = self.decode_next();
        if !matches!(next, Ok(Some(_))) {
            self.progress = Progress::Ended;
        }
        next
    }

    fn decode_next(&mut self) -> Result<Option<Frame>, VideoFileError> {
        while self.progress != Progress::Ended {
            let mut picture = frame::Video::empty();
            match self.decoder.receive_frame(&mut picture) {
                Ok(()) => return self.deliver(picture).map(Some),
                Err(ffmpeg_next::Error::Eof) => return self.end(),
                Err(ffmpeg_next::Error::Other { errno: EAGAIN }) => match self.progress {
                    Progress::Reading => self.read()?,
                    _ => return self.end(),
                },
                Err(error) => self.skip(error)?,
            }
            if self.failures > MAX_FAILURES {
                self.drain()?;
            }
        }
        Ok(None)
    }

    /// Hands one packet to the decoder.
    fn read(&mut self) -> Result<(), VideoFileError> {
        let mut packet = Packet::empty();
        match packet.read(&mut self.input) {
            Ok(()) => self.failures = 0,
            Err(ffmpeg_next::Error::Eof) => return self.drain(),
            Err(error) => return self.skip(error),
        }
        if packet.stream() != self.stream {
            return Ok(());
        }
        if packet.is_corrupt() {
            self.skipped += 1;
            return Ok(());
        }
        match self.decoder.send_packet(&packet) {
            Ok(()) => Ok(()),
            Err(error) => self.skip(error),
        }
    }

    /// Counts what is damaged; lack of memory is no damage.
    fn skip(&mut self, error: ffmpeg_next::Error) -> Result<(), VideoFileError> {
        if error == (ffmpeg_next::Error::Other { errno: ENOMEM }) {
            return Err(self.failed(error));
        }
        self.skipped += 1;
        self.failures += 1;
        Ok(())
    }

    fn drain(&mut self) -> Result<(), VideoFileError> {
        if self.progress != Progress::Reading {
            // Even without the rest of the frames there is nothing left to wait for.
            self.progress = Progress::Ended;
            return self.end().map(drop);
        }
        self.progress = Progress::Draining;
        self.failures = 0;
        self.decoder.send_eof().map_err(|error| self.failed(error))
    }

    fn end(&self) -> Result<Option<Frame>, VideoFileError> {
        if self.delivered > 0 {
            return Ok(None);
        }
        Err(VideoFileError::NothingDecoded {
            path: self.path.clone(),
            skipped_packets: self.skipped,
        })
    }

    fn deliver(&mut self, picture: frame::Video) -> Result<Frame, VideoFileError> {
        let pts = picture.timestamp().unwrap_or(self.next_pts);
        self.next_pts = pts.saturating_add(self.info.ticks_per_frame());
        let frame = self.pictures.frame(picture).map_err(|reason| self.failed(reason))?;
        self.failures = 0;
        self.delivered += 1;
        Ok(frame.at(Timestamp::new(pts, self.info.time_base)))
    }

    fn failed(&self, reason: impl ToString) -> VideoFileError {
        VideoFileError::Decode { path: self.path.clone(), reason: reason.to_string() }
    }
}

impl fmt::Debug for VideoFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VideoFile")
            .field("path", &self.path)
            .field("info", &self.info)
            .field("skipped_packets", &self.skipped)
            .finish_non_exhaustive()
    }
}

fn open_decoder(
    path: &Path,
    stream: &ffmpeg_next::Stream<'_>,
    options: &VideoFileOptions,
) -> Result<decoder::Video, VideoFileError> {
    let parameters = stream.parameters();
    let codec = decoder::find(parameters.id()).ok_or_else(|| VideoFileError::UnknownCodec {
        path: path.to_owned(),
        codec: parameters.id().name().to_owned(),
    })?;
    codec::Context::from_parameters(parameters)
        .and_then(|context| context.decoder().open_as_with(codec, options.for_decoder()))
        .and_then(|opened| opened.video())
        .map_err(|error| VideoFileError::open(path, error))
}

/// Failures in a row after which a file is taken to be at its end: some errors come for ever.
const MAX_FAILURES: u32 = 64;
