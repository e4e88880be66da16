//! A client, and at the end of a path everything that a session may need. Whoever makes a fault changes some of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::path::{LaidPath, PathCase};
use crate::peers::{Certificates, Coturn, CoturnPlace, HttpAnswers, TurnUsers};
use crate::process::{Background, Job, Output};

const USER: &str = "us3r";
const PASSWORD: &str = "pa55w0rd";
/// Besides the one that is there anyway.
const SECOND_ADDRESS: &str = "10.77.2.3";
pub(super) const SERVER_PORT: u16 = 9001;
pub(super) const TURN_PORT: u16 = 3478;
const TURN_TLS_PORT: u16 = 5349;
const START_LIMIT: Duration = Duration::from_secs(20);
/// For a program that has not even ended by itself.
const DOCTOR_LIMIT: Duration = Duration::from_secs(20);
const SESSION_LIMIT: Duration = Duration::from_secs(60);

pub(super) struct Bed {
    cli: PathBuf,
    pub(super) directory: PathBuf,
    /// What the client is told.
    pub(super) server: Option<String>,
    pub(super) stun: Vec<String>,
    pub(super) turn: Vec<String>,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(&'static str, String)>,
    /// What runs at the end of the path.
    pub(super) worker: Option<Background>,
    pub(super) beside: Vec<Background>,
    pub(super) other_turn: Option<Coturn>,
    _turn: Coturn,
    pub(super) path: LaidPath,
}

impl Bed {
    pub(super) fn make(case: &PathCase, cli: &Path, directory: &Path) -> Result<Self> {
        let path = LaidPath::lay(case, "streamsdk-doctor", directory)?;
        path.add_worker_address(SECOND_ADDRESS)?;
        let host = path.worker_host();
        let hosts = [host.clone(), SECOND_ADDRESS.to_owned()];
        let certificates = Certificates::write(&host, directory)?;
        let place = CoturnPlace {
            place: path.worker_place(),
            hosts: &hosts,
            port: TURN_PORT,
            tls_port: TURN_TLS_PORT,
            users: TurnUsers::One { name: USER, password: PASSWORD },
            certificates: &certificates,
        };
        let turn = Coturn::start(&place, directory)?;
        let authority = certificates.authority.to_string_lossy().into_owned();
        let mut bed = Self {
            cli: cli.to_owned(),
            directory: directory.to_owned(),
            server: Some(format!("http://{host}:{SERVER_PORT}")),
            stun: hosts.iter().map(|host| format!("stun:{host}:{TURN_PORT}")).collect(),
            turn: [
                format!("turn:{host}:{TURN_PORT}"),
                format!("turn:{host}:{TURN_PORT}?transport=tcp"),
                format!("turns:{host}:{TURN_TLS_PORT}"),
            ]
            .into(),
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            arguments: Vec::new(),
            // This machine's proxies are none of the path's.
            environment: vec![("SSL_CERT_FILE", authority), ("NO_PROXY", "*".to_owned())],
            worker: None,
            beside: Vec::new(),
            other_turn: None,
            _turn: turn,
            path,
        };
        bed.start_worker(&[])?;
        Ok(bed)
    }

    /// In the place of the one that runs.
    pub(super) fn start_worker(&mut self, options: &[&str]) -> Result<()> {
        self.worker = None;
        let listen = format!("{}:{SERVER_PORT}", self.path.worker_host());
        let worker = self.path.at_worker(&self.cli).args(["worker", "--listen", &listen]);
        let mut worker = worker.args(options).start(self.directory.join("worker.log"))?;
        worker.wait_for_line("listening on ", START_LIMIT)?;
        self.worker = Some(worker);
        Ok(())
    }

    /// The same, with a server that answers everybody alike, and takes the worker's place.
    pub(super) fn replace_worker(&mut self, answers: &HttpAnswers<'_>) -> Result<()> {
        self.worker = None;
        let address = format!("{}:{SERVER_PORT}", self.path.worker_host());
        self.worker = Some(answers.start(self.path.worker_place(), &address, &self.directory)?);
        Ok(())
    }

    /// From now on, only this is found in this variable.
    pub(super) fn set_environment(&mut self, name: &'static str, value: impl Into<String>) {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.into()));
    }

    /// The program that looks what is wrong.
    pub(super) fn doctor(&self) -> Job {
        let client = self.client().args(["doctor", "--json", "--no-cameras"]);
        let client = client.args(self.server_options());
        let client = client.args(self.stun.iter().flat_map(|url| ["--stun", url]));
        let client = client.args(self.turn.iter().flat_map(|url| ["--turn", url]));
        let client =
            client.args(self.turn.first().iter().flat_map(|_| ["--turn-user", &self.user]));
        client.args(&self.arguments).limit(DOCTOR_LIMIT)
    }

    /// A session that is to fail soon. It does without TURN servers, so that no fault is got around.
    pub(super) fn session(&self, clip: &Path) -> Job {
        let client = self.client().arg("run").arg(clip).args(self.server_options());
        let client = client.args(self.stun.iter().flat_map(|url| ["--ice-server", url]));
        let client = client.args(["--workspace", "local", "--workflow-id", "passthrough"]);
        let client = client.args(["--timeout", "2", "--connect-timeout", "2"]);
        client.args(&self.arguments).limit(SESSION_LIMIT)
    }

    fn client(&self) -> Job {
        let client =
            self.path.at_client(&self.cli).env("STREAMSDK_TURN_CREDENTIAL", &self.password);
        let client =
            self.environment.iter().fold(client, |job, (name, value)| job.env(name, value));
        client.output(Output::Capture)
    }

    fn server_options(&self) -> impl Iterator<Item = &str> {
        self.server.iter().flat_map(|url| ["--server", url])
    }
}
