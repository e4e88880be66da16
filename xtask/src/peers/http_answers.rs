use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::Certificates;
use crate::namespaces::at;
use crate::process::Background;
use crate::project;

const START_LIMIT: Duration = Duration::from_secs(10);

/// What a server answers to every HTTP request.
pub struct HttpAnswers<'a> {
    pub status: u16,
    pub body: &'a str,
    /// How far its clock is behind.
    pub late: Duration,
    /// With what it speaks TLS, if it does.
    pub certificates: Option<&'a Certificates>,
}

impl HttpAnswers<'_> {
    /// Starts such a server in a namespace.
    pub fn start(&self, place: &str, address: &str, directory: &Path) -> Result<Background> {
        let mut server = at(place, project::peers_directory().join("http_answers.py"))
            .args([address, &self.status.to_string(), "--body", self.body])
            .args(["--late", &self.late.as_secs().to_string()]);
        if let Some(Certificates { server: certificate, key, .. }) = self.certificates {
            server = server.arg("--certificate").arg(certificate).arg("--key").arg(key);
        }
        let mut server = server.start(directory.join("http_answers.log"))?;
        server.wait_for_line("listening", START_LIMIT)?;
        Ok(server)
    }
}
