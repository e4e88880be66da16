//! Is this machine's clock right? Judged by the `Date` of an answer.

use std::time::{Duration, SystemTime};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::deadline::Deadline;
use crate::trust::connector_that_trusts_anybody;
use crate::{Code, Finding};

/// Less does no harm.
const MAX_DIFFERENCE: Duration = Duration::from_secs(5 * 60);
const LIMIT: Duration = Duration::from_secs(1);
/// The head of an answer has less.
const MAX_HEAD: u64 = 16 << 10;

/// What a `Date` says of this machine's clock. `None` if it is none.
pub(crate) fn judge(date: &str) -> Option<Finding> {
    let theirs = httpdate::parse_http_date(date).ok()?;
    let ours = SystemTime::now();
    let (difference, direction) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(error) => (error.duration(), "behind"),
    };
    Some(if difference > MAX_DIFFERENCE {
        let what = format!(
            "This machine's clock is {} {direction} the server's ({date}).",
            in_words(difference)
        );
        Finding::new(Code::ClockWrong, what)
    } else {
        Finding::new(Code::ClockRight, "This machine's clock and the server's agree.")
    })
}

fn in_words(difference: Duration) -> String {
    let minutes = difference.as_secs() / 60;
    match minutes {
        ..120 => format!("{minutes} minutes"),
        120..2880 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / (60 * 24)),
    }
}

/// The `Date` of a server whose certificate is not trusted, asked for without telling it anything.
pub(crate) async fn date_of_a_stranger(
    stream: TcpStream,
    host: &str,
    deadline: Deadline,
) -> Option<String> {
    deadline.within(LIMIT, ask(stream, host)).await.flatten()
}

async fn ask(stream: TcpStream, host: &str) -> Option<String> {
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let mut stream = connector_that_trusts_anybody().ok()?.connect(name, stream).await.ok()?;
    let request = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    stream.flush().await.ok()?;
    let mut head = Vec::new();
    let mut answer = stream.take(MAX_HEAD);
    // Some servers leave the connection open, and some close it without a word.
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if answer.read_buf(&mut head).await.unwrap_or(0) == 0 {
            break;
        }
    }
    date_in(&String::from_utf8_lossy(&head))
}

fn date_in(head: &str) -> Option<String> {
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let mut dates = headers.filter(|(name, _)| name.eq_ignore_ascii_case("date"));
    dates.next().map(|(_, date)| date.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(ours_is_ahead_by: i64) -> Finding {
        let shift = Duration::from_secs(ours_is_ahead_by.unsigned_abs());
        let now = SystemTime::now();
        let theirs = if ours_is_ahead_by > 0 { now - shift } else { now + shift };
        judge(&httpdate::fmt_http_date(theirs)).unwrap()
    }

    #[test]
    fn minutes_are_wrong_and_seconds_are_not() {
        assert_eq!(judged(200).code, Code::ClockRight);
        assert_eq!(judged(-200).code, Code::ClockRight);
        assert!(judged(601).what.contains("10 minutes ahead"), "{}", judged(601));
        assert!(judged(-4 * 3600).what.contains("hours behind"), "{}", judged(-4 * 3600));
        assert!(judged(-400 * 86400).what.contains("days behind"), "{}", judged(-400 * 86400));
    }

    #[test]
    fn what_is_no_date_says_nothing() {
        for date in ["", "yesterday", "Sun, 06 Nov 99994 08:49:37 GMT"] {
            assert_eq!(judge(date), None, "{date}");
        }
        assert_eq!(date_in("HTTP/1.1 200 OK\r\nDATE:  x y\r\n\r\n").as_deref(), Some("x y"));
        assert_eq!(date_in("HTTP/1.1 200 OK\r\nupdate: x\r\n"), None);
    }
}
