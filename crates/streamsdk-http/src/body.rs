use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use thiserror::Error;
use tokio::time::timeout;

/// Why the body of a request was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BodyError {
    /// It was not whole in time.
    #[error("the request was not whole after {0:?}")]
    Late(Duration),
    /// It is larger than it may be, or broke off.
    #[error("the request is of more than {0} bytes, or was cut off")]
    TooLarge(usize),
}

/// Takes in the body of a request, as far as it is not too much and comes in time.
///
/// # Errors
///
/// If it is of more than `most` bytes, breaks off, or is not whole within `limit`.
pub async fn read_body(body: Body, most: usize, limit: Duration) -> Result<Bytes, BodyError> {
    let body = timeout(limit, to_bytes(body, most)).await;
    let body = body.map_err(|_| BodyError::Late(limit))?;
    body.map_err(|_| BodyError::TooLarge(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_body_is_taken_as_far_as_it_is_not_too_much_and_comes_in_time() {
        let read = |body: Body| read_body(body, 4, LIMIT);
        assert_eq!(read(Body::from("1234")).await.unwrap(), "1234");
        assert_eq!(read(Body::from("12345")).await, Err(BodyError::TooLarge(4)));
        let never = futures::stream::pending::<Result<Bytes, std::convert::Infallible>>();
        assert_eq!(read(Body::from_stream(never)).await, Err(BodyError::Late(LIMIT)));
    }
}
