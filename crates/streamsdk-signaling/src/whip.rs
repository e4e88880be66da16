//! The exchange with a WHIP server (RFC 9725).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, LINK, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use streamsdk_protocol::init::{IceServer, InitRequest, InitResponse};
use streamsdk_protocol::{ApiKey, Redactor};
use tokio::runtime::Handle;

use crate::builder::http_url;
use crate::server::{HttpServer, bearer};
use crate::{BuildError, Returns, Signaling, SignalingError, answer};

/// The exchange with a WHIP server (RFC 9725), which takes tracks from anybody who has its address: the offer by
/// one `POST` as `application/sdp`, the end of the session by `DELETE`.
///
/// A WHIP server is told nothing of workflows and outputs: what it does with the video it was told before. Nothing
/// but the offer of an [`InitRequest`] is sent, and nothing comes back ([`Returns::Nothing`]).
///
/// - Redirects are followed, at most five, with the same method; the token goes along within one origin only.
/// - STUN and TURN servers that it names with its answer serve the connections that are made after that one: a
///   session whose first connection finds no path is tried once more with them.
/// - Candidates are all in the offer: `PATCH` is not used.
///
/// Proxies and certificates are as of [`HttpSignaling`](crate::HttpSignaling). Cloning is cheap.
#[derive(Clone)]
pub struct WhipSignaling {
    server: HttpServer,
    /// What the server named with its newest answer.
    ice_servers: Arc<Mutex<Vec<IceServer>>>,
}

/// Makes a [`WhipSignaling`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct WhipSignalingBuilder {
    url: String,
    token: Option<ApiKey>,
    timeout: Duration,
}

/// Time for connecting, within the time for all.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: usize = 5;

impl WhipSignaling {
    /// Starts to set up the exchange with a WHIP endpoint, such as `https://example.org/whip/camera1`.
    pub fn builder(url: impl Into<String>) -> WhipSignalingBuilder {
        WhipSignalingBuilder { url: url.into(), token: None, timeout: Duration::from_secs(30) }
    }

    async fn post(&self, offer: &str) -> Result<(Response, Url), SignalingError> {
        let mut url = self.server.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let post = self.request(Method::POST, &url);
            let post = post.header(CONTENT_TYPE, "application/sdp").body(offer.to_owned());
            let response = self.server.send(post).await?;
            match redirection(&response, &url) {
                Some(next) => url = next,
                None => return Ok((response, url)),
            }
        }
        let what = format!("it redirects more than {MAX_REDIRECTS} times");
        let url = self.server.shown_url.clone();
        Err(SignalingError::Transport { url, cause: what.into() })
    }

    async fn delete(&self, resource: &Url) {
        self.server.tell(self.request(Method::DELETE, resource)).await;
    }

    /// The token is for the origin that it was given for.
    fn request(&self, method: Method, url: &Url) -> RequestBuilder {
        let request = match url.origin() == self.server.url.origin() {
            true => self.server.request(method, url.clone()),
            false => self.server.request_without_authorization(method, url.clone()),
        };
        request.header(ACCEPT, "application/sdp")
    }
}

impl WhipSignalingBuilder {
    /// What shows the server who publishes, sent as `Authorization: Bearer`. Default is nothing.
    pub fn bearer_token(mut self, token: impl Into<ApiKey>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Time for the whole exchange. Default is 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Checks the settings; nothing is sent.
    ///
    /// # Errors
    ///
    /// When the URL is not one of an HTTP server, or the token cannot be a header.
    pub fn build(self) -> Result<WhipSignaling, BuildError> {
        let mut server = HttpServer::new(http_url(&self.url)?, CONNECT_LIMIT, self.timeout)?;
        if let Some(token) = &self.token {
            server.authorization = Some(bearer(token.expose())?);
            server.redactor = server.redactor.api_key(token);
        }
        Ok(WhipSignaling { server, ice_servers: Arc::default() })
    }
}

#[async_trait]
impl Signaling for WhipSignaling {
    async fn exchange(&self, request: InitRequest) -> Result<InitResponse, SignalingError> {
        let offer = &request.webrtc_offer.sdp;
        let asked = self.server.asked(self.server.redactor.clone());
        let exchange = async {
            let (response, url) = self.post(offer).await?;
            let session = UnclaimedSession::of(self, &response, &url);
            let ice_servers = ice_servers(response.headers());
            let mut answer = answer::sdp(response, offer, &asked).await?;
            answer.context.resource = session.claimed().map(Into::into);
            *self.ice_servers.lock().unwrap_or_else(PoisonError::into_inner) = ice_servers;
            Ok(answer)
        };
        self.server.within_limit(exchange).await
    }

    async fn ice_servers(&self) -> Result<Vec<IceServer>, SignalingError> {
        Ok(self.ice_servers.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn end(&self, answer: &InitResponse) {
        let resource = answer.context.resource.as_deref().and_then(|url| Url::parse(url).ok());
        if let Some(resource) = resource {
            self.delete(&resource).await;
        }
    }

    fn returns(&self) -> Returns {
        Returns::Nothing
    }

    fn redactor(&self) -> Redactor {
        self.server.redactor.clone()
    }
}

/// A session that the server has made, and that is ended in the background if its answer comes to nobody.
struct UnclaimedSession {
    signaling: WhipSignaling,
    resource: Option<Url>,
    runtime: Handle,
}

impl UnclaimedSession {
    fn of(signaling: &WhipSignaling, response: &Response, url: &Url) -> Self {
        let is_made = response.status().is_success();
        let resource = resource(response.headers(), url).filter(|_| is_made);
        Self { signaling: signaling.clone(), resource, runtime: Handle::current() }
    }

    /// Where the session is ended by whoever has its answer.
    fn claimed(mut self) -> Option<Url> {
        self.resource.take()
    }
}

impl Drop for UnclaimedSession {
    fn drop(&mut self) {
        let Some(resource) = self.resource.take() else { return };
        let signaling = self.signaling.clone();
        self.runtime.spawn(async move { signaling.delete(&resource).await });
    }
}

/// Where the offer is to go instead.
fn redirection(response: &Response, url: &Url) -> Option<Url> {
    let is_redirect = matches!(
        response.status(),
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
    );
    resource(response.headers(), url).filter(|_| is_redirect)
}

/// The address in `Location`; a server may leave out what it has in common with its own.
fn resource(headers: &HeaderMap, url: &Url) -> Option<Url> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    url.join(location).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// The servers in `Link` headers of the relation `ice-server`.
fn ice_servers(headers: &HeaderMap) -> Vec<IceServer> {
    let lines = headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(links).filter_map(|link| ice_server(&link)).collect()
}

/// A `Link` header may have several links, which commas separate; those in quotes and in `<…>` do not.
fn links(line: &str) -> Vec<String> {
    let (mut links, mut link) = (Vec::new(), String::new());
    let (mut quoted, mut in_url) = (false, false);
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            '<' if !quoted => in_url = true,
            '>' if !quoted => in_url = false,
            ',' if !quoted && !in_url => {
                links.push(std::mem::take(&mut link));
                continue;
            }
            _ => {}
        }
        link.push(character);
    }
    links.push(link);
    links
}

fn ice_server(link: &str) -> Option<IceServer> {
    let (url, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let parameter = |name: &str| {
        parameters.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            let is_it = key.trim().eq_ignore_ascii_case(name);
            is_it.then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    if parameter("rel")? != "ice-server" {
        return None;
    }
    let server = IceServer::new(url.trim());
    Some(match (parameter("username"), parameter("credential")) {
        (Some(username), Some(credential)) => server.credentials(username, credential),
        _ => server,
    })
}

/// Hides the token and what is secret in the URL.
impl fmt::Debug for WhipSignaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhipSignaling").field("url", &self.server.shown_url).finish_non_exhaustive()
    }
}

/// Hides the token and what is secret in the URL.
impl fmt::Debug for WhipSignalingBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhipSignalingBuilder").field("token", &self.token).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ice_servers_are_read_from_links_whatever_else_is_linked() {
        let mut headers = HeaderMap::new();
        let first = r#"<stun:stun.example.net>; rel="ice-server", </next?a=1,2>; rel="next""#;
        let second = r#"<turn:turn.example.net?transport=udp>; REL="ice-server"; username="u,1"; credential="p;w"; credential-type="password""#;
        headers.append(LINK, first.parse().unwrap());
        headers.append(LINK, second.parse().unwrap());
        headers.append(LINK, "nonsense, <broken; rel=ice-server".parse().unwrap());
        let servers = ice_servers(&headers);
        assert_eq!(servers.len(), 2, "{servers:?}");
        assert_eq!(servers[0], IceServer::new("stun:stun.example.net"));
        assert_eq!(servers[1].urls(), ["turn:turn.example.net?transport=udp"]);
        assert_eq!(servers[1].username(), Some("u,1"));
    }
}
