//! A STUN and TURN server that plays what a test needs. Passwords are really checked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rtc_crypto::default_provider;
use rtc_stun::attributes::{ATTR_NONCE, ATTR_REALM, ATTR_USERNAME};
use rtc_stun::error_code::{ErrorCode, ErrorCodeAttribute};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE, METHOD_BINDING, METHOD_REFRESH,
    Message, MessageType, Setter,
};
use rtc_stun::textattrs::TextAttribute;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

pub(super) const USER: &str = "me";
pub(super) const PASSWORD: &str = "s3cret-passw0rd";
const REALM: &str = "example.org";

/// How a server behaves that is asked for places.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    pub(super) user: String,
    /// Answers the first signed request with 438 and another nonce.
    pub(super) first_nonce_is_stale: bool,
    /// Refuses what is signed rightly.
    pub(super) refuses_with: Option<u16>,
}

impl Default for Manner {
    fn default() -> Self {
        Self { user: USER.into(), first_nonce_is_stale: false, refuses_with: None }
    }
}

/// What it has given and got back.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) given: usize,
    pub(super) returned: usize,
}

pub(super) struct IceServer {
    pub(super) address: SocketAddr,
    pub(super) places: Arc<Mutex<Places>>,
}

impl IceServer {
    pub(super) async fn over_udp(manner: Manner) -> Self {
        Self::over_udp_that(manner, "127.0.0.1:0", |_| true).await
    }

    /// Hears only what `passes`.
    pub(super) async fn over_udp_that(
        manner: Manner,
        at: &str,
        mut passes: impl FnMut(&[u8]) -> bool + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind(at).await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut desk = Desk::new(manner);
        let places = Arc::clone(&desk.places);
        tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let request = &buffer[..length];
                if passes(request) {
                    socket.send_to(&desk.answer(request), from).await.unwrap();
                }
            }
        });
        Self { address, places }
    }

    pub(super) async fn over_tcp(manner: Manner, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut desk = Desk::new(manner);
        let places = Arc::clone(&desk.places);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                match &tls {
                    None => serve(stream, &mut desk).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, &mut desk).await;
                        }
                    }
                }
            }
        });
        Self { address, places }
    }

    /// Takes what comes and says nothing.
    pub(super) async fn silent(at: &str) -> Self {
        Self::over_udp_that(Manner::default(), at, |_| false).await
    }

    pub(super) fn stun_url(&self) -> String {
        format!("stun:{}", self.address)
    }

    pub(super) fn turn_url(&self, transport: &str) -> String {
        format!("turn:{}?transport={transport}", self.address)
    }

    pub(super) fn turns_url(&self) -> String {
        format!("turns:localhost:{}", self.address.port())
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, desk: &mut Desk) {
    let mut header = [0; 20];
    while stream.read_exact(&mut header).await.is_ok() {
        let mut request = header.to_vec();
        request.resize(20 + usize::from(u16::from_be_bytes([header[2], header[3]])), 0);
        stream.read_exact(&mut request[20..]).await.unwrap();
        // In two parts, as it may come.
        let answer = desk.answer(&request);
        for part in answer.chunks(15) {
            stream.write_all(part).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
}

/// Decides what is answered.
struct Desk {
    manner: Manner,
    nonce: usize,
    places: Arc<Mutex<Places>>,
}

impl Desk {
    fn new(manner: Manner) -> Self {
        Self { manner, nonce: 1, places: Arc::default() }
    }

    fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let mut message = Message::new();
        message.unmarshal_binary(request).unwrap();
        match message.typ.method {
            METHOD_BINDING => respond(&message, CLASS_SUCCESS_RESPONSE),
            METHOD_ALLOCATE | METHOD_REFRESH => self.give(message),
            other => panic!("asked for {other}"),
        }
        .raw
    }

    fn give(&mut self, mut message: Message) -> Message {
        if !self.is_signed_rightly(&mut message) {
            return self.refuse(&message, 401);
        }
        if std::mem::take(&mut self.manner.first_nonce_is_stale) {
            self.nonce += 1;
            return self.refuse(&message, 438);
        }
        let nonce = TextAttribute::get_from_as(&message, ATTR_NONCE).unwrap().text;
        assert_eq!(nonce, self.nonce.to_string());
        if let Some(code) = self.manner.refuses_with {
            return self.refuse(&message, code);
        }
        let mut places = self.places.lock().unwrap();
        match message.typ.method {
            METHOD_ALLOCATE => places.given += 1,
            _ => places.returned += 1,
        }
        respond(&message, CLASS_SUCCESS_RESPONSE)
    }

    fn is_signed_rightly(&self, message: &mut Message) -> bool {
        let Ok(user) = TextAttribute::get_from_as(message, ATTR_USERNAME) else { return false };
        let provider = default_provider().unwrap();
        let key = MessageIntegrity::long_term_integrity_key(
            self.manner.user.clone(),
            REALM.to_owned(),
            PASSWORD.to_owned(),
            provider.crypto(),
        );
        let checked = MessageIntegrity::check(message, &key.unwrap(), provider.crypto());
        user.text == self.manner.user && checked.is_ok()
    }

    fn refuse(&self, request: &Message, code: u16) -> Message {
        let mut message = respond(request, CLASS_ERROR_RESPONSE);
        let error = ErrorCodeAttribute { code: ErrorCode(code), reason: b"No".to_vec() };
        error.add_to(&mut message).unwrap();
        for (attribute, text) in
            [(ATTR_REALM, REALM.to_owned()), (ATTR_NONCE, self.nonce.to_string())]
        {
            TextAttribute::new(attribute, text).add_to(&mut message).unwrap();
        }
        message
    }
}

fn respond(request: &Message, class: rtc_stun::message::MessageClass) -> Message {
    let mut message = Message::new();
    message.transaction_id = request.transaction_id;
    message.set_type(MessageType::new(request.typ.method, class));
    message.write_header();
    message
}
