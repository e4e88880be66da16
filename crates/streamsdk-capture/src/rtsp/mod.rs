//! Cameras of RTSP that send their video over the connection itself (RFC 2326).
//!
//! What is here knows neither FFmpeg nor how a connection is made.

mod connection;
mod conversation;
mod credentials;
mod description;
mod message;
mod packet;
mod session;

pub(crate) use self::connection::{Broken, Connection};
pub(crate) use self::conversation::Refusal;
pub(crate) use self::session::Session;
