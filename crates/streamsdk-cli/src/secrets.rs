//! What the command line was given in confidence shows in nothing that the program says.

use std::env;

use streamsdk::ApiKey;
use streamsdk_protocol::Redactor;

/// Options whose values are secrets.
const OPTIONS: [&str; 2] = ["--api-key", "--turn-credential"];
/// Where their values may come from besides the command line.
const VARIABLES: [&str; 2] = ["ROBOFLOW_API_KEY", "STREAMSDK_TURN_CREDENTIAL"];

/// `text` without the API key and what is secret in URLs, however the command line was understood: a URL
/// that is not recognised as one has a password in it all the same.
pub(crate) fn hide(text: &str) -> String {
    let arguments: Vec<String> =
        env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let values = VARIABLES.into_iter().filter_map(|name| env::var(name).ok()).collect();
    redactor(&arguments, values).redact(text)
}

/// Knows `values`, and what is secret in `arguments`.
fn redactor(arguments: &[String], mut values: Vec<String>) -> Redactor {
    for (place, argument) in arguments.iter().enumerate() {
        match argument.split_once('=') {
            Some((option, value)) if OPTIONS.contains(&option) => values.push(value.to_owned()),
            None if OPTIONS.contains(&argument.as_str()) => {
                values.extend(arguments.get(place + 1).cloned());
            }
            _ => {}
        }
    }
    let known = values.into_iter().map(ApiKey::new);
    let known = known.fold(Redactor::default(), |redactor, key| redactor.api_key(&key));
    arguments.iter().fold(known, |redactor, argument| redactor.url(argument))
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
            let arguments =
                ["run", url, "--api-key", "k3y", "--turn-credential=tu7n"].map(String::from);
            let said = redactor(&arguments, vec!["0ther".into()])
                .redact(&format!("'{url}' k3y 0ther tu7n"));
            assert!(said.contains("[redacted]@cam/1"), "{said}");
            for secret in ["u:pw", "k3y", "0ther", "tu7n"] {
                assert!(!said.contains(secret), "{said}");
            }
        }
        let said = redactor(&["run".into(), "a.mp4".into()], Vec::new()).redact("no file a.mp4");
        assert_eq!(said, "no file a.mp4");
    }
}
