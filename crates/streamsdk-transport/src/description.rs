//! Repairs of what the engine writes, and of what it does not understand.

use streamsdk_protocol::sdp::is_in_use;

/// Moves the candidates of a description to the first media section that is in use.
///
/// The engine puts them into the first section even if that is one that it refuses, such as the
/// video slot of a browser that wants only data; and nobody looks for them there.
pub(crate) fn with_candidates_in_use(sdp: &str) -> String {
    let is_candidate =
        |line: &&str| line.starts_with("a=candidate:") || line.starts_with("a=end-of-candidates");
    let (candidates, others): (Vec<&str>, Vec<&str>) = sdp.lines().partition(is_candidate);
    let mut lines = Vec::with_capacity(candidates.len() + others.len());
    let mut candidates = Some(candidates);
    let mut in_use = false;
    for line in others {
        if line.starts_with("m=") {
            if in_use {
                lines.extend(candidates.take().into_iter().flatten());
            }
            in_use = is_in_use(line);
        }
        lines.push(line);
    }
    // Those of the last section, or of a description without any that is in use.
    lines.extend(candidates.into_iter().flatten());
    lines.iter().flat_map(|line| [*line, "\r\n"]).collect()
}

/// Writes the algorithms of fingerprints in lower case: they may be in any (RFC 8122), and the engine
/// knows them in this one.
pub(crate) fn with_known_algorithms(sdp: &str) -> String {
    const FINGERPRINT: &str = "a=fingerprint:";
    let lines = sdp.split_inclusive('\n').map(|line| {
        let Some((algorithm, value)) =
            line.strip_prefix(FINGERPRINT).and_then(|rest| rest.split_once(' '))
        else {
            return line.to_owned();
        };
        format!("{FINGERPRINT}{} {value}", algorithm.to_ascii_lowercase())
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_of_fingerprints_are_in_lower_case_and_nothing_else_changes() {
        let sdp = "v=0\r\na=fingerprint:SHA-256 AB:CD\r\na=fingerprint:X\nA=fingerprint:SHA-1 A";
        let known = sdp.replacen("SHA-256", "sha-256", 1);
        assert_eq!(with_known_algorithms(sdp), known);
        assert_eq!(with_known_algorithms(&known), known);
    }

    #[test]
    fn candidates_leave_a_refused_section_and_stay_in_one_that_is_used() {
        let refused = "v=0\r\nm=video 0 X\r\na=candidate:1\r\na=end-of-candidates\r\na=mid:0\r\n\
            m=application 9 Y\r\na=mid:1\r\n";
        let repaired = "v=0\r\nm=video 0 X\r\na=mid:0\r\n\
            m=application 9 Y\r\na=mid:1\r\na=candidate:1\r\na=end-of-candidates\r\n";
        assert_eq!(with_candidates_in_use(refused), repaired);
        assert_eq!(with_candidates_in_use(repaired), repaired);
        let first = "v=0\r\nm=application 9 Y\r\na=candidate:1\r\nm=video 0 X\r\n";
        assert_eq!(with_candidates_in_use(first), first);
    }
}
