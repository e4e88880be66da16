//! The heads of RTSP's answers and requests (RFC 2326, 6 and 7).

/// The first line of an answer or a request, and the fields that follow.
#[derive(Debug)]
pub(super) struct Head {
    start: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// `None` if it is nothing of the kind.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let start = lines.next()?.trim().to_owned();
        let fields = lines.filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        let head = Self { fields: fields.collect(), start };
        (head.status().is_some() || head.method().is_some()).then_some(head)
    }

    /// Of an answer.
    pub(super) fn status(&self) -> Option<u16> {
        let (_, rest) = self.start.strip_prefix("RTSP/")?.split_once(' ')?;
        rest.split(' ').next()?.parse().ok()
    }

    /// Of a request.
    pub(super) fn method(&self) -> Option<&str> {
        let (method, rest) = self.start.split_once(' ')?;
        rest.rsplit_once(' ')?.1.starts_with("RTSP/").then_some(method)
    }

    /// The first field of that name.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The fields of that name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = move |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.fields.iter().filter(named).map(|(_, value)| value.as_str())
    }

    /// How many bytes follow the head.
    pub(super) fn body_length(&self) -> Option<usize> {
        self.field("Content-Length").map_or(Some(0), |length| length.parse().ok())
    }

    /// Which request is answered.
    pub(super) fn number(&self) -> Option<u32> {
        self.field("CSeq")?.parse().ok()
    }
}

/// Where the head ends that these bytes begin with, if it does, which is not within the first `searched`.
pub(super) fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let ends = |at: usize| {
        let rest = &bytes[at + 1..];
        let end = [&b"\r\n"[..], b"\n"].into_iter().find(|end| rest.starts_with(end))?;
        Some(at + 1 + end.len())
    };
    // An end has up to three bytes.
    let unknown = bytes.iter().enumerate().skip(searched.saturating_sub(2));
    unknown.filter(|(_, byte)| **byte == b'\n').find_map(|(at, _)| ends(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_requests_are_told_apart() {
        let answer =
            Head::parse(b"RTSP/1.0 200 OK\r\nCSeq: 7\r\ncontent-length:12\r\n\r\n").unwrap();
        assert_eq!((answer.status(), answer.method(), answer.number()), (Some(200), None, Some(7)));
        assert_eq!((answer.body_length(), answer.field("x")), (Some(12), None));
        let request = Head::parse(b"OPTIONS rtsp://a/b RTSP/1.0\nCSeq: 1\n\n").unwrap();
        assert_eq!((request.status(), request.method()), (None, Some("OPTIONS")));
        assert_eq!(request.body_length(), Some(0));
        for other in [&b""[..], b"\r\n", b"HTTP/1.1 200 OK\r\n", b"RTSP/1.0\r\n", b"RTSP/1.0 x\r\n"]
        {
            assert!(Head::parse(other).is_none(), "{other:?}");
        }
        let odd = Head::parse(b"RTSP/1.0 200\r\nContent-Length: -1\r\n\r\n").unwrap();
        assert_eq!((odd.status(), odd.body_length()), (Some(200), None));
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        for (bytes, end) in [
            (&b"a\r\nb: c\r\n\r\nbody\r\n\r\n"[..], Some(11)),
            (b"a\n\nbody", Some(3)),
            (b"a\r\nb: c\r\n\r", None),
            (b"a\n", None),
        ] {
            for searched in 0..end.unwrap_or(bytes.len()) {
                assert_eq!(end_of_head(bytes, searched), end, "{bytes:?} from {searched}");
            }
        }
    }
}
