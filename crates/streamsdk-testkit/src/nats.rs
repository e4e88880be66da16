//! A NATS server that a test starts, kills and starts again, and a way to it that fails.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::{self, Context};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How long anything may take before the test is wrong; a busy machine takes long.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A server in a process of its own, always at the same port and with the same folder. Ends when dropped.
pub struct NatsServer {
    child: Child,
    options: Vec<String>,
    /// Bound, and not listening: so nobody else is given the port, be it while the server is away.
    port: TcpSocket,
    folder: TempDir,
}

impl NatsServer {
    /// Starts it, and waits until it takes connections.
    pub async fn start() -> Self {
        Self::start_with(&["-js"]).await
    }

    /// The same with other options than JetStream alone.
    pub async fn start_with(options: &[&str]) -> Self {
        let options = options.iter().map(ToString::to_string).collect::<Vec<_>>();
        let port = TcpSocket::new_v4().unwrap();
        // The server binds to it as well.
        port.set_reuseaddr(true).unwrap();
        port.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(&options, number(&port), folder.path());
        let server = Self { child, options, port, folder };
        server.is_up().await;
        server
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        number(&self.port)
    }

    /// Kills it, so that it can say nothing to anybody.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Where it is, as a URL.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port())
    }

    /// Starts it again after [`NatsServer::kill`].
    pub async fn start_again(&mut self) {
        self.child = spawn(&self.options, self.port(), self.folder.path());
        self.is_up().await;
    }

    /// Another client, which does with the bucket as it likes.
    pub async fn client(&self) -> Context {
        let address = format!("127.0.0.1:{}", self.port());
        jetstream::new(ConnectOptions::new().connect(address).await.unwrap())
    }

    async fn is_up(&self) {
        let is_there = async || TcpStream::connect(("127.0.0.1", self.port())).await.is_ok();
        until("the server listens", is_there).await;
    }
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < LIMIT, "waited in vain until {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn number(port: &TcpSocket) -> u16 {
    port.local_addr().unwrap().port()
}

fn spawn(options: &[String], port: u16, folder: &Path) -> Child {
    let places = ["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).join("nats-server"));
    let program = places.into_iter().find(|place| place.is_file());
    let mut command = Command::new(program.unwrap_or_else(|| PathBuf::from("nats-server")));
    command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-sd"]).arg(folder).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.kill_on_drop(true).spawn().unwrap_or_else(|error| {
        panic!("cannot start nats-server, which `cargo xtask setup` installs: {error}")
    })
}

/// What a way to the server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// All is passed on.
    Everything,
    /// What the client says is passed on, and the answers are not.
    NoAnswers,
    /// Nothing is passed on, and nobody is told.
    Nothing,
    /// Connections break.
    Broken,
}

/// A way to a server.
pub struct Way {
    /// Where it begins.
    pub port: u16,
    passing: watch::Sender<Passing>,
}

impl Way {
    /// Passes everything on at first.
    pub async fn to(server: &NatsServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (passing, state) = watch::channel(Passing::Everything);
        let to = server.port();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { continue };
                tokio::spawn(join(client, server, state.clone()));
            }
        });
        Self { port, passing }
    }

    /// From now on.
    pub fn set(&self, passing: Passing) {
        self.passing.send_replace(passing);
    }
}

async fn join(mut client: TcpStream, mut server: TcpStream, mut state: watch::Receiver<Passing>) {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let (up, down) = (state.clone(), state.clone());
    tokio::select! {
        () = pass(from_client, to_server, up, &[Passing::Everything, Passing::NoAnswers]) => {}
        () = pass(from_server, to_client, down, &[Passing::Everything]) => {}
        _ = state.wait_for(|state| *state == Passing::Broken) => {}
    }
}

/// What comes while it is not passed on is passed on later, as by a network that stood still.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut state: watch::Receiver<Passing>,
    passed: &[Passing],
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let is_passed = state.wait_for(|state| passed.contains(state)).await.is_ok();
        if !is_passed || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
