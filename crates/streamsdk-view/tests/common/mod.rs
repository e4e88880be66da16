//! A page with scripted streams, and viewers of it.

mod http;
mod script;
mod viewer;

use std::ops::Deref;
use std::time::Duration;

use streamsdk_view::{PageConfig, PageServer, Token};

pub(crate) use self::http::{Response, get, request};
pub(crate) use self::script::{Script, TestFrame};
pub(crate) use self::viewer::Viewed;

/// Longer than anything takes, on a machine however busy.
const LIMIT: Duration = Duration::from_secs(60);

/// A page on a port of its own.
pub(crate) struct Page(PageServer);

impl Page {
    pub(crate) const TOKEN: &str = "5ecre7";

    pub(crate) async fn start() -> Self {
        Self::with(PageConfig::default()).await
    }

    pub(crate) async fn with(config: PageConfig) -> Self {
        let config = config.token(Token::new(Self::TOKEN));
        Self(PageServer::start("127.0.0.1:0", config).await.unwrap())
    }

    /// A stream that gives what the script says.
    pub(crate) fn show(&self, name: &str) -> Script {
        let (script, source) = script::scripted();
        self.0.show(name, source);
        script
    }

    /// Somebody who looks at a stream, once it shows something.
    pub(crate) async fn look(&self, stream: &str, more: &str) -> Viewed {
        let until = tokio::time::Instant::now() + LIMIT;
        loop {
            let offer = Viewed::offer().await;
            let answer = self.post_offer(stream, more, offer.sdp()).await;
            if answer.status == 201 {
                return Viewed::connect(offer, answer).await;
            }
            assert_eq!(answer.status, 409, "{answer:?}");
            assert!(tokio::time::Instant::now() < until, "nothing is shown");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn post_offer(&self, stream: &str, more: &str, sdp: &str) -> Response {
        let path = format!("/whep?stream={stream}{more}");
        let headers = [("Content-Type", "application/sdp")];
        request(self, "POST", &path, &headers, sdp.as_bytes()).await
    }

    pub(crate) async fn without_token(&self, path: &str) -> Response {
        http::exchange(self.address(), "GET", path, &[], b"").await
    }

    /// Waits until so many look.
    pub(crate) async fn has_viewers(&self, viewers: u64) {
        self.says(|stream| stream["viewers"] == viewers).await;
    }

    /// Waits until the first stream shows that.
    pub(crate) async fn shows(&self, what: &str) {
        self.says(|stream| stream["shows"] == what).await;
    }

    async fn says(&self, is_so: impl Fn(&serde_json::Value) -> bool) {
        let until = tokio::time::Instant::now() + LIMIT;
        loop {
            let state = get(self, "/state").await.json();
            if is_so(&state["streams"][0]) {
                return;
            }
            assert!(tokio::time::Instant::now() < until, "{state}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn into_server(self) -> PageServer {
        self.0
    }
}

impl Deref for Page {
    type Target = PageServer;

    fn deref(&self) -> &PageServer {
        &self.0
    }
}
