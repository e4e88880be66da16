//! Does it speak TLS, with a certificate that is trusted and for this name?

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::CertificateError;
use rustls::pki_types::{ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::deadline::Deadline;
use crate::trust::Trust;

const LIMIT: Duration = Duration::from_secs(2);

/// What kept TLS from coming about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoTls {
    /// The certificate is for another name.
    OtherName(String),
    /// It holds no more, or not yet: time is what it depends on.
    Expired(String),
    NotYetValid(String),
    /// Nobody who is trusted vouches for it.
    Untrusted(String),
    /// What was received is not TLS.
    NotSpoken,
    Failed(String),
}

impl NoTls {
    /// Whether it is the certificate.
    pub(crate) fn is_certificate(&self) -> bool {
        matches!(
            self,
            Self::OtherName(_) | Self::Expired(_) | Self::NotYetValid(_) | Self::Untrusted(_)
        )
    }

    /// What was seen, to go after the name of the server.
    pub(crate) fn what(&self) -> String {
        match self {
            Self::OtherName(of) => format!("shows a certificate that is for another name{of}"),
            Self::Expired(when) => format!("shows a certificate that has expired{when}"),
            Self::NotYetValid(when) => format!("shows a certificate that does not hold yet{when}"),
            Self::Untrusted(why) => {
                format!(
                    "shows a certificate that nobody vouches for whom this system trusts ({why})"
                )
            }
            Self::NotSpoken => "does not speak TLS".to_owned(),
            Self::Failed(why) => format!("could not be spoken to with TLS: {why}"),
        }
    }
}

/// Shakes hands with `host` on `stream`.
pub(crate) async fn handshake(
    stream: TcpStream,
    host: &str,
    trust: &Trust,
    deadline: Deadline,
) -> Result<TlsStream<TcpStream>, NoTls> {
    let connector = trust.connector().map_err(|error| NoTls::Failed(error.to_string()))?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| NoTls::Failed(format!("{host} is no name for a certificate")))?;
    match deadline.within(LIMIT, connector.connect(name, stream)).await {
        Some(Ok(stream)) => Ok(stream),
        Some(Err(error)) => Err(of_io(&error)),
        None => Err(NoTls::Failed("it was not finished in time".to_owned())),
    }
}

/// The TLS in an error's causes, if there is any.
pub(crate) fn among_causes(error: &(dyn Error + 'static)) -> Option<NoTls> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(of_tls(error));
        }
        // An io::Error does not name the error inside it as its source.
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inside.map(|inside| inside as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

fn of_io(error: &io::Error) -> NoTls {
    among_causes(error).unwrap_or_else(|| NoTls::Failed(error.to_string()))
}

fn of_tls(error: &rustls::Error) -> NoTls {
    use CertificateError as C;
    let certificate = match error {
        rustls::Error::InvalidCertificate(certificate) => certificate,
        rustls::Error::InvalidMessage(_) => return NoTls::NotSpoken,
        error => return NoTls::Failed(error.to_string()),
    };
    match certificate {
        C::NotValidForName => NoTls::OtherName(String::new()),
        C::NotValidForNameContext { presented, .. } => NoTls::OtherName(names(presented)),
        C::Expired => NoTls::Expired(String::new()),
        C::ExpiredContext { not_after, .. } => NoTls::Expired(format!(", on {}", date(*not_after))),
        C::NotValidYet => NoTls::NotYetValid(String::new()),
        C::NotValidYetContext { not_before, .. } => {
            NoTls::NotYetValid(format!(", but from {}", date(*not_before)))
        }
        C::UnknownIssuer => NoTls::Untrusted("its issuer is not known".to_owned()),
        other => NoTls::Untrusted(other.to_string()),
    }
}

/// Some of them.
fn names(presented: &[String]) -> String {
    match presented {
        [] => String::new(),
        names => format!(
            ": {}",
            names.iter().take(3).map(|name| plain(name)).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// `DnsName("example.org")` is a name for programmers.
fn plain(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

fn date(time: UnixTime) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(time.as_secs()))
}
