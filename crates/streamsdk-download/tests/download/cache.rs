//! What is kept, under which name, and what is left.

use std::fs;
use std::sync::{Arc, Mutex};

use tokio::sync::Barrier;
use tokio::time::{Instant, sleep};

use crate::server::{MAX_WAIT, Step, head, whole};
use crate::{content, download, names_in, server, serving, video};

#[tokio::test]
async fn a_file_is_downloaded_whole_and_kept() {
    let (folder, server) = (tempfile::tempdir().unwrap(), serving(whole("", &video())).await);
    let file = download(&server.url("a/clip.mkv?x=1"), &folder).fetch().await.unwrap();
    assert!(!file.is_from_cache());
    let path = file.path().unwrap().to_owned();
    assert!(content(file) == video());
    assert!(fs::read(&path).unwrap() == video());
    assert_eq!(path.extension().unwrap(), "mkv");
    assert_eq!(names_in(folder.path()), [path.file_name().unwrap().to_str().unwrap()]);

    let [request] = &server.requests()[..] else { panic!("one request is enough") };
    assert_eq!(request.line(), "GET /a/clip.mkv?x=1 HTTP/1.1");
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("range"), None);
}

#[tokio::test]
async fn a_file_in_the_cache_is_used_without_a_request() {
    let (folder, server) = (tempfile::tempdir().unwrap(), serving(whole("", b"video")).await);
    let first = download(&server.url("clip.mp4"), &folder).fetch().await.unwrap();
    let second = download(&server.url("clip.mp4"), &folder).fetch().await.unwrap();
    assert!(second.is_from_cache());
    assert_eq!(first.path(), second.path());
    assert_eq!(content(second), b"video");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn what_python_has_downloaded_is_used() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("30da8b0ac243da0c41a63a46ef94c883.mp4"), b"of python").unwrap();
    let file = download("https://example.com/clip.mp4", &folder).fetch().await.unwrap();
    assert_eq!(content(file), b"of python");
}

#[tokio::test]
async fn an_empty_file_in_the_cache_is_replaced() {
    let (folder, server) = (tempfile::tempdir().unwrap(), serving(whole("", b"video")).await);
    let first = download(&server.url("clip.mp4"), &folder).fetch().await.unwrap();
    fs::write(first.path().unwrap(), []).unwrap();
    let second = download(&server.url("clip.mp4"), &folder).fetch().await.unwrap();
    assert_eq!(content(second), b"video");
}

#[tokio::test]
async fn without_the_cache_nothing_is_kept_and_nothing_of_it_used() {
    let (folder, server) = (tempfile::tempdir().unwrap(), serving(whole("", b"video")).await);
    for _ in 0..2 {
        let file = download(&server.url("clip.mp4"), &folder).use_cache(false);
        let file = file.fetch().await.unwrap();
        assert_eq!((file.path(), file.is_from_cache()), (None, false));
        assert_eq!(content(file), b"video");
    }
    assert_eq!(names_in(folder.path()), [""; 0]);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn two_downloads_at_once_do_each_other_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let (both, body) = (Arc::new(Barrier::new(2)), video());
    let (first, second) = body.split_at(1_000_000);
    let head = head(200, &format!("content-length: {}", body.len()));
    let server = serving(vec![
        Step::Send([&head, first].concat()),
        Step::Meet(Arc::clone(&both)),
        Step::Send(second.to_vec()),
        Step::Meet(both),
    ])
    .await;
    let fetch = || download(&server.url("clip.mp4"), &folder).fetch();
    let (one, other) = tokio::join!(fetch(), fetch());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.path(), other.path());
    assert!(fs::read(one.path().unwrap()).unwrap() == body);
    assert!(content(one) == body && content(other) == body);
    assert_eq!((names_in(folder.path()).len(), server.requests().len()), (1, 2));
}

#[tokio::test]
async fn a_download_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let begun = head(200, "content-length: 10");
    let server = serving(vec![Step::Send([&begun[..], b"vid"].concat()), Step::Hold]).await;
    let fetching = tokio::spawn(download(&server.url("clip.mp4"), &folder).fetch());
    let start = Instant::now();
    while server.requests().is_empty() {
        assert!(start.elapsed() < MAX_WAIT);
        sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(names_in(folder.path())[0].ends_with(".part"));
    fetching.abort();
    assert!(fetching.await.unwrap_err().is_cancelled());
    assert_eq!(names_in(folder.path()), [""; 0]);
}

#[tokio::test]
async fn progress_goes_from_nothing_to_everything() {
    let (folder, server) = (tempfile::tempdir().unwrap(), serving(whole("", &video())).await);
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reports);
    let download = download(&server.url("clip.mp4"), &folder)
        .on_progress(move |progress| seen.lock().unwrap().push(progress));
    download.fetch().await.unwrap();
    let reports = reports.lock().unwrap();
    assert_eq!(reports.first().unwrap().received, 0);
    assert!(reports.last().unwrap().is_complete());
    assert!(reports.is_sorted_by_key(|progress| progress.received));
    assert!(reports.iter().all(|progress| progress.total == Some(video().len() as u64)));
}

#[tokio::test]
async fn without_a_length_a_file_ends_where_the_server_says() {
    let folder = tempfile::tempdir().unwrap();
    let chunked = b"5\r\nvideo\r\n4\r\n two\r\n0\r\n\r\n";
    let server = serving(server::answer(200, "transfer-encoding: chunked", chunked)).await;
    let file = download(&server.url("clip.mp4"), &folder).fetch().await.unwrap();
    assert_eq!(content(file), b"video two");
}
