//! A live page for video sessions: pictures as they came, with boxes exactly on the frame that they belong to.
//!
//! A [`PageServer`] shows streams to browsers, each what a [`ViewSource`] gives. Video is passed on as it came, without
//! being decoded or encoded again, however many look; a browser that cannot take it gets images, compressed once for
//! all. What is known about a frame goes beside it, with the time by which the browser knows its picture.
//!
//! ```no_run
//! use streamsdk_view::{PageConfig, PageServer, ViewSource};
//!
//! # async fn example(source: impl ViewSource) -> Result<(), Box<dyn std::error::Error>> {
//! let page = PageServer::start("127.0.0.1:0", PageConfig::default()).await?;
//! page.show("front door", source);
//! println!("{}", page.url());
//! # Ok(())
//! # }
//! ```
//!
//! The crate `streamsdk` makes a source of a session (feature `view`).
//!
//! # For scripts
//!
//! With `Authorization: Bearer` and the token, or `?token=`: `GET /state` (JSON), `/snapshot.jpg`, `/stream.mjpeg`, and
//! `/recording.mp4`, a video as it came for as long as it is taken; of another stream than the first with `?stream=NAME`.
//! `POST /whep` takes an offer as WHEP does, with a data channel `view` in it, on which comes what is known about each frame.
//! With `?inside=1` it comes within the frame: behind the encoded video as JSON, its length in eight hexadecimal digits, and
//! `streamsdk`, which have to be taken off before the video is decoded.
//!
//! # Safety
//!
//! Nobody sees anything without the token. Pages of other origins are refused even with it. The page loads nothing from
//! elsewhere, and asks no STUN server.
//!
//! There are no features.
#![forbid(unsafe_code)]

mod assets;
mod config;
mod error_response;
mod images;
mod inside;
mod message;
mod mp4;
mod page;
mod recording;
mod routes;
mod server;
mod source;
mod stream;
mod track_clock;
mod viewer;
mod whep;

pub use config::{PageConfig, Token};
pub use page::LivePage;
pub use routes::worker_page;
pub use server::{ListenError, PageServer};
pub use source::{SetOutputsError, ViewControls, ViewFrame, ViewItem, ViewPicture, ViewSource};
pub use streamsdk_codec::{EncodedFrame, TimeBase, Timestamp, VideoCodec};
