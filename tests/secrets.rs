//! What is given in confidence shows in no log line of any level, no error, no `Debug` and no panic, however it
//! is spelt and whoever repeats it.

use std::io::Write;
use std::net::TcpListener;
use std::sync::{Mutex, Once};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use streamsdk::{
    ApiKeyTransport, Client, Error, IceServer, LocalStreamSource, ManualSource, MjpegSource,
    ProducerSource, ProxySignaling, RetryPolicy, RtspSource, Session, StreamConfig, StreamSource,
    TestPattern, VideoFileSource, WhipSignaling, Workflow,
};
use streamsdk_capture::FrameProducer;
use streamsdk_testkit::FakePlatform;
use streamsdk_tests::{MAX_WAIT, clip, worker, worker_with};
use streamsdk_worker::WorkerConfig;

/// What every secret has in it. No spelling but base64 changes it.
const MARK: &str = "C4naryQ7zW2";

/// With characters that each spelling writes in another way.
fn secret(of: &str) -> String {
    format!(r#"{of}/@"{MARK}+\&{of}"#)
}

fn percent_encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    encoded.collect()
}

fn base64(data: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = data.chunks(3).flat_map(|group| {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        (0..=group.len()).map(move |at| ALPHABET[(bits >> (18 - 6 * at)) as usize & 63])
    });
    groups.map(char::from).collect()
}

/// The mark as it stands in a text, and in base64 of any text that it is in.
fn spellings() -> Vec<String> {
    let in_base64 = (0..3).map(|shift| {
        let encoded = base64(&[&vec![b' '; shift], MARK.as_bytes()].concat());
        // What is next to the mark has its part in the first and the last characters.
        encoded[(shift * 8).div_ceil(6)..encoded.len() - 2].to_owned()
    });
    in_base64.chain([MARK.to_owned()]).collect()
}

static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Takes every log line there is, those of the crate `log` too, and every panic.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let everything = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
        everything.with_ansi(false).with_writer(|| Log).init();
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            writeln!(Log, "{panic}").unwrap();
            usual(panic);
        }));
    });
}

/// Fails if a mark is in one of the texts, or in what was logged so far.
fn assert_kept(said: &[String]) {
    let logged = String::from_utf8_lossy(&LOGGED.lock().unwrap()).into_owned();
    for line in said.iter().flat_map(|text| text.lines()).chain(logged.lines()) {
        let shown = spellings().into_iter().find(|spelling| line.contains(spelling));
        assert!(shown.is_none(), "{shown:?} in: {line}");
    }
}

/// A server that answers with all that it was asked, as it came and percent-encoded.
async fn gossip() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(async |uri: Uri, headers: HeaderMap, body: String| {
        let headers = headers.values().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let asked = format!("{uri} {} {body}", headers.collect::<Vec<_>>().join(" "));
        let message = format!("{} {}", asked, percent_encoded(&asked));
        let repeated = serde_json::json!({ "message": message, "detail": message });
        (StatusCode::BAD_REQUEST, repeated.to_string())
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// An address where nobody is.
fn nowhere() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn turn_server() -> IceServer {
    IceServer::new(format!("turn:{}?transport=tcp", nowhere())).credentials("me", secret("turn"))
}

fn config() -> StreamConfig {
    let config = StreamConfig::default().data_output(["*"]).retry(RetryPolicy::never());
    config.ice_servers([turn_server()])
}

/// A client of a server that has the key, in one of the ways to send it.
fn client(url: &str, transport: ApiKeyTransport) -> Client {
    Client::builder(url).api_key(secret("key")).api_key_transport(transport).build().unwrap()
}

/// A session of one kind: all that its start, its events and its end say.
async fn said_by(
    client: &Client,
    source: impl StreamSource + std::fmt::Debug,
    workflow: Workflow,
) -> Vec<String> {
    let mut said = vec![format!("{client:?} {source:?} {:?}", config())];
    let started = client.stream(source).workflow(workflow).config(config()).start();
    match started.await {
        Ok(session) => said.extend(heard_from(session).await),
        Err(error) => said.push(told(&error)),
    }
    said
}

async fn heard_from(mut session: Session) -> Vec<String> {
    let mut said = Vec::new();
    let listening = async {
        while let Some(event) = session.next().await {
            match event {
                Ok(event) => said.push(format!("{event:?}")),
                Err(error) => said.push(told(&error)),
            }
        }
    };
    tokio::time::timeout(MAX_WAIT, listening).await.unwrap();
    let statistics = session.control().statistics();
    let summary = session.close().await;
    said.push(format!("{statistics:?} {summary} {summary:?}"));
    said
}

fn told(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let causes: Vec<_> = causes.map(|cause| format!("{cause} {cause:?}")).collect();
    format!("{error} {error:?} {}", causes.join(" "))
}

fn file() -> VideoFileSource {
    VideoFileSource::open(clip("plain_160x120.mp4")).unwrap()
}

/// A source that ends by itself after a few frames.
fn manual() -> ManualSource {
    let (source, sender) = ManualSource::new();
    let mut pattern = TestPattern::new(160, 120, 30.0);
    std::thread::spawn(move || {
        for _ in 0..10 {
            let frame = pattern.next_frame(MAX_WAIT).unwrap().frame;
            if sender.blocking_ready(MAX_WAIT).is_err() || sender.send(frame).is_err() {
                return;
            }
        }
        sender.end();
    });
    source
}

fn camera(scheme: &str) -> String {
    format!(
        "{scheme}://me:{}@{}/live?key={}",
        percent_encoded(&secret("camera")),
        nowhere(),
        percent_encoded(&secret("camera"))
    )
}

fn motion() -> Workflow {
    Workflow::id("local", "motion")
}

/// What sessions of every kind say that one client can have.
async fn said_by_all_kinds(client: &Client) -> Vec<String> {
    let pattern = || ProducerSource::new(TestPattern::new(160, 120, 30.0).limit(10));
    let rtsp = || RtspSource::new(camera("rtsp")).unwrap();
    let mjpeg = || MjpegSource::new(camera("http")).unwrap();
    let specification = serde_json::json!({ "inputs": [], "note": secret("key") });
    [
        said_by(client, file(), motion()).await,
        said_by(client, manual(), motion()).await,
        said_by(client, pattern(), motion()).await,
        said_by(client, rtsp(), motion()).await,
        said_by(client, mjpeg(), motion()).await,
        said_by(client, file(), Workflow::specification(specification)).await,
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_every_kind_keep_keys_and_passwords_to_themselves() {
    listen();
    let key = streamsdk::ApiKey::new(secret("key"));
    let guarded = worker_with(WorkerConfig::default().token(key)).await;
    let said = said_by_all_kinds(&client(&guarded.url(), ApiKeyTransport::Header)).await;
    assert_kept(&said);
    let open = worker().await;
    assert_kept(&said_by_all_kinds(&client(&open.url(), ApiKeyTransport::Legacy)).await);
    let logged = String::from_utf8_lossy(&LOGGED.lock().unwrap()).into_owned();
    assert!(["TRACE", "rtc", "streamsdk_worker"].iter().all(|word| logged.contains(word)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_repeats_is_not_passed_on() {
    listen();
    let url = gossip().await;
    for transport in [ApiKeyTransport::Header, ApiKeyTransport::Legacy] {
        let said = said_by_all_kinds(&client(&url, transport)).await;
        assert!(said.iter().any(|text| text.contains("[redacted]")), "{said:?}");
        assert_kept(&said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_and_whip_servers_that_repeat_a_token_are_not_quoted() {
    listen();
    let url = gossip().await;
    let proxy = ProxySignaling::builder(format!("{url}/init")).bearer_token(secret("token"));
    let proxy = proxy.turn_config_url(format!("{url}/turn")).build().unwrap();
    let whip = WhipSignaling::builder(format!("{url}/whip")).bearer_token(secret("token"));
    let whip = whip.build().unwrap();
    let shown = format!("{proxy:?} {whip:?}");
    let by_proxy = Client::builder(&url).signaling(proxy).build().unwrap();
    let by_whip = Client::builder(&url).signaling(whip).build().unwrap();
    assert_kept(
        &[vec![shown], said_by_all_kinds(&by_proxy).await, said_by_all_kinds(&by_whip).await]
            .concat(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_asked_with_the_key_shows_it_to_nobody() {
    listen();
    let worker = worker().await;
    let turn = serde_json::json!({ "iceServers": [{
        "urls": format!("turn:{}?transport=tcp", nowhere()), "username": "me", "credential": secret("turn"),
    }] });
    let platform = FakePlatform::start(&[("a/1", "object-detection")], Some(turn)).await;
    for platform_url in [platform.url().to_owned(), gossip().await, format!("http://{}", nowhere())]
    {
        let client =
            Client::builder(worker.url()).api_key(secret("key")).platform_url(platform_url);
        let client = client.build().unwrap();
        let mut said = Vec::new();
        for model in ["a/1", "b/2"] {
            match client.stream(file()).model(model).config(config()).start().await {
                Ok(session) => said.extend(heard_from(session).await),
                Err(error) => said.push(told(&error)),
            }
        }
        assert_kept(&said);
    }
    assert!(!platform.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_that_the_client_opens_itself_are_named_without_their_passwords() {
    listen();
    for scheme in ["rtsp", "rtsps", "http", "rtmp", "ftp"] {
        let error = LocalStreamSource::open(camera(scheme)).await.unwrap_err();
        assert_kept(&[format!("{error} {error:?}")]);
    }
    let plain = format!("rtsp://me:{}@{}/1", secret("camera"), nowhere());
    let error = LocalStreamSource::open(plain).await.unwrap_err();
    assert_kept(&[format!("{error} {error:?}")]);
}

#[test]
fn requests_show_no_password_where_a_program_prints_them() {
    use streamsdk_protocol::init::InitRequest;
    use streamsdk_protocol::proxy::ProxyRequest;
    for scheme in ["rtsp", "http"] {
        let request = InitRequest::default().rtsp_url(camera(scheme)).mjpeg_url(camera(scheme));
        let request = request.api_key(streamsdk::ApiKey::new(secret("key")));
        let request = request.webrtc_config(streamsdk::IceConfiguration::new([turn_server()]));
        let shown = format!("{request:?} {:?}", ProxyRequest::from(request.clone()));
        assert_kept(&[shown]);
    }
}
