//! Sizes and times.

use std::time::Duration;

use streamsdk_download::DownloadError;

use crate::server::{Step, answer, cut, head, rest, whole};
use crate::{content, download, failed, server, serving};

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_file_that_is_announced_as_too_large_is_not_begun_with() {
    let (folder, server) = (tempfile::tempdir().unwrap(), serving(whole("", b"0123456789")).await);
    let error = failed(download(&server.url("clip.mp4"), &folder).size_limit(9), &folder).await;
    assert!(matches!(error, DownloadError::TooLarge { limit: 9, .. }), "{error}");
    let file = download(&server.url("clip.mp4"), &folder).size_limit(10).fetch().await;
    assert_eq!(content(file.unwrap()), b"0123456789");
}

#[tokio::test]
async fn a_file_that_becomes_too_large_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let endless = answer(200, "transfer-encoding: chunked", &b"5\r\nvideo\r\n".repeat(9));
    let server = serving(endless).await;
    let error = failed(download(&server.url("clip.mp4"), &folder).size_limit(30), &folder).await;
    assert!(matches!(error, DownloadError::TooLarge { limit: 30, .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_waited_for_so_long() {
    let (folder, server) = (tempfile::tempdir().unwrap(), serving(vec![Step::Hold]).await);
    let error = failed(download(&server.url("clip.mp4"), &folder).timeout(SHORT), &folder).await;
    assert!(matches!(error, DownloadError::Silent { waited: SHORT, received: 0, .. }), "{error}");
    assert!(error.is_timeout());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_asked_again_unless_it_stays_silent() {
    let folder = tempfile::tempdir().unwrap();
    let (tag, body) = ("etag: \"one\"", b"0123456789");
    let mut stalled = cut(tag, body, 4);
    stalled.push(Step::Hold);
    let server = server::start(vec![stalled.clone(), rest(tag, body, 4)]).await;
    let file = download(&server.url("clip.mp4"), &folder).use_cache(false).timeout(SHORT);
    assert_eq!(content(file.fetch().await.unwrap()), body);

    let server = server::start(vec![stalled, vec![Step::Hold]]).await;
    let error = failed(download(&server.url("clip.mp4"), &folder).timeout(SHORT), &folder).await;
    assert!(matches!(error, DownloadError::Silent { received: 4, .. }), "{error}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn the_whole_has_a_limit_where_one_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let begun = vec![Step::Send(head(200, "content-length: 5")), Step::Hold];
    let server = serving(begun).await;
    let download = download(&server.url("clip.mp4"), &folder).total_timeout(SHORT);
    let error = failed(download, &folder).await;
    assert!(matches!(error, DownloadError::TooSlow { limit: SHORT, .. }), "{error}");
}

#[tokio::test]
async fn an_empty_file_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let chunked = answer(200, "transfer-encoding: chunked", b"0\r\n\r\n");
    for empty in [whole("", b""), chunked, answer(200, "", b"")] {
        let server = serving(empty).await;
        let error = failed(download(&server.url("clip.mp4"), &folder), &folder).await;
        assert!(matches!(error, DownloadError::Empty { .. }), "{error}");
    }
}
