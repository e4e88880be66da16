//! What tests do with a session of the client's.

use std::time::Duration;

use streamsdk::{
    Client, Error, Event, FrameData, Session, StreamConfig, StreamSource, Summary, Workflow,
};

/// A test that waits longer than this has failed.
pub const MAX_WAIT: Duration = Duration::from_secs(60);

/// Starts a session of any source.
pub async fn start_source(
    url: &str,
    source: impl StreamSource,
    processor: &str,
    config: StreamConfig,
) -> Result<Session, Error> {
    let client = Client::builder(url).interfaces(streamsdk::Interfaces::Loopback);
    client
        .build()?
        .stream(source)
        .workflow(Workflow::id("local", processor))
        .config(config)
        .start()
        .await
}

/// The next event, or a failed test when it does not come.
pub async fn next(session: &mut Session) -> Option<Result<Event, Error>> {
    tokio::time::timeout(MAX_WAIT, session.next()).await.expect("no event came")
}

/// Takes every event; returns what was said about each frame, and the summary.
pub async fn drain(mut session: Session) -> Result<(Vec<FrameData>, Summary), Error> {
    let mut results = Vec::new();
    while let Some(event) = next(&mut session).await {
        match event? {
            Event::Frame(frame) => results.push(frame.data().clone()),
            Event::Data(data) => results.push(data),
            _ => {}
        }
    }
    Ok((results, session.close().await))
}

/// Takes events until the session fails; returns the error.
pub async fn failure(mut session: Session) -> Error {
    loop {
        match next(&mut session).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return error,
            None => panic!("the session ended well: {}", session.summary()),
        }
    }
}
