//! H264 out of whatever FFmpeg can open.

use std::time::Duration;

use ffmpeg_next::codec::Id;
use streamsdk_codec::h264::{AccessUnit, AnnexBConverter, H264Profile};
use streamsdk_media::{PixelFormat, Timestamp};

use super::Address;
use super::connection::{StreamConnection, TimestampSource};
use super::encoded::{UnitSource, unsupported};
use super::options::NetworkStreamOptions;
use crate::ffmpeg;
use crate::{CaptureError, Damage, ProducerFormat};

/// The access units of a connection of FFmpeg's.
pub(super) struct DemuxedUnits {
    connection: StreamConnection,
    annex_b: AnnexBConverter,
    format: Option<ProducerFormat>,
}

impl DemuxedUnits {
    pub(super) fn open(
        address: &Address,
        options: &NetworkStreamOptions,
    ) -> Result<Self, CaptureError> {
        let connection = StreamConnection::open(address, options)?;
        let stream = connection.stream()?;
        let codec = stream.parameters().id();
        if codec != Id::H264 {
            return Err(unsupported(codec.name()));
        }
        let annex_b = AnnexBConverter::new(ffmpeg::extra_data(&stream));
        let format = ffmpeg::encoded_size(&stream).map(|(width, height)| {
            let format = ProducerFormat::new(PixelFormat::I420, width, height);
            format.frame_rate(connection.clock().frame_rate(&stream))
        });
        Ok(Self { annex_b, format, connection })
    }
}

impl UnitSource for DemuxedUnits {
    fn clock(&self) -> TimestampSource {
        self.connection.clock()
    }

    fn format(&self) -> Option<ProducerFormat> {
        self.format
    }

    fn profile(&self) -> Option<H264Profile> {
        self.annex_b.profile()
    }

    fn damage(&self) -> Damage {
        self.connection.losses.damage()
    }

    fn next(&mut self) -> Result<(AccessUnit, Option<Timestamp>), CaptureError> {
        loop {
            let packet = self.connection.next()?;
            if let Some(unit) = packet.data().and_then(|data| self.annex_b.access_unit(data)) {
                return Ok((unit, self.clock().timestamp(packet.pts().or(packet.dts()))));
            }
        }
    }

    fn take_waited(&mut self) -> Duration {
        self.connection.take_waited()
    }
}
