//! HTTP for clients that may be hostile: none can keep a server from the others by saying nothing, no page of
//! another site gets in by the browser of somebody who may, and a token is not guessed letter by letter.
//!
//! What [streamsdk](https://github.com/streamsdk/streamsdk)'s worker and its live page have in common; it knows neither.
//!
//! There are no features.
#![forbid(unsafe_code)]

mod body;
mod connections;
mod origins;
mod owing;
mod server;
mod token;

pub use body::{BodyError, read_body};
pub use origins::{AllowedOrigins, Unlisted};
pub use server::HttpServer;
pub use token::{is_token, shows_token};
