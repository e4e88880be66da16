//! ICE servers as programs are given them: as JSON, in one of several forms.

use std::str::FromStr;

use serde_json::Value;
use thiserror::Error;

use crate::init::{IceConfiguration, IceServer};

/// Why JSON gives no ICE servers. It has nothing in it of what was given, which has passwords in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IceConfigurationError {
    /// It is no JSON.
    #[error("the ICE servers are no JSON: see line {line}, column {column}")]
    NoJson {
        /// Of the first thing that is wrong.
        line: usize,
        /// Of the first thing that is wrong.
        column: usize,
    },
    /// It is neither a server, nor a list of them, nor an object with one.
    #[error(
        "the ICE servers are to be an object with `urls`, a list of such, or an object with such a \
         list as `iceServers`"
    )]
    OtherForm,
    /// One of the servers is not one.
    #[error(
        "ICE server {number} cannot be used: it needs `urls`, a text or a list of texts, and may have \
         `username` and `credential`, each a text"
    )]
    BadServer {
        /// Which one, from 1 on.
        number: usize,
    },
}

/// Reads `{"urls": …, "username": …, "credential": …}`, `{"iceServers": […]}`, or the list alone.
///
/// ```
/// use streamsdk_protocol::init::IceConfiguration;
///
/// let one: IceConfiguration = r#"{"urls": "turns:a", "username": "u", "credential": "c"}"#.parse()?;
/// let many: IceConfiguration = r#"{"iceServers": [{"urls": ["stun:a", "stun:b"]}]}"#.parse()?;
/// assert_eq!(one.ice_servers[0].urls(), ["turns:a"]);
/// assert_eq!(many.ice_servers[0].urls().len(), 2);
/// # Ok::<(), streamsdk_protocol::init::IceConfigurationError>(())
/// ```
impl FromStr for IceConfiguration {
    type Err = IceConfigurationError;

    fn from_str(json: &str) -> Result<Self, Self::Err> {
        let value: Value = serde_json::from_str(json).map_err(|error| {
            IceConfigurationError::NoJson { line: error.line(), column: error.column() }
        })?;
        Self::try_from(value)
    }
}

/// The same of JSON that was read.
impl TryFrom<Value> for IceConfiguration {
    type Error = IceConfigurationError;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let servers = match value {
            Value::Array(servers) => servers,
            Value::Object(mut object) => match object.remove("iceServers") {
                Some(Value::Array(servers)) => servers,
                None if object.contains_key("urls") => vec![Value::Object(object)],
                _ => return Err(IceConfigurationError::OtherForm),
            },
            _ => return Err(IceConfigurationError::OtherForm),
        };
        let servers = servers.into_iter().zip(1..).map(|(server, number)| {
            serde_json::from_value::<IceServer>(server)
                .map_err(|_| IceConfigurationError::BadServer { number })
        });
        servers.collect::<Result<Vec<_>, _>>().map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<IceConfiguration, IceConfigurationError> {
        json.parse()
    }

    #[test]
    fn every_form_gives_the_same_servers() {
        let server = IceServer::new("turn:a").credentials("u", "c");
        let expected = IceConfiguration::new([server]);
        for json in [
            r#"{"urls": "turn:a", "username": "u", "credential": "c"}"#,
            r#"{"urls": ["turn:a"], "username": "u", "credential": "c", "more": 1}"#,
            r#"{"iceServers": [{"urls": "turn:a", "username": "u", "credential": "c"}]}"#,
            r#"[{"urls": ["turn:a"], "username": "u", "credential": "c"}]"#,
        ] {
            assert_eq!(parse(json).unwrap(), expected, "{json}");
        }
        assert_eq!(parse(r#"{"iceServers": []}"#).unwrap(), IceConfiguration::default());
    }

    #[test]
    fn credentials_may_be_missing() {
        for json in [
            r#"{"urls": "turn:a"}"#,
            r#"{"urls": "turn:a", "username": null, "credential": null}"#,
            r#"{"iceServers": [{"urls": "turn:a"}]}"#,
        ] {
            let servers = parse(json).unwrap().ice_servers;
            assert_eq!((servers[0].username(), servers[0].credential()), (None, None), "{json}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_without_what_was_given() {
        let bad = |number| Err(IceConfigurationError::BadServer { number });
        let other = Err(IceConfigurationError::OtherForm);
        for (json, expected) in [
            (r#"{"urls": 7, "credential": "s3cret"}"#, bad(1)),
            (r#"[{"urls": "a"}, {"username": "s3cret"}]"#, bad(2)),
            (r#"[{"urls": "a", "credential": ["s3cret"]}]"#, bad(1)),
            (r#"["s3cret"]"#, bad(1)),
            (r#""s3cret""#, other.clone()),
            (r#"{"iceServers": "s3cret"}"#, other.clone()),
            ("{}", other),
        ] {
            assert_eq!(parse(json), expected, "{json}");
        }
        let no_json = parse("{\"urls\": \"s3cret").unwrap_err();
        assert!(matches!(no_json, IceConfigurationError::NoJson { line: 1, .. }));
        assert!(!no_json.to_string().contains("s3cret"));
    }
}
