//! Sessions on a live page: pictures as they came, with boxes on the frame that they belong to.
//!
//! ```no_run
//! # async fn example(session: streamsdk::Session) -> Result<(), Box<dyn std::error::Error>> {
//! use streamsdk::view::{self, PageConfig, PageServer};
//!
//! let page = PageServer::start("127.0.0.1:0", PageConfig::default()).await?;
//! page.show("front door", view::of(&session));
//! println!("look at {}", page.url());
//! # Ok(())
//! # }
//! ```
//!
//! The session goes on as without a page: who looks takes nothing from who takes the events.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
pub use streamsdk_view::{
    ListenError, LivePage, PageConfig, PageServer, SetOutputsError, Token, ViewControls, ViewFrame,
    ViewItem, ViewPicture, ViewSource,
};

use crate::event::Event;
use crate::frame::{FrameData, ReceivedFrame};
use crate::session::{Control, Session, Statistics};
use crate::stats::UploadProgress;
use crate::watch::SessionWatch;

/// A session for a page: [`LivePage::show`].
pub fn of(session: &Session) -> SessionView {
    let controls = SessionControls {
        control: session.control(),
        news: Mutex::default(),
        upload: Mutex::default(),
    };
    SessionView { watch: session.watch(), missed: 0, waiting: None, controls: Arc::new(controls) }
}

/// What a page shows of a session. See [`of`].
#[derive(Debug)]
pub struct SessionView {
    watch: SessionWatch,
    missed: u64,
    /// What came behind a gap.
    waiting: Option<Event>,
    controls: Arc<SessionControls>,
}

#[async_trait]
impl ViewSource for SessionView {
    async fn next(&mut self) -> Option<ViewItem> {
        loop {
            let event = match self.waiting.take() {
                Some(event) => event,
                None => match self.watch.next().await {
                    Some(Ok(event)) => event,
                    last => {
                        self.controls.ended(last.and_then(Result::err).map(|it| it.to_string()));
                        return None;
                    }
                },
            };
            if self.watch.missed() > self.missed {
                self.missed = self.watch.missed();
                self.waiting = Some(event);
                return Some(ViewItem::Gap);
            }
            self.controls.note(&event);
            match event {
                Event::Frame(frame) => return Some(ViewItem::Frame(Box::new(frame))),
                Event::Data(data) => return Some(ViewItem::Frame(Box::new(data))),
                _ => {}
            }
        }
    }

    fn controls(&self) -> Arc<dyn ViewControls> {
        Arc::clone(&self.controls) as _
    }
}

impl ViewFrame for ReceivedFrame {
    fn number(&self) -> u32 {
        self.frame_id()
    }

    fn link(&self) -> u32 {
        FrameData::link(self)
    }

    fn seconds(&self) -> Option<f64> {
        self.metadata()?.seconds()
    }

    fn picture(&self) -> ViewPicture<'_> {
        self.encoded().map_or(ViewPicture::Image, ViewPicture::Video)
    }

    fn jpeg(&self) -> Result<Bytes, String> {
        Self::jpeg(self).map_err(|error| error.to_string())
    }

    fn outputs(&self) -> Vec<(&str, Cow<'_, str>)> {
        outputs_of(self)
    }

    fn errors(&self) -> &[String] {
        FrameData::errors(self)
    }
}

impl ViewFrame for FrameData {
    fn number(&self) -> u32 {
        self.frame_id()
    }

    fn link(&self) -> u32 {
        Self::link(self)
    }

    fn seconds(&self) -> Option<f64> {
        self.metadata()?.seconds()
    }

    fn picture(&self) -> ViewPicture<'_> {
        ViewPicture::None
    }

    fn jpeg(&self) -> Result<Bytes, String> {
        Err("the frame came without a picture".to_owned())
    }

    fn outputs(&self) -> Vec<(&str, Cow<'_, str>)> {
        outputs_of(self)
    }

    fn errors(&self) -> &[String] {
        Self::errors(self)
    }
}

fn outputs_of(data: &FrameData) -> Vec<(&str, Cow<'_, str>)> {
    let outputs = data.outputs().into_iter().flat_map(|outputs| outputs.iter());
    outputs.filter_map(|(name, output)| Some((name, output.json_without_images()?))).collect()
}

/// What the page asks of a session.
#[derive(Debug)]
struct SessionControls {
    control: Control,
    news: Mutex<News>,
    upload: Mutex<Option<UploadProgress>>,
}

/// How the session fares, in the words of its newest event.
#[derive(Debug, Default, Serialize)]
struct News {
    phase: Phase,
    phase_text: Option<String>,
    error: Option<String>,
    attempt: Option<u32>,
    wait_s: Option<f64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    #[default]
    Connected,
    Streaming,
    Reconnecting,
    Over,
}

/// All that a page is told of a session.
#[derive(Serialize)]
struct SessionState<'a> {
    #[serde(flatten)]
    news: &'a News,
    upload: Option<UploadProgress>,
    statistics: Statistics,
}

impl SessionControls {
    fn note(&self, event: &Event) {
        let mut news = self.news();
        match event {
            Event::Upload(progress) => *self.upload() = Some(*progress),
            Event::Frame(_) | Event::Data(_) if news.phase != Phase::Streaming => {
                *news = News::of(Phase::Streaming);
            }
            Event::Reconnecting(lost) => {
                *news = News {
                    phase_text: Some(lost.to_string()),
                    error: Some(lost.cause.to_string()),
                    attempt: Some(lost.attempt),
                    wait_s: Some(seconds(lost.wait)),
                    ..News::of(Phase::Reconnecting)
                };
            }
            Event::Reconnected(made) => {
                *news = News { phase_text: Some(made.to_string()), ..News::of(Phase::Connected) };
            }
            _ => {}
        }
    }

    fn ended(&self, error: Option<String>) {
        let ended = self.control.statistics().session.ended;
        let phase_text = ended.map(|ended| ended.to_string());
        *self.news() = News { phase_text, error, ..News::of(Phase::Over) };
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn upload(&self) -> MutexGuard<'_, Option<UploadProgress>> {
        self.upload.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl News {
    fn of(phase: Phase) -> Self {
        Self { phase, ..Self::default() }
    }
}

#[async_trait]
impl ViewControls for SessionControls {
    fn state(&self) -> serde_json::Value {
        let (statistics, upload) = (self.control.statistics(), *self.upload());
        let state = SessionState { news: &self.news(), upload, statistics };
        // All keys are strings, and nothing in it fails.
        serde_json::to_value(state).unwrap_or_default()
    }

    fn request_key_frame(&self) {
        self.control.request_key_frame();
    }

    async fn set_outputs(&self, names: Vec<String>) -> Result<(), SetOutputsError> {
        let set = self.control.set_data_output(names).await;
        set.map_err(|error| SetOutputsError::Refused(error.to_string()))
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
