//! What the caller asks of the server while a session runs, over all its links.

use std::sync::{Mutex, MutexGuard, PoisonError};

use streamsdk_protocol::control::ControlMessage;
use streamsdk_protocol::init::InitRequest;
use streamsdk_transport::{ChannelSender, Peer, TransportStats};
use thiserror::Error;

/// The outputs that are asked for, where the caller has changed them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RequestedOutputs {
    data: Option<Vec<String>>,
    stream: Option<Vec<String>>,
}

impl RequestedOutputs {
    /// Asks for them from the beginning of a link.
    pub(crate) fn fill(&self, request: &mut InitRequest) {
        let Self { data, stream } = self.clone();
        request.data_output = data.or(request.data_output.take());
        request.stream_output = stream.or(request.stream_output.take());
    }

    /// What has to be said to a server that was asked for `before`.
    fn messages(&self, before: &Self) -> Vec<ControlMessage> {
        let changed =
            |now: &Option<Vec<String>>, before| now.clone().filter(|now| Some(now) != before);
        let data = changed(&self.data, before.data.as_ref()).map(ControlMessage::data_output);
        let stream =
            changed(&self.stream, before.stream.as_ref()).map(ControlMessage::stream_output);
        data.into_iter().chain(stream).collect()
    }
}

/// Where wishes go: to the present link at once, and to those that follow with their request.
#[derive(Debug, Default)]
pub(crate) struct Steering {
    state: Mutex<SteeringState>,
}

#[derive(Debug, Default)]
struct SteeringState {
    outputs: RequestedOutputs,
    link: Option<SteeredLink>,
    /// What went over the links before.
    traffic_before: TransportStats,
    is_over: bool,
}

#[derive(Debug)]
struct SteeredLink {
    peer: Peer,
    /// `None` where the server takes no wishes.
    control: Option<ChannelSender>,
}

/// Why a session does not do what it is asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The session is over.
    #[error("the session is over and takes no more requests")]
    Over,
    /// It began without a video track that comes back, and servers make none later.
    #[error(
        "the session began without a video track that comes back, so no output can be selected for it: \
         name one in `StreamConfig::stream_output`, or have it come as data"
    )]
    NoReturnedTrack,
    /// Video is only published to the server.
    #[error(
        "the server returns nothing, so no output can be selected: video is only published to it"
    )]
    NothingReturned,
}

impl Steering {
    pub(crate) fn outputs(&self) -> RequestedOutputs {
        self.state().outputs.clone()
    }

    pub(crate) async fn set_data_output(&self, names: Vec<String>) -> Result<(), ControlError> {
        let message = ControlMessage::data_output(names.clone());
        self.set(message, |outputs| outputs.data = Some(names)).await
    }

    pub(crate) async fn set_stream_output(&self, names: Vec<String>) -> Result<(), ControlError> {
        let message = ControlMessage::stream_output(names.clone());
        self.set(message, |outputs| outputs.stream = Some(names)).await
    }

    async fn set(
        &self,
        message: ControlMessage,
        change: impl FnOnce(&mut RequestedOutputs),
    ) -> Result<(), ControlError> {
        let control = {
            let mut state = self.state();
            if state.is_over {
                return Err(ControlError::Over);
            }
            change(&mut state.outputs);
            state.link.as_ref().and_then(|link| link.control.clone())
        };
        send(control, vec![message]).await;
        Ok(())
    }

    /// Steers a link from now on, which was asked for `requested`.
    pub(crate) async fn attach(
        &self,
        peer: Peer,
        control: Option<ChannelSender>,
        requested: &RequestedOutputs,
    ) {
        let messages = {
            let mut state = self.state();
            state.link = Some(SteeredLink { peer, control: control.clone() });
            state.outputs.messages(requested)
        };
        send(control, messages).await;
    }

    /// The present link is over.
    pub(crate) fn detach(&self) {
        let mut state = self.state();
        if let Some(link) = state.link.take() {
            state.traffic_before = added(state.traffic_before, link.peer.stats());
        }
    }

    /// The session is over.
    pub(crate) fn end(&self) {
        self.state().is_over = true;
    }

    pub(crate) fn traffic(&self) -> TransportStats {
        let state = self.state();
        let link = state.link.as_ref().map(|link| link.peer.stats()).unwrap_or_default();
        added(state.traffic_before, link)
    }

    fn state(&self) -> MutexGuard<'_, SteeringState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A link that takes no more is over; the next one begins with what is wanted.
async fn send(control: Option<ChannelSender>, messages: Vec<ControlMessage>) {
    let Some(control) = control else { return };
    for message in messages {
        let _ = control.send_text(&message.to_text()).await;
    }
}

fn added(before: TransportStats, mut now: TransportStats) -> TransportStats {
    now.bytes_sent += before.bytes_sent;
    now.bytes_received += before.bytes_received;
    now.messages_discarded += before.messages_discarded;
    now.packets_fragmented += before.packets_fragmented;
    now.relay_packets_dropped += before.relay_packets_dropped;
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[tokio::test]
    async fn what_is_wanted_while_there_is_no_link_holds_for_the_next() {
        let steering = Steering::default();
        let mut request = InitRequest::default().data_output(["a"]);
        steering.outputs().fill(&mut request);
        assert_eq!(request.data_output, Some(names(&["a"])));
        steering.set_data_output(names(&["b"])).await.unwrap();
        let requested = steering.outputs();
        requested.fill(&mut request);
        assert_eq!(request.data_output, Some(names(&["b"])));
        // The link is being made meanwhile.
        steering.set_stream_output(names(&["image"])).await.unwrap();
        let to_say = steering.outputs().messages(&requested);
        assert_eq!(to_say, [ControlMessage::stream_output(names(&["image"]))]);
    }

    #[tokio::test]
    async fn a_session_that_is_over_takes_no_wishes() {
        let steering = Steering::default();
        steering.end();
        assert_eq!(steering.set_data_output(names(&["b"])).await, Err(ControlError::Over));
    }
}
