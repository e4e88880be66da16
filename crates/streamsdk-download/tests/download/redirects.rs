//! Where redirects lead.

use streamsdk_download::{DownloadError, DownloadRefusal};

use crate::server::{answer, redirect, whole};
use crate::{content, download, failed, server, serving};

#[tokio::test]
async fn redirects_are_followed_and_the_name_is_of_the_first_url() {
    let folder = tempfile::tempdir().unwrap();
    let other = serving(whole("", b"video")).await;
    let to = other.url("real.bin");
    let server = server::start_with(move |request, _| match request.path() {
        "/clip.mp4" => redirect("deeper/one"),
        "/deeper/one" => redirect("/two"),
        _ => redirect(&to),
    })
    .await;
    let file = download(&server.url("clip.mp4"), &folder).fetch().await.unwrap();
    assert_eq!(file.path().unwrap().extension().unwrap(), "mp4");
    assert_eq!(content(file), b"video");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_loop_of_redirects_ends() {
    let (folder, server) = (tempfile::tempdir().unwrap(), serving(redirect("/again")).await);
    let loops = download(&server.url("clip.mp4"), &folder).redirect_limit(4);
    let error = failed(loops, &folder).await;
    assert!(matches!(error, DownloadError::TooManyRedirects { limit: 4, .. }), "{error}");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for answer in [answer(302, "content-length: 0", &[]), redirect("http://[::")] {
        let server = serving(answer).await;
        let error = failed(download(&server.url("clip.mp4"), &folder), &folder).await;
        assert!(matches!(error, DownloadError::BadRedirect { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_to_something_else_than_http_is_refused() {
    let (folder, server) = (tempfile::tempdir().unwrap(), serving(redirect("file:///a")).await);
    let error = failed(download(&server.url("clip.mp4"), &folder), &folder).await;
    let is_refused =
        matches!(error, DownloadError::Refused { refusal: DownloadRefusal::NotHttp, .. });
    assert!(is_refused, "{error}");
}

#[tokio::test]
async fn credentials_go_to_the_server_that_they_are_for_and_to_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let other = serving(whole("", b"video")).await;
    let server = serving(redirect(&other.url("a"))).await;
    let url = server.url("clip.mp4").replace("http://", "http://me:s3cret@");
    download(&url, &folder).fetch().await.unwrap();
    assert_eq!(server.requests()[0].header("authorization"), Some("Basic bWU6czNjcmV0"));
    assert_eq!(other.requests()[0].header("authorization"), None);
}
