//! What the command line was given in confidence shows in nothing that the program says.

use std::env;

use streamsdk::protocol::Redactor;

/// Where an API key may come from besides the command line.
const KEY_VARIABLE: &str = "ROBOFLOW_API_KEY";

/// `text` without the API key and what is secret in URLs, however the command line was understood: a URL
/// that is not recognised as one has a password in it all the same.
pub(crate) fn hide(text: &str) -> String {
    let arguments: Vec<String> =
        env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    redactor(&arguments, env::var(KEY_VARIABLE).ok().as_deref()).redact(text)
}

fn redactor(arguments: &[String], key: Option<&str>) -> Redactor {
    let behind = |pair: &[String]| (pair[0] == "--api-key").then(|| pair[1].clone());
    let keys = arguments.windows(2).filter_map(behind);
    let keys =
        keys.chain(arguments.iter().filter_map(|a| a.strip_prefix("--api-key=").map(Into::into)));
    let keys = keys.chain(key.map(Into::into));
    let redactor =
        keys.fold(Redactor::default(), |redactor, key: String| redactor.api_key(&key.into()));
    arguments.iter().fold(redactor, |redactor, argument| redactor.url(argument))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_in_confidence_is_found_wherever_it_stands() {
        for url in [
            "RTSP://u:pw@cam/1",
            " rtsp://u:pw@cam/1",
            "gopher://u:pw@cam/1",
            "local:rtsp://u:pw@cam/1",
            "--server=http://u:pw@cam/1",
            "u:pw@cam/1",
        ] {
            let arguments = ["run", url, "--api-key", "k3y"].map(String::from);
            let said = redactor(&arguments, Some("0ther")).redact(&format!("'{url}' k3y 0ther"));
            assert!(said.contains("[redacted]@cam/1"), "{said}");
            for secret in ["u:pw", "k3y", "0ther"] {
                assert!(!said.contains(secret), "{said}");
            }
        }
        let said = redactor(&["run".into(), "a.mp4".into()], None).redact("no file a.mp4");
        assert_eq!(said, "no file a.mp4");
    }
}
