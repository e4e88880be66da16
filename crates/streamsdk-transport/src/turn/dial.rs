//! Making a TCP or TLS connection to a TURN server.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::future::select_ok;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tracing::debug;

use super::board::{Entry, Step};
use super::outcome::ServerFailure;
use super::tls::{RootCertificates, connector};
use super::url::{ServerUrl, Service, TurnTransport};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// One address of a server is tried so much after the one before it.
const ADDRESS_STAGGER: Duration = Duration::from_millis(250);

/// What TLS is set up with, once for all servers of a connection.
pub(super) type SharedTls = Arc<OnceCell<Result<TlsConnector, String>>>;

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to one server.
pub(super) struct Dialer {
    pub(super) url: ServerUrl,
    /// Where it says how far it is.
    pub(super) entry: Entry,
    pub(super) tls: SharedTls,
    pub(super) roots: RootCertificates,
}

impl Dialer {
    pub(super) async fn dial(&self) -> Result<Box<dyn Stream>, ServerFailure> {
        let too_late = |_| ServerFailure::Connect(format!("not within {CONNECT_LIMIT:?}"));
        timeout(CONNECT_LIMIT, self.connect()).await.map_err(too_late)?
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, ServerFailure> {
        let ServerUrl { host, port, service } = &self.url;
        let connected = self.connect_tcp(host, *port);
        if *service != Service::Turn(TurnTransport::Tls) {
            return Ok(Box::new(connected.await?));
        }
        let (tcp, tls) = tokio::join!(connected, self.tls());
        let (tcp, tls) = (tcp?, tls?);
        let name = ServerName::try_from(host.clone())
            .map_err(|error| ServerFailure::Tls(error.to_string()))?;
        self.entry.proceed(Step::Tls);
        Ok(Box::new(tls.connect(name, tcp).await.map_err(tls_failure)?))
    }

    async fn connect_tcp(&self, host: &str, port: u16) -> Result<TcpStream, ServerFailure> {
        self.entry.proceed(Step::Lookup);
        let addresses = lookup_host((host, port)).await;
        let addresses = addresses.map_err(|error| ServerFailure::Lookup(error.to_string()))?;
        self.entry.proceed(Step::Connect);
        let attempts = addresses.zip(0_u32..).map(|(address, number)| {
            Box::pin(async move {
                sleep(ADDRESS_STAGGER * number).await;
                TcpStream::connect(address).await
            })
        });
        let attempts: Vec<_> = attempts.collect();
        if attempts.is_empty() {
            return Err(ServerFailure::Lookup("it has no address".to_owned()));
        }
        let (stream, _) =
            select_ok(attempts).await.map_err(|error| ServerFailure::Connect(error.to_string()))?;
        // What is written is whole packets, and each is wanted at once.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "packets may wait for each other");
        }
        Ok(stream)
    }

    async fn tls(&self) -> Result<TlsConnector, ServerFailure> {
        let prepared = self.tls.get_or_init(|| async {
            let roots = self.roots.clone();
            let prepared = tokio::task::spawn_blocking(move || connector(&roots)).await;
            match prepared {
                Ok(Ok(connector)) => Ok(connector),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("it could not be prepared".to_owned()),
            }
        });
        prepared.await.clone().map_err(ServerFailure::Tls)
    }
}

fn tls_failure(error: io::Error) -> ServerFailure {
    let of_rustls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match of_rustls {
        Some(rustls::Error::InvalidCertificate(error)) => {
            ServerFailure::Certificate(error.to_string())
        }
        _ => ServerFailure::Tls(error.to_string()),
    }
}
