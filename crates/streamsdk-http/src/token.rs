use axum::http::{HeaderMap, header};
use subtle::ConstantTimeEq;

/// Whether a request shows `token`, as `Authorization: Bearer`.
pub fn shows_token(headers: &HeaderMap, token: &str) -> bool {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = header.and_then(|value| value.split_once(' '));
    shown.is_some_and(|(scheme, shown)| {
        scheme.eq_ignore_ascii_case("bearer") && is_token(shown.trim(), token)
    })
}

/// Whether `shown` is `token`. Takes a time that does not depend on how much of it is right.
pub fn is_token(shown: &str, token: &str) -> bool {
    shown.as_bytes().ct_eq(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn shown(value: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        shows_token(&headers, "s3cret")
    }

    #[test]
    fn only_the_whole_token_will_do() {
        assert!(shown(Some("Bearer s3cret")) && shown(Some("bearer  s3cret")));
        for wrong in ["Bearer s3cre", "Bearer s3crets", "Basic s3cret", "s3cret", "Bearer ", ""] {
            assert!(!shown(Some(wrong)), "{wrong}");
        }
        assert!(!shown(None));
    }
}
