//! One attempt to open a stream, and the ways that it may go.

use std::ffi::CStr;
use std::sync::{Arc, Mutex, PoisonError};

use super::address::{Address, AddressKind};
use super::allowed_addresses::{AllowedAddresses, Unreached};
use super::diagnosis::explain;
use super::failure;
use super::ffmpeg_options::ffmpeg_options;
use super::gateway::Gateway;
use super::options::NetworkStreamOptions;
use crate::CaptureError;
use crate::ffmpeg::{self, OpenInput, Progress};
use crate::read_watchdog::ReadWatchdog;

/// Where it is tried, and how.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) address: &'a Address,
    pub(super) options: &'a NetworkStreamOptions,
    pub(super) watchdog: &'a ReadWatchdog,
    /// By way of which FFmpeg connects, if it does not do so by itself.
    pub(super) gateway: Option<&'a Gateway>,
}

/// An address that a server sends on to.
type Redirect = Arc<Mutex<Option<String>>>;

/// Opens the stream, by addresses that the options allow, and gives the gateway that it takes.
pub(super) fn open(
    address: &Address,
    options: &NetworkStreamOptions,
    watchdog: &ReadWatchdog,
) -> Result<(OpenInput, Option<Gateway>), CaptureError> {
    let attempt = Attempt { address, options, watchdog, gateway: None };
    match &options.allowed {
        None => Ok((attempt.open()?, None)),
        Some(allowed) if address.kind() == AddressKind::Http => {
            let gateway = Gateway::start(allowed.clone(), options.connect_timeout);
            let gateway = gateway.map_err(|error| CaptureError::Failed {
                origin: address.origin().to_owned(),
                reason: error.to_string(),
            })?;
            let input = Attempt { gateway: Some(&gateway), ..attempt }.open()?;
            Ok((input, Some(gateway)))
        }
        Some(allowed) => Ok((attempt.open_allowed(allowed)?, None)),
    }
}

/// What came of an attempt that is not to leave the address.
enum Answer {
    Opened(OpenInput),
    SentOn(String),
}

impl Attempt<'_> {
    /// Goes where each server sends on to, if that is allowed. FFmpeg would do so without asking.
    fn open_allowed(self, allowed: &AllowedAddresses) -> Result<OpenInput, CaptureError> {
        let mut pinned = self.address.pinned(allowed)?;
        for _ in 0..=MAX_REDIRECTS {
            let next = match self.first_that_answers(&pinned)? {
                Answer::Opened(input) => return Ok(input),
                Answer::SentOn(url) => Address::parse(&url)?,
            };
            if next.kind() != self.address.kind() {
                return Err(CaptureError::NotAllowed { origin: next.origin().to_owned() });
            }
            pinned = next.pinned(allowed)?;
        }
        let reason = "each server sends on to another one".to_owned();
        Err(CaptureError::Rejected { origin: self.address.origin().to_owned(), reason })
    }

    /// Of the addresses of one host.
    fn first_that_answers(self, pinned: &[Address]) -> Result<Answer, CaptureError> {
        let mut failure = None;
        for address in pinned {
            match (Attempt { address, ..self }).answer() {
                Err(error) if is_unreached(&error) => failure = Some(error),
                answer => return answer,
            }
        }
        Err(failure.unwrap_or_else(|| Unreached::nameless().at(self.address.origin())))
    }

    fn answer(self) -> Result<Answer, CaptureError> {
        let redirect = Redirect::default();
        let opened = self.connect(Some(&redirect));
        match redirect.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(url) => Ok(Answer::SentOn(url)),
            None => opened.and_then(|input| self.found(input)).map(Answer::Opened),
        }
    }

    fn open(self) -> Result<OpenInput, CaptureError> {
        self.connect(None).and_then(|input| self.found(input))
    }

    /// Waits for the server's answer. With a place for it, the address that this sends on to is not connected to, but
    /// put there.
    fn connect(self, redirect: Option<&Redirect>) -> Result<OpenInput, CaptureError> {
        let Self { address, options, watchdog, .. } = self;
        watchdog.allow(options.connect_timeout);
        let (asked, redirect) = (watchdog.clone(), redirect.cloned());
        let opened = ffmpeg::open(address.url(), self.ffmpeg_options(), move |progress| {
            let is_elsewhere = match (&redirect, &progress) {
                (Some(redirect), Progress::Opening { redirected: Some(url) }) => {
                    note(redirect, url)
                }
                _ => false,
            };
            is_elsewhere || asked.is_over_at(progress.bytes())
        });
        opened.map_err(|error| {
            if watchdog.is_stopped() {
                CaptureError::Stopped
            } else if watchdog.has_expired() {
                failure::no_answer(address.origin(), options.connect_timeout)
            } else {
                self.failed(error)
            }
        })
    }

    /// The input, once it is known what streams it has.
    fn found(self, mut input: OpenInput) -> Result<OpenInput, CaptureError> {
        let Self { address, options, watchdog, .. } = self;
        watchdog.allow(options.read_timeout);
        let found = ffmpeg::find_streams(&mut input, &options.decoding);
        if watchdog.is_stopped() {
            return Err(CaptureError::Stopped);
        }
        if watchdog.is_exceeded() {
            return Err(failure::endless(address.origin()));
        }
        if watchdog.has_expired() {
            let waited = options.read_timeout;
            return Err(CaptureError::Silent { origin: address.origin().to_owned(), waited });
        }
        found.map(|()| input).map_err(|error| self.failed(error))
    }

    fn failed(self, error: ffmpeg_next::Error) -> CaptureError {
        let origin = self.address.origin();
        match self.gateway.and_then(Gateway::failure) {
            Some(unreached) => unreached.at(origin),
            None => explain(failure::at_opening(self.address, self.options.transport, error), self),
        }
    }

    pub(super) fn ffmpeg_options(self) -> ffmpeg_next::Dictionary<'static> {
        ffmpeg_options(self.address.kind(), self.options, self.gateway)
    }
}

fn is_unreached(error: &CaptureError) -> bool {
    matches!(error, CaptureError::Refused { .. } | CaptureError::Unreachable { .. })
}

/// Always true, since that ends the attempt.
fn note(redirect: &Redirect, url: &CStr) -> bool {
    let url = url.to_string_lossy().into_owned();
    *redirect.lock().unwrap_or_else(PoisonError::into_inner) = Some(url);
    true
}

/// As many as browsers follow at least.
const MAX_REDIRECTS: usize = 8;
