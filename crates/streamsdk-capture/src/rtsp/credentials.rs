//! Who asks: basic and digest authentication (RFC 7617 and 7616).

use http_auth::{PasswordClient, PasswordParams};

use super::message::Head;

/// A user's name and password, and how the server wants to be told of them.
pub(super) struct Credentials {
    user: Option<(String, String)>,
    client: Option<PasswordClient>,
    /// Whether the server has taken them.
    are_accepted: bool,
}

/// What it means to be asked who one is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// The request can be made again with credentials.
    Answerable,
    /// There are no credentials, or the server wants to be told of them in a way that is not known here.
    Unanswerable,
    /// The server has been told of them.
    Refusal,
}

impl Credentials {
    pub(super) fn new(user: Option<(String, String)>) -> Self {
        Self { user, client: None, are_accepted: false }
    }

    /// Takes in how the server wants to be told.
    pub(super) fn take_challenge(&mut self, answer: &Head) -> Challenge {
        let challenges = || answer.all("WWW-Authenticate");
        // Some servers want another answer to each question, and do not say that the one before is only too old.
        let may_be_too_old = self.are_accepted || challenges().any(is_stale);
        if self.client.is_some() && !may_be_too_old {
            return Challenge::Refusal;
        }
        let builder =
            challenges().fold(PasswordClient::builder(), |builder, it| builder.challenges(it));
        self.client = self.user.as_ref().and_then(|_| builder.build().ok());
        if self.client.is_some() { Challenge::Answerable } else { Challenge::Unanswerable }
    }

    /// The server has answered otherwise than with a challenge.
    pub(super) fn accepted(&mut self) {
        self.are_accepted = self.client.is_some();
    }

    /// The field that a request needs, if it needs any.
    pub(super) fn field(&mut self, method: &str, uri: &str) -> Option<String> {
        let (username, password) = self.user.as_ref()?;
        let params = PasswordParams { username, password, uri, method, body: Some(&[]) };
        self.client.as_mut()?.respond(&params).ok()
    }
}

/// Whether only the server's number has become too old.
fn is_stale(challenge: &str) -> bool {
    let words = challenge.to_ascii_lowercase().replace([' ', '"'], "");
    words.contains("stale=true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(fields: &str) -> Head {
        Head::parse(format!("RTSP/1.0 401 Unauthorized\r\n{fields}\r\n").as_bytes()).unwrap()
    }

    fn credentials() -> Credentials {
        Credentials::new(Some(("me".to_owned(), "hunter2".to_owned())))
    }

    const BASIC: &str = "WWW-Authenticate: Basic realm=\"cam\"\r\n";
    const MD5: &str = "WWW-Authenticate: Digest realm=\"cam\", nonce=\"abc\"\r\n";
    const SHA: &str = "WWW-Authenticate: Digest realm=\"cam\", nonce=\"d\", algorithm=SHA-256\r\n";

    #[test]
    fn the_password_itself_is_sent_only_where_nothing_else_is_asked_for() {
        for (asked, begins) in [
            (BASIC.to_owned(), "Basic bWU6aHVudGVyMg=="),
            (MD5.to_owned(), "Digest "),
            (SHA.to_owned(), "Digest "),
            ([BASIC, MD5].concat(), "Digest "),
        ] {
            let mut credentials = credentials();
            assert_eq!(credentials.field("DESCRIBE", "rtsp://cam/live"), None);
            assert_eq!(credentials.take_challenge(&challenge(&asked)), Challenge::Answerable);
            let field = credentials.field("DESCRIBE", "rtsp://cam/live").unwrap();
            assert!(field.starts_with(begins) && !field.contains("hunter2"), "{field}");
        }
    }

    #[test]
    fn what_was_refused_is_not_tried_again() {
        let mut credentials = credentials();
        assert_eq!(credentials.take_challenge(&challenge(MD5)), Challenge::Answerable);
        assert_eq!(credentials.take_challenge(&challenge(MD5)), Challenge::Refusal);
        let stale = challenge(&MD5.replace("\"abc\"", "\"new\", stale=TRUE"));
        assert_eq!(credentials.take_challenge(&stale), Challenge::Answerable);
        credentials.accepted();
        let other = challenge(&MD5.replace("abc", "other"));
        assert_eq!(credentials.take_challenge(&other), Challenge::Answerable);
    }

    #[test]
    fn what_cannot_be_answered_is_told_from_what_is_refused() {
        let unanswerable = Challenge::Unanswerable;
        assert_eq!(Credentials::new(None).take_challenge(&challenge(MD5)), unanswerable);
        for asked in ["", "WWW-Authenticate: ,=\"\r\n", "WWW-Authenticate: Negotiate\r\n"] {
            assert_eq!(credentials().take_challenge(&challenge(asked)), unanswerable, "{asked}");
        }
    }
}
