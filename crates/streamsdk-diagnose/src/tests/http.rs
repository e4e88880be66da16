//! What answers in the place of an inference server, or as one that refuses.

use std::time::{Duration, SystemTime};

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::http_server::{HttpServer, MISSING_FIELDS, dated, json, page, reply};
use super::{checkup, what_of, wrong};
use crate::{Code, Diagnosis};

async fn diagnosis(reply: String) -> Diagnosis {
    let server = HttpServer::start(reply).await;
    checkup().server(server.url()).api_key("the-key").run().await
}

#[tokio::test]
async fn each_refusal_has_its_code() {
    let quota = r#"{"error_type": "WorkspaceStreamQuotaError", "message": "10 streams"}"#;
    let credits = r#"{"error_type": "CreditsExceededError", "message": "none left"}"#;
    for (reply, code) in [
        (json(401, r#"{"message": "unknown key"}"#), Code::KeyRejected),
        (json(403, r#"{"message": "not this workspace"}"#), Code::KeyRejected),
        (json(429, quota), Code::QuotaUsedUp),
        (json(402, credits), Code::QuotaUsedUp),
        (json(404, r#"{"detail": "Not Found"}"#), Code::NoSuchEndpoint),
        (json(405, "{}"), Code::NoSuchEndpoint),
        (page(502), Code::ServerUnavailable),
        (json(503, "{}"), Code::ServerUnavailable),
        (json(500, r#"{"message": "Internal error."}"#), Code::ServerFailed),
        (page(407), Code::ProxyInTheWay),
        (page(403), Code::ProxyInTheWay),
        (page(511), Code::CaptivePortal),
        (page(200), Code::CaptivePortal),
        (reply(302, "location: http://login.example/portal\r\n", ""), Code::CaptivePortal),
        (reply(308, "location: /elsewhere\r\n", ""), Code::NoSuchEndpoint),
        (json(200, r#"{"hello": "world"}"#), Code::NotAnInferenceServer),
        (page(400), Code::NotAnInferenceServer),
    ] {
        let diagnosis = diagnosis(reply.clone()).await;
        assert_eq!(wrong(&diagnosis), [code], "{reply}: {diagnosis}");
    }
}

#[tokio::test]
async fn the_servers_own_words_are_told() {
    let diagnosis = diagnosis(json(429, r#"{"message": "3 of 3 streams."}"#)).await;
    let what = what_of(&diagnosis, Code::QuotaUsedUp);
    assert!(what.contains("status 429: 3 of 3 streams)"), "{what}");
}

#[tokio::test]
async fn a_key_that_is_missing_is_told_from_one_that_is_wrong() {
    let server = HttpServer::start(json(401, "{}")).await;
    let without = checkup().server(server.url()).run().await;
    assert!(what_of(&without, Code::KeyRejected).contains("none was given"), "{without}");
    let with = checkup().server(server.url()).api_key("another-0ne").run().await;
    assert!(what_of(&with, Code::KeyRejected).contains("refuses the key"), "{with}");
}

#[tokio::test]
async fn a_clock_that_differs_by_minutes_is_wrong() {
    let then = SystemTime::now() - Duration::from_secs(900);
    let reply = dated(
        &httpdate::fmt_http_date(then),
        422,
        "content-type: application/json\r\n",
        MISSING_FIELDS,
    );
    let diagnosis = diagnosis(reply).await;
    assert_eq!(wrong(&diagnosis), [Code::ClockWrong], "{diagnosis}");
    assert!(what_of(&diagnosis, Code::ClockWrong).contains("15 minutes ahead"), "{diagnosis}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_silent_and_one_that_hangs_up_broke_off() {
    for (hangs_up, code) in [(false, Code::ServerSilent), (true, Code::ExchangeBrokeOff)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let diagnosis = of_who_answers_nothing(listener, hangs_up).await;
        assert_eq!(wrong(&diagnosis), [code], "{diagnosis}");
    }
}

#[tokio::test]
async fn a_port_with_the_number_of_a_status_in_it_is_no_status() {
    let bind = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).ok();
    let listener = (40_700..40_800).find_map(bind).unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let diagnosis = of_who_answers_nothing(listener, true).await;
    assert_eq!(wrong(&diagnosis), [Code::ExchangeBrokeOff], "{diagnosis}");
}

/// What is said of a server that hangs up at once, or never.
async fn of_who_answers_nothing(listener: TcpListener, hangs_up: bool) -> Diagnosis {
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while !hangs_up && stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    let checkup = checkup().server(format!("http://{address}"));
    checkup.time_limit(Duration::from_secs(2)).run().await
}
