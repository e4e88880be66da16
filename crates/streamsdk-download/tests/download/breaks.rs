//! Connections that break off.

use streamsdk_download::DownloadError;

use crate::server::{answer, cut, rest, whole};
use crate::{content, download, failed, server, video};

const TAG: &str = "etag: \"one\"";
const DATED: &str = "date: Tue; 06 Jan, last-modified: Mon; 05 Jan";

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let (folder, body) = (tempfile::tempdir().unwrap(), video());
    let server = server::start_with(move |request, number| {
        let from = request.header("range").map_or(0, |range| {
            range.strip_prefix("bytes=").unwrap().trim_end_matches('-').parse().unwrap()
        });
        match number {
            0 => cut(TAG, &body, 1_000_000),
            1 => answer(503, "content-length: 0", &[]),
            _ => rest(TAG, &body, from),
        }
    })
    .await;
    let file = download(&server.url("clip.mp4"), &folder).fetch().await.unwrap();
    assert!(content(file) == video());
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    for again in &requests[1..] {
        assert_eq!(again.header("range"), Some("bytes=1000000-"));
        assert_eq!(again.header("if-range"), Some("\"one\""));
    }
}

#[tokio::test]
async fn a_date_tells_as_well_that_the_content_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let body = b"0123456789";
    let server = server::start(vec![cut(DATED, body, 4), rest("", body, 4)]).await;
    let file = download(&server.url("clip.mp4"), &folder).fetch().await.unwrap();
    assert_eq!(content(file), body);
    assert_eq!(server.requests()[1].header("if-range"), Some("Mon; 05 Jan"));
}

#[tokio::test]
async fn a_server_that_answers_with_the_whole_is_taken_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (b"old content", b"new");
    let server = server::start(vec![cut(TAG, old, 7), whole("etag: \"two\"", new)]).await;
    let file = download(&server.url("clip.mp4"), &folder).fetch().await.unwrap();
    assert_eq!(content(file), new);
}

#[tokio::test]
async fn a_content_that_changed_is_never_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (b"old content", b"new content");
    let other = "etag: \"two\"";
    // Servers that do not read If-Range, or do not know the range any more.
    for second in [rest(other, new, 4), rest("", new, 4), answer(416, "content-length: 0", &[])] {
        let server = server::start(vec![cut(TAG, old, 4), second, whole(other, new)]).await;
        let file = download(&server.url("clip.mp4"), &folder).use_cache(false);
        assert_eq!(content(file.fetch().await.unwrap()), new);
        let requests = server.requests();
        assert_eq!((requests.len(), requests[2].header("range")), (3, None));
    }
}

#[tokio::test]
async fn what_cannot_be_told_apart_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let body = b"0123456789";
    for headers in ["", "etag: W/\"weak\"", "last-modified: Mon; 05 Jan"] {
        let server = server::start(vec![cut(headers, body, 4), whole(headers, body)]).await;
        let file = download(&server.url("clip.mp4"), &folder).use_cache(false);
        assert_eq!(content(file.fetch().await.unwrap()), body, "{headers}");
        assert_eq!(server.requests()[1].header("range"), None, "{headers}");
    }
}

#[tokio::test]
async fn a_body_without_a_length_that_is_cut_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let cut = answer(200, "transfer-encoding: chunked", b"5\r\nvideo\r\n");
    let server = server::start(vec![cut]).await;
    let error = failed(download(&server.url("clip.mp4"), &folder).retries(0), &folder).await;
    assert!(matches!(error, DownloadError::Broken { received: 5, .. }), "{error}");
}

#[tokio::test]
async fn a_body_that_is_too_short_is_no_file_however_often_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = server::start(vec![cut("", b"0123456789", 4)]).await;
    let error = failed(download(&server.url("clip.mp4"), &folder).retries(2), &folder).await;
    assert!(matches!(error, DownloadError::Broken { received: 4, .. }), "{error}");
    assert!(error.is_retryable());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_refusal_in_the_middle_is_final() {
    let folder = tempfile::tempdir().unwrap();
    let gone = answer(410, "content-length: 0", &[]);
    let server = server::start(vec![cut(TAG, b"0123456789", 4), gone]).await;
    let error = failed(download(&server.url("clip.mp4"), &folder), &folder).await;
    assert_eq!(error.status(), Some(410));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_part_of_a_part_is_followed_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let body = b"0123456789";
    let middle =
        answer(206, &format!("content-range: bytes 4-6/10, content-length: 3, {TAG}"), b"456");
    let server = server::start(vec![cut(TAG, body, 4), middle, rest(TAG, body, 7)]).await;
    let file = download(&server.url("clip.mp4"), &folder).fetch().await.unwrap();
    assert_eq!(content(file), body);
}
