//! Opening a decoder.

use ffmpeg_next::{Dictionary, Error, Stream, codec, decoder};

use super::DEFAULT_MAX_PIXELS;

/// How video is decoded.
#[derive(Debug, Clone)]
pub(crate) struct DecoderOptions {
    threads: usize,
    max_pixels: u64,
    is_immediate: bool,
}

impl Default for DecoderOptions {
    fn default() -> Self {
        Self { threads: 1, max_pixels: DEFAULT_MAX_PIXELS, is_immediate: false }
    }
}

/// Why there is no decoder.
pub(crate) enum DecoderError {
    UnknownCodec(&'static str),
    Failed(Error),
}

impl DecoderOptions {
    pub(crate) fn threads(self, threads: usize) -> Self {
        Self { threads: threads.clamp(1, 64), ..self }
    }

    pub(crate) fn max_pixels(self, pixels: u64) -> Self {
        Self { max_pixels: pixels.clamp(1, i32::MAX as u64), ..self }
    }

    /// Whether every frame comes out before the next one goes in.
    pub(crate) fn immediate(self, is_immediate: bool) -> Self {
        Self { is_immediate, ..self }
    }

    pub(super) fn dictionary(&self) -> Dictionary<'static> {
        let mut options = Dictionary::new();
        options.set("threads", &self.threads.to_string());
        options.set("max_pixels", &self.max_pixels.to_string());
        if self.is_immediate {
            options.set("flags", "low_delay");
            // Threads that work on frames each hold one back.
            options.set("thread_type", "slice");
        }
        options
    }

    pub(crate) fn open(&self, stream: &Stream<'_>) -> Result<decoder::Video, DecoderError> {
        let parameters = stream.parameters();
        let codec = decoder::find(parameters.id())
            .ok_or_else(|| DecoderError::UnknownCodec(parameters.id().name()))?;
        codec::Context::from_parameters(parameters)
            .and_then(|context| context.decoder().open_as_with(codec, self.dictionary()))
            .and_then(|opened| opened.video())
            .map_err(DecoderError::Failed)
    }
}
