//! One request for the file, over all redirects.

use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, IF_RANGE, LOCATION, RANGE};
use reqwest::{Response, StatusCode};
use streamsdk_protocol::redact_url;
use tokio::time::timeout;
use url::Url;

use crate::content::Resume;
use crate::error::chain;
use crate::policy::{Policy, refused};
use crate::resolver::LeadsToPrivate;
use crate::{DownloadError, DownloadRefusal, client};

pub(crate) struct Requester {
    pub(crate) url: Url,
    pub(crate) policy: Policy,
    /// Longest silence.
    pub(crate) timeout: Duration,
    pub(crate) redirect_limit: u32,
}

/// The answer of the server that redirects led to.
pub(crate) struct Answer {
    pub(crate) response: Response,
    /// Of that server, without what is secret.
    pub(crate) url: String,
}

impl Requester {
    /// Asks for the file, or for the rest of it.
    pub(crate) async fn get(&self, resume: Option<&Resume>) -> Result<Answer, DownloadError> {
        let mut url = self.url.clone();
        for _ in 0..=self.redirect_limit {
            let response = self.ask(&url, resume).await?;
            if !is_redirect(response.status()) {
                return Ok(Answer { response, url: redact_url(url.as_str()) });
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let Some(location) = location else {
                return Err(DownloadError::BadRedirect { url: redact_url(url.as_str()) });
            };
            url = self.policy.check_redirect(&url, location)?;
            tracing::debug!(to = redact_url(url.as_str()), "redirected");
        }
        let url = redact_url(self.url.as_str());
        Err(DownloadError::TooManyRedirects { url, limit: self.redirect_limit })
    }

    async fn ask(&self, url: &Url, resume: Option<&Resume>) -> Result<Response, DownloadError> {
        let client = client::for_request(url, &self.policy, self.timeout)?;
        let mut get =
            client.get(url.clone()).header(ACCEPT, "*/*").header(ACCEPT_ENCODING, "identity");
        if let Some(Resume { offset, validator }) = resume {
            get = get.header(RANGE, format!("bytes={offset}-")).header(IF_RANGE, validator);
        }
        let received = resume.map_or(0, |resume| resume.offset);
        match timeout(self.timeout, get.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(unanswered(url, error, received)),
            Err(_) => Err(DownloadError::Silent {
                url: redact_url(url.as_str()),
                waited: self.timeout,
                received,
            }),
        }
    }
}

fn unanswered(url: &Url, error: reqwest::Error, received: u64) -> DownloadError {
    if let Some(LeadsToPrivate(address)) = chain(&error).find_map(|cause| cause.downcast_ref()) {
        return refused(url, DownloadRefusal::PrivateAddress { address: *address });
    }
    let (url, is_connect) = (redact_url(url.as_str()), error.is_connect());
    let cause = error.without_url().into();
    if is_connect {
        DownloadError::Connect { url, cause }
    } else {
        DownloadError::Broken { url, received, cause }
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
