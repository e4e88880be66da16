//! What a processor is told: of its session, of each frame, and of the end.

use serde_json::{Map, Value};

/// What a client asked for, for whoever makes its [`Processor`](super::Processor).
#[derive(Debug, Clone, Default)]
pub struct SessionRequest {
    pub(crate) parameters: Map<String, Value>,
    pub(crate) realtime: bool,
    pub(crate) declared_fps: Option<f64>,
}

impl SessionRequest {
    /// The parameters that every frame will come with: those of the request, over those that the workflow's
    /// step sets.
    pub fn parameters(&self) -> &Map<String, Value> {
        &self.parameters
    }

    /// Whether frames for which there is no time are left out. Otherwise every frame will come.
    pub fn is_realtime(&self) -> bool {
        self.realtime
    }

    /// Frames per second that the client says its source has; `None` if it says nothing.
    pub fn declared_fps(&self) -> Option<f64> {
        self.declared_fps
    }
}

/// What a frame comes with.
#[derive(Debug, Clone)]
pub struct FrameContext<'a> {
    frame_id: u32,
    parameters: &'a Map<String, Value>,
    /// Names of the processor's outputs; `None` means all.
    wanted: Option<Vec<&'a str>>,
}

impl<'a> FrameContext<'a> {
    /// For the frame of that number, which counts from 1, with every output wanted. Tests of a processor
    /// make it; in a session the worker does.
    pub fn new(frame_id: u32, parameters: &'a Map<String, Value>) -> Self {
        Self { frame_id, parameters, wanted: None }
    }

    /// Only these outputs are wanted. Default is all.
    #[must_use]
    pub fn wanted(self, outputs: impl IntoIterator<Item = &'a str>) -> Self {
        Self { wanted: Some(outputs.into_iter().collect()), ..self }
    }

    /// The frame's number in its session, counted from 1.
    pub fn frame_id(&self) -> u32 {
        self.frame_id
    }

    /// Those of the request, over those that the workflow's step sets.
    pub fn parameters(&self) -> &'a Map<String, Value> {
        self.parameters
    }

    /// Whether the client takes the output of that name at the moment. One that it does not take need not be
    /// made; if it is, it is dropped.
    pub fn wants(&self, output: &str) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.contains(&output))
    }
}

/// How a session ended, as its client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionEnd {
    /// Number of the last frame; 0 if none came.
    pub frames: u32,
    /// Why the session ended before its source did, in one word; `None` if it did not, or if the client left.
    pub reason: Option<String>,
    /// What went wrong; empty if nothing did.
    pub errors: Vec<String>,
}
