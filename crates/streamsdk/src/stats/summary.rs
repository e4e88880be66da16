use std::fmt;
use std::time::Duration;

use serde::Serialize;
use streamsdk_protocol::seconds;

/// What a session did, up to the moment that it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Frames that were sent as video, or that the server took in elsewhere, as far as it has said.
    pub frames_sent: u64,
    /// Frames that the caller has taken, or the data about them; a frame whose data came apart from it once.
    pub frames_returned: u64,
    /// Frames that were sent to a server that returns nothing, and arrived there, as far as its reports on the path
    /// tell (RTCP); `None` where results come back.
    pub frames_published: Option<u64>,
    /// Of the frames that came back on a video track, those of which the data did not: nothing is known about them.
    pub frames_without_data: u64,
    /// Frames that came back with an error of the server's: what it says is in [`Summary::errors`].
    pub frames_failed: u64,
    /// Whether every frame was promised. Otherwise the server may leave out what is late
    /// ([`StreamConfig::realtime_processing`](crate::StreamConfig::realtime_processing)).
    pub every_frame: bool,
    /// Frames that the caller did not get, by cause.
    pub dropped: Drops,
    /// The errors that came with frames, each text once and the first 16 of them.
    pub errors: Vec<FrameError>,
    /// Fields of results that were not as they should be, such as a NaN: they cost nothing but themselves
    /// ([`FrameData::odd_fields`](crate::FrameData::odd_fields)).
    pub odd_fields: u64,
    /// What was damaged or missing in the stream as a whole: what the server said of it, and of a live source of
    /// this machine what its producer said.
    pub damage: Vec<String>,
    /// Connections that were made: more than one where the session was connected again.
    pub links: u32,
    /// Time from the start of the session to its first result, with everything that connecting takes; what was
    /// looked up or downloaded before is not in it. `None` if there was none.
    #[serde(rename = "first_result_s", serialize_with = "seconds::serialize_option")]
    pub first_result_after: Option<Duration>,
    /// Bytes of the file that have arrived at the server.
    pub upload_bytes: u64,
    /// Time from the first byte of the upload to the last that arrived.
    #[serde(rename = "upload_s", serialize_with = "seconds::serialize")]
    pub upload_time: Duration,
    /// Time from the first result to the last.
    #[serde(rename = "streaming_s", serialize_with = "seconds::serialize")]
    pub streaming_time: Duration,
    /// How the session ended; `None` while it goes on.
    pub ended: Option<Ended>,
}

/// An error of the server's about frames.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FrameError {
    /// What it says.
    pub text: String,
    /// Of how many frames.
    pub frames: u64,
}

/// Frames that the caller did not get, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Drops {
    /// They were there to be sent as video, and the encoder was not ready for them or left them out.
    pub not_encoded: u64,
    /// They were there to be sent as video while there was no connection.
    pub disconnected: u64,
    /// The server said nothing about them: it dropped them as late, could not read them, or they were on the
    /// way when the connection was lost. Of a server that returns nothing: it did not confirm that they could arrive.
    pub not_returned: u64,
    /// The caller was late, and newer ones took their place.
    pub queue_full: u64,
    /// What came could not be read.
    pub unreadable: u64,
    /// They had come, and the session ended before the caller took them.
    pub not_taken: u64,
}

impl Drops {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { not_encoded, disconnected, not_returned, queue_full, unreadable, not_taken } =
            self;
        not_encoded + disconnected + not_returned + queue_full + unreadable + not_taken
    }
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ended {
    /// Everything that was promised was received, or has arrived at a server that returns nothing.
    Complete,
    /// The session ran to its end, and something that was promised is missing, damaged or failed. What the
    /// server may leave out as late was not promised.
    Incomplete,
    /// The server stopped early and said why (`timeout_reached`).
    ByServer(String),
    /// The caller closed it.
    ByCaller,
    /// The caller cancelled the upload.
    UploadCancelled,
    /// An error ended it; the session's last item has it.
    Failed,
}

impl Summary {
    /// Whether results came, or frames arrived where nothing returns, and nothing that was promised is missing, damaged or failed: of a session that
    /// the caller closed, or that goes on, as far as it got.
    pub fn is_complete(&self) -> bool {
        let returned = self.frames_returned + self.dropped.not_taken + self.dropped.queue_full;
        let came = returned + self.frames_published.unwrap_or_default();
        match self.ended {
            Some(Ended::Complete) => true,
            Some(Ended::ByCaller) | None => {
                came > 0
                    && self.frames_failed + self.dropped.unreadable == 0
                    && self.damage.is_empty()
            }
            _ => false,
        }
    }

    /// Results per second, from the first to the last; 0 when there were fewer than two.
    pub fn fps(&self) -> f64 {
        per_second(self.frames_returned.saturating_sub(1) as f64, self.streaming_time)
    }

    /// Megabytes (10⁶ bytes) per second of the upload; 0 when there was none.
    pub fn upload_mb_per_s(&self) -> f64 {
        per_second(self.upload_bytes as f64 / 1e6, self.upload_time)
    }
}

fn per_second(amount: f64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { amount / time.as_secs_f64() }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Incomplete => f.write_str("incomplete"),
            Self::ByServer(reason) => write!(f, "ended by the server: {reason}"),
            Self::ByCaller => f.write_str("closed by the caller"),
            Self::UploadCancelled => f.write_str("upload cancelled"),
            Self::Failed => f.write_str("failed"),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames_sent, frames_returned, .. } = self;
        let not_returned_because = match self.frames_published {
            Some(published) => {
                write!(f, "{published} of {frames_sent} frames published")?;
                "not confirmed by the server"
            }
            None => {
                let fps = self.fps();
                write!(f, "{frames_returned} of {frames_sent} frames returned, {fps:.1} fps")?;
                "not returned by the server"
            }
        };
        let dropped = self.dropped;
        let Drops { not_encoded, disconnected, not_returned, queue_full, unreadable, not_taken } =
            dropped;
        for (count, cause) in [
            (not_encoded, "not encoded"),
            (disconnected, "while there was no connection"),
            (not_returned, not_returned_because),
            (queue_full, "dropped because the caller was late"),
            (unreadable, "unreadable"),
            (not_taken, "not taken"),
        ] {
            if count > 0 {
                write!(f, ", {count} {cause}")?;
            }
        }
        if self.frames_without_data > 0 {
            write!(f, ", {} without data", self.frames_without_data)?;
        }
        if self.frames_failed > 0 {
            write!(f, ", {} failed", self.frames_failed)?;
        }
        if self.odd_fields > 0 {
            write!(f, ", {} odd fields", self.odd_fields)?;
        }
        match self.links {
            0 | 1 => {}
            2 => f.write_str("; connected again once")?,
            links => write!(f, "; connected again {} times", links - 1)?,
        }
        for damage in &self.damage {
            write!(f, "; {damage}")?;
        }
        if self.upload_bytes > 0 {
            let megabytes = self.upload_bytes as f64 / 1e6;
            write!(f, "; uploaded {megabytes:.1} MB at {:.1} MB/s", self.upload_mb_per_s())?;
        }
        match &self.ended {
            Some(ended) => write!(f, "; {ended}"),
            None => f.write_str("; still running"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_reads_like_a_sentence_and_names_only_what_happened() {
        let summary = Summary {
            frames_sent: 300,
            frames_returned: 299,
            frames_failed: 2,
            frames_without_data: 4,
            dropped: Drops { not_returned: 1, ..Drops::default() },
            damage: vec!["a hole in the file".to_owned()],
            upload_bytes: 2_000_000,
            upload_time: Duration::from_millis(500),
            streaming_time: Duration::from_secs(2),
            ended: Some(Ended::Incomplete),
            ..Summary::default()
        };
        assert_eq!(
            summary.to_string(),
            "299 of 300 frames returned, 149.0 fps, 1 not returned by the server, 4 without data, \
             2 failed; \
             a hole in the file; uploaded 2.0 MB at 4.0 MB/s; incomplete"
        );
    }

    #[test]
    fn where_nothing_returns_a_summary_says_what_was_published() {
        let summary = Summary {
            frames_sent: 300,
            frames_published: Some(290),
            dropped: Drops { not_returned: 10, ..Drops::default() },
            ended: Some(Ended::ByCaller),
            ..Summary::default()
        };
        let text =
            "290 of 300 frames published, 10 not confirmed by the server; closed by the caller";
        assert_eq!(summary.to_string(), text);
        assert!(summary.is_complete());
        assert!(!Summary { frames_published: Some(0), ..summary }.is_complete());
    }

    #[test]
    fn a_session_that_the_caller_closed_is_complete_if_something_came_and_nothing_failed() {
        let closed = Summary { ended: Some(Ended::ByCaller), ..Summary::default() };
        assert!(!closed.is_complete());
        let good = Summary { frames_returned: 3, ..closed.clone() };
        assert!(good.is_complete());
        assert!(!Summary { frames_failed: 1, ..good.clone() }.is_complete());
        assert!(!Summary { ended: Some(Ended::Incomplete), ..good.clone() }.is_complete());
        let by_server = Some(Ended::ByServer("timeout_reached".to_owned()));
        assert!(!Summary { ended: by_server, ..good }.is_complete());
    }

    #[test]
    fn rates_of_nothing_are_zero() {
        assert_eq!((Summary::default().fps(), Summary::default().upload_mb_per_s()), (0.0, 0.0));
    }

    #[test]
    fn a_logged_summary_has_its_times_in_seconds() {
        let summary = Summary {
            first_result_after: Some(Duration::from_millis(250)),
            upload_time: Duration::from_millis(1500),
            ended: Some(Ended::ByServer("timeout_reached".to_owned())),
            ..Summary::default()
        };
        let logged = serde_json::to_value(&summary).unwrap();
        let times = ["first_result_s", "upload_s", "streaming_s"].map(|name| logged[name].as_f64());
        assert_eq!(times, [0.25, 1.5, 0.0].map(Some));
        assert_eq!(logged["ended"]["by_server"], "timeout_reached");
    }
}
