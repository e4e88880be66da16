//! A download over as many connections as it takes.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use tokio::time::{sleep, timeout};

use crate::content::{self, Content, Resume};
use crate::part::Part;
use crate::request::{Answer, Requester};
use crate::{DownloadError, DownloadProgress};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(8);
const REPORT_INTERVAL: Duration = Duration::from_millis(50);

pub(crate) type ReportProgress = Box<dyn FnMut(DownloadProgress) + Send>;

pub(crate) struct Transfer {
    requester: Requester,
    size_limit: u64,
    part: Part,
    /// What has been begun with; `None` before the first answer.
    content: Option<Content>,
    /// Whether the attempt that is made has brought something.
    has_brought_bytes: bool,
    on_progress: Option<ReportProgress>,
    reported: Option<Instant>,
}

impl Transfer {
    pub(crate) fn new(
        requester: Requester,
        size_limit: u64,
        part: Part,
        on_progress: Option<ReportProgress>,
    ) -> Self {
        Self {
            requester,
            size_limit,
            part,
            content: None,
            has_brought_bytes: false,
            on_progress,
            reported: None,
        }
    }

    /// Brings the whole file, with at most so many more attempts after the first one.
    pub(crate) async fn run(mut self, retries: u32) -> Result<(), DownloadError> {
        let mut pause = FIRST_PAUSE;
        let mut left = retries;
        while let Err(error) = self.attempt().await {
            if left == 0 || !self.is_worth_another(&error) {
                return Err(error);
            }
            tracing::info!(%error, "the download is tried again");
            sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
            left -= 1;
        }
        self.part.finish().await?;
        self.report();
        Ok(())
    }

    /// Before the first answer, a wrong URL is more likely than a connection that breaks; and who was silent
    /// for a whole attempt has been waited for long enough.
    fn is_worth_another(&self, error: &DownloadError) -> bool {
        let has_given_up = error.is_timeout() && !self.has_brought_bytes;
        self.content.is_some() && error.is_retryable() && !has_given_up
    }

    async fn attempt(&mut self) -> Result<(), DownloadError> {
        self.has_brought_bytes = false;
        let mut answer = self.ask().await?;
        self.receive(&mut answer).await
    }

    /// Asks for the rest, and for the whole where that is not to be had.
    async fn ask(&mut self) -> Result<Answer, DownloadError> {
        let received = self.part.received();
        let resume = self.content.as_ref().and_then(|content| content.resume(received));
        if let Some(resume) = resume {
            let answer = self.requester.get(Some(&resume)).await?;
            if self.goes_on_with(&answer, &resume) {
                return Ok(answer);
            }
            if answer.response.status() == StatusCode::OK {
                return self.begin(answer).await;
            }
            if !matches!(answer.response.status().as_u16(), 206 | 416) {
                return Err(status(&answer));
            }
            // The content is another one, or is not given in parts.
        }
        let answer = self.requester.get(None).await?;
        if answer.response.status() != StatusCode::OK {
            return Err(status(&answer));
        }
        self.begin(answer).await
    }

    fn goes_on_with(&mut self, answer: &Answer, resume: &Resume) -> bool {
        let (status, headers) = (answer.response.status(), answer.response.headers());
        let content = self.content.as_mut();
        let content = content.filter(|content| content.is_continued(resume, status, headers));
        let is_form_kept = content::check_form(&answer.url, headers).is_ok();
        match content {
            Some(content) if is_form_kept => {
                content.learn_total(headers);
                true
            }
            _ => false,
        }
    }

    async fn begin(&mut self, answer: Answer) -> Result<Answer, DownloadError> {
        let headers = answer.response.headers();
        content::check_form(&answer.url, headers)?;
        let content = Content::of(headers);
        if content.total == Some(0) {
            return Err(DownloadError::Empty { url: answer.url });
        }
        if content.total.is_some_and(|total| total > self.size_limit) {
            return Err(DownloadError::TooLarge { url: answer.url, limit: self.size_limit });
        }
        self.content = Some(content);
        self.part.start_anew().await?;
        self.report();
        Ok(answer)
    }

    async fn receive(&mut self, answer: &mut Answer) -> Result<(), DownloadError> {
        let limit = self.requester.timeout;
        loop {
            let received = self.part.received();
            let url = || answer.url.clone();
            let piece = match timeout(limit, answer.response.chunk()).await {
                Ok(Ok(piece)) => piece,
                Ok(Err(error)) => {
                    let cause = error.without_url().into();
                    return Err(DownloadError::Broken { url: url(), received, cause });
                }
                Err(_) => {
                    return Err(DownloadError::Silent { url: url(), waited: limit, received });
                }
            };
            let Some(piece) = piece else { return self.end(answer) };
            if received + piece.len() as u64 > self.most() {
                return Err(DownloadError::TooLarge { url: url(), limit: self.size_limit });
            }
            self.part.write(&piece).await?;
            self.has_brought_bytes = true;
            if self.reported.is_none_or(|reported| reported.elapsed() >= REPORT_INTERVAL) {
                self.report();
            }
        }
    }

    /// The body is over; whether the file is?
    fn end(&self, answer: &Answer) -> Result<(), DownloadError> {
        let (url, received) = (answer.url.clone(), self.part.received());
        match self.total() {
            Some(total) if received < total => {
                let cause = format!("it ended before the {total} bytes that it has").into();
                Err(DownloadError::Broken { url, received, cause })
            }
            _ if received == 0 => Err(DownloadError::Empty { url }),
            _ => Ok(()),
        }
    }

    fn total(&self) -> Option<u64> {
        self.content.as_ref().and_then(|content| content.total)
    }

    fn most(&self) -> u64 {
        self.total().unwrap_or(self.size_limit).min(self.size_limit)
    }

    fn report(&mut self) {
        let progress = DownloadProgress { received: self.part.received(), total: self.total() };
        if let Some(on_progress) = &mut self.on_progress {
            on_progress(progress);
        }
        self.reported = Some(Instant::now());
    }
}

fn status(answer: &Answer) -> DownloadError {
    DownloadError::Status { url: answer.url.clone(), status: answer.response.status().as_u16() }
}
