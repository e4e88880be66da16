//! Pictures for scripts, and for browsers that have nothing better.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures::stream::unfold;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, timeout_at};

use crate::error_response::ErrorResponse;
use crate::page::{Shared, ViewerPlace};
use crate::routes::StreamQuery;
use crate::stream::{SharedFrame, Stream, StreamItem, newest_waiting};

/// How long a snapshot waits for a picture that can be decoded.
const SNAPSHOT_TIME: Duration = Duration::from_secs(3);
const BOUNDARY: &str = "streamsdk-picture";

/// The newest picture.
pub(crate) async fn snapshot(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<StreamQuery>,
) -> Result<Response, ErrorResponse> {
    let stream = shared.stream(query.stream.as_deref())?;
    let mut pictures = Pictures::of(&stream);
    let until = Instant::now() + SNAPSHOT_TIME;
    let mut reason = None;
    while let Ok(Some(frame)) = timeout_at(until, pictures.next()).await {
        match frame.jpeg().await {
            Ok(jpeg) => return Ok(([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response()),
            Err(error) => reason = Some(error),
        }
    }
    Err(reason.map_or(ErrorResponse::NoPicture, ErrorResponse::NoImage))
}

/// Pictures without end, each in the place of the one before.
pub(crate) async fn stream(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<StreamQuery>,
) -> Result<Response, ErrorResponse> {
    let stream = shared.stream(query.stream.as_deref())?;
    let place = shared.admit(&stream)?;
    let parts = unfold((Pictures::of(&stream), place), next_part);
    let content_type = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    Ok(([(header::CONTENT_TYPE, content_type)], Body::from_stream(parts)).into_response())
}

type PartResult = Result<Bytes, std::convert::Infallible>;

async fn next_part(
    (mut pictures, place): (Pictures, ViewerPlace),
) -> Option<(PartResult, (Pictures, ViewerPlace))> {
    loop {
        if let Ok(jpeg) = pictures.next().await?.jpeg().await {
            return Some((Ok(part(&jpeg)), (pictures, place)));
        }
    }
}

/// With the boundary of the next one behind it: browsers show a picture when they see that it is whole.
fn part(jpeg: &[u8]) -> Bytes {
    let length = jpeg.len();
    let head =
        format!("--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n");
    let mut part = BytesMut::with_capacity(head.len() + length + 2);
    part.extend_from_slice(head.as_bytes());
    part.extend_from_slice(jpeg);
    part.extend_from_slice(b"\r\n");
    part.freeze()
}

/// The pictures of a stream, the newest one each time.
struct Pictures {
    stream: Arc<Stream>,
    items: broadcast::Receiver<StreamItem>,
    first: Option<Arc<SharedFrame>>,
}

impl Pictures {
    fn of(stream: &Arc<Stream>) -> Self {
        let items = stream.items();
        Self { stream: Arc::clone(stream), items, first: stream.newest() }
    }

    /// `None` when nothing more comes.
    async fn next(&mut self) -> Option<Arc<SharedFrame>> {
        if let Some(first) = self.first.take() {
            return Some(newest_waiting(first, &mut self.items));
        }
        loop {
            let item = tokio::select! {
                biased;
                item = self.items.recv() => item,
                () = self.stream.over() => return None,
            };
            match item {
                Ok(StreamItem::Frame(frame)) if frame.shows().is_some() => {
                    return Some(newest_waiting(frame, &mut self.items));
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
