//! One viewer over WebRTC: what the stream gives, at the pace at which the viewer takes it.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use streamsdk_codec::{EncodedFrame, VideoCodec};
use streamsdk_transport::{
    Channel, ChannelReceiver, ChannelSender, IncomingChannels, Message, Peer, SendError,
    VideoSender,
};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::inside::with_text;
use crate::message::{ToPage, WantedOutputs, fits, in_parts};
use crate::stream::{CountedViewer, SharedFrame, Shows, Stream, StreamItem, newest_waiting};
use crate::track_clock::TrackClock;

/// Label of the channel that the page makes.
const CHANNEL: &str = "view";
/// How long a viewer that is closed may take to hear of it.
const FAREWELL_TIME: Duration = Duration::from_millis(500);

/// A viewer whose connection is being made.
pub(crate) struct Viewer {
    pub(crate) stream: Arc<Stream>,
    pub(crate) peer: Peer,
    pub(crate) channels: IncomingChannels,
    /// Where pictures are passed on; without it they go over the channel as images.
    pub(crate) track: Option<VideoSender>,
    /// Whether what is known about a frame goes within it, where there is a track.
    pub(crate) inside: bool,
    pub(crate) closed: CancellationToken,
    pub(crate) counted: CountedViewer,
}

/// Why a viewer is left.
enum ViewEnd {
    /// Nothing more comes of the stream.
    Final,
    /// The page is to connect again.
    Changed,
    /// There is nobody to be told.
    Gone,
}

impl From<SendError> for ViewEnd {
    fn from(_: SendError) -> Self {
        Self::Gone
    }
}

impl Viewer {
    /// Shows the stream until it, or the viewer, is gone.
    pub(crate) async fn run(self) {
        let Self { stream, peer, mut channels, track, inside, closed, counted: _counted } = self;
        let showing = async {
            while let Some(channel) = channels.next().await {
                if channel.label() == CHANNEL {
                    return show(&stream, channel, track, inside, &closed).await;
                }
            }
        };
        tokio::select! {
            () = showing => {}
            _ = peer.ended() => {}
            () = closed_for_long(&closed) => {}
        }
        peer.close().await;
        debug!(stream = stream.name(), "a viewer is gone");
    }
}

async fn closed_for_long(closed: &CancellationToken) {
    closed.cancelled().await;
    tokio::time::sleep(FAREWELL_TIME).await;
}

async fn show(
    stream: &Arc<Stream>,
    channel: Channel,
    track: Option<VideoSender>,
    inside: bool,
    closed: &CancellationToken,
) {
    let (sender, words) = channel.split();
    let items = stream.items();
    let mut show = Show { stream, sender, words, wanted: WantedOutputs::All, closed };
    let end = match track {
        Some(track) => show.pass_on(track, inside, items).await,
        None => show.send_images(items).await,
    };
    let farewell = match end {
        Err(ViewEnd::Final) => ToPage::Over { reason: "the stream is over", r#final: true },
        Err(ViewEnd::Changed) => ToPage::Over { reason: "the pictures are others", r#final: false },
        Ok(()) | Err(ViewEnd::Gone) => return,
    };
    // Who is gone meanwhile need not hear it.
    let _ = show.sender.send_text(&farewell.to_text()).await;
}

/// A viewer who looks.
struct Show<'a> {
    stream: &'a Arc<Stream>,
    sender: ChannelSender,
    words: ChannelReceiver,
    wanted: WantedOutputs,
    closed: &'a CancellationToken,
}

impl Show<'_> {
    /// Passes a video on as it comes.
    async fn pass_on(
        &mut self,
        track: VideoSender,
        inside: bool,
        mut items: broadcast::Receiver<StreamItem>,
    ) -> Result<(), ViewEnd> {
        let codec = track.codec();
        self.greet(Shows::Video(codec)).await?;
        let clock = TrackClock::default();
        let mut passing = PassedOn { track, inside, clock, in_step: false };
        self.stream.request_key_frame();
        loop {
            let frame = match self.next(&mut items).await? {
                Some(StreamItem::Frame(frame)) => frame,
                Some(StreamItem::Gap) | None => {
                    passing.in_step = false;
                    continue;
                }
            };
            if passing.track.take_key_frame_request() {
                self.stream.request_key_frame();
            }
            self.pass_frame_on(&mut passing, codec, &frame).await?;
        }
    }

    async fn pass_frame_on(
        &self,
        passing: &mut PassedOn,
        codec: VideoCodec,
        frame: &SharedFrame,
    ) -> Result<(), ViewEnd> {
        let video = match frame.video() {
            Some(video) if video.codec == codec => video,
            _ if frame.shows().is_some() => return Err(ViewEnd::Changed),
            _ => return self.tell_of(frame).await,
        };
        passing.in_step |= video.key_frame;
        if !passing.in_step {
            self.stream.request_key_frame();
            return Ok(());
        }
        let time = passing.clock.time(ticks(video), Instant::now());
        let rtp = Some(passing.track.rtp_timestamp(time));
        let text = ToPage::frame(frame.frame(), rtp, &self.wanted).to_text();
        if passing.inside && fits(&text) {
            return Ok(passing.track.send(time, with_text(&video.data, &text)).await?);
        }
        // Before the picture, so that the page has it when the picture is there.
        self.tell(&text).await?;
        Ok(passing.track.send(time, video.data.clone()).await?)
    }

    /// Of a frame without a picture.
    async fn tell_of(&self, frame: &SharedFrame) -> Result<(), ViewEnd> {
        self.tell(&ToPage::frame(frame.frame(), None, &self.wanted).to_text()).await
    }

    async fn tell(&self, text: &str) -> Result<(), ViewEnd> {
        match fits(text) {
            true => Ok(self.sender.send_text(text).await?),
            false => self.send_all(in_parts(text, &[])).await,
        }
    }

    async fn send_all(&self, parts: impl Iterator<Item = BytesMut>) -> Result<(), ViewEnd> {
        for part in parts {
            self.sender.send(part).await?;
        }
        Ok(())
    }

    /// Sends the newest picture, as soon as the viewer has taken the one before.
    async fn send_images(
        &mut self,
        mut items: broadcast::Receiver<StreamItem>,
    ) -> Result<(), ViewEnd> {
        let mut next = self.stream.newest();
        let shows = if next.is_some() { Shows::Images } else { Shows::Data };
        self.greet(shows).await?;
        loop {
            if let Some(frame) = next.take() {
                self.send_image(&newest_waiting(frame, &mut items)).await?;
            }
            match self.next(&mut items).await? {
                Some(StreamItem::Frame(frame)) if frame.shows().is_some() => match shows {
                    Shows::Data => return Err(ViewEnd::Changed),
                    _ => next = Some(frame),
                },
                Some(StreamItem::Frame(frame)) => self.tell_of(&frame).await?,
                Some(StreamItem::Gap) | None => {}
            }
        }
    }

    async fn send_image(&self, frame: &Arc<SharedFrame>) -> Result<(), ViewEnd> {
        match frame.jpeg().await {
            Ok(jpeg) => {
                let message = ToPage::frame(frame.frame(), None, &self.wanted);
                self.send_all(message.with_picture(&jpeg)).await
            }
            Err(error) => {
                debug!(%error, frame = frame.frame().number(), "a frame has no picture");
                self.tell_of(frame).await
            }
        }
    }

    async fn greet(&self, shows: Shows) -> Result<(), ViewEnd> {
        let hello = ToPage::hello(shows, self.stream.name());
        Ok(self.sender.send_text(&hello.to_text()).await?)
    }

    /// What the stream gives next; `None` if the viewer was too late for some of it. Hears what the page says
    /// meanwhile.
    async fn next(
        &mut self,
        items: &mut broadcast::Receiver<StreamItem>,
    ) -> Result<Option<StreamItem>, ViewEnd> {
        loop {
            tokio::select! {
                biased;
                word = self.words.recv() => match word {
                    Some(Message::Text(text)) => {
                        self.wanted = WantedOutputs::read(&text).unwrap_or_default();
                    }
                    Some(Message::Binary(_)) => {}
                    None => return Err(ViewEnd::Gone),
                },
                item = items.recv() => match item {
                    Ok(item) => return Ok(Some(item)),
                    Err(RecvError::Lagged(_)) => return Ok(None),
                    Err(RecvError::Closed) => return Err(ViewEnd::Final),
                },
                () = self.stream.over() => return Err(ViewEnd::Final),
                () = self.closed.cancelled() => return Err(ViewEnd::Final),
            }
        }
    }
}

/// A video on its way to a viewer.
struct PassedOn {
    track: VideoSender,
    inside: bool,
    clock: TrackClock,
    /// Whether the viewer can decode what comes next.
    in_step: bool,
}

/// The frame's time in ticks of 90 kHz, of which the lower bits are all that counts.
fn ticks(video: &EncodedFrame) -> u32 {
    video.timestamp.pts as u32
}
