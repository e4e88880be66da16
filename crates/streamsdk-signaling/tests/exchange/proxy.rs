//! The environment's proxies. A process cannot change its environment safely, so each test here
//! runs this very program again, with a proxy in the environment and an ignored test as its task.

use std::env;
use std::process::Output;

use crate::server::{self, Server};
use crate::{KEY, all_texts, exchange, recorded_answer};

const TARGET: &str = "TARGET_OF_THE_TEST";

/// Runs the ignored test `task` in a process of its own.
pub(crate) async fn run_again(task: &str, environment: &[(&str, String)]) -> Output {
    let mut command = std::process::Command::new(env::current_exe().unwrap());
    command.args(["--exact", task, "--ignored", "--nocapture"]);
    for name in ["NO_PROXY", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    output
}

#[tokio::test]
#[ignore = "run by the other tests, with an environment"]
async fn exchange_with_the_target() {
    let Ok(url) = env::var(TARGET) else { return };
    match exchange(&url).await {
        Ok(_) => println!("RESULT: answered"),
        Err(error) => println!("RESULT: {}", all_texts(&error)),
    }
}

async fn exchange_through(proxy: String, target: String) -> String {
    let environment = [("http_proxy", proxy), (TARGET, target)];
    let output = run_again("proxy::exchange_with_the_target", &environment).await;
    String::from_utf8(output.stdout).unwrap()
}

async fn answering_server() -> Server {
    server::start(server::json(200, &recorded_answer())).await
}

#[tokio::test]
async fn a_request_to_this_host_does_not_go_to_the_proxy() {
    let (mut proxy, mut target) = (answering_server().await, answering_server().await);
    let url = format!("http://localhost:{}", target.port());
    let shown = exchange_through(proxy.url(), url).await;
    assert!(shown.contains("RESULT: answered"), "{shown}");
    assert_eq!(target.request().await.line(), "POST /initialise_webrtc_worker HTTP/1.1");
    assert_eq!(proxy.unseen_requests(), 0);
}

#[tokio::test]
async fn a_request_to_another_host_goes_to_the_proxy() {
    let mut proxy = answering_server().await;
    let shown = exchange_through(proxy.url(), "http://other.invalid:9001".into()).await;
    assert!(shown.contains("RESULT: answered"), "{shown}");
    let line = "POST http://other.invalid:9001/initialise_webrtc_worker HTTP/1.1";
    assert_eq!(proxy.request().await.line(), line);
}

#[tokio::test]
async fn a_proxys_credentials_are_in_no_error() {
    let proxy = "http://proxy-user:pr0xy-pw@127.0.0.1:1".to_owned();
    let shown = exchange_through(proxy, "http://other.invalid".into()).await;
    assert!(shown.contains("cannot connect to http://other.invalid"), "{shown}");
    assert!(!shown.contains("pr0xy-pw") && !shown.contains(KEY), "{shown}");
}
