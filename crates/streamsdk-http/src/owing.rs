//! Which clients are owed an answer: those whose request is whole, until the answer has been made.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures::StreamExt;
use futures::stream::poll_fn;

use crate::connections::{OpenConnection, OwedAnswer};

/// Has `connection` be owed an answer from when a request is whole until the answer begins. Who takes a long one, such as
/// a stream of images, may have to make room like everybody else.
pub(crate) async fn note_request(
    State(connection): State<Arc<OpenConnection>>,
    request: Request,
    next: Next,
) -> Response {
    let owed = Owed::default();
    let request = match request.body().is_end_stream() {
        true => {
            owed.begin(&connection);
            request
        }
        false => request.map(|body| noting_its_end(body, connection, owed.clone())),
    };
    let response = next.run(request).await;
    owed.end();
    response
}

fn noting_its_end(body: Body, connection: Arc<OpenConnection>, owed: Owed) -> Body {
    let mut data = body.into_data_stream();
    Body::from_stream(poll_fn(move |cx| {
        let polled = data.poll_next_unpin(cx);
        if matches!(polled, Poll::Ready(None)) {
            owed.begin(&connection);
        }
        polled
    }))
}

/// The answer to one request.
#[derive(Debug, Clone, Default)]
struct Owed(Arc<Mutex<Option<OwedAnswer>>>);

impl Owed {
    fn begin(&self, connection: &Arc<OpenConnection>) {
        self.set(Some(connection.owe_answer()));
    }

    fn end(&self) {
        self.set(None);
    }

    fn set(&self, owed: Option<OwedAnswer>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = owed;
    }
}
