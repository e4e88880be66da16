//! What is at the endpoint, found out without asking for a session.

use reqwest::header::{CONTENT_TYPE, DATE, LOCATION};
use serde::Serialize;
use streamsdk_protocol::ApiKey;
use streamsdk_protocol::rejection::Rejection;

use crate::answer;
use crate::{HttpSignaling, SignalingError};

/// What answered a request that nobody takes for a session; asked for with [`HttpSignaling::probe`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probe {
    /// What was said. An inference server that is well rejects with the status 422, and names the fields that
    /// are missing. A status from 200 to 299 comes from something else.
    pub answer: Rejection,
    /// The answer's `Date`, as it was written.
    pub date: Option<String>,
    /// The content type that the body claims.
    pub content_type: Option<String>,
    /// Where a redirect leads, as it was written, but for secrets.
    pub location: Option<String>,
}

/// A request without anything that a session needs.
#[derive(Serialize)]
struct Nothing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<&'a ApiKey>,
}

impl HttpSignaling {
    /// Asks the endpoint for nothing, and returns whatever is answered: no offer and no workflow are in the
    /// request, so that no session can come of it. The key goes along as with a real request.
    ///
    /// # Errors
    ///
    /// When no answer came, for the reasons that an exchange has.
    pub async fn probe(&self) -> Result<Probe, SignalingError> {
        self.server.within_limit(self.ask_for_nothing()).await
    }

    async fn ask_for_nothing(&self) -> Result<Probe, SignalingError> {
        let api_key = self.api_key.as_ref().filter(|_| self.transport.uses_body());
        let mut response = self.post(&Nothing { api_key }).await?;
        let asked = self.server.asked(self.server.redactor.clone());
        let headers = response.headers();
        let [date, content_type, location] =
            [DATE, CONTENT_TYPE, LOCATION].map(|name| answer::header(headers, &name, &asked));
        let answer = answer::rejection(&mut response, &asked).await;
        Ok(Probe { answer, date, content_type, location })
    }
}
