//! The pages themselves, as they are in the folder `page`.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// A file of a page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asset {
    name: &'static str,
    content: &'static [u8],
}

macro_rules! asset {
    ($name:literal) => {
        Asset { name: $name, content: include_bytes!(concat!("../page/", $name)) }
    };
}

pub(crate) const INDEX: Asset = asset!("index.html");

/// The page of a worker.
pub(crate) const WORKER: Asset = asset!("worker.html");

/// What the pages ask for.
const ASSETS: &[Asset] = &[
    asset!("api.js"),
    asset!("backoff.js"),
    asset!("blank.js"),
    asset!("colours.js"),
    asset!("commands.js"),
    asset!("composite.js"),
    asset!("connection.js"),
    asset!("controls.js"),
    asset!("delay.js"),
    asset!("dom.js"),
    asset!("download.js"),
    asset!("figures.js"),
    asset!("help.js"),
    asset!("icon.svg"),
    asset!("icons.js"),
    asset!("images.js"),
    asset!("inference.js"),
    asset!("inside.js"),
    asset!("inside_worker.js"),
    asset!("keys.js"),
    asset!("link.js"),
    asset!("live.js"),
    asset!("main.js"),
    asset!("message.js"),
    asset!("mjpeg.js"),
    asset!("options.js"),
    asset!("overlay.js"),
    asset!("panel.js"),
    asset!("picture.js"),
    asset!("plot.js"),
    asset!("predictions.js"),
    asset!("results.js"),
    asset!("ring.js"),
    asset!("rle.js"),
    asset!("rtp.js"),
    asset!("screen.js"),
    asset!("segmentation.js"),
    asset!("series.js"),
    asset!("status.js"),
    asset!("text.js"),
    asset!("tile.js"),
    asset!("timeline.js"),
    asset!("upload.js"),
    asset!("video_file.js"),
    asset!("view.css"),
    asset!("view.js"),
    asset!("wish.js"),
    asset!("worker.js"),
    asset!("worker_connection.js"),
    asset!("zoom.js"),
];

pub(crate) fn called(name: &str) -> Option<Asset> {
    ASSETS.iter().find(|asset| asset.name == name).copied()
}

impl Asset {
    fn content_type(&self) -> &'static str {
        match self.name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }
}

impl IntoResponse for Asset {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, self.content_type())], self.content).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_can_be_asked_for() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let files = files.filter(|entry| entry.file_type().unwrap().is_file());
        let mut found: Vec<_> =
            files.map(|entry| entry.file_name().into_string().unwrap()).collect();
        found.retain(|name| ![INDEX.name, WORKER.name].contains(&name.as_str()));
        found.sort();
        let mut served: Vec<_> = ASSETS.iter().map(|asset| asset.name.to_owned()).collect();
        served.sort();
        assert_eq!(served, found);
    }
}
