//! Names of files in the cache, which are those that Python's `inference-sdk` gives.

use ring::digest;

/// Characters of the hash that are in a name.
const HASH_CHARS: usize = 32;
const DEFAULT_EXTENSION: &str = ".mp4";
/// Nothing that systems refuse in a name, or that leads out of the folder.
const UNFIT_FOR_NAMES: &[char] = &['/', '\\', ':', '*', '?', '"', '<', '>', '|'];
/// In bytes; file systems take 255 for the whole name.
const MAX_EXTENSION: usize = 64;

/// The name of what is at `url`, which must be written as the caller wrote it.
pub(crate) fn name(url: &str) -> String {
    let hash = digest::digest(&digest::SHA256, url.as_bytes());
    let hash = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hash = hash.chars().take(HASH_CHARS).collect::<String>();
    format!("{hash}{}", extension(url))
}

/// Extension with its dot, as `os.path.splitext(urlparse(url).path)[1]` has it.
fn extension(url: &str) -> String {
    let path = python_path(url);
    let file_name = path.rsplit('/').next().unwrap_or_default();
    // Dots in front are of the name.
    let stem = file_name.trim_start_matches('.');
    let extension = stem.rfind('.').map_or("", |dot| &stem[dot..]);
    let is_fit = !extension.is_empty()
        && extension.len() <= MAX_EXTENSION
        && !extension.contains(|c: char| c.is_control() || UNFIT_FOR_NAMES.contains(&c));
    if is_fit { extension } else { DEFAULT_EXTENSION }.to_owned()
}

/// `urlparse(url).path`: nothing is decoded, and parameters behind the last segment are not in it.
fn python_path(url: &str) -> String {
    let url = url.trim_start_matches(|c: char| c <= ' ').replace(['\t', '\r', '\n'], "");
    let rest = url.split_once(':').map_or(url.as_str(), |(_, rest)| rest);
    let rest = match rest.strip_prefix("//") {
        Some(rest) => rest.find(['/', '?', '#']).map_or("", |end| &rest[end..]),
        None => rest,
    };
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let last = path.rfind('/').unwrap_or(0);
    let end = path[last..].find(';').map_or(path.len(), |place| last + place);
    path[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python 3.11 makes of each URL, with the lines of `inference_sdk/webrtc/sources.py` (1.8.3).
    const NAMES_OF_PYTHON: &[(&str, &str)] = &[
        ("https://example.com/clip.mp4", "30da8b0ac243da0c41a63a46ef94c883.mp4"),
        ("https://example.com/a/b.c/video", "280166364394c8a2d91ea018988d7f4b.mp4"),
        ("http://h:8080/x.tar.gz?sig=a/b.mkv#t", "ec1e4f08e841298468990c528b0af935.gz"),
        ("https://example.com", "100680ad546ce6a577f42f52df33b4cf.mp4"),
        ("https://h/.mp4", "e2f372660b5121b11ab2a265c0938cfc.mp4"),
        ("https://h/..mp4", "cd98d30d9785d7810d9c1497ee572288.mp4"),
        ("https://h/a.", "c24bac598fc08a2ffd05d95bcc5b920b."),
        ("https://h/clip.mp4;v=1/2", "98ff2b8cdd7438cba51c5799ce851515.mp4"),
        ("https://h/a;x/clip.MOV;v=1", "50ddae4e96717920b09d5397d281f9a8.MOV"),
        ("https://user:p@ss@h/v.webm", "9d3d9b82be7de74d97264abaa8dc290c.webm"),
        ("https://h/cl%20ip.mp4%20", "c30cf65ae509381016cd2c700f847ae9.mp4%20"),
        ("HTTPS://Example.com/Video.AVI", "8f2da5e090f955d76fa2659bcdda38e4.AVI"),
        ("https://h?x=/a.mkv", "850a88f465cd842db7b318083b762817.mp4"),
        ("https://h/ä.möv", "626401dc22b8acd0c982962fc45ba3a3.möv"),
        ("  https://h/lead.mkv", "093c43f9dd4ea14d3b508d7d6a1b9eef.mkv"),
        ("https://h/a\tb.m\tkv", "44b95017607ef21b903eb20a7688757a.mkv"),
        ("https://h/a.b/", "f3bb6bd19068d09a5bfeaa1658181454.mp4"),
        ("https://h/.a.mkv", "734b65a97ca8bc7701509fb43ca4498c.mkv"),
        ("https://h/clip.mp4/..;a.b", "6a639d15490ce3e6493faf6eb9208516.mp4"),
    ];

    #[test]
    fn names_are_those_that_python_gives() {
        for (url, expected) in NAMES_OF_PYTHON {
            assert_eq!(name(url), *expected, "{url}");
        }
    }

    #[test]
    fn no_extension_leads_out_of_the_folder_or_is_refused_by_a_system() {
        let long = format!("https://h/a.{}", "x".repeat(300));
        for url in ["https://h/a.\\b", "https://h/a.b:c", "https://h/a.b\u{1}", &long] {
            assert!(name(url).ends_with(".mp4"), "{url}");
        }
    }
}
