//! Viewers over WebRTC, asked for as WHEP does: an offer is posted, and its answer has a place that is deleted in the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use streamsdk_codec::VideoCodec;
use streamsdk_http::read_body;
use streamsdk_transport::{Answer, PeerConfig, offered_codecs};

use crate::config::Token;
use crate::error_response::ErrorResponse;
use crate::page::{Shared, ViewerPlace};
use crate::routes::{StreamQuery, is_of_type};
use crate::stream::Shows;
use crate::viewer::Viewer;

const SDP: &str = "application/sdp";
const MAX_OFFER_BYTES: usize = 256 << 10;
/// How long a viewer may take to connect, which is nearby.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end of a program waits for a viewer to hear of it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that wait for a viewer: a picture, so that the next one is a new one.
const SEND_BUFFER: usize = 256 << 10;

pub(crate) async fn offer(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<StreamQuery>,
    from: Option<Extension<ConnectInfo<SocketAddr>>>,
    request: Request,
) -> Result<Response, ErrorResponse> {
    if !is_of_type(request.headers(), SDP) {
        let what = format!("an offer is {SDP}");
        return Err(ErrorResponse::UnusableOffer(what));
    }
    let stream = shared.stream(query.stream.as_deref())?;
    let shows = stream.shows().ok_or(ErrorResponse::NoPicture)?;
    let ViewerPlace { counted, room } = shared.admit(&stream)?;
    let limit = shared.config.request_timeout;
    let body = read_body(request.into_body(), MAX_OFFER_BYTES, limit).await?;
    let offer = std::str::from_utf8(&body)
        .map_err(|error| ErrorResponse::UnusableOffer(error.to_string()))?;
    let codec = passed_on(shows, query.images.is_some(), offer);
    let client = from.map(|Extension(ConnectInfo(client))| client);
    let config = peer_config(&shared, client, codec);
    let answer = Answer::create(config, offer, codec.is_some()).await;
    let answer = answer.map_err(|error| ErrorResponse::UnusableOffer(error.to_string()))?;
    let sdp = answer.sdp().to_owned();
    let (peer, channels, video) = answer.into_parts();
    let name = Token::random().expose().to_owned();
    let closed = shared.note_viewer(name.clone());
    let track = video.and_then(|video| video.sender);
    let inside = query.inside.is_some();
    let viewer = Viewer { stream, peer, channels, track, inside, closed, counted };
    let (ended, viewed) = (name.clone(), Arc::clone(&shared));
    shared.tasks.spawn(async move {
        viewer.run().await;
        viewed.close_viewer(&ended);
        drop(room);
    });
    let place = format!("/whep/{name}");
    let headers = [(header::LOCATION, place.as_str()), (header::CONTENT_TYPE, SDP)];
    Ok((StatusCode::CREATED, headers, sdp).into_response())
}

pub(crate) async fn close(
    State(shared): State<Arc<Shared>>,
    Path(viewer): Path<String>,
) -> Result<StatusCode, ErrorResponse> {
    match shared.close_viewer(&viewer) {
        true => Ok(StatusCode::OK),
        false => Err(ErrorResponse::NoViewer),
    }
}

/// The codec in which pictures are passed on; `None` where they are sent as images.
fn passed_on(shows: Shows, as_images: bool, offer: &str) -> Option<VideoCodec> {
    match shows {
        Shows::Video(codec) if !as_images => Some(codec),
        _ => None,
    }
    .filter(|codec| offered_codecs(offer).contains(codec))
}

fn peer_config(
    shared: &Shared,
    client: Option<SocketAddr>,
    codec: Option<VideoCodec>,
) -> PeerConfig {
    PeerConfig::default()
        .interfaces(shared.config.interfaces.unwrap_or_default())
        .toward(client)
        .codecs(codec)
        .connect_timeout(CONNECT_TIMEOUT)
        .send_buffer(SEND_BUFFER)
        .close_timeout(CLOSE_TIMEOUT)
}
