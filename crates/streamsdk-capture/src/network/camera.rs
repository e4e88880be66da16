//! H264 from RTSP cameras as it comes over the connection, read without FFmpeg.
//!
//! FFmpeg asks the system five to six times for each packet, and looks at all that comes. That was half of the time that
//! it takes to pass a camera's video on. What cannot be read here, or not be opened, FFmpeg tries: it knows more
//! kinds of cameras, and its errors are those of all other streams.

use std::net::TcpStream;
use std::time::Duration;

use streamsdk_codec::BitstreamError;
use streamsdk_codec::h264::{
    AccessUnit, AccessUnitAssembler, AssembledUnit, H264Profile, picture_format, profile,
};
use streamsdk_codec::rtp::TimestampUnwrapper;
use streamsdk_media::{PixelFormat, TimeBase, Timestamp};
use tracing::debug;

use super::connect::connect;
use super::connection::TimestampSource;
use super::encoded::UnitSource;
use super::options::{NetworkStreamOptions, Transport};
use super::{Address, failure};
use crate::read_watchdog::ReadWatchdog;
use crate::rhythm::Rhythm;
use crate::rtsp::{Broken, Connection, Refusal, Session};
use crate::{CaptureError, Damage, ProducerFormat};

/// That of video in RTP.
const CLOCK: TimeBase = TimeBase::RTP_VIDEO;

/// The access units of a camera.
pub(super) struct CameraUnits {
    origin: String,
    session: Session<TcpStream>,
    assembler: AccessUnitAssembler,
    format: Option<ProducerFormat>,
    profile: Option<H264Profile>,
    unwrapper: TimestampUnwrapper,
    rhythm: Rhythm,
    damage: Damage,
    read_timeout: Duration,
    watchdog: ReadWatchdog,
}

impl CameraUnits {
    /// Opens the stream, and waits until its parameters are known. `None` if it is FFmpeg's turn.
    pub(super) fn open(
        address: &Address,
        options: &NetworkStreamOptions,
    ) -> Result<Option<Self>, CaptureError> {
        if !address.is_plain_rtsp() || options.transport == Transport::Udp {
            return Ok(None);
        }
        let origin = address.origin().to_owned();
        let watchdog = ReadWatchdog::new(options.stop_handle.clone());
        watchdog.allow(options.connect_timeout);
        let refusal = match Self::start(address, options, &watchdog) {
            Ok(mut units) => {
                return units.wait_for_format().map(|is_suitable| is_suitable.then_some(units));
            }
            Err(refusal) => refusal,
        };
        match refusal {
            Refusal::Broken(Broken::GivenUp) if watchdog.is_stopped() => Err(CaptureError::Stopped),
            Refusal::Broken(Broken::GivenUp) if watchdog.has_expired() => {
                Err(failure::no_answer(&origin, options.connect_timeout))
            }
            Refusal::Unauthorized => Err(CaptureError::Unauthorized { origin }),
            refusal => {
                debug!(origin, %refusal, "not read as it comes");
                Ok(None)
            }
        }
    }

    fn start(
        address: &Address,
        options: &NetworkStreamOptions,
        watchdog: &ReadWatchdog,
    ) -> Result<Self, Refusal> {
        let stream = connect(address, options, watchdog).ok_or(Broken::GivenUp)?;
        let stream = stream.map_err(|_| Refusal::unsuitable("it cannot be connected to"))?;
        let connection = Connection::new(stream, watchdog);
        let mut session = Session::set_up(connection, &address.without_user(), address.user())?;
        let mut assembler = AccessUnitAssembler::new(&session.description().parameters);
        session.play(|received| assembler.push(&received.packet))?;
        Ok(Self {
            origin: address.origin().to_owned(),
            session,
            assembler,
            format: None,
            profile: None,
            unwrapper: TimestampUnwrapper::default(),
            rhythm: Rhythm::new(CLOCK.seconds()),
            damage: Damage::default(),
            read_timeout: options.read_timeout,
            watchdog: watchdog.clone(),
        })
    }

    /// Whether the video is of a kind that live receivers can decode, as far as its parameters tell before its time is
    /// over.
    fn wait_for_format(&mut self) -> Result<bool, CaptureError> {
        self.watchdog.allow(self.read_timeout);
        while !(self.assembler.has_packets() && self.assembler.has_parameters()) {
            match self.receive() {
                Err(Broken::GivenUp)
                    if self.assembler.has_packets() && self.watchdog.has_expired() =>
                {
                    break;
                }
                received => received.map_err(|broken| self.failed(broken))?,
            }
        }
        // Nobody has asked for a frame yet.
        self.session.take_waited();
        let parameters = self.assembler.parameters();
        self.profile = profile(&parameters);
        let format = match picture_format(&parameters) {
            Err(BitstreamError::Unsupported { .. }) => return Ok(false),
            format => format.ok().flatten(),
        };
        let declared_rate = self.session.description().frame_rate;
        self.format = format.map(|format| {
            let shown = ProducerFormat::new(PixelFormat::I420, format.width, format.height);
            shown.frame_rate(format.frame_rate.or(declared_rate))
        });
        Ok(true)
    }

    fn receive(&mut self) -> Result<(), Broken> {
        let Self { session, assembler, .. } = self;
        session.receive(|received| assembler.push(&received.packet))
    }

    /// Counts what is missing before a unit.
    fn count_missing(&mut self, unit: &AssembledUnit, time: i64) {
        let in_gap = self.rhythm.missing_before(Some(time), unit.follows_gap);
        self.damage.missing_frames += in_gap.max(unit.left_out);
    }

    fn failed(&self, broken: Broken) -> CaptureError {
        let origin = &self.origin;
        match broken {
            Broken::GivenUp => failure::given_up(origin, &self.watchdog, self.read_timeout),
            Broken::Closed => failure::closed(origin),
            Broken::Failed(_) | Broken::Nonsense => failure::broken_off(origin, broken.to_string()),
        }
    }
}

impl UnitSource for CameraUnits {
    fn clock(&self) -> TimestampSource {
        TimestampSource::Stream(CLOCK)
    }

    fn damage(&self) -> Damage {
        self.damage
    }

    fn format(&self) -> Option<ProducerFormat> {
        self.format
    }

    fn profile(&self) -> Option<H264Profile> {
        self.profile
    }

    fn next(&mut self) -> Result<(AccessUnit, Option<Timestamp>), CaptureError> {
        self.watchdog.allow(self.read_timeout);
        loop {
            if let Some(unit) = self.assembler.next_unit() {
                let time = self.unwrapper.unwrap(unit.timestamp);
                self.count_missing(&unit, time);
                return Ok((unit.unit, Some(Timestamp::new(time, CLOCK))));
            }
            self.receive().map_err(|broken| self.failed(broken))?;
        }
    }

    fn take_waited(&mut self) -> Duration {
        self.session.take_waited()
    }
}
