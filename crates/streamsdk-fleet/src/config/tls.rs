//! TLS of sinks, as a file of streams describes it, and of the servers of a fleet.

#[cfg(feature = "tls")]
use std::fs;
#[cfg(feature = "tls")]
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
#[cfg(feature = "tls")]
use streamsdk_sinks::Tls;

/// Whether a sink has TLS, or with what.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected `true`, `false` or a table with `ca_file`, `certificate_file` and `key_file`"
)]
#[cfg_attr(not(feature = "tls"), allow(dead_code))]
pub(super) enum TlsOption {
    Switch(bool),
    With(TlsFiles),
}

/// Files, in PEM, with what TLS needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(not(feature = "tls"), allow(dead_code, unreachable_pub))]
pub struct TlsFiles {
    /// The certificates of those who vouch for a server. Default is whom the system trusts.
    pub ca_file: Option<PathBuf>,
    /// This side's certificate, for servers that want one. Default is none.
    pub certificate_file: Option<PathBuf>,
    /// The key of that certificate: there is one where there is the other.
    pub key_file: Option<PathBuf>,
}

#[cfg(feature = "tls")]
impl TlsOption {
    /// What a sink is given, if it has TLS. `folder` is what paths are relative to.
    pub(super) fn read(&self, folder: &Path) -> Result<Option<Tls>, String> {
        match self {
            Self::Switch(false) => Ok(None),
            Self::Switch(true) => Ok(Some(Tls::new())),
            Self::With(files) => files.read(folder).map(Some),
        }
    }
}

#[cfg(feature = "tls")]
impl TlsFiles {
    /// Reads them. `folder` is what paths are relative to.
    ///
    /// # Errors
    ///
    /// What is wrong with which file, without anything of a key.
    pub fn read(&self, folder: &Path) -> Result<Tls, String> {
        let mut tls = Tls::new();
        if let Some(path) = &self.ca_file {
            let authorities = tls.authorities(&file(folder, path)?);
            tls = authorities.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        match (&self.certificate_file, &self.key_file) {
            (None, None) => Ok(tls),
            (Some(certificate), Some(key)) => {
                let identity = tls.identity(&file(folder, certificate)?, &file(folder, key)?);
                let files = [certificate, key].map(|path| path.display());
                identity.map_err(|error| format!("{} and {}: {error}", files[0], files[1]))
            }
            _ => Err("a certificate and its key belong together".to_owned()),
        }
    }
}

#[cfg(feature = "tls")]
fn file(folder: &Path, path: &Path) -> Result<Vec<u8>, String> {
    let path = folder.join(path);
    fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
}
