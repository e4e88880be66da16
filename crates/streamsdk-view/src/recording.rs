//! A stream's video as a file, for as long as somebody takes it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::unfold;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;

use crate::error_response::ErrorResponse;
use crate::mp4::Mp4;
use crate::page::{Shared, ViewerPlace};
use crate::routes::StreamQuery;
use crate::stream::{SharedFrame, Shows, Stream, StreamItem};

/// From the next key frame on, until who asked leaves, the stream is over, or its pictures become others.
pub(crate) async fn recording(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<StreamQuery>,
) -> Result<Response, ErrorResponse> {
    let stream = shared.stream(query.stream.as_deref())?;
    match stream.shows() {
        Some(Shows::Video(_)) => {}
        Some(_) => return Err(ErrorResponse::NoVideo),
        None => return Err(ErrorResponse::NoPicture),
    }
    let place = shared.admit(&stream)?;
    let items = stream.items();
    stream.request_key_frame();
    let recording = Recording { stream, items, file: None, in_step: false, _place: place };
    let parts = unfold(Some(recording), |recording| async {
        let (part, recording) = recording?.next().await?;
        Some((Ok::<Bytes, Infallible>(part), recording))
    });
    Ok(([(header::CONTENT_TYPE, "video/mp4")], Body::from_stream(parts)).into_response())
}

struct Recording {
    stream: Arc<Stream>,
    items: broadcast::Receiver<StreamItem>,
    /// There is one from the first key frame on.
    file: Option<Mp4>,
    /// Whether what comes next can be decoded.
    in_step: bool,
    _place: ViewerPlace,
}

/// What to do after a frame.
enum Step {
    Write(Bytes),
    Wait,
    End,
}

impl Recording {
    /// What is written next, and the recording if it goes on after that. `None` at the end.
    async fn next(mut self) -> Option<(Bytes, Option<Self>)> {
        loop {
            let step = match self.item().await {
                Some(Some(frame)) => self.take(&frame),
                Some(None) => {
                    self.in_step = false;
                    Step::Wait
                }
                None => Step::End,
            };
            match step {
                Step::Write(part) => return Some((part, Some(self))),
                Step::Wait => {}
                Step::End => return Some((self.file?.finish()?, None)),
            }
        }
    }

    /// A frame; `Some(None)` where some are missing; `None` when nothing more comes.
    async fn item(&mut self) -> Option<Option<Arc<SharedFrame>>> {
        let item = tokio::select! {
            biased;
            item = self.items.recv() => item,
            () = self.stream.over() => return None,
        };
        match item {
            Ok(StreamItem::Frame(frame)) => Some(Some(frame)),
            Ok(StreamItem::Gap) | Err(RecvError::Lagged(_)) => Some(None),
            Err(RecvError::Closed) => None,
        }
    }

    fn take(&mut self, frame: &SharedFrame) -> Step {
        let Some(video) = frame.video() else {
            return if frame.shows().is_some() { Step::End } else { Step::Wait };
        };
        self.in_step |= video.key_frame;
        if !self.in_step {
            self.stream.request_key_frame();
            return Step::Wait;
        }
        let now = Instant::now();
        match &mut self.file {
            Some(file) if file.takes(video) => {
                file.push(video, now).map_or(Step::Wait, Step::Write)
            }
            Some(_) => Step::End,
            None => {
                let Some((mut file, beginning)) = Mp4::begin(video) else {
                    // A damaged one: another comes.
                    self.in_step = false;
                    return Step::Wait;
                };
                // Of the first frame nothing is written before the second.
                let _ = file.push(video, now);
                self.file = Some(file);
                Step::Write(beginning)
            }
        }
    }
}
