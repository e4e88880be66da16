//! What is not downloaded.

use std::net::Ipv4Addr;

use streamsdk_download::{Download, DownloadError, DownloadRefusal};
use tokio::net::TcpSocket;

use crate::server::{answer, whole};
use crate::{all_texts, download, failed, serving};

#[tokio::test]
async fn an_address_of_this_machine_is_refused_by_default() {
    let (folder, server) = (tempfile::tempdir().unwrap(), serving(whole("", b"video")).await);
    let port = server.port();
    // The last one is looked up.
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:7f00:1]", "localhost", "LocalHost"] {
        let url = format!("http://{host}:{port}/clip.mp4");
        let strict = Download::new(url).unwrap().cache_dir(folder.path());
        let error = failed(strict, &folder).await;
        let DownloadError::Refused { refusal: DownloadRefusal::PrivateAddress { address }, .. } =
            error
        else {
            panic!("{host}: {error}")
        };
        assert!(address.to_canonical().is_loopback(), "{host}: {address}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn what_is_no_http_url_is_refused_without_repeating_its_secrets() {
    for url in ["ftp://me:s3cret@h", "clip.mp4", "http://me:s3cret@h:port/", "http://h\\@s3cret/"] {
        let error = Download::new(url).unwrap_err();
        assert!(!all_texts(&error).contains("me:s3cret"), "{error:?}");
    }
    let backslash = Download::new("http://me:s3cret@a\\@b/").unwrap_err();
    assert!(!all_texts(&backslash).contains("s3cret"), "{backslash:?}");
}

#[tokio::test]
async fn a_status_that_is_no_success_is_told_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    for (status, is_retryable) in
        [(404, false), (403, false), (204, false), (206, false), (503, true)]
    {
        let server = serving(answer(status, "content-length: 0", &[])).await;
        let url = server.url("clip.mp4?token=t0ken").replace("http://", "http://me:s3cret@");
        let download = download(&url, &folder);
        assert!(!format!("{download:?}").contains("s3cret"));
        let error = failed(download, &folder).await;
        assert_eq!((error.status(), error.is_retryable()), (Some(status), is_retryable));
        let shown = all_texts(&error);
        assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_is_not_the_file_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let page = serving(whole("content-type: text/html; charset=utf-8", b"<p>log in")).await;
    let error = failed(download(&page.url("clip.mp4"), &folder), &folder).await;
    assert!(matches!(error, DownloadError::WebPage { .. }), "{error}");
    let encoded = serving(whole("content-encoding: gzip", b"zipped")).await;
    let error = failed(download(&encoded.url("clip.mp4"), &folder), &folder).await;
    assert!(matches!(error, DownloadError::Encoded { .. }), "{error}");
}

#[tokio::test]
async fn nobody_who_answers_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    // Bound, and not listening: so nobody else listens there either.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = nobody.local_addr().unwrap().port();
    let url = format!("http://me:s3cret@127.0.0.1:{port}/clip.mp4");
    for url in [url.as_str(), "http://me:s3cret@no.such.invalid/clip.mp4"] {
        let error = failed(download(url, &folder), &folder).await;
        assert!(matches!(error, DownloadError::Connect { .. }), "{error}");
        assert!(error.is_retryable() && !all_texts(&error).contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_told() {
    let server = serving(whole("", b"video")).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let url = server.url("clip.mp4");
    let download = Download::new(url).unwrap().allow_private_addresses(true).cache_dir(file.path());
    let error = download.fetch().await.unwrap_err();
    assert!(matches!(error, DownloadError::Disk { .. }), "{error}");
}
