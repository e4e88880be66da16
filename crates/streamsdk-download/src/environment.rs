//! The variables of Python's `inference-sdk`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::DownloadError;

/// Gives the values of variables.
pub(crate) struct Environment<F>(pub(crate) F);

impl<F: Fn(&str) -> Option<OsString>> Environment<F> {
    /// `true` or `false`, in any case. `None` if it is not set.
    pub(crate) fn flag(&self, name: &'static str) -> Result<Option<bool>, DownloadError> {
        let read = |text: &str| text.trim().to_ascii_lowercase().parse().ok();
        self.read(name, "true or false", read)
    }

    pub(crate) fn number(&self, name: &'static str) -> Result<Option<u32>, DownloadError> {
        self.read(name, "a number that is not negative", |text| u32::from_str(text.trim()).ok())
    }

    pub(crate) fn seconds(&self, name: &'static str) -> Result<Option<Duration>, DownloadError> {
        self.read(name, "a number of seconds above 0", |text| {
            let seconds = text.trim().parse().ok().filter(|seconds| *seconds > 0.0)?;
            Duration::try_from_secs_f64(seconds).ok()
        })
    }

    /// Texts between commas. A variable that is set and empty is a list of one empty text, as it is in Python.
    pub(crate) fn list(&self, name: &'static str) -> Result<Option<Vec<String>>, DownloadError> {
        self.read(name, "names of hosts with commas between them", |text| {
            Some(text.split(',').map(|item| item.trim().to_ascii_lowercase()).collect())
        })
    }

    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        (self.0)(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    fn read<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, DownloadError> {
        let Some(value) = (self.0)(name) else { return Ok(None) };
        let value = value.to_str().and_then(read);
        value.map(Some).ok_or(DownloadError::Variable { name, expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn having(value: &'static str) -> Environment<impl Fn(&str) -> Option<OsString>> {
        Environment(move |name: &str| (name == "SET").then(|| value.into()))
    }

    #[test]
    fn what_is_not_set_is_none() {
        let environment = having("x");
        assert!(matches!(environment.flag("UNSET"), Ok(None)));
        assert!(matches!(environment.list("UNSET"), Ok(None)));
        assert_eq!(environment.path("UNSET"), None);
    }

    #[test]
    fn values_are_read_as_python_reads_them() {
        assert!(matches!(having("True").flag("SET"), Ok(Some(true))));
        assert!(matches!(having("FALSE").flag("SET"), Ok(Some(false))));
        assert!(matches!(having("3").number("SET"), Ok(Some(3))));
        assert_eq!(having("300").seconds("SET").unwrap(), Some(Duration::from_secs(300)));
        assert_eq!(having("a.com, B.com").list("SET").unwrap().unwrap(), ["a.com", "b.com"]);
        assert_eq!(having("").list("SET").unwrap().unwrap(), [""]);
    }

    #[test]
    fn what_cannot_be_understood_is_an_error_that_names_the_variable() {
        for error in [
            having("yes").flag("SET").unwrap_err(),
            having("").flag("SET").unwrap_err(),
            having("-1").number("SET").unwrap_err(),
            having("0").seconds("SET").unwrap_err(),
            having("NaN").seconds("SET").unwrap_err(),
            having("1e99").seconds("SET").unwrap_err(),
        ] {
            assert!(error.to_string().contains("variable SET must be"), "{error}");
        }
    }
}
