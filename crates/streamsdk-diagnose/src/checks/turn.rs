//! Does a TURN server give a place for these credentials? The place is given back at once.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::ice::Trial;
use super::tcp::{self, NoConnection};
use super::tls::{self, NoTls};
use super::udp::{self, NoAnswer};
use crate::deadline::Deadline;
use crate::ice_url::{IceTransport, IceUrl};
use crate::stun::{self, Answer, Challenge, LongTerm, Request};
use crate::trust::Trust;
use crate::{Code, Finding};

const LIMIT: Duration = Duration::from_secs(2);
/// Messages on a stream that are no answer, as of another request, before it is given up.
const MAX_OTHER_MESSAGES: usize = 8;

/// Goes as far as a session would.
pub(crate) async fn check(
    url: &IceUrl,
    addresses: &[SocketAddr],
    credentials: Option<(&str, &str)>,
    trust: &Trust,
    deadline: Deadline,
) -> Trial {
    let is_udp = url.transport == IceTransport::Udp;
    let mut way = match open(url, addresses, trust, deadline).await {
        Ok(way) => way,
        Err((finding, took_tcp)) => {
            return Trial { tried_udp: is_udp, took_tcp, ..Trial::failed(finding) };
        }
    };
    let asked = allocate(&mut way, credentials, deadline).await;
    let answers = !matches!(asked, Err(Refusal::NoAnswer(_)));
    Trial {
        findings: vec![judge(url, credentials, asked)],
        answers_udp: addresses.first().copied().filter(|_| is_udp && answers),
        tried_udp: is_udp,
        took_tcp: !is_udp,
    }
}

/// What carries the requests.
enum Way {
    Udp(UdpSocket),
    Stream(Box<dyn Stream>),
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Otherwise what is wrong, and whether a TCP connection was made.
async fn open(
    url: &IceUrl,
    addresses: &[SocketAddr],
    trust: &Trust,
    deadline: Deadline,
) -> Result<Way, (Finding, bool)> {
    if url.transport == IceTransport::Udp {
        let address = addresses.first().copied();
        let address = address.unwrap_or_else(|| SocketAddr::from(([0; 4], url.port)));
        let socket = udp::toward(address).await;
        return socket.map(Way::Udp).map_err(|error| {
            let what = format!("The {url} cannot be reached: {error}.");
            (Finding::new(Code::TurnUdpBlocked, what), false)
        });
    }
    let stream = tcp::connect(addresses, deadline).await;
    let stream = stream.map_err(|failed| (unreachable(url, &failed), false))?;
    if url.transport == IceTransport::Tcp {
        return Ok(Way::Stream(Box::new(stream)));
    }
    let stream = tls::handshake(stream, &url.host, trust, deadline).await;
    stream
        .map(|stream| Way::Stream(Box::new(stream)))
        .map_err(|failed| (without_tls(url, &failed), true))
}

fn unreachable(url: &IceUrl, failed: &NoConnection) -> Finding {
    match failed {
        NoConnection::Refused => refused(url),
        NoConnection::Silent => {
            Finding::new(Code::TurnTcpBlocked, format!("The {url} takes no connection."))
        }
        NoConnection::Unreachable(error) => {
            let what = format!("The {url} cannot be reached: {error}.");
            Finding::new(Code::TurnTcpBlocked, what)
        }
    }
}

fn refused(url: &IceUrl) -> Finding {
    Finding::new(Code::TurnRefused, format!("The {url} is not there: nobody has the port."))
}

fn without_tls(url: &IceUrl, failed: &NoTls) -> Finding {
    let code = if failed.is_certificate() { Code::TurnTlsCertificate } else { Code::TurnTlsFailed };
    Finding::new(code, format!("The {url} {}.", failed.what()))
}

/// Why there is no place.
enum Refusal {
    NoAnswer(NoAnswer),
    /// It wants credentials, and there are none.
    WantsCredentials,
    /// They were shown as it wanted them, and are not taken.
    Credentials,
    Other {
        code: u16,
        reason: String,
    },
}

async fn allocate(
    way: &mut Way,
    credentials: Option<(&str, &str)>,
    deadline: Deadline,
) -> Result<(), Refusal> {
    let Some(challenge) = knock(way, deadline).await? else {
        return give_back(way, None, deadline).await;
    };
    let Some((user, password)) = credentials else { return Err(Refusal::WantsCredentials) };
    let mut shown = LongTerm {
        user: user.to_owned(),
        password: password.to_owned(),
        realm: challenge.realm,
        nonce: challenge.nonce,
    };
    let mut may_be_stale = true;
    loop {
        match way.ask(stun::allocate(Some(&shown)), deadline).await? {
            Answer::Success => return give_back(way, Some(&shown), deadline).await,
            Answer::Refused { code: 438, challenge: Some(fresh), .. } if may_be_stale => {
                may_be_stale = false;
                shown.realm = fresh.realm;
                shown.nonce = fresh.nonce;
            }
            Answer::Refused { code: 401 | 441, .. } => return Err(Refusal::Credentials),
            Answer::Refused { code, reason, .. } => return Err(Refusal::Other { code, reason }),
        }
    }
}

/// What has to be shown, if anything.
async fn knock(way: &mut Way, deadline: Deadline) -> Result<Option<Challenge>, Refusal> {
    match way.ask(stun::allocate(None), deadline).await? {
        Answer::Success => Ok(None),
        Answer::Refused { code: 401, challenge: Some(challenge), .. } => Ok(Some(challenge)),
        Answer::Refused { code, reason, .. } => Err(Refusal::Other { code, reason }),
    }
}

/// That this fails is no harm: the server takes the place back after some minutes.
async fn give_back(
    way: &mut Way,
    shown: Option<&LongTerm>,
    deadline: Deadline,
) -> Result<(), Refusal> {
    let _ = way.ask(stun::give_back(shown), deadline).await;
    Ok(())
}

impl Way {
    async fn ask(
        &mut self,
        request: Option<Request>,
        deadline: Deadline,
    ) -> Result<Answer, Refusal> {
        let unsigned = || Refusal::Other { code: 0, reason: "it cannot be asked".to_owned() };
        let request = request.ok_or_else(unsigned)?;
        let answer = match self {
            Self::Udp(socket) => udp::ask(socket, &request, deadline).await,
            Self::Stream(stream) => {
                let asked = deadline.within(LIMIT, ask_stream(stream, &request)).await;
                asked.unwrap_or(Err(NoAnswer::Silent))
            }
        };
        answer.map_err(Refusal::NoAnswer)
    }
}

async fn ask_stream(stream: &mut Box<dyn Stream>, request: &Request) -> Result<Answer, NoAnswer> {
    stream.write_all(&request.bytes).await.map_err(NoAnswer::Failed)?;
    stream.flush().await.map_err(NoAnswer::Failed)?;
    for _ in 0..MAX_OTHER_MESSAGES {
        let mut header = [0; stun::HEADER];
        stream.read_exact(&mut header).await.map_err(NoAnswer::Failed)?;
        let mut message = header.to_vec();
        let rest = stun::length_after(&header);
        let read = (&mut *stream).take(rest).read_to_end(&mut message).await;
        read.map_err(NoAnswer::Failed)?;
        if let Some(answer) = stun::answer(&message, request.id) {
            return Ok(answer);
        }
    }
    Err(NoAnswer::Silent)
}

fn judge(url: &IceUrl, credentials: Option<(&str, &str)>, asked: Result<(), Refusal>) -> Finding {
    let is_udp = url.transport == IceTransport::Udp;
    match asked {
        Ok(()) => Finding::new(Code::TurnAllows, format!("The {url} takes the credentials.")),
        Err(Refusal::NoAnswer(NoAnswer::Refused)) => refused(url),
        Err(Refusal::NoAnswer(NoAnswer::Silent)) if is_udp => {
            Finding::new(Code::TurnUdpBlocked, format!("The {url} does not answer."))
        }
        Err(Refusal::NoAnswer(NoAnswer::Silent)) => {
            let what = format!("The {url} takes the connection and does not answer.");
            Finding::new(Code::TurnFailed, what)
        }
        Err(Refusal::NoAnswer(NoAnswer::Failed(error))) => {
            Finding::new(Code::TurnFailed, format!("The {url} could not be asked: {error}."))
        }
        Err(Refusal::WantsCredentials) => {
            let what = format!("The {url} wants a user name and a password, and none were given.");
            Finding::new(Code::TurnPasswordWrong, what)
        }
        Err(Refusal::Credentials) => not_taken(url, credentials.map_or("", |(user, _)| user)),
        Err(Refusal::Other { code: 486 | 508, .. }) => {
            Finding::new(Code::TurnQuotaUsedUp, format!("The {url} gives no more places."))
        }
        Err(Refusal::Other { code, reason }) => {
            let what = format!("The {url} refuses with the code {code} ({reason}).");
            Finding::new(Code::TurnFailed, what)
        }
    }
}

fn not_taken(url: &IceUrl, user: &str) -> Finding {
    match expiry(user).filter(|expiry| *expiry < SystemTime::now()) {
        Some(expiry) => {
            let when = httpdate::fmt_http_date(expiry);
            let what = format!("The {url} does not take the credentials, which held until {when}.");
            Finding::new(Code::TurnCredentialsExpired, what)
        }
        None => {
            let what = format!("The {url} does not take the user name and the password.");
            Finding::new(Code::TurnPasswordWrong, what)
        }
    }
}

/// Until when a user name holds, of the kind `TIME:NAME`, which servers with a shared secret give out.
fn expiry(user: &str) -> Option<SystemTime> {
    let seconds = user.split(':').next()?.parse::<u64>().ok()?;
    // Others are numbers of users, and no date can be written of those.
    (SOME_YEARS_AGO..IN_MANY_YEARS)
        .contains(&seconds)
        .then(|| UNIX_EPOCH + Duration::from_secs(seconds))
}

/// The year 2001.
const SOME_YEARS_AGO: u64 = 1_000_000_000;
/// The year 2286.
const IN_MANY_YEARS: u64 = 10_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_time_in_a_user_name_is_an_expiry() {
        assert!(expiry("1700000000:me").is_some());
        assert!(expiry("1700000000").is_some());
        for user in
            ["", "me", "12:me", "99999999999:me", "me:1700000000", "99999999999999999999:me"]
        {
            assert_eq!(expiry(user), None, "{user}");
        }
    }
}
