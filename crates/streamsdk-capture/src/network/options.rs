//! How a stream is opened and kept.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::allowed_addresses::AllowedAddresses;
use super::{Address, EncodedStream, NetworkStream};
use crate::ffmpeg::DecoderOptions;
use crate::queue::Queue;
use crate::{CaptureError, StopHandle, WhenFull};

/// How a [`NetworkStream`] is opened; made by [`NetworkStream::options`].
#[derive(Clone)]
#[must_use]
pub struct NetworkStreamOptions {
    pub(super) url: String,
    pub(super) connect_timeout: Duration,
    pub(super) read_timeout: Duration,
    pub(super) transport: Transport,
    pub(super) allowed: Option<AllowedAddresses>,
    pub(super) is_low_latency: bool,
    pub(super) reconnect: Reconnect,
    pub(super) keeping: Keeping,
    pub(super) decoding: DecoderOptions,
    pub(super) stop_handle: StopHandle,
}

/// Which frames are kept for a consumer that does not take them at once.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keeping {
    Buffered { capacity: usize, when_full: WhenFull },
    EveryFrame { max_bytes: usize },
}

impl Keeping {
    pub(super) fn queue(self, can_wait: bool) -> Queue {
        match self {
            Self::Buffered { capacity, when_full } => Queue::new(capacity, when_full),
            Self::EveryFrame { max_bytes } if can_wait => {
                Queue::new(usize::MAX, WhenFull::Wait).max_bytes(max_bytes)
            }
            Self::EveryFrame { max_bytes } => {
                Queue::new(usize::MAX, WhenFull::DropOldest).max_bytes(max_bytes)
            }
        }
    }
}

/// What carries the video of an RTSP stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Transport {
    /// [`Tcp`](Self::Tcp), and [`Udp`](Self::Udp) if the server does not support that.
    #[default]
    Auto,
    /// The connection to the server: passes firewalls, loses nothing, may be late.
    Tcp,
    /// Packets of its own, which may be lost or kept back by a firewall. Where a stream ends, its last
    /// frames may be missing: the server's goodbye is read before the packets that still wait.
    Udp,
}

/// A word that names no [`Transport`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a transport is auto, tcp or udp")]
pub struct ParseTransportError;

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

impl FromStr for Transport {
    type Err = ParseTransportError;

    /// Takes `auto`, `tcp` and `udp` in upper and lower case.
    fn from_str(text: &str) -> Result<Self, ParseTransportError> {
        let all = [Self::Auto, Self::Tcp, Self::Udp];
        let named = all.into_iter().find(|known| text.eq_ignore_ascii_case(&known.to_string()));
        named.ok_or(ParseTransportError)
    }
}

impl NetworkStreamOptions {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(5),
            transport: Transport::default(),
            allowed: None,
            is_low_latency: true,
            reconnect: Reconnect::never(),
            keeping: Keeping::Buffered { capacity: 1, when_full: WhenFull::DropOldest },
            decoding: DecoderOptions::default(),
            stop_handle: StopHandle::default(),
        }
    }

    /// How long the server may take to answer that it has the stream. Looking up its name is the
    /// system's business and not counted. Default is 5 seconds.
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        Self { connect_timeout: timeout, ..self }
    }

    /// How long there may be no video, from the server's answer on; for nothing but video that cannot
    /// be decoded it is twice as long. Default is 5 seconds.
    pub fn read_timeout(self, timeout: Duration) -> Self {
        Self { read_timeout: timeout, ..self }
    }

    /// What carries the video of an RTSP stream; others pay no regard to it. Default is
    /// [`Transport::Auto`].
    pub fn transport(self, transport: Transport) -> Self {
        Self { transport, ..self }
    }

    /// Connects only where `allows` says so of the address, whoever names it: the URL, a server that sends on, a
    /// playlist. A name counts as all addresses that it leads to, and the one that was looked at is connected to: of
    /// RTSP and RTMP servers by the number in the place of the name, HTTP by way of a proxy within this process, which
    /// goes by no proxy of the environment. Default is to connect anywhere.
    ///
    /// Two things are left to FFmpeg: where RTSP over [`Transport::Udp`] sends its packets, which the server says, and
    /// hosts in the variable `no_proxy`, so that with it redirects and playlists over HTTP are not followed.
    ///
    /// ```
    /// use streamsdk_capture::NetworkStream;
    ///
    /// let camera = NetworkStream::options("http://camera.example/video")
    ///     .only_addresses(|address| !address.is_loopback());
    /// ```
    pub fn only_addresses(self, allows: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self { allowed: Some(AllowedAddresses::new(allows)), ..self }
    }

    /// Whether to start with as little looking ahead as possible and to decode each frame as soon as
    /// it is there. Without it FFmpeg looks at up to two seconds of video first, which can be needed
    /// where a stream says little about itself. Default is `true`.
    pub fn low_latency(mut self, is_low_latency: bool) -> Self {
        self.is_low_latency = is_low_latency;
        self
    }

    /// What happens when the stream breaks off. Default is [`Reconnect::never`]: the error is given.
    pub fn reconnect(self, reconnect: Reconnect) -> Self {
        Self { reconnect, ..self }
    }

    /// Keeps up to so many decoded frames, at least one, for a consumer that does not take them at once.
    /// With [`WhenFull::Wait`] the stream is not read meanwhile, which live servers take for a dead
    /// client sooner or later. Default is the newest frame only: one, of which the oldest makes room.
    pub fn buffered(self, capacity: usize, when_full: WhenFull) -> Self {
        Self { keeping: Keeping::Buffered { capacity, when_full }, ..self }
    }

    /// Gives every frame, as far as that is possible: what can wait, files and HLS over HTTP, is read as
    /// fast as its frames are taken. Live streams cannot; up to `max_bytes` of their decoded frames are
    /// kept, at least one, then the oldest makes room and is counted in
    /// [`CapturedFrame::dropped`](crate::CapturedFrame::dropped). Replaces
    /// [`NetworkStreamOptions::buffered`].
    pub fn every_frame(self, max_bytes: usize) -> Self {
        Self { keeping: Keeping::EveryFrame { max_bytes }, ..self }
    }

    /// How many threads decode, from 1 to 64; what lies outside is taken as the nearest of them.
    /// Default is 1.
    pub fn threads(self, threads: usize) -> Self {
        Self { decoding: self.decoding.threads(threads), ..self }
    }

    /// How many pixels a frame may have as it is sent. Default is 35,389,440, which is 8192 by 4320.
    pub fn max_pixels(self, pixels: u64) -> Self {
        Self { decoding: self.decoding.max_pixels(pixels), ..self }
    }

    /// A stop handle of the caller's, which can end [`NetworkStreamOptions::open`] too. Default is one
    /// that [`stop_handle`](crate::FrameProducer::stop_handle) gives out afterwards.
    pub fn stop_handle(self, stop_handle: StopHandle) -> Self {
        Self { stop_handle, ..self }
    }

    /// Connects, and waits until the server has told about its video.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`](CaptureError::InvalidUrl) and [`Unsupported`](CaptureError::Unsupported) before
    /// anything is sent: the schemes are rtsp, rtsps, rtmp, rtmps, http, https, udp, tcp and srt, as
    /// far as this FFmpeg knows them. Then [`Refused`](CaptureError::Refused),
    /// [`Unreachable`](CaptureError::Unreachable), which is also a server that does not answer in
    /// time, [`Unauthorized`](CaptureError::Unauthorized), [`NotFound`](CaptureError::NotFound),
    /// [`Rejected`](CaptureError::Rejected), [`NotVideo`](CaptureError::NotVideo),
    /// [`Silent`](CaptureError::Silent) and [`Disconnected`](CaptureError::Disconnected), and
    /// [`NotAllowed`](CaptureError::NotAllowed) where [`NetworkStreamOptions::only_addresses`] says no.
    ///
    /// There is one attempt, whatever [`NetworkStreamOptions::reconnect`] says.
    pub fn open(self) -> Result<NetworkStream, CaptureError> {
        NetworkStream::open_with(self)
    }

    /// Connects as [`NetworkStreamOptions::open`] does, to get the video as it was encoded. Settings
    /// that are about decoding have no effect.
    ///
    /// # Errors
    ///
    /// Also [`Unsupported`](CaptureError::Unsupported) for everything but H264.
    pub fn open_encoded(self) -> Result<EncodedStream, CaptureError> {
        EncodedStream::open_with(self)
    }
}

impl fmt::Debug for NetworkStreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Address::parse(&self.url);
        f.debug_struct("NetworkStreamOptions")
            .field("url", &address.as_ref().map_or("(not valid)", Address::origin))
            .field("connect_timeout", &self.connect_timeout)
            .field("read_timeout", &self.read_timeout)
            .field("transport", &self.transport)
            .field("allowed", &self.allowed)
            .field("low_latency", &self.is_low_latency)
            .field("reconnect", &self.reconnect)
            .field("keeping", &self.keeping)
            .field("decoding", &self.decoding)
            .finish_non_exhaustive()
    }
}

/// What a stream does when it breaks off after it was opened.
///
/// While it tries, [`next_frame`](crate::FrameProducer::next_frame) times out. It does not try
/// when the server asks for credentials, so that no account gets locked. A frame ends the counting of
/// attempts.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Reconnect {
    attempts: u32,
    first_delay: Duration,
    factor: f64,
    max_delay: Duration,
}

impl Reconnect {
    /// Gives up at once.
    pub fn never() -> Self {
        Self::attempts(0)
    }

    /// Tries until the stream is stopped.
    pub fn always() -> Self {
        Self::attempts(u32::MAX)
    }

    /// Tries so many times in a row.
    pub fn attempts(attempts: u32) -> Self {
        Self {
            attempts,
            first_delay: Duration::from_millis(500),
            factor: 2.0,
            max_delay: Duration::from_secs(30),
        }
    }

    /// How long it waits before the first attempt. Default is half a second.
    pub fn first_delay(self, delay: Duration) -> Self {
        Self { first_delay: delay, ..self }
    }

    /// By how much each wait is longer than the one before; at least 1. Default is 2.
    pub fn factor(self, factor: f64) -> Self {
        Self { factor: factor.max(1.0), ..self }
    }

    /// The longest wait. Default is 30 seconds.
    pub fn max_delay(self, delay: Duration) -> Self {
        Self { max_delay: delay, ..self }
    }

    /// How long to wait before that attempt, counted from 0; `None` if it is not to be made.
    pub(super) fn delay(&self, attempt: u32) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let growth = self.factor.powf(attempt.into());
        let delay = Duration::try_from_secs_f64(self.first_delay.as_secs_f64() * growth);
        Some(delay.unwrap_or(Duration::MAX).min(self.max_delay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest_and_attempts_end() {
        let second = Duration::from_secs(1);
        let policy = Reconnect::attempts(5).first_delay(second).factor(3.0).max_delay(second * 10);
        let delays: Vec<_> = (0..6).map(|attempt| policy.delay(attempt)).collect();
        let expected = [1, 3, 9, 10, 10].map(|seconds| Some(second * seconds));
        assert_eq!(delays[..5], expected);
        assert_eq!(delays[5], None);
        assert_eq!(Reconnect::never().delay(0), None);
        assert_eq!(Reconnect::always().delay(1_000_000), Some(second * 30));
        let odd = Reconnect::always().factor(f64::NAN).first_delay(Duration::MAX);
        assert_eq!(odd.delay(0), Some(second * 30));
    }

    #[test]
    fn transports_are_read_as_they_are_written() {
        for transport in [Transport::Auto, Transport::Tcp, Transport::Udp] {
            let written = transport.to_string();
            assert_eq!(written.parse(), Ok(transport));
            assert_eq!(written.to_uppercase().parse(), Ok(transport));
        }
        assert_eq!(Transport::default(), Transport::Auto);
        assert_eq!("".parse::<Transport>(), Err(ParseTransportError));
    }

    #[test]
    fn debug_output_has_no_credentials() {
        let shown = |url: &str| format!("{:?}", NetworkStream::options(url));
        for url in ["rtsp://me:hunter2@cam/live?token=hunter2", "rtsp//hunter2", "hunter2://x"] {
            assert!(!shown(url).contains("hunter2"), "{}", shown(url));
        }
        assert!(shown("rtsp://me:hunter2@cam/live").contains("rtsp://cam/live"));
    }
}
