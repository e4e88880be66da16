use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::BytesMut;
use streamsdk_protocol::UPLOAD_CHANNEL;
use streamsdk_protocol::init::InitRequest;
use streamsdk_protocol::upload::{HEADER_LEN, PlanError, UploadPlan};
use streamsdk_transport::{ChannelSender, SendError, VideoDirection};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{AfterBreak, ConnectionRequirements, FileError, SourceError, SourceIo, StreamSource};
use crate::config::StreamConfig;
use crate::outputs::FramesAsData;
use crate::stats::UploadProgress;

/// Chunks that are read at once: a thread is woken for each batch.
const BATCH: usize = 8;
const REPORT_INTERVAL: Duration = Duration::from_millis(50);
const DRAIN_POLL: Duration = Duration::from_millis(5);

type ChunkBatch = Vec<Result<BytesMut, FileError>>;

/// A video file, uploaded over a data channel. Any format that the server's FFmpeg reads.
///
/// Its frames come back over the data channel, complete and in order; those of the stream outputs
/// as [`Event::Frame`](crate::Event::Frame). The server processes every frame, as fast as the
/// caller takes them, unless [`StreamConfig::realtime_processing`] says otherwise: then it plays the file at its
/// own speed, and drops what is late.
#[derive(Debug)]
pub struct VideoFileSource {
    path: PathBuf,
    /// Until the upload takes it.
    file: Option<File>,
    /// Gives it back.
    reading: Option<JoinHandle<File>>,
    /// What is read of it while the connection is made.
    prepared: Option<Result<mpsc::Receiver<ChunkBatch>, SourceError>>,
    plan: UploadPlan,
    by_track: bool,
}

impl VideoFileSource {
    /// Opens a file and notes its size.
    ///
    /// # Errors
    ///
    /// When there is no such file, when it is no file, cannot be read, or is empty.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref().to_path_buf();
        let unreadable = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => FileError::NotFound { path: path.clone() },
            _ => FileError::Unreadable { path: path.clone(), error },
        };
        // Asked before opening: opening a named pipe would wait for its writer.
        if !std::fs::metadata(&path).map_err(unreadable)?.is_file() {
            return Err(FileError::NotAFile { path });
        }
        let file = File::open(&path).map_err(unreadable)?;
        Self::of_open_file(path, file)
    }

    /// Takes a file that is open, and notes its size; `path` is for errors.
    pub(super) fn of_open_file(path: PathBuf, file: File) -> Result<Self, FileError> {
        let unreadable = |error| FileError::Unreadable { path: path.clone(), error };
        let bytes = file.metadata().map_err(unreadable)?.len();
        let plan = UploadPlan::new(bytes).map_err(|error| match error {
            PlanError::Empty => FileError::Empty { path: path.clone() },
            _ => FileError::TooLarge { path: path.clone(), bytes },
        })?;
        Ok(Self { path, file: Some(file), reading: None, prepared: None, plan, by_track: false })
    }

    /// Has the frames of the stream output come back on a video track instead of the data channel: smaller
    /// and with less effort, but compressed again, and not safe from loss. Default is the data channel.
    pub fn frames_by_track(mut self) -> Self {
        self.by_track = true;
        self
    }

    /// Size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.plan.file_bytes()
    }
}

#[async_trait]
impl StreamSource for VideoFileSource {
    fn requirements(&self, config: &StreamConfig) -> ConnectionRequirements {
        let on_track = self.by_track && !config.frame_outputs().is_empty();
        ConnectionRequirements::default()
            .channels([UPLOAD_CHANNEL])
            .video(on_track.then_some(VideoDirection::ReceiveOnly))
    }

    fn init_parameters(&self, config: &StreamConfig, request: &mut InitRequest) {
        request.video_file_upload = true;
        request.webrtc_realtime_processing = config.realtime_processing.unwrap_or(false);
        if self.by_track {
            return;
        }
        // There is no track: what comes back as frames is data.
        let frames = request.stream_output.replace(Vec::new()).unwrap_or_default();
        let specification = request.workflow_configuration.workflow_specification.as_ref();
        let data = request.data_output.take().unwrap_or_default();
        request.data_output = Some(FramesAsData::new(frames, specification).beside(data));
    }

    async fn prepare(&mut self) {
        // The error that there was is the one to be told.
        if matches!(self.prepared, Some(Err(_))) {
            return;
        }
        // What was read for an attempt before may be out of date. Its thread ends when nobody receives from it.
        self.prepared = None;
        self.prepared = Some(self.read_from_start().await);
    }

    async fn run(&mut self, mut io: SourceIo) -> Result<(), SourceError> {
        let channel = io.take_channel(UPLOAD_CHANNEL);
        let channel = channel.ok_or(SourceError::Send(SendError::ChannelClosed))?;
        let chunks = match self.prepared.take() {
            Some(chunks) => chunks?,
            None => self.read_from_start().await?,
        };
        // No server answers on this channel.
        let (sender, _) = channel.split();
        tokio::select! {
            uploaded = upload(&sender, chunks, self.plan, &io) => uploaded,
            () = io.cancelled() => Err(SourceError::Cancelled),
        }
    }

    /// A file can be sent again. Of frames that come on a track it is not certain which they are.
    fn after_break(&self) -> AfterBreak {
        if self.by_track { AfterBreak::End } else { AfterBreak::StartAgain }
    }
}

impl VideoFileSource {
    /// Reads the file on a thread of its own, one batch of chunks ahead of the connection. Ends when the
    /// receiver is dropped.
    async fn read_from_start(&mut self) -> Result<mpsc::Receiver<ChunkBatch>, SourceError> {
        let unreadable = |error| FileError::Unreadable { path: self.path.clone(), error };
        let mut file = match (self.file.take(), self.reading.take()) {
            (Some(file), _) => file,
            // The connection that it was read for is gone, and with it the receiver.
            (None, Some(reading)) => reading.await.map_err(|panic| unreadable(panic.into()))?,
            (None, None) => return Err(SourceError::Send(SendError::ChannelClosed)),
        };
        file.rewind().map_err(unreadable)?;
        let (batches, receiver) = mpsc::channel(1);
        let (path, plan) = (self.path.clone(), self.plan);
        self.reading = Some(tokio::task::spawn_blocking(move || {
            let mut chunks = chunks(path, &mut file, plan).fuse().peekable();
            while chunks.peek().is_some() {
                if batches.blocking_send(chunks.by_ref().take(BATCH).collect()).is_err() {
                    break;
                }
            }
            drop(chunks);
            file
        }));
        Ok(receiver)
    }
}

/// The chunks of the file. Ends with the first error.
fn chunks(
    path: PathBuf,
    file: &mut File,
    plan: UploadPlan,
) -> impl Iterator<Item = Result<BytesMut, FileError>> {
    let mut indexes = 0..plan.chunks();
    let mut has_failed = false;
    std::iter::from_fn(move || {
        if has_failed {
            return None;
        }
        let chunk = match indexes.next() {
            Some(index) => read_chunk(&path, file, plan, index),
            // The last chunk may be followed by what somebody appended meanwhile.
            None => match file.read(&mut [0]) {
                Ok(more) if more > 0 => {
                    Err(FileError::Grew { path: path.clone(), expected: plan.file_bytes() })
                }
                _ => return None,
            },
        };
        has_failed = chunk.is_err();
        Some(chunk)
    })
}

fn read_chunk(
    path: &Path,
    file: &mut File,
    plan: UploadPlan,
    index: u32,
) -> Result<BytesMut, FileError> {
    let mut chunk = plan.start_chunk(index);
    let len = plan.payload_len(index);
    chunk.resize(HEADER_LEN + len, 0);
    match file.read_exact(&mut chunk[HEADER_LEN..]) {
        Ok(()) => Ok(chunk),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(FileError::Shrank {
            path: path.to_path_buf(),
            expected: plan.file_bytes(),
            found: file.metadata().map_or(0, |metadata| metadata.len()),
        }),
        Err(error) => Err(FileError::Unreadable { path: path.to_path_buf(), error }),
    }
}

async fn upload(
    sender: &ChannelSender,
    mut batches: mpsc::Receiver<ChunkBatch>,
    plan: UploadPlan,
    io: &SourceIo,
) -> Result<(), SourceError> {
    let progress = |arrived| UploadProgress::new(arrived, plan.file_bytes());
    io.report_upload(progress(0));
    let mut handed = 0;
    let mut reported = Instant::now();
    while let Some(batch) = batches.recv().await {
        for chunk in batch {
            let chunk = chunk?;
            let len = (chunk.len() - HEADER_LEN) as u64;
            sender.send(chunk).await?;
            handed += len;
            if reported.elapsed() >= REPORT_INTERVAL {
                let waiting = sender.unacknowledged().await as u64;
                io.report_upload(progress(handed.saturating_sub(waiting)));
                reported = Instant::now();
            }
        }
    }
    loop {
        let waiting = sender.unacknowledged().await as u64;
        io.report_upload(progress(handed.saturating_sub(waiting)));
        if waiting == 0 {
            return Ok(());
        }
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file_of(bytes: usize) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&vec![7; bytes]).unwrap();
        file
    }

    fn chunks_of(source: &mut VideoFileSource) -> Vec<Result<BytesMut, FileError>> {
        let mut file = source.file.take().unwrap();
        chunks(source.path.clone(), &mut file, source.plan).collect()
    }

    #[test]
    fn what_is_no_file_to_upload_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let open = |path: &Path| VideoFileSource::open(path).unwrap_err();
        assert!(matches!(open(&folder.path().join("none")), FileError::NotFound { .. }));
        assert!(matches!(open(folder.path()), FileError::NotAFile { .. }));
        assert!(matches!(open(file_of(0).path()), FileError::Empty { .. }));
        #[cfg(unix)]
        assert!(matches!(open(Path::new("/dev/null")), FileError::NotAFile { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_read_permission_is_unreadable() {
        use std::os::unix::fs::PermissionsExt;
        let file = file_of(5);
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o000)).unwrap();
        match VideoFileSource::open(file.path()) {
            Err(FileError::Unreadable { .. }) => {}
            // Whoever may read everything reads this too.
            Ok(_) => assert!(File::open(file.path()).is_ok()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn outputs_of_the_stream_become_data_in_order_and_once() {
        let source = VideoFileSource::open(file_of(1).path()).unwrap();
        let names = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect());
        let mut request =
            InitRequest::default().stream_output(["image", "b"]).data_output(["b", "a"]);
        source.init_parameters(&StreamConfig::default(), &mut request);
        assert_eq!(request.stream_output, names(&[]));
        assert_eq!(request.data_output, names(&["b", "a", "image"]));
        assert!(request.video_file_upload && !request.webrtc_realtime_processing);
    }

    #[tokio::test]
    async fn the_beginning_is_read_anew_for_each_attempt_to_connect() {
        let file = file_of(100_000);
        let mut source = VideoFileSource::open(file.path()).unwrap();
        source.prepare().await;
        let mut batches = source.prepared.take().unwrap().unwrap();
        let chunks = batches.recv().await.unwrap();
        let bytes = |chunk: Result<BytesMut, FileError>| chunk.unwrap().len() - HEADER_LEN;
        assert_eq!(chunks.into_iter().map(bytes).sum::<usize>(), 100_000);

        // The connection was lost, and the next one does not come about before the file is another.
        drop(batches);
        source.prepare().await;
        file.as_file().set_len(1).unwrap();
        source.prepare().await;
        let mut batches = source.prepared.take().unwrap().unwrap();
        let chunks = batches.recv().await.unwrap();
        assert!(matches!(chunks[..], [Err(FileError::Shrank { expected: 100_000, found: 1, .. })]));
    }

    #[test]
    fn a_file_that_shrinks_or_grows_is_noticed() {
        let file = file_of(100_000);
        let mut source = VideoFileSource::open(file.path()).unwrap();
        file.as_file().set_len(60_000).unwrap();
        let chunks = chunks_of(&mut source);
        assert!(matches!(
            chunks.last(),
            Some(Err(FileError::Shrank { expected: 100_000, found: 60_000, .. }))
        ));

        let mut source = VideoFileSource::open(file.path()).unwrap();
        file.as_file().set_len(60_001).unwrap();
        let chunks = chunks_of(&mut source);
        assert!(matches!(chunks.last(), Some(Err(FileError::Grew { expected: 60_000, .. }))));
    }
}
