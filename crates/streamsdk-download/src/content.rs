//! What an answer says about the content that it carries, and whether another answer continues it.

use reqwest::StatusCode;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderMap,
    HeaderName, HeaderValue, LAST_MODIFIED,
};

use crate::DownloadError;

/// A content as the answer with its beginning describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) total: Option<u64>,
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
    is_date_certain: bool,
}

/// From which byte on a content is asked for, and how the server knows that it is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resume {
    pub(crate) offset: u64,
    pub(crate) validator: HeaderValue,
}

impl Content {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let last_modified = headers.get(LAST_MODIFIED).cloned();
        Self {
            total: text(headers, CONTENT_LENGTH).and_then(|length| length.trim().parse().ok()),
            etag: headers.get(ETAG).cloned(),
            // What changed in the very second of the answer may change again within it.
            is_date_certain: headers.contains_key(DATE)
                && headers.get(DATE) != last_modified.as_ref(),
            last_modified,
        }
    }

    /// How to ask for the rest behind `received` bytes; `None` if it would not be certain that it belongs to
    /// them.
    pub(crate) fn resume(&self, received: u64) -> Option<Resume> {
        let validator = match (&self.etag, &self.last_modified) {
            (Some(etag), _) if !is_weak(etag) => etag,
            (_, Some(date)) if self.is_date_certain => date,
            _ => return None,
        };
        (received > 0).then(|| Resume { offset: received, validator: validator.clone() })
    }

    /// Whether an answer carries the rest of this content.
    pub(crate) fn is_continued(
        &self,
        resume: &Resume,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> bool {
        let Some(range) = text(headers, CONTENT_RANGE).and_then(ContentRange::parse) else {
            return false;
        };
        let is_the_rest = range.start == resume.offset
            && range.end >= range.start
            && range.total.is_some_and(|total| range.end < total);
        let same_length = self.total.is_none() || self.total == range.total;
        status == StatusCode::PARTIAL_CONTENT && is_the_rest && same_length && self.is_same(headers)
    }

    /// Learns the size from the answer with the rest, if that with the beginning did not tell it.
    pub(crate) fn learn_total(&mut self, headers: &HeaderMap) {
        let range = text(headers, CONTENT_RANGE).and_then(ContentRange::parse);
        self.total = self.total.or(range.and_then(|range| range.total));
    }

    /// An answer with a part has the tag of the whole; the date may be left out.
    fn is_same(&self, headers: &HeaderMap) -> bool {
        let same_date = match (headers.get(LAST_MODIFIED), &self.last_modified) {
            (Some(now), Some(then)) => now == then,
            _ => true,
        };
        headers.get(ETAG) == self.etag.as_ref() && same_date
    }
}

/// Refuses what is not the file itself.
pub(crate) fn check_form(url: &str, headers: &HeaderMap) -> Result<(), DownloadError> {
    let encoding = text(headers, CONTENT_ENCODING).unwrap_or_default().trim();
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        let encoding = encoding.chars().take(MAX_SHOWN_CHARS).collect();
        return Err(DownloadError::Encoded { url: url.to_owned(), encoding });
    }
    let media_type = text(headers, CONTENT_TYPE).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("text/html") {
        return Err(DownloadError::WebPage { url: url.to_owned() });
    }
    Ok(())
}

struct ContentRange {
    start: u64,
    end: u64,
    total: Option<u64>,
}

impl ContentRange {
    /// Takes `bytes 5-9/10`; the total may be `*`.
    fn parse(text: &str) -> Option<Self> {
        let (unit, rest) = text.trim().split_once(' ')?;
        let (range, total) = rest.trim().split_once('/')?;
        let (start, end) = range.split_once('-')?;
        let range = Self {
            start: start.parse().ok()?,
            end: end.parse().ok()?,
            total: if total == "*" { None } else { Some(total.parse().ok()?) },
        };
        unit.eq_ignore_ascii_case("bytes").then_some(range)
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn is_weak(etag: &HeaderValue) -> bool {
    !etag.as_bytes().starts_with(b"\"")
}

const MAX_SHOWN_CHARS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    fn content(pairs: &[(&'static str, &'static str)]) -> Content {
        Content::of(&headers(pairs))
    }

    const MONDAY: &str = "Mon, 05 Jan 2026 10:00:00 GMT";
    const TUESDAY: &str = "Tue, 06 Jan 2026 10:00:00 GMT";

    #[test]
    fn only_what_tells_contents_apart_for_certain_is_resumed_with() {
        let validator = |pairs: &[_]| content(pairs).resume(5).map(|resume| resume.validator);
        assert_eq!(validator(&[("etag", "\"a\"")]).unwrap(), "\"a\"");
        let dated = [("etag", "W/\"a\""), ("last-modified", MONDAY), ("date", TUESDAY)];
        assert_eq!(validator(&dated).unwrap(), MONDAY);
        assert_eq!(validator(&[("etag", "W/\"a\"")]), None);
        assert_eq!(validator(&[("last-modified", MONDAY)]), None);
        assert_eq!(validator(&[("last-modified", MONDAY), ("date", MONDAY)]), None);
        assert_eq!(validator(&[]), None);
        assert_eq!(content(&[("etag", "\"a\"")]).resume(0), None);
    }

    #[test]
    fn only_the_rest_of_the_same_content_continues_it() {
        let content = content(&[("etag", "\"a\""), ("content-length", "10")]);
        let resume = content.resume(5).unwrap();
        let continues = |status, pairs: &[_]| {
            content.is_continued(&resume, StatusCode::from_u16(status).unwrap(), &headers(pairs))
        };
        assert!(continues(206, &[("etag", "\"a\""), ("content-range", "bytes 5-9/10")]));
        assert!(continues(206, &[("etag", "\"a\""), ("content-range", "bytes 5-7/10")]));
        assert!(!continues(200, &[("etag", "\"a\""), ("content-range", "bytes 5-9/10")]));
        for other in [
            "bytes 4-9/10",
            "bytes 5-9/11",
            "bytes 5-9/*",
            "bytes 5-10/10",
            "bytes 5-4/10",
            "lines 5-9/10",
            "bytes */10",
            "",
        ] {
            assert!(!continues(206, &[("etag", "\"a\""), ("content-range", other)]), "{other}");
        }
        assert!(!continues(206, &[("etag", "\"b\""), ("content-range", "bytes 5-9/10")]));
        assert!(!continues(206, &[("content-range", "bytes 5-9/10")]));
        assert!(!continues(206, &[("etag", "\"a\"")]));
    }

    #[test]
    fn a_date_may_be_left_out_but_not_be_another() {
        let dated = [("last-modified", MONDAY), ("date", TUESDAY), ("content-length", "10")];
        let content = content(&dated);
        let resume = content.resume(5).unwrap();
        let continues = |pairs: &[_]| {
            content.is_continued(&resume, StatusCode::PARTIAL_CONTENT, &headers(pairs))
        };
        assert!(continues(&[("content-range", "bytes 5-9/10")]));
        assert!(continues(&[("content-range", "bytes 5-9/10"), ("last-modified", MONDAY)]));
        assert!(!continues(&[("content-range", "bytes 5-9/10"), ("last-modified", TUESDAY)]));
    }

    #[test]
    fn what_is_not_the_file_itself_is_refused() {
        let check = |name, value| check_form("u", &headers(&[(name, value)]));
        let page = check("content-type", "Text/HTML; charset=utf-8");
        assert!(matches!(page, Err(DownloadError::WebPage { .. })));
        let encoded = check("content-encoding", "gzip");
        assert!(matches!(encoded, Err(DownloadError::Encoded { .. })));
        assert!(check("content-encoding", "identity").is_ok());
        assert!(check("content-type", "application/octet-stream").is_ok());
    }
}
