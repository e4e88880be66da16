//! A video as an MP4 file that is written while it comes: one fragment a frame, so that it is whole wherever it ends.

use bytes::{BufMut, Bytes, BytesMut};
use mp4_atom::{
    Avc1, Avcc, AvccExt, Codec, Dinf, Dref, DrefEntry, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mdia,
    Mfhd, Minf, Moof, Moov, Mvex, Mvhd, Stbl, Stsd, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun,
    TrunEntry, TrunSamples, Url, Visual, Vmhd, Vp08, VpcC,
};
use streamsdk_codec::h264::nal_units;
use streamsdk_codec::{EncodedFrame, VIDEO_CLOCK_RATE, VideoCodec, inspect};
use tokio::time::Instant;

use crate::track_clock::TrackClock;

const TRACK: u32 = 1;
/// How long the last frame is shown, of which nobody knows.
const LAST_DURATION: u32 = VIDEO_CLOCK_RATE / 30;
/// Flags of a sample that is built on no other, and of one that is.
const KEY_FRAME: u32 = 0x0200_0000;
const OTHER_FRAME: u32 = 0x0101_0000;
/// The bits of a NAL unit's first byte that say what it is.
const NAL_KIND: u8 = 0x1f;
const SEQUENCE_PARAMETERS: u8 = 7;
const PICTURE_PARAMETERS: u8 = 8;
/// Profiles of H264 whose configuration says how colours are kept.
const HIGH_PROFILES: [u8; 4] = [100, 110, 122, 144];

/// A file that is being written.
pub(crate) struct Mp4 {
    format: Format,
    clock: TrackClock,
    /// The last time of the track, as the clock has it, and as the file has it: that does not wrap.
    last: Option<(u32, u64)>,
    /// How long a frame is shown is known when the next one is there.
    waiting: Option<Sample>,
    fragments: u32,
}

/// What the beginning of a file says of all its frames.
#[derive(Debug, PartialEq, Eq)]
struct Format {
    codec: VideoCodec,
    width: u16,
    height: u16,
    sequence_parameters: Vec<Vec<u8>>,
    picture_parameters: Vec<Vec<u8>>,
}

struct Sample {
    data: Bytes,
    time: u64,
    key_frame: bool,
}

impl Mp4 {
    /// A file that begins with this key frame, and its beginning; `None` if it is none, or does not say what is needed.
    pub(crate) fn begin(key_frame: &EncodedFrame) -> Option<(Self, Bytes)> {
        let format = Format::of(key_frame)?;
        let beginning = format.beginning().ok()?;
        let clock = TrackClock::default();
        Some((Self { format, clock, last: None, waiting: None, fragments: 0 }, beginning))
    }

    /// Whether a frame can be put into this file.
    pub(crate) fn takes(&self, frame: &EncodedFrame) -> bool {
        let is_alike = || Format::of(frame).is_none_or(|format| format == self.format);
        frame.codec == self.format.codec && (!frame.key_frame || is_alike())
    }

    /// Puts a frame into the file. Gives what belongs there of the one before.
    pub(crate) fn push(&mut self, frame: &EncodedFrame, now: Instant) -> Option<Bytes> {
        let time = self.time(frame, now);
        let data = sample_of(frame);
        let sample = Sample { data, time, key_frame: frame.key_frame };
        let before = self.waiting.replace(sample)?;
        let duration = u32::try_from(time - before.time).unwrap_or(u32::MAX);
        self.fragment(before, duration)
    }

    /// What is left.
    pub(crate) fn finish(&mut self) -> Option<Bytes> {
        let last = self.waiting.take()?;
        self.fragment(last, LAST_DURATION)
    }

    fn time(&mut self, frame: &EncodedFrame, now: Instant) -> u64 {
        let ticks = self.clock.time(frame.timestamp.pts as u32, now);
        let time = match self.last {
            Some((last, time)) => time + u64::from(ticks.wrapping_sub(last)),
            None => 0,
        };
        self.last = Some((ticks, time));
        time
    }

    /// `None` for what is too large for any file.
    fn fragment(&mut self, sample: Sample, duration: u32) -> Option<Bytes> {
        self.fragments += 1;
        let entry = TrunEntry {
            duration: Some(duration),
            size: Some(u32::try_from(sample.data.len()).ok()?),
            flags: Some(if sample.key_frame { KEY_FRAME } else { OTHER_FRAME }),
            cts: None,
        };
        let mdat = u32::try_from(sample.data.len() + 8).ok()?;
        // Where its data begins, a fragment can say when it is known how long that itself is.
        let length = encoded(&self.head(&sample, entry, 0)).ok()?.len();
        let data_offset = i32::try_from(length + 8).ok()?;
        let mut fragment = encoded(&self.head(&sample, entry, data_offset)).ok()?;
        fragment.put_u32(mdat);
        fragment.put_slice(b"mdat");
        fragment.put_slice(&sample.data);
        Some(fragment.into())
    }

    fn head(&self, sample: &Sample, entry: TrunEntry, data_offset: i32) -> Moof {
        let samples = TrunSamples::Explicit(vec![entry]);
        let fragment = Traf {
            tfhd: Tfhd { track_id: TRACK, default_base_is_moof: true, ..Tfhd::default() },
            tfdt: Some(Tfdt { base_media_decode_time: sample.time }),
            trun: vec![Trun { data_offset: Some(data_offset), samples }],
            ..Traf::default()
        };
        Moof { mfhd: Mfhd { sequence_number: self.fragments }, traf: vec![fragment] }
    }
}

impl Format {
    fn of(frame: &EncodedFrame) -> Option<Self> {
        let (width, height) = inspect(frame.codec, &frame.data).ok()?.size?;
        let sets = |kind: u8| -> Vec<Vec<u8>> {
            let units = nal_units(&frame.data).filter(|unit| unit[0] & NAL_KIND == kind);
            units.map(<[u8]>::to_vec).collect()
        };
        let (sequence_parameters, picture_parameters) = match frame.codec {
            VideoCodec::H264 => (sets(SEQUENCE_PARAMETERS), sets(PICTURE_PARAMETERS)),
            VideoCodec::Vp8 => Default::default(),
        };
        Some(Self {
            codec: frame.codec,
            width: width.try_into().ok()?,
            height: height.try_into().ok()?,
            sequence_parameters,
            picture_parameters,
        })
    }

    fn beginning(&self) -> mp4_atom::Result<Bytes> {
        let brands = [b"isom", b"iso6", b"mp41"].map(FourCC::from);
        let kind =
            Ftyp { major_brand: brands[0], minor_version: 512, compatible_brands: brands.into() };
        Ok([encoded(&kind)?, encoded(&self.movie()?)?].concat().into())
    }

    fn movie(&self) -> mp4_atom::Result<Moov> {
        Ok(Moov {
            mvhd: Mvhd { timescale: VIDEO_CLOCK_RATE, next_track_id: TRACK + 1, ..Mvhd::default() },
            mvex: Some(Mvex {
                trex: vec![Trex {
                    track_id: TRACK,
                    default_sample_description_index: 1,
                    ..Trex::default()
                }],
                ..Mvex::default()
            }),
            trak: vec![self.track()?],
            ..Moov::default()
        })
    }

    fn track(&self) -> mp4_atom::Result<Trak> {
        let itself = DrefEntry::Url(Url::default());
        let media = Minf {
            vmhd: Some(Vmhd::default()),
            dinf: Dinf { dref: Dref { entries: vec![itself] } },
            stbl: Stbl { stsd: Stsd { codecs: vec![self.codec()?] }, ..Stbl::default() },
            ..Minf::default()
        };
        Ok(Trak {
            tkhd: Tkhd {
                track_id: TRACK,
                enabled: true,
                in_movie: true,
                width: self.width.into(),
                height: self.height.into(),
                ..Tkhd::default()
            },
            mdia: Mdia {
                mdhd: Mdhd {
                    timescale: VIDEO_CLOCK_RATE,
                    language: "und".to_owned(),
                    ..Mdhd::default()
                },
                hdlr: Hdlr { handler: FourCC::new(b"vide"), name: "video".to_owned() },
                minf: media,
            },
            ..Trak::default()
        })
    }

    fn codec(&self) -> mp4_atom::Result<Codec> {
        let (width, height) = (self.width, self.height);
        let visual = Visual { data_reference_index: 1, width, height, ..Visual::default() };
        Ok(match self.codec {
            VideoCodec::H264 => Avc1 { visual, avcc: self.avcc()?, ..Avc1::default() }.into(),
            VideoCodec::Vp8 => {
                // Colours as nobody has said: 2 is unspecified.
                let vpcc = VpcC {
                    bit_depth: 8,
                    chroma_subsampling: 1,
                    color_primaries: 2,
                    transfer_characteristics: 2,
                    matrix_coefficients: 2,
                    ..VpcC::default()
                };
                Vp08 { visual, vpcc, btrt: None, colr: None, pasp: None, spatial: None }.into()
            }
        })
    }

    /// An error where parameters are missing.
    fn avcc(&self) -> mp4_atom::Result<Avcc> {
        let first = |sets: &[Vec<u8>]| sets.first().cloned().unwrap_or_default();
        let avcc = Avcc::new(&first(&self.sequence_parameters), &first(&self.picture_parameters))?;
        let is_high = HIGH_PROFILES.contains(&avcc.avc_profile_indication);
        Ok(Avcc {
            sequence_parameter_sets: self.sequence_parameters.clone(),
            picture_parameter_sets: self.picture_parameters.clone(),
            ext: is_high.then(AvccExt::default),
            ..avcc
        })
    }
}

/// A frame as files have it: NAL units with their lengths in the place of start codes.
fn sample_of(frame: &EncodedFrame) -> Bytes {
    if frame.codec != VideoCodec::H264 {
        return frame.data.clone();
    }
    let mut sample = BytesMut::with_capacity(frame.data.len() + 64);
    for unit in nal_units(&frame.data) {
        sample.put_u32(unit.len() as u32);
        sample.put_slice(unit);
    }
    sample.freeze()
}

fn encoded(atom: &impl Encode) -> mp4_atom::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    atom.encode(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Any, DecodeMaybe};
    use streamsdk_codec::{TimeBase, Timestamp};

    use super::*;

    fn vp8(pts: i64, key_frame: bool, width: u8) -> EncodedFrame {
        let head: &[u8] = match key_frame {
            true => &[0x10, 0, 0, 0x9d, 0x01, 0x2a, width, 0, 48, 0],
            false => &[0x11, 0, 0],
        };
        let data = [head, &pts.to_be_bytes()].concat().into();
        let timestamp = Timestamp::new(pts, TimeBase::RTP_VIDEO);
        EncodedFrame { codec: VideoCodec::Vp8, data, key_frame, timestamp }
    }

    /// The time, the entry and the data of a fragment with one frame.
    fn read(fragment: &Bytes) -> (u64, TrunEntry, Bytes) {
        let mut rest = &fragment[..];
        let Some(Any::Moof(head)) = Any::decode_maybe(&mut rest).unwrap() else { panic!() };
        let [track] = &head.traf[..] else { panic!("{head:?}") };
        let run = &track.trun[0];
        let entry = run.samples.get(0).unwrap();
        let begin = usize::try_from(run.data_offset.unwrap()).unwrap();
        let data = fragment.slice(begin..begin + entry.size.unwrap() as usize);
        assert_eq!(begin + data.len(), fragment.len());
        (track.tfdt.as_ref().unwrap().base_media_decode_time, entry, data)
    }

    #[test]
    fn each_frame_is_a_fragment_with_its_time_and_how_long_it_lasts() {
        // The source's clock wraps behind the first one.
        let frames = [vp8(0xffff_ffff, true, 64), vp8(2999, false, 64), vp8(8999, false, 64)];
        let now = Instant::now();
        let (mut file, beginning) = Mp4::begin(&frames[0]).unwrap();
        let mut rest = &beginning[..];
        assert!(matches!(Any::decode_maybe(&mut rest).unwrap(), Some(Any::Ftyp(_))));
        let Some(Any::Moov(movie)) = Any::decode_maybe(&mut rest).unwrap() else { panic!() };
        let [Codec::Vp08(Vp08 { visual, .. })] = &movie.trak[0].mdia.minf.stbl.stsd.codecs[..]
        else {
            panic!("{movie:?}")
        };
        assert_eq!((visual.width, visual.height), (64, 48));

        let mut fragments: Vec<_> =
            frames.iter().filter_map(|frame| file.push(frame, now)).collect();
        fragments.extend(file.finish());
        assert_eq!(file.finish(), None);
        let read: Vec<_> = fragments.iter().map(read).collect();
        assert_eq!(read.iter().map(|(time, ..)| *time).collect::<Vec<_>>(), [0, 3000, 9000]);
        let durations = read.iter().map(|(_, entry, _)| entry.duration.unwrap());
        assert_eq!(durations.collect::<Vec<_>>(), [3000, 6000, LAST_DURATION]);
        let flags = read.iter().map(|(_, entry, _)| entry.flags.unwrap());
        assert_eq!(flags.collect::<Vec<_>>(), [KEY_FRAME, OTHER_FRAME, OTHER_FRAME]);
        assert!(read.iter().zip(&frames).all(|((.., data), frame)| *data == frame.data));
    }

    #[test]
    fn pictures_of_another_size_or_codec_are_not_taken() {
        let (file, _) = Mp4::begin(&vp8(0, true, 64)).unwrap();
        assert!(file.takes(&vp8(3000, true, 64)) && file.takes(&vp8(3000, false, 64)));
        assert!(!file.takes(&vp8(3000, true, 32)));
        let codec = VideoCodec::H264;
        assert!(!file.takes(&EncodedFrame { codec, ..vp8(3000, false, 64) }));
    }

    #[test]
    fn what_is_no_whole_key_frame_begins_no_file() {
        assert!(Mp4::begin(&vp8(0, false, 64)).is_none());
        for length in 0..10 {
            let whole = vp8(0, true, 64);
            assert!(
                Mp4::begin(&EncodedFrame { data: whole.data.slice(..length), ..whole }).is_none()
            );
        }
        let data = Bytes::from_static(&[0, 0, 0, 1, 0x65, 1, 2, 3]);
        let h264 = EncodedFrame { codec: VideoCodec::H264, data, ..vp8(0, true, 64) };
        assert!(Mp4::begin(&h264).is_none());
    }
}
