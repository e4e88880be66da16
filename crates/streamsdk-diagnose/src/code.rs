//! What can be found out, in one table: the name for programs, how much it matters, what to try.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a finding matters. Later ones matter more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Checked, and fine.
    Ok,
    /// Good to know; nothing has to be done.
    Note,
    /// Sessions may come about, and be worse than they could be.
    Warning,
    /// Sessions that need this do not come about.
    Problem,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident $name:literal $severity:ident $(: $advice:literal)?;)*) => {
        /// What a finding is, for programs: the names stay as they are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Code {
            $(
                $(#[$doc])*
                #[serde(rename = $name)]
                $code,
            )*
        }

        impl Code {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// The name, such as `dns-failed`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$code => $name,)* }
            }

            /// How much it matters.
            pub fn severity(self) -> Severity {
                match self { $(Self::$code => Severity::$severity,)* }
            }

            /// What to try, unless a finding knows better.
            pub(crate) fn advice(self) -> Option<&'static str> {
                match self { $(Self::$code => None$(.or(Some($advice)))?,)* }
            }
        }
    };
}

codes! {
    /// The server's name has addresses.
    NameFound "name-found" Ok;
    /// The server takes TCP connections.
    ConnectionMade "connection-made" Ok;
    /// The server's certificate is trusted.
    TlsTrusted "tls-trusted" Ok;
    /// An inference server answers at the endpoint.
    ServerAnswers "server-answers" Ok;
    /// This machine's clock and the server's agree.
    ClockRight "clock-right" Ok;
    /// A STUN server answers over UDP.
    StunAnswers "stun-answers" Ok;
    /// A TURN server takes the credentials.
    TurnAllows "turn-allows" Ok;
    /// No packets were lost, and full ones get through.
    PathClear "path-clear" Ok;
    /// This machine makes WebRTC connections with itself.
    WebrtcWorks "webrtc-works" Ok;
    /// There is a codec that servers take.
    CodecsFound "codecs-found" Ok;
    /// A camera can be opened.
    CameraFree "camera-free" Ok;

    /// A proxy of the environment is used.
    ProxyUsed "proxy-used" Note;
    /// There is no camera.
    NoCamera "no-camera" Note: "Plug a camera in, if you want to stream one.";
    /// Full packets do not get through in one piece, and the network says so.
    PathMtuSmall "path-mtu-small" Note: "Sessions adapt to it. A VPN or a tunnel on the way is the usual reason.";
    /// A check was not done, and why.
    NotChecked "not-checked" Note;

    /// The URL of a server is none.
    UrlNotUnderstood "url-not-understood" Problem: "Write it like http://localhost:9001, stun:host:3478 or turn:host:3478?transport=tcp.";
    /// The name of a server has no address, or nobody says which.
    DnsFailed "dns-failed" Problem: "Check how the name is spelt, and that this machine's DNS works: try another name, or the VPN that the name belongs to.";
    /// The server's machine says that nobody listens at the port.
    ConnectionRefused "connection-refused" Problem: "Check that the server runs, and the port in its URL. In a container, the port has to be published.";
    /// Nothing comes back from the server's address: a firewall, or no machine.
    ConnectionFiltered "connection-filtered" Problem: "A firewall drops the packets, or the machine is not there. Ask for the port to be opened, or connect the VPN.";
    /// There is no route to the server's address.
    NetworkUnreachable "network-unreachable" Problem: "Check this machine's network connection, and the VPN that the address belongs to.";
    /// The certificate is for another name.
    TlsNameMismatch "tls-name-mismatch" Problem: "Use the name that the certificate is for, or have one made for this name.";
    /// The certificate is over, by a clock that is right.
    TlsCertificateExpired "tls-certificate-expired" Problem: "The server's certificate has to be renewed.";
    /// The certificate does not hold yet, by a clock that is right.
    TlsCertificateNotYetValid "tls-certificate-not-yet-valid" Problem: "Wait until it holds, or have another one made.";
    /// Nobody whom this system trusts vouches for the certificate.
    TlsUntrusted "tls-untrusted" Problem: "Where a company's proxy looks into TLS, or the server has a certificate of its own, add that authority to the system's trusted certificates (SSL_CERT_FILE on Linux).";
    /// What listens at the port does not speak TLS.
    TlsNotSpoken "tls-not-spoken" Problem: "Use http:// in the URL, or the port that speaks TLS.";
    /// TLS failed otherwise.
    TlsFailed "tls-failed" Problem: "Something on the way may cut TLS off, such as a firewall. Try from another network.";
    /// This machine's clock is wrong.
    ClockWrong "clock-wrong" Problem: "Set this machine's clock, and have it kept right (NTP): certificates and time-limited passwords depend on it.";
    /// A proxy, or a firewall that answers in the server's place, refuses.
    ProxyInTheWay "proxy-in-the-way" Problem: "Give the proxy its user and password (HTTPS_PROXY=http://user:password@host:port), or name the server in NO_PROXY, or ask whoever runs the proxy.";
    /// A page for people answers in the server's place.
    CaptivePortal "captive-portal" Problem: "Open any page in a browser and log in to the network, then try again. If there is no such network, check the server's URL.";
    /// The key is missing, wrong, or not allowed to do this.
    KeyRejected "key-rejected" Problem: "Check the API key, what it may access, and how the server expects it (--api-key-transport).";
    /// A quota or credits are used up.
    QuotaUsedUp "quota-used-up" Problem: "Close other sessions, or wait, or raise the quota.";
    /// Nothing takes sessions at this URL.
    NoSuchEndpoint "no-such-endpoint" Problem: "Check the server's URL, and that WebRTC is enabled on the server.";
    /// Something in front of the server says that it is not there.
    ServerUnavailable "server-unavailable" Problem: "Start the server, or wait until it has started.";
    /// The server failed.
    ServerFailed "server-failed" Problem: "Look at the server's log.";
    /// The server takes a connection and says nothing.
    ServerSilent "server-silent" Problem: "The server may be overloaded or hang; look at its log.";
    /// The connection broke before there was an answer.
    ExchangeBrokeOff "exchange-broke-off" Problem: "Something on the way may cut connections off. Try from another network, and look at the server's log.";
    /// Something else than an inference server answers.
    NotAnInferenceServer "not-an-inference-server" Problem: "Check the server's URL and port.";

    /// No UDP gets out of this network.
    UdpBlocked "udp-blocked" Problem: "Ask for UDP to be allowed, or use a TURN server over TCP or TLS (turns:host:443).";
    /// A STUN server does not answer.
    StunBlocked "stun-blocked" Warning: "A firewall drops the packets, or no STUN server is there. Check its URL, and ask for UDP to this port to be allowed.";
    /// A STUN server's machine says that nobody listens at the port.
    StunRefused "stun-refused" Warning: "Check the URL of the STUN server, and that it runs.";
    /// A TURN server does not answer over UDP.
    TurnUdpBlocked "turn-udp-blocked" Problem: "A firewall drops the packets, or no TURN server is there. Try turn:host:3478?transport=tcp, or turns:host.";
    /// No TCP connection to a TURN server can be made.
    TurnTcpBlocked "turn-tcp-blocked" Problem: "A firewall drops the packets, or no TURN server is there. Ask for the port to be opened, or try turns:host:443.";
    /// A TURN server's machine says that nobody listens at the port.
    TurnRefused "turn-refused" Problem: "Check the URL of the TURN server, its port and transport, and that it runs.";
    /// The certificate of a TURN server is not trusted.
    TurnTlsCertificate "turn-tls-certificate" Problem: "The TURN server needs a valid certificate for the name in its URL, of an authority that this system trusts.";
    /// TLS with a TURN server failed otherwise.
    TurnTlsFailed "turn-tls-failed" Problem: "Check that the port of the turns: URL speaks TLS.";
    /// A TURN server does not take the password.
    TurnPasswordWrong "turn-password-wrong" Problem: "Check the user name and the password of the TURN server.";
    /// The user name of a TURN server says that it is over.
    TurnCredentialsExpired "turn-credentials-expired" Problem: "Get new credentials from whoever gave these out: they are limited in time.";
    /// A TURN server gives no more places.
    TurnQuotaUsedUp "turn-quota-used-up" Problem: "Close other sessions, or raise the quota of the TURN server.";
    /// A TURN server refuses or answers strangely.
    TurnFailed "turn-failed" Problem: "Look at the TURN server's log.";

    /// Packets are lost on the way.
    PacketLoss "packet-loss" Warning: "Use a cable in the place of Wi-Fi, or find what fills the link; live video gets worse with it.";
    /// Full packets vanish, and nobody says so.
    PathBlackHole "path-black-hole" Warning: "A router on the way drops large packets without saying so (ICMP is blocked). Lower the MTU of this machine's network interface or VPN to 1280.";

    /// WebRTC does not work inside of this machine.
    WebrtcBroken "webrtc-broken" Problem: "A local firewall or a sandbox may forbid UDP on loopback.";
    /// No codec of this build is one that servers take.
    NoCommonCodec "no-common-codec" Problem: "Use a build with VP8 (libvpx) or H264 (FFmpeg with an encoder).";
    /// A camera is in use by another program.
    CameraBusy "camera-busy" Warning: "Close the other program that uses it, such as a video call or a browser.";
    /// This user may not use a camera.
    CameraForbidden "camera-forbidden" Warning: "Add the user to the group \"video\" and log in again.";
    /// A camera cannot be used for another reason.
    CameraBroken "camera-broken" Warning: "Plug it out and in again, and look at the kernel's log.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
