//! Texts that need not stand in the file that they belong to.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// A text that may be secret: as it is, or where it is to be found.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretText {
    /// The text itself.
    Plain(String),
    /// `{ env = "NAME" }`: the value of a variable of the environment.
    Env(String),
    /// `{ file = "PATH" }`: what is in a file, without space at both ends.
    File(PathBuf),
}

impl SecretText {
    /// The text, wherever it is. The path of a file is relative to `folder`.
    ///
    /// # Errors
    ///
    /// What cannot be found.
    pub fn read(&self, folder: &Path) -> Result<String, String> {
        match self {
            Self::Plain(text) => Ok(text.clone()),
            Self::Env(name) => {
                std::env::var(name).map_err(|_| format!("there is no variable {name} with a text"))
            }
            Self::File(path) => {
                let path = folder.join(path);
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
                match text.trim() {
                    "" => Err(format!("{} is empty", path.display())),
                    text => Ok(text.to_owned()),
                }
            }
        }
    }
}

/// Without the text.
impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(…)"),
            Self::Env(name) => write!(f, "Env({name:?})"),
            Self::File(path) => write!(f, "File({path:?})"),
        }
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

impl From<PathBuf> for SecretText {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(SecretTextVisitor)
    }
}

struct SecretTextVisitor;

impl<'de> Visitor<'de> for SecretTextVisitor {
    type Value = SecretText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, { env = \"NAME\" } or { file = \"PATH\" }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretText, E> {
        Ok(SecretText::Plain(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretText, A::Error> {
        const PLACES: &[&str] = &["env", "file"];
        let Some(key) = map.next_key::<String>()? else {
            return Err(A::Error::custom("expected env or file"));
        };
        let found = match key.as_str() {
            "env" => SecretText::Env(map.next_value()?),
            "file" => SecretText::File(map.next_value()?),
            _ => return Err(A::Error::unknown_field(&key, PLACES)),
        };
        match map.next_key::<String>()? {
            None => Ok(found),
            Some(_) => Err(A::Error::custom("a text is to be found at one place only")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<String, String> {
        let text: SecretText = serde_json::from_str(json).map_err(|error| error.to_string())?;
        text.read(Path::new("."))
    }

    #[test]
    fn a_text_is_found_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), "s3cret\n").unwrap();
        let in_file: SecretText = serde_json::from_str(r#"{"file":"key"}"#).unwrap();
        assert_eq!(in_file.read(folder.path()), Ok("s3cret".to_owned()));
        assert_eq!(read(r#""plain""#), Ok("plain".to_owned()));
        // Cargo sets it for each test.
        assert_eq!(read(r#"{"env":"CARGO_PKG_NAME"}"#), Ok("streamsdk-fleet".to_owned()));
    }

    #[test]
    fn what_cannot_be_found_is_named() {
        for (json, named) in [
            (r#"{"env":"NO_SUCH_VARIABLE"}"#, "NO_SUCH_VARIABLE"),
            (r#"{"file":"no/such/file"}"#, "no/such/file"),
            (r#"{"vault":"x"}"#, "vault"),
            (r#"{}"#, "env or file"),
            (r#"{"env":"A","file":"b"}"#, "one place only"),
            ("3", "a text, { env"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(named), "{json}: {error}");
        }
    }

    #[test]
    fn a_text_does_not_show() {
        assert!(!format!("{:?}", SecretText::Plain("s3cret".to_owned())).contains("s3cret"));
    }
}
