//! A signaling that keeps the request, and answers none.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use streamsdk::{
    Client, ClientBuilder, Error, InitRequest, InitResponse, Signaling, SignalingError,
    StreamBuilder,
};

#[derive(Default)]
struct Recorder(Mutex<Option<InitRequest>>);

#[async_trait]
impl Signaling for Recorder {
    async fn exchange(&self, request: InitRequest) -> Result<InitResponse, SignalingError> {
        *self.0.lock().unwrap() = Some(request);
        Err(SignalingError::Timeout { url: "the recorder".to_owned(), waited: Duration::ZERO })
    }
}

/// The request that a session begins with, as JSON, or why there is none.
pub(crate) async fn request(
    client: ClientBuilder,
    stream: impl FnOnce(Client) -> StreamBuilder,
) -> Result<Value, Error> {
    let recorder = Arc::<Recorder>::default();
    let client = client.signaling(Arc::clone(&recorder)).build()?;
    let error = stream(client).start().await.unwrap_err();
    match recorder.0.lock().unwrap().take() {
        Some(request) => Ok(serde_json::to_value(&request).unwrap()),
        None => Err(error),
    }
}
