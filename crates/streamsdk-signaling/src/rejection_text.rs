use std::fmt::{self, Display, Formatter};

use reqwest::Url;
use streamsdk_protocol::rejection::{BlockError, FieldError, Rejection};

/// Most fields and most blocks that are listed.
const MAX_LISTED_ROWS: usize = 8;

/// A rejection by the server at a URL as one text: the server's words, where the fault is, why, and what
/// can be done where the server does not say it.
pub(crate) struct RejectionText<'a>(pub(crate) &'a Rejection, pub(crate) &'a str);

impl Display for RejectionText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let rejection = self.0;
        write!(f, "status {}", rejection.status)?;
        if let Some(error_type) = &rejection.error_type {
            write!(f, " ({error_type})")?;
        }
        if !rejection.message.is_empty() {
            write!(f, ": {}", rejection.message)?;
        }
        self.write_fields(f)?;
        self.write_blocks(f)?;
        if let Some(cause) = &rejection.inner_message {
            write!(f, "; cause: {cause}")?;
        }
        match rejection.advice(is_hosted(self.1)) {
            Some(advice) => write!(f, "; advice: {advice}"),
            None => Ok(()),
        }
    }
}

impl RejectionText<'_> {
    fn write_fields(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // Where a server has no message of its own, the rejection's message is made of the fields.
        let unsaid = |field: &&FieldError| !self.0.message.contains(&field.message);
        for field in self.0.fields.iter().filter(unsaid).take(MAX_LISTED_ROWS) {
            write!(f, "; field {}: {}", field.location, field.message)?;
        }
        Ok(())
    }

    fn write_blocks(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for block in self.0.blocks.iter().take(MAX_LISTED_ROWS) {
            write_block(f, block)?;
        }
        Ok(())
    }
}

/// Whether the server is one of the platform's.
fn is_hosted(url: &str) -> bool {
    const DOMAINS: [&str; 4] = ["roboflow.com", "roboflow.one", "roboflow.eu", "roboflow-eu.one"];
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    DOMAINS.iter().any(|domain| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

fn write_block(f: &mut Formatter<'_>, block: &BlockError) -> fmt::Result {
    write!(f, "; block {}", block.block_id.as_deref().unwrap_or("without a name"))?;
    if let Some(block_type) = &block.block_type {
        write!(f, " ({block_type})")?;
    }
    if let Some(property) = &block.property_name {
        write!(f, ", property {property}")?;
    }
    match &block.property_details {
        Some(details) => write!(f, ": {details}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platforms_servers_are_known() {
        for url in ["https://serverless.roboflow.com/x", "https://[redacted]@detect.roboflow.com"] {
            assert!(is_hosted(url), "{url}");
        }
        for url in
            ["http://localhost:9001", "https://notroboflow.com", "https://roboflow.com.evil.io"]
        {
            assert!(!is_hosted(url), "{url}");
        }
    }
}
