//! What is run on every frame: the [`Processor`] trait, the registry that clients choose from, and
//! the processors that come with the worker. None of those needs model weights.
//!
//! | name | outputs | parameters |
//! |---|---|---|
//! | `passthrough` | `image` | |
//! | `grayscale` | `image` | |
//! | `edges` | `image` | `threshold` (0–255, default 64) |
//! | `motion` | `image`, `predictions` | `sensitivity` (0–1, default 0.5), `min_area` (share of the image, default 0.001), `draw` (whether boxes are drawn on the image, default true) |
//!
//! ```
//! use streamsdk_media::Frame;
//! use streamsdk_worker::{
//!     FrameContext, OutputDeclaration, Processor, ProcessorError, ProcessorOutputs, Processors,
//! };
//!
//! struct Size;
//!
//! impl Processor for Size {
//!     fn process(
//!         &mut self,
//!         frame: &Frame,
//!         _: &FrameContext<'_>,
//!     ) -> Result<ProcessorOutputs, ProcessorError> {
//!         Ok(ProcessorOutputs::new().json("pixels", frame.width() * frame.height()))
//!     }
//! }
//!
//! let pixels = OutputDeclaration::json("pixels");
//! let processors = Processors::builtin().register("size", [pixels], |_| Ok(Box::new(Size)));
//! assert!(processors.find("size").is_some());
//! ```

mod context;
mod edges;
mod grayscale;
mod motion;
mod parameters;
mod passthrough;
mod shrunk;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use streamsdk_media::{ConvertError, Frame, InvalidFrame};
use thiserror::Error;

pub use self::context::{FrameContext, SessionEnd, SessionRequest};

/// Something that is run on every frame of one session, in order.
///
/// Each session has an instance of its own, so state from frame to frame can live in it. It runs on
/// a thread of the session and may take its time: a lossless session waits for it, a realtime one
/// drops frames meanwhile.
pub trait Processor: Send {
    /// Makes the outputs of one frame: of those that it declared, at least those that the client
    /// [wants](FrameContext::wants).
    ///
    /// # Errors
    ///
    /// An error is about this frame: the client is told, and the session goes on.
    fn process(
        &mut self,
        frame: &Frame,
        context: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError>;

    /// Told once, after the last frame, however the session ended; not told after a panic. May take its time, as
    /// [`Processor::process`] may. Default is to do nothing.
    fn session_ended(&mut self, end: &SessionEnd) {
        let _ = end;
    }
}

/// What a processor made of one frame: values by name, in order.
#[derive(Debug, Clone, Default)]
pub struct ProcessorOutputs(Vec<(String, OutputValue)>);

impl ProcessorOutputs {
    /// No outputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an image.
    pub fn image(mut self, name: impl Into<String>, image: Frame) -> Self {
        self.0.push((name.into(), OutputValue::Image(image)));
        self
    }

    /// Adds any JSON.
    pub fn json(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.push((name.into(), OutputValue::Json(value.into())));
        self
    }

    /// The output called `name`.
    pub fn get(&self, name: &str) -> Option<&OutputValue> {
        self.0.iter().find_map(|(known, value)| (known == name).then_some(value))
    }
}

/// One output.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum OutputValue {
    /// An image, sent as JPEG.
    Image(Frame),
    /// Any JSON.
    Json(Value),
}

/// What a processor promises to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputDeclaration {
    /// Name of the output.
    pub name: String,
    /// What it is.
    pub kind: OutputKind,
}

impl OutputDeclaration {
    /// An image called `name`.
    pub fn image(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: OutputKind::Image }
    }

    /// JSON called `name`.
    pub fn json(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: OutputKind::Json }
    }
}

/// The kinds of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputKind {
    /// An image.
    Image,
    /// Any JSON.
    Json,
}

/// A frame that could not be processed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProcessorError {
    /// A parameter has a value that it cannot have.
    #[error("parameter \"{name}\" must be {expected}, not {given}")]
    Parameter {
        /// Name of the parameter.
        name: String,
        /// What it can be.
        expected: &'static str,
        /// What was given.
        given: String,
    },
    /// The frame's pixels could not be converted.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The picture that was made is not one.
    #[error(transparent)]
    Frame(#[from] InvalidFrame),
    /// For processors outside this crate.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

type Factory = dyn Fn(&SessionRequest) -> Result<Box<dyn Processor>, ProcessorError> + Send + Sync;

/// The processors that clients can choose from, by name. Cloning is cheap.
#[derive(Debug, Clone)]
#[must_use]
pub struct Processors {
    entries: BTreeMap<String, ProcessorEntry>,
}

impl Processors {
    /// The processors that come with the worker.
    pub fn builtin() -> Self {
        let image = || OutputDeclaration::image("image");
        let predictions = OutputDeclaration::json("predictions");
        Self::empty()
            .register("passthrough", [image()], |_| Ok(Box::new(passthrough::Passthrough)))
            .register("grayscale", [image()], |_| Ok(Box::new(grayscale::Grayscale)))
            .register("edges", [image()], |_| Ok(Box::new(edges::Edges)))
            .register("motion", [image(), predictions], |_| Ok(Box::new(motion::Motion::default())))
    }

    /// None.
    pub fn empty() -> Self {
        Self { entries: BTreeMap::new() }
    }

    /// Adds a processor under `name`; one that had the name is replaced.
    ///
    /// `create` is called for each session, on a thread of its own, before the client is answered. An error
    /// refuses the session, and the client is told the error's text.
    pub fn register(
        mut self,
        name: impl Into<String>,
        outputs: impl IntoIterator<Item = OutputDeclaration>,
        create: impl Fn(&SessionRequest) -> Result<Box<dyn Processor>, ProcessorError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let outputs = outputs.into_iter().collect();
        let entry = ProcessorEntry { outputs, create: Arc::new(create) };
        self.entries.insert(name.into(), entry);
        self
    }

    /// The processor called `name`, or `streamsdk/name@v1` as block types are written.
    pub fn find(&self, name: &str) -> Option<&ProcessorEntry> {
        let bare = name.strip_prefix("streamsdk/").and_then(|name| name.strip_suffix("@v1"));
        self.entries.get(bare.unwrap_or(name))
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.entries.keys().map(String::as_str).collect()
    }
}

impl Default for Processors {
    fn default() -> Self {
        Self::builtin()
    }
}

/// A registered processor. Cloning is cheap.
#[derive(Clone)]
pub struct ProcessorEntry {
    outputs: Vec<OutputDeclaration>,
    create: Arc<Factory>,
}

impl ProcessorEntry {
    /// What it promises to make.
    pub fn outputs(&self) -> &[OutputDeclaration] {
        &self.outputs
    }

    /// A new instance, for one session.
    ///
    /// # Errors
    ///
    /// What whoever registered it says.
    pub fn create(&self, request: &SessionRequest) -> Result<Box<dyn Processor>, ProcessorError> {
        (self.create)(request)
    }
}

impl fmt::Debug for ProcessorEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessorEntry").field("outputs", &self.outputs).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use streamsdk_media::PixelFormat;

    use super::*;

    #[test]
    fn processors_are_found_by_bare_name_and_by_block_type() {
        let processors = Processors::builtin();
        assert_eq!(processors.names(), ["edges", "grayscale", "motion", "passthrough"]);
        assert!(processors.find("motion").is_some());
        assert!(processors.find("streamsdk/motion@v1").is_some());
        assert!(processors.find("streamsdk/motion").is_none());
        assert!(processors.find("roboflow_core/motion@v1").is_none());
    }

    #[test]
    fn every_builtin_makes_what_it_declares_at_every_size() {
        let processors = Processors::builtin();
        for (width, height) in [(1, 1), (2, 3), (161, 121), (640, 480), (1, 400)] {
            let bytes = PixelFormat::I420;
            let size: usize = (0..bytes.planes())
                .map(|plane| bytes.plane_size(width, height, plane).unwrap().bytes())
                .sum();
            let frame = Frame::packed(bytes, width, height, vec![90u8; size]).unwrap();
            for name in processors.names() {
                let entry = processors.find(name).unwrap();
                let mut processor = entry.create(&SessionRequest::default()).unwrap();
                for _ in 0..2 {
                    let parameters = Map::new();
                    let context = FrameContext::new(1, &parameters);
                    let outputs = processor.process(&frame, &context).unwrap();
                    for declared in entry.outputs() {
                        let made = outputs.get(&declared.name).unwrap();
                        let is_image = matches!(made, OutputValue::Image(_));
                        assert_eq!(is_image, declared.kind == OutputKind::Image);
                        if let OutputValue::Image(image) = made {
                            assert_eq!((image.width(), image.height()), (width, height));
                        }
                    }
                }
            }
        }
    }
}
