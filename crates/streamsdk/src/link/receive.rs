use bytes::Bytes;
use streamsdk_protocol::ack::AckSender;
use streamsdk_protocol::chunk::{ChunkedMessage, Reassembler};
use streamsdk_protocol::control::ControlMessage;
use streamsdk_protocol::output::{OutputError, OutputMessage};
use streamsdk_protocol::{HeldMemory, Limits, Redactor};
use streamsdk_transport::{ChannelReceiver, ChannelSender, EndReason, IncomingFrame, Message};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::LinkContext;
use super::track::ReturnTrack;
use crate::config::FramePolicy;
use crate::event::Event;
use crate::frame::{FrameData, ReceivedFrame};
use crate::stats::{Renumbered, StreamEnd};

/// Reads the inference channel to its end.
pub(super) struct Receiver<'a> {
    pub(super) context: &'a LinkContext,
    pub(super) redactor: &'a Redactor,
    /// Where acks go; `None` when the server does not wait for them.
    pub(super) acks: Option<(ChannelSender, AckSender)>,
    /// Where frames come back as video.
    pub(super) track: Option<ReturnTrack>,
    /// Cancelled when nothing more is to come.
    pub(super) finish: CancellationToken,
}

/// How the channel ended.
pub(super) enum ChannelEnd {
    /// All results are here.
    Over(StreamEnd),
    /// It closed without a word.
    Closed(Option<EndReason>),
    /// What came is not what came before.
    Renumbered(Renumbered),
}

/// What has come outlives the link, however that ends.
impl Drop for Receiver<'_> {
    fn drop(&mut self) {
        self.track.iter_mut().for_each(ReturnTrack::give_up);
        while let Some(event) = self.track.as_mut().and_then(ReturnTrack::pop) {
            self.note(&event);
            match self.context.policy {
                FramePolicy::Lossless => self.context.queue.push_anyway(event),
                FramePolicy::Latest(most) => self.push_latest(event, most),
            }
        }
    }
}

/// A result as it came.
enum UnreadResult {
    Chunked(ChunkedMessage),
    /// Which frame it is about, only the text can tell.
    Text(Bytes),
}

impl UnreadResult {
    fn frame_id(&self) -> Option<u32> {
        match self {
            Self::Chunked(message) => Some(message.frame_id),
            Self::Text(_) => None,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Chunked(message) => message.payload.len(),
            Self::Text(text) => text.len(),
        }
    }

    fn read(&self, limits: &Limits, redactor: &Redactor) -> Result<OutputMessage, OutputError> {
        match self {
            Self::Chunked(message) => OutputMessage::parse(message.clone(), limits, redactor),
            Self::Text(text) => OutputMessage::parse_text(text.clone(), limits, redactor),
        }
    }
}

impl Receiver<'_> {
    pub(super) async fn run(mut self, channel: ChannelReceiver) -> ChannelEnd {
        let end = self.receive(channel).await;
        if let Some(track) = &mut self.track {
            track.finish().await;
        }
        self.enqueue_paired().await;
        end
    }

    async fn receive(&mut self, mut channel: ChannelReceiver) -> ChannelEnd {
        let memory = self.context.queue.memory().clone();
        let mut reassembler = Reassembler::within(self.context.config.limits, memory);
        let finish = self.finish.clone();
        loop {
            tokio::select! {
                biased;
                // No more than there are frames, so that messages have their turn.
                frame = next_frame(&mut self.track) => {
                    if let Some(track) = &mut self.track {
                        track.push_frame(&frame);
                    }
                    self.enqueue_paired().await;
                }
                message = channel.recv() => {
                    let Some(message) = message else {
                        return ChannelEnd::Closed(channel.end_reason());
                    };
                    if let Some(end) = self.take(message, &mut reassembler).await {
                        return end;
                    }
                }
                () = finish.cancelled() => return ChannelEnd::Over(StreamEnd::Answered),
            }
        }
    }

    async fn take(
        &mut self,
        message: Message,
        reassembler: &mut Reassembler,
    ) -> Option<ChannelEnd> {
        let chunk = match message {
            Message::Binary(chunk) => chunk,
            Message::Text(text) => return self.handle(UnreadResult::Text(text.into())).await,
        };
        let bytes = chunk.len();
        let abandoned = reassembler.abandoned();
        let pushed = reassembler.push(chunk);
        for _ in abandoned..reassembler.abandoned() {
            self.context.tracker.result_unreadable(None);
        }
        match pushed {
            Ok(Some(message)) => self.handle(UnreadResult::Chunked(message)).await,
            Ok(None) => {
                let most = self.context.config.limits.max_message_bytes();
                self.context.tracker.message_grows(bytes, most);
                None
            }
            Err(error) => {
                warn!(%error, "a message of the server was dropped");
                self.context.tracker.result_unreadable(None);
                None
            }
        }
    }

    async fn handle(&mut self, message: UnreadResult) -> Option<ChannelEnd> {
        let told = message.frame_id();
        let (message, held) = match self.read(message).await {
            Ok(read) => read,
            Err(error) => {
                warn!(%error, frame_id = told, "a result was dropped");
                self.context.tracker.result_unreadable(told);
                if let Some(frame_id) = told {
                    // It cannot become readable by waiting: let the server go on.
                    self.ack(frame_id).await;
                }
                return None;
            }
        };
        let frame_id = message.frame_id;
        if message.processing_complete {
            let named = message.metadata.as_ref().map(|metadata| metadata.frame_id);
            let last = named.unwrap_or(frame_id.saturating_sub(1));
            let OutputMessage { termination_reason: reason, errors, .. } = message;
            return Some(ChannelEnd::Over(self.context.tracker.told_the_end(last, reason, errors)));
        }
        let time = message.metadata.as_ref().and_then(|metadata| metadata.pts);
        let number = match self.context.tracker.result_arrived(frame_id, time, &message.errors) {
            Ok(Some(number)) => number,
            Ok(None) => {
                // The caller has it from the link before.
                self.ack(frame_id).await;
                return None;
            }
            Err(renumbered) => return Some(ChannelEnd::Renumbered(renumbered)),
        };
        if !message.odd.is_empty() {
            debug!(frame_id, odd = %message.odd, "a result has odd fields");
            self.context.tracker.odd_fields(message.odd.count());
        }
        let data = FrameData::new(message, number).holding(held);
        match &mut self.track {
            Some(track) => {
                track.push_data(data);
                self.enqueue_paired().await;
            }
            None => self.enqueue(event(data, self.context.config.frame_outputs())).await,
        }
        self.ack(frame_id).await;
        None
    }

    /// Reads a message as far as there is memory for it, which other results make room for.
    async fn read(
        &self,
        message: UnreadResult,
    ) -> Result<(OutputMessage, HeldMemory), OutputError> {
        let memory = self.context.queue.memory();
        let limits = self.context.config.limits;
        let compressed = memory.hold(message.len());
        let read = loop {
            let room = memory.left().min(limits.max_inflated_bytes());
            let within = limits.inflated_bytes(room);
            match message.read(&within, self.redactor) {
                // The caller may have made some meanwhile, and nothing more waits for it.
                Err(OutputError::TooLarge { .. })
                    if room < limits.max_inflated_bytes()
                        && (memory.left() > room || self.make_room().await) => {}
                read => break read?,
            }
        };
        drop((compressed, message));
        while memory.left() < read.held_bytes() && self.make_room().await {}
        let held = memory.hold(read.held_bytes());
        Ok((read, held))
    }

    /// Lets the caller take a result that waits, or drops the oldest where the caller is to have the newest. Whether
    /// there was one.
    async fn make_room(&self) -> bool {
        let LinkContext { queue, tracker, policy, .. } = self.context;
        match policy {
            FramePolicy::Lossless => {
                tracker.caller_is_late(true);
                let was_one = queue.one_is_taken().await;
                tracker.caller_is_late(false);
                was_one
            }
            FramePolicy::Latest(_) => {
                let was_one = queue.drop_oldest();
                tracker.results_dropped(u64::from(was_one));
                was_one
            }
        }
    }

    async fn enqueue_paired(&mut self) {
        while let Some(event) = self.track.as_mut().and_then(ReturnTrack::pop) {
            self.enqueue(event).await;
        }
    }

    async fn enqueue(&self, event: Event) {
        self.note(&event);
        match self.context.policy {
            FramePolicy::Lossless => {
                self.context.tracker.caller_is_late(true);
                self.context.queue.push(event).await;
                self.context.tracker.caller_is_late(false);
            }
            FramePolicy::Latest(most) => self.push_latest(event, most),
        }
    }

    fn push_latest(&self, event: Event, most: usize) {
        let dropped = self.context.queue.push_latest(event, most);
        self.context.tracker.results_dropped(dropped);
    }

    fn note(&self, event: &Event) {
        if matches!(event, Event::Frame(frame) if !frame.has_data()) {
            self.context.tracker.frame_alone();
        }
    }

    /// Tells the server that everything up to `frame_id` has a place that cannot be lost.
    async fn ack(&mut self, frame_id: u32) {
        let Some((sender, acks)) = &mut self.acks else { return };
        let Some(due) = acks.frame_is_safe(frame_id) else { return };
        // A connection that takes no more acks is over; reading on finds out why.
        let _ = sender.send_text(&ControlMessage::ack(due).to_text()).await;
    }
}

/// What a message without a track is for the caller.
fn event(data: FrameData, frame_outputs: &[String]) -> Event {
    match ReceivedFrame::find(&data, frame_outputs) {
        Some(frame) => Event::Frame(frame),
        None => Event::Data(data),
    }
}

async fn next_frame(track: &mut Option<ReturnTrack>) -> IncomingFrame {
    match track {
        Some(track) => track.recv().await,
        None => std::future::pending().await,
    }
}
