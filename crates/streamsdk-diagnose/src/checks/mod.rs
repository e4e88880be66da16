//! The checks. Each asks one thing, within its own limit and the whole checkup's.

pub(crate) mod cameras;
pub(crate) mod clock;
pub(crate) mod codecs;
pub(crate) mod dns;
pub(crate) mod http;
pub(crate) mod ice;
pub(crate) mod loopback;
pub(crate) mod path;
pub(crate) mod proxy;
pub(crate) mod server;
pub(crate) mod stun;
pub(crate) mod tcp;
pub(crate) mod tls;
pub(crate) mod turn;
pub(crate) mod udp;
