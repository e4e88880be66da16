//! A camera's session, from the question what it has to the goodbye.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::connection::{Broken, Connection, Incoming};
use super::conversation::{Answer, Conversation, Refusal};
use super::description::Description;
use super::message::Head;
use super::packet::{ReceivedPacket, says_goodbye};

/// A camera that has been asked for its video.
pub(crate) struct Session<S: Read + Write> {
    conversation: Conversation<S>,
    description: Description,
    channels: Channels,
    keep_alive: KeepAlive,
}

/// Where the video comes.
#[derive(Clone, Copy)]
struct Channels {
    video: u8,
    payload_type: u8,
}

impl<S: Read + Write> Session<S> {
    /// Asks for the video at that address, as it comes over the connection itself. `user` is a name and a password.
    pub(crate) fn set_up(
        connection: Connection<S>,
        url: &str,
        user: Option<(String, String)>,
    ) -> Result<Self, Refusal> {
        let mut conversation = Conversation::new(connection, user);
        let methods = conversation.ask("OPTIONS", url, &[], nowhere)?;
        let accept = [("Accept", "application/sdp")];
        let described = conversation.ask("DESCRIBE", url, &accept, nowhere)?;
        let description = describe(&described.accepted("DESCRIBE")?, url)?;
        let transport = [("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")];
        let set_up = conversation.ask("SETUP", &description.track, &transport, nowhere)?;
        let set_up = set_up.accepted("SETUP")?;
        let video = video_channel(&set_up.head)?;
        let (name, lifetime) = session(&set_up.head);
        conversation.set_session(name);
        Ok(Self {
            conversation,
            channels: Channels { video, payload_type: description.payload_type },
            keep_alive: KeepAlive::new(&methods.head, lifetime),
            description,
        })
    }

    /// What the camera says about its video.
    pub(crate) fn description(&self) -> &Description {
        &self.description
    }

    /// Has the video come. Its first packets may come before the camera has said so.
    pub(crate) fn play(
        &mut self,
        mut on_packet: impl FnMut(&ReceivedPacket<'_>),
    ) -> Result<(), Refusal> {
        let channels = self.channels;
        let range = [("Range", "npt=0.000-")];
        let on_data = |channel, data: &[u8]| {
            channels.video_packet(channel, data).iter().for_each(&mut on_packet);
        };
        let answer = self.conversation.ask("PLAY", &self.description.session, &range, on_data)?;
        answer.accepted("PLAY").map(drop)
    }

    /// Waits for what comes next, but only for a moment, and hands it over if it is a packet of the video.
    pub(crate) fn receive(
        &mut self,
        on_packet: impl FnOnce(&ReceivedPacket<'_>),
    ) -> Result<(), Broken> {
        self.keep_alive()?;
        let head = match self.conversation.connection().next()? {
            Incoming::Nothing => return Ok(()),
            Incoming::Data { channel, data } => {
                if self.channels.is_goodbye(channel, data) {
                    return Err(Broken::Closed);
                }
                if let Some(packet) = self.channels.video_packet(channel, data) {
                    on_packet(&packet);
                }
                return Ok(());
            }
            Incoming::Message { head, .. } => head,
        };
        self.keep_alive.is_refused |= self.conversation.take_message(&head)?;
        Ok(())
    }

    /// For how long it was waited since this was last asked.
    pub(crate) fn take_waited(&mut self) -> Duration {
        self.conversation.connection().take_waited()
    }

    fn keep_alive(&mut self) -> Result<(), Broken> {
        match self.keep_alive.take_due() {
            Some(method) => self.conversation.send(method, &self.description.session, &[]),
            None => Ok(()),
        }
    }
}

impl<S: Read + Write> Drop for Session<S> {
    /// Some cameras serve a few clients only, and do not take the end of a connection for the end of a session.
    fn drop(&mut self) {
        let _ = self.conversation.send("TEARDOWN", &self.description.session, &[]);
    }
}

impl Channels {
    fn video_packet<'a>(&self, channel: u8, data: &'a [u8]) -> Option<ReceivedPacket<'a>> {
        let packet = (channel == self.video).then(|| ReceivedPacket::parse(data))?;
        packet.filter(|packet| packet.payload_type == self.payload_type)
    }

    fn is_goodbye(&self, channel: u8, data: &[u8]) -> bool {
        channel == self.video.wrapping_add(1) && says_goodbye(data)
    }
}

/// How a camera is told that somebody still looks.
struct KeepAlive {
    method: &'static str,
    interval: Duration,
    due: Instant,
    /// Whether the newest attempt has to be made again with other credentials, and whether it may, which is once.
    is_refused: bool,
    may_be_repeated: bool,
}

impl KeepAlive {
    fn new(methods: &Head, lifetime: Duration) -> Self {
        let mut known = methods.all("Public").flat_map(|methods| methods.split(','));
        let method = match known.any(|method| method.trim() == "GET_PARAMETER") {
            true => "GET_PARAMETER",
            false => "OPTIONS",
        };
        let interval = (lifetime / 2).clamp(MIN_KEEP_ALIVE, MAX_KEEP_ALIVE);
        let due = Instant::now() + interval;
        Self { method, interval, due, is_refused: false, may_be_repeated: false }
    }

    /// What is to be asked, if it is time.
    fn take_due(&mut self) -> Option<&'static str> {
        let now = Instant::now();
        let is_refused = std::mem::take(&mut self.is_refused);
        let is_due = self.due <= now;
        if is_due {
            self.due = now + self.interval;
        } else if !(is_refused && self.may_be_repeated) {
            return None;
        }
        self.may_be_repeated = is_due;
        Some(self.method)
    }
}

/// For data that comes before it was asked for.
fn nowhere(_channel: u8, _data: &[u8]) {}

fn describe(answer: &Answer, url: &str) -> Result<Description, Refusal> {
    let fields = ["Content-Base", "Content-Location"].map(|name| answer.head.field(name));
    let base = fields.into_iter().flatten().find(|base| base.contains("://"));
    let text = String::from_utf8_lossy(&answer.body);
    Description::parse(&text, base.unwrap_or(url)).map_err(Refusal::unsuitable)
}

/// What was agreed upon for the video.
fn video_channel(answer: &Head) -> Result<u8, Refusal> {
    let transport = answer.field("Transport").unwrap_or_default();
    let mut parameters = transport.split(';').map(str::trim);
    let channels = parameters.find_map(|parameter| parameter.strip_prefix("interleaved="));
    let video = channels.and_then(|channels| channels.split('-').next()?.trim().parse().ok());
    video.ok_or_else(|| Refusal::unsuitable("it does not send its video over the connection"))
}

/// What the camera calls the session, and after how long it forgets it.
fn session(answer: &Head) -> (&str, Duration) {
    let mut parts = answer.field("Session").unwrap_or_default().split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let seconds = parts.find_map(|part| part.strip_prefix("timeout=")?.parse().ok());
    (name, seconds.map_or(DEFAULT_LIFETIME, Duration::from_secs))
}

/// Of a session whose camera does not say it (RFC 2326, 12.37).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
const MIN_KEEP_ALIVE: Duration = Duration::from_secs(1);
/// So often also what lies between notices that the connection is in use.
const MAX_KEEP_ALIVE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &str) -> Head {
        Head::parse(format!("RTSP/1.0 200 OK\r\n{fields}\r\n").as_bytes()).unwrap()
    }

    #[test]
    fn a_session_has_a_name_and_a_lifetime_if_the_camera_says_so() {
        let said = |field: &str| {
            let head = head(field);
            let (name, lifetime) = session(&head);
            (name.to_owned(), lifetime.as_secs())
        };
        assert_eq!(said("Session: 7;timeout=20\r\n"), ("7".to_owned(), 20));
        assert_eq!(said("Session: 7 ; timeout=x\r\n"), ("7".to_owned(), 60));
        assert_eq!(said(""), (String::new(), 60));
    }

    #[test]
    fn a_camera_is_told_often_enough_whatever_it_says() {
        let interval = |seconds| KeepAlive::new(&head(""), Duration::from_secs(seconds)).interval;
        let intervals = [0, 20, u64::MAX].map(|seconds| interval(seconds).as_secs());
        assert_eq!(intervals, [1, 10, 60]);
    }

    #[test]
    fn what_a_camera_refuses_is_repeated_once() {
        let mut keep_alive = KeepAlive::new(&head(""), Duration::ZERO);
        assert_eq!(keep_alive.take_due(), None);
        keep_alive.due = Instant::now();
        let mut refused = || {
            keep_alive.is_refused = true;
            keep_alive.take_due()
        };
        assert_eq!([refused(), refused(), refused()], [Some("OPTIONS"), Some("OPTIONS"), None]);
    }

    #[test]
    fn the_video_comes_on_the_channel_that_the_camera_names() {
        let channel = |transport| video_channel(&head(transport)).ok();
        assert_eq!(channel("Transport: RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=1\r\n"), Some(2));
        assert_eq!(channel("Transport: RTP/AVP;unicast;client_port=1-2\r\n"), None);
        assert_eq!(channel("Transport: RTP/AVP/TCP;interleaved=256-257\r\n"), None);
    }
}
