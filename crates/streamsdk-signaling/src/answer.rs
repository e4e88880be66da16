//! From an HTTP response to an answer that can be used, or to the reason why there is none.

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, LOCATION};
use serde::Deserialize;
use streamsdk_protocol::init::InitResponse;
use streamsdk_protocol::rejection::Rejection;
use streamsdk_protocol::{Redactor, redact_url, sdp};

use crate::SignalingError;

/// Most bytes of a body that are read. A real answer has 3 kB, the longest rejection 25 kB.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Most characters of a strange body that are shown.
const MAX_SHOWN_CHARS: usize = 120;

/// What has to be known about the request in order to read its answer.
pub(crate) struct Asked<'a> {
    pub(crate) url: &'a str,
    pub(crate) redactor: Redactor,
}

/// The answer to an offer.
pub(crate) async fn session(
    response: Response,
    offer: &str,
    asked: &Asked<'_>,
) -> Result<InitResponse, SignalingError> {
    let answer = read(response, asked, |body| {
        serde_json::from_slice(body).ok().filter(|answer: &InitResponse| answer.kind == "answer")
    })
    .await?;
    checked(answer, offer, asked)
}

/// The answer to an offer, as SDP alone.
pub(crate) async fn sdp(
    response: Response,
    offer: &str,
    asked: &Asked<'_>,
) -> Result<InitResponse, SignalingError> {
    let answer = read(response, asked, |body| {
        let text = std::str::from_utf8(body).ok().filter(|text| text.starts_with("v=0"))?;
        Some(InitResponse::answer(text))
    })
    .await?;
    checked(answer, offer, asked)
}

fn checked(
    answer: InitResponse,
    offer: &str,
    asked: &Asked<'_>,
) -> Result<InitResponse, SignalingError> {
    sdp::check_answer(offer, &answer.sdp)
        .map_err(|cause| SignalingError::UnusableAnswer { url: asked.url.to_owned(), cause })?;
    Ok(answer)
}

/// An answer of any other kind.
pub(crate) async fn json<T: for<'a> Deserialize<'a>>(
    response: Response,
    asked: &Asked<'_>,
) -> Result<T, SignalingError> {
    read(response, asked, |body| serde_json::from_slice(body).ok()).await
}

async fn read<T>(
    mut response: Response,
    asked: &Asked<'_>,
    parse: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<T, SignalingError> {
    if !response.status().is_success() {
        return Err(refused(response, asked).await);
    }
    let mut body = Vec::new();
    match read_body(&mut response, &mut body).await {
        Ok(End::Complete) => {}
        Ok(End::Limit) => {
            return Err(SignalingError::BodyTooLarge {
                url: asked.url.to_owned(),
                limit: MAX_BODY_BYTES,
            });
        }
        Err(error) => return Err(SignalingError::reading(asked.url, error)),
    }
    parse(&body).ok_or_else(|| unexpected(&response, &body, asked))
}

/// Reads what can be read of a rejection: its status says more than "the body is too large".
async fn refused(mut response: Response, asked: &Asked<'_>) -> SignalingError {
    let rejection = rejection(&mut response, asked).await;
    SignalingError::Rejected { url: asked.url.to_owned(), rejection: Box::new(rejection) }
}

/// What an answer says, taken for a rejection.
pub(crate) async fn rejection(response: &mut Response, asked: &Asked<'_>) -> Rejection {
    let mut body = Vec::new();
    let _incomplete = read_body(response, &mut body).await;
    let mut rejection = Rejection::read(response.status().as_u16(), &body, &asked.redactor);
    if response.status().is_redirection() && rejection.message.is_empty() {
        rejection.message = redirection(response.headers(), asked);
    }
    rejection
}

enum End {
    Complete,
    Limit,
}

async fn read_body(response: &mut Response, body: &mut Vec<u8>) -> Result<End, reqwest::Error> {
    while let Some(chunk) = response.chunk().await? {
        let room = MAX_BODY_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok(End::Limit);
        }
    }
    Ok(End::Complete)
}

fn redirection(headers: &HeaderMap, asked: &Asked<'_>) -> String {
    match header(headers, &LOCATION, asked) {
        Some(target) => {
            let target = redact_url(&target);
            format!("It redirects to {target}, and redirects are not followed.")
        }
        None => "It redirects without saying where.".to_owned(),
    }
}

fn unexpected(response: &Response, body: &[u8], asked: &Asked<'_>) -> SignalingError {
    SignalingError::UnexpectedBody {
        url: asked.url.to_owned(),
        status: response.status().as_u16(),
        content_type: header(response.headers(), &CONTENT_TYPE, asked),
        start: start(&String::from_utf8_lossy(body), asked),
    }
}

pub(crate) fn header(headers: &HeaderMap, name: &HeaderName, asked: &Asked<'_>) -> Option<String> {
    Some(start(&String::from_utf8_lossy(headers.get(name)?.as_bytes()), asked))
}

/// The first characters of what the server wrote, on one line.
fn start(text: &str, asked: &Asked<'_>) -> String {
    let text = asked.redactor.text(text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
