use streamsdk_protocol::Redactor;
use streamsdk_protocol::ack::AckSender;
use streamsdk_protocol::chunk::Reassembler;
use streamsdk_protocol::control::ControlMessage;
use streamsdk_protocol::output::{OutputError, OutputMessage};
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
        let mut reassembler = Reassembler::new(self.context.config.limits);
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
            Message::Text(text) => {
                let limits = &self.context.config.limits;
                let message = OutputMessage::parse_text(text, limits, self.redactor);
                return self.handle(message, None).await;
            }
        };
        let abandoned = reassembler.abandoned();
        let pushed = reassembler.push(chunk);
        for _ in abandoned..reassembler.abandoned() {
            self.context.tracker.result_unreadable(None);
        }
        match pushed {
            Ok(Some(message)) => {
                let (frame_id, limits) = (message.frame_id, &self.context.config.limits);
                let message = OutputMessage::parse(message, limits, self.redactor);
                self.handle(message, Some(frame_id)).await
            }
            Ok(None) => {
                self.context.tracker.message_grows();
                None
            }
            Err(error) => {
                warn!(%error, "a message of the server was dropped");
                self.context.tracker.result_unreadable(None);
                None
            }
        }
    }

    /// Takes a message about the frame `frame_id`; `None` if only the message itself can tell.
    async fn handle(
        &mut self,
        message: Result<OutputMessage, OutputError>,
        frame_id: Option<u32>,
    ) -> Option<ChannelEnd> {
        let message = match message {
            Ok(message) => message,
            Err(error) => {
                warn!(%error, frame_id, "a result was dropped");
                self.context.tracker.result_unreadable(frame_id);
                if let Some(frame_id) = frame_id {
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
        let data = FrameData::new(message, number);
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
