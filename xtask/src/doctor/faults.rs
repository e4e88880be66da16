//! What can be wrong, one thing at a time.

use std::ops::Range;
use std::time::Duration;

use anyhow::Result;

use super::bed::{Bed, SERVER_PORT, TURN_PORT};
use crate::path::{Family, Hearing, NarrowLink, PathCase, case};
use crate::peers::{Certificates, Coturn, CoturnPlace, HttpAnswers, TurnUsers};
use crate::process::{Job, Output};

/// A fault, and what is to be found.
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) path: PathCase,
    pub(super) make: fn(&mut Bed) -> Result<()>,
    /// By which it is named.
    pub(super) code: &'static str,
    /// What else is wrong because of it.
    pub(super) follows: &'static [&'static str],
    /// Whether no session comes about, without TURN servers, and its error does not say itself what is wrong.
    pub(super) ends_sessions: bool,
}

pub(super) const CAMERA_BUSY: &str = "camera busy";

pub(super) const FAULTS: &[Fault] = &[
    fault("DNS", "dns-failed", no_name_server).ends_sessions(),
    fault("connection refused", "connection-refused", no_server).ends_sessions(),
    fault("filtered", "connection-filtered", |bed| {
        bed.path.drop_what_is(&["ipproto", "tcp", "dport", &SERVER_PORT.to_string()])
    })
    .ends_sessions(),
    fault("TLS name", "tls-name-mismatch", |bed| serve_tls(bed, "other.example", VALID))
        .ends_sessions(),
    fault("certificate expired", "tls-certificate-expired", |bed| {
        let host = bed.path.worker_host();
        serve_tls(bed, &host, 2001..2002)
    })
    .ends_sessions(),
    fault("clock wrong", "clock-wrong", |bed| {
        let late = Duration::from_secs(15 * 60);
        bed.replace_worker(&HttpAnswers { late, ..answers(422, MISSING_FIELDS) })
    }),
    fault("401", "key-rejected", wants_a_token),
    fault("429", "quota-used-up", |bed| bed.replace_worker(&answers(429, QUOTA))),
    fault("UDP blocked", "udp-blocked", |bed| bed.path.drop_what_is(&["ipproto", "udp"]))
        .then(&["stun-blocked", "turn-udp-blocked"])
        .ends_sessions(),
    fault("STUN blocked", "stun-blocked", |bed| {
        bed.path.drop_what_is(&["to", "10.77.2.3/32", "ipproto", "udp"])
    }),
    fault("TURN password", "turn-password-wrong", |bed| {
        bed.password = "wr0ng".to_owned();
        Ok(())
    }),
    fault("TURN expired", "turn-credentials-expired", shows_old_credentials),
    fault("TURN/TCP blocked", "turn-tcp-blocked", |bed| {
        bed.path.drop_what_is(&["ipproto", "tcp", "dport", &TURN_PORT.to_string()])
    }),
    fault("TURN/TLS certificate", "turn-tls-certificate", |bed| {
        bed.set_environment("SSL_CERT_FILE", "/dev/null");
        Ok(())
    }),
    on(narrow(Hearing::Told), fault("MTU 1280", "path-mtu-small", |_| Ok(()))),
    on(narrow(Hearing::BlackHole), fault("black hole", "path-black-hole", |_| Ok(()))),
    on(WIDE.losing(5), fault("5 % loss", "packet-loss", only_stun)),
    fault("no common codec", "no-common-codec", no_codecs),
    fault("proxy in the way", "proxy-in-the-way", proxy_that_refuses).then(&["proxy-used"]),
];

pub(super) const WIDE: PathCase = case("wide", NarrowLink::Middle, 1500, Hearing::Told, Family::V4);

const fn narrow(hears: Hearing) -> PathCase {
    case("narrow", NarrowLink::Middle, 1280, hears, Family::V4)
}

const fn fault(name: &'static str, code: &'static str, make: fn(&mut Bed) -> Result<()>) -> Fault {
    Fault { name, path: WIDE, make, code, follows: &[], ends_sessions: false }
}

const fn on(path: PathCase, mut fault: Fault) -> Fault {
    fault.path = path;
    fault
}

impl Fault {
    const fn then(mut self, follows: &'static [&'static str]) -> Self {
        self.follows = follows;
        self
    }

    const fn ends_sessions(mut self) -> Self {
        self.ends_sessions = true;
        self
    }
}

const VALID: Range<i32> = 2000..4000;

/// What servers say to a request for nothing.
const MISSING_FIELDS: &str = r#"{"detail": [{"type": "missing", "loc": ["body", "webrtc_offer"], "msg": "Field required"}]}"#;
const QUOTA: &str = r#"{"error_type": "WorkspaceStreamQuotaError", "message": "10 of 10 streams"}"#;
const PROXY_PORT: u16 = 3128;
const OTHER_TURN_PORT: u16 = 3479;
const OTHER_TURN_TLS_PORT: u16 = 5350;
const TURN_SECRET: &str = "s3cret";
/// In 2023.
const OLD_USER: &str = "1700000000:me";
/// `OLD_USER`, signed with `TURN_SECRET`: HMAC-SHA1, in base64. It was right.
const OLD_PASSWORD: &str = "1AGsFjTxMEkvNm34whSPIp/Ln7o=";
/// In the place of what libvpx and FFmpeg have in them where they were built without VP8's decoder and any encoder.
const WITHOUT_CODECS: &str = "
int vpx_codec_dec_init_ver(void) { return 4; }
const void *avcodec_find_encoder(int id) { (void)id; return 0; }
const void *avcodec_find_encoder_by_name(const char *name) { (void)name; return 0; }
";

fn answers(status: u16, body: &str) -> HttpAnswers<'_> {
    HttpAnswers { status, body, late: Duration::ZERO, certificates: None }
}

/// The machine's name servers are not on the path.
fn no_name_server(bed: &mut Bed) -> Result<()> {
    bed.server = Some(format!("http://inference.example.org:{SERVER_PORT}"));
    Ok(())
}

fn no_server(bed: &mut Bed) -> Result<()> {
    bed.worker = None;
    Ok(())
}

fn serve_tls(bed: &mut Bed, name: &str, years: Range<i32>) -> Result<()> {
    let directory = bed.directory.join("https");
    std::fs::create_dir_all(&directory)?;
    let certificates = Certificates::write_for_years(name, years, &directory)?;
    let answers = answers(422, MISSING_FIELDS);
    bed.replace_worker(&HttpAnswers { certificates: Some(&certificates), ..answers })?;
    // The TURN server's is of another authority, and no matter here.
    bed.turn.retain(|url| !url.starts_with("turns:"));
    bed.set_environment("SSL_CERT_FILE", certificates.authority.to_string_lossy());
    bed.server = Some(format!("https://{}:{SERVER_PORT}", bed.path.worker_host()));
    Ok(())
}

fn wants_a_token(bed: &mut Bed) -> Result<()> {
    let file = bed.directory.join("token");
    std::fs::write(&file, "t0ken\n")?;
    bed.start_worker(&["--token-file", &file.to_string_lossy()])?;
    let shown = ["--api-key", "an0ther", "--api-key-transport", "header"];
    bed.arguments.extend(shown.map(str::to_owned));
    Ok(())
}

fn shows_old_credentials(bed: &mut Bed) -> Result<()> {
    let host = bed.path.worker_host();
    let certificates = Certificates::write(&host, &bed.directory)?;
    let place = CoturnPlace {
        place: bed.path.worker_place(),
        hosts: std::slice::from_ref(&host),
        port: OTHER_TURN_PORT,
        tls_port: OTHER_TURN_TLS_PORT,
        users: TurnUsers::OfSecret(TURN_SECRET),
        certificates: &certificates,
    };
    bed.other_turn = Some(Coturn::start(&place, &bed.directory)?);
    bed.turn = ["", "?transport=tcp"]
        .map(|transport| format!("turn:{host}:{OTHER_TURN_PORT}{transport}"))
        .into();
    bed.user = OLD_USER.to_owned();
    bed.password = OLD_PASSWORD.to_owned();
    Ok(())
}

/// Over TCP a loss is a delay, which may be any.
fn only_stun(bed: &mut Bed) -> Result<()> {
    bed.server = None;
    bed.turn.clear();
    Ok(())
}

/// The libraries are here, and can do neither codec both ways.
fn no_codecs(bed: &mut Bed) -> Result<()> {
    let source = bed.directory.join("without_codecs.c");
    let library = bed.directory.join("without_codecs.so");
    std::fs::write(&source, WITHOUT_CODECS)?;
    let compile = Job::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
    compile.output(Output::Capture).run_successfully()?;
    bed.set_environment("LD_PRELOAD", library.to_string_lossy());
    Ok(())
}

fn proxy_that_refuses(bed: &mut Bed) -> Result<()> {
    let address = format!("{}:{PROXY_PORT}", bed.path.worker_host());
    let proxy = answers(407, "").start(bed.path.worker_place(), &address, &bed.directory)?;
    bed.beside.push(proxy);
    bed.set_environment("NO_PROXY", "");
    bed.set_environment("HTTP_PROXY", format!("http://{address}"));
    Ok(())
}
