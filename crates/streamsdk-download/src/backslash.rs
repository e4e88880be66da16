//! Backslashes where a host stands: browsers read them as slashes and other programs do not, so that each
//! takes another host for the one that is meant.

/// Whether a URL, or what stands in its place in a redirect, has a backslash in or before its host.
pub(crate) fn is_in_authority(url: &str) -> bool {
    let url = url.trim().replace(['\t', '\r', '\n'], "");
    let rest = behind_scheme(&url);
    let after_slashes = rest.trim_start_matches(['/', '\\']);
    let slashes = &rest[..rest.len() - after_slashes.len()];
    let is_path_alone = rest.len() == url.len() && slashes.len() < 2;
    let authority = after_slashes.split(['/', '?', '#']).next().unwrap_or_default();
    slashes.contains('\\') || (!is_path_alone && authority.contains('\\'))
}

fn behind_scheme(url: &str) -> &str {
    let is_scheme = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    match url.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_is_found_where_a_host_could_be_meant() {
        for url in [
            "http://good.example\\@evil.example/a",
            "http://good.example\\.evil.example",
            "http:\\\\evil.example/a",
            "http:/\\evil.example/a",
            "//good.example\\@evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t\\evil.example",
            " http://a\\b",
        ] {
            assert!(is_in_authority(url), "{url}");
        }
        for url in ["http://h/a\\b", "http://h?a\\b", "/a\\b", "a\\b", "http://h", ""] {
            assert!(!is_in_authority(url), "{url}");
        }
    }
}
