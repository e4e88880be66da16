//! The environment's variables and proxies. A process cannot change its environment safely, so each test here
//! runs this very program again, with an environment and an ignored test as its task.

use std::env;
use std::path::Path;

use streamsdk_download::Download;

use crate::server::{redirect, whole};
use crate::{all_texts, names_in, serving};

const TARGET: &str = "TARGET_OF_THE_TEST";

#[tokio::test]
#[ignore = "run by the other tests, with an environment"]
async fn download_the_target() {
    let Ok(url) = env::var(TARGET) else { return };
    match Download::new(url).unwrap().fetch().await {
        Ok(file) => println!("RESULT: downloaded to {:?}", file.path()),
        Err(error) => println!("RESULT: {}", all_texts(&error)),
    }
}

/// What comes of a download with these variables and a cache in `home`.
pub(crate) async fn result(url: String, home: &Path, environment: &[(&str, &str)]) -> String {
    let mut command = std::process::Command::new(env::current_exe().unwrap());
    command.args(["--exact", "environment::download_the_target", "--ignored", "--nocapture"]);
    for name in ["NO_PROXY", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.env(TARGET, url).env("HOME", home).env("USERPROFILE", home);
    command.envs(environment.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("1 passed"), "{shown}");
    shown
}

#[tokio::test]
async fn the_cache_is_in_the_home_directory_or_where_the_variable_says() {
    let (home, server) = (tempfile::tempdir().unwrap(), serving(whole("", b"video")).await);
    let open = ("ALLOW_URL_TO_NON_GLOBAL_ADDRESSES", "True");
    let shown = result(server.url("a.mp4"), home.path(), &[open]).await;
    assert!(shown.contains("RESULT: downloaded"), "{shown}");
    assert_eq!(names_in(&home.path().join(".cache/inference-sdk/videos")).len(), 1);

    let other = home.path().join("other");
    let folder = ("INFERENCE_SDK_VIDEO_CACHE_DIR", other.to_str().unwrap());
    let shown = result(server.url("a.mp4"), home.path(), &[open, folder]).await;
    assert!(shown.contains("RESULT: downloaded"), "{shown}");
    assert_eq!(names_in(&other).len(), 1);
}

#[tokio::test]
async fn variables_forbid_what_the_caller_does_not_decide() {
    let home = tempfile::tempdir().unwrap();
    for (name, value, expected) in [
        ("ALLOW_URL_INPUT", "False", "switched off"),
        ("ALLOW_NON_HTTPS_URL_INPUT", "false", "only https"),
        ("BLACKLISTED_DESTINATIONS_FOR_URL_INPUT", "a.invalid", "BLACKLISTED"),
        ("WHITELISTED_DESTINATIONS_FOR_URL_INPUT", "b.invalid", "WHITELISTED"),
        ("INFERENCE_SDK_VIDEO_DOWNLOAD_TIMEOUT", "soon", "VIDEO_DOWNLOAD_TIMEOUT must be"),
        ("MAX_IMAGE_URL_REDIRECTS", "many", "MAX_IMAGE_URL_REDIRECTS must be"),
    ] {
        let url = "http://a.invalid/clip.mp4".to_owned();
        let shown = result(url, home.path(), &[(name, value)]).await;
        assert!(shown.contains(expected), "{name}: {shown}");
    }
}

#[tokio::test]
async fn a_proxy_is_asked_for_other_hosts_and_may_be_on_this_one() {
    let (home, proxy) = (tempfile::tempdir().unwrap(), serving(whole("", b"video")).await);
    let address = format!("http://me:pr0xy@localhost:{}", proxy.port());
    let url = "http://other.invalid:81/a%7B{|}.mp4".to_owned();
    let shown = result(url, home.path(), &[("http_proxy", &address)]).await;
    assert!(shown.contains("RESULT: downloaded"), "{shown}");
    let request = &proxy.requests()[0];
    assert!(request.line().starts_with("GET http://other.invalid:81/a"), "{}", request.line());
    assert_eq!(request.header("proxy-authorization"), Some("Basic bWU6cHIweHk="));
}

#[tokio::test]
async fn a_redirect_to_this_machine_is_refused_also_behind_a_proxy() {
    let (home, secret) = (tempfile::tempdir().unwrap(), serving(whole("", b"secret")).await);
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let to = format!("http://{host}:{}/", secret.port());
        let proxy = serving(redirect(&to)).await;
        let address = format!("http://127.0.0.1:{}", proxy.port());
        let url = "http://other.invalid/clip.mp4".to_owned();
        let shown = result(url, home.path(), &[("http_proxy", &address)]).await;
        assert!(shown.contains("not a public address"), "{host}: {shown}");
        assert_eq!(proxy.requests().len(), 1);
    }
    assert_eq!(secret.requests().len(), 0);
}

#[tokio::test]
async fn a_proxys_credentials_are_in_no_error() {
    let home = tempfile::tempdir().unwrap();
    let proxy = [("http_proxy", "http://me:pr0xy@127.0.0.1:1")];
    let shown = result("http://other.invalid/a.mp4".to_owned(), home.path(), &proxy).await;
    assert!(shown.contains("cannot connect to http://other.invalid/a.mp4"), "{shown}");
    assert!(!shown.contains("pr0xy"), "{shown}");
}
