use streamsdk::Session;
use streamsdk::view::{self, PageConfig, PageServer};
use streamsdk_fleet::SourceName;

use crate::args::RunArguments;
use crate::failure::Failure;
use crate::terminal;

/// The live page of a run, if one was asked for.
pub(super) struct RunView(Option<PageServer>);

impl RunView {
    /// Before there is a session, so that somebody can be there when it begins.
    pub(super) async fn open(arguments: &RunArguments) -> Result<Self, Failure> {
        let Some(address) = &arguments.view else { return Ok(Self(None)) };
        let page = PageServer::start(address, PageConfig::default()).await;
        let page = page.map_err(|error| Failure::Usage(error.to_string()))?;
        terminal::say(format_args!("live page: {}", page.url()));
        Ok(Self(Some(page)))
    }

    pub(super) fn show(&self, source: &SourceName, session: &Session) {
        if let Some(page) = &self.0 {
            page.show(source.label(), view::of(session));
        }
    }

    pub(super) async fn close(self) {
        if let Some(page) = self.0 {
            page.shutdown().await;
        }
    }
}
