use std::fmt::{self, Display, Formatter};

use streamsdk_protocol::rejection::{BlockError, FieldError, Rejection};

/// Most fields and most blocks that are listed.
const LISTED: usize = 8;

/// A rejection as one text: the server's words, where the fault is, why, and what can be done.
pub(crate) struct Refusal<'a>(pub(crate) &'a Rejection);

impl Display for Refusal<'_> {
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
        write!(f, "; advice: {}", rejection.advice())
    }
}

impl Refusal<'_> {
    fn write_fields(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // Where a server has no message of its own, the rejection's message is made of the fields.
        let unsaid = |field: &&FieldError| !self.0.message.contains(&field.message);
        for field in self.0.fields.iter().filter(unsaid).take(LISTED) {
            write!(f, "; field {}: {}", field.location, field.message)?;
        }
        Ok(())
    }

    fn write_blocks(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for block in self.0.blocks.iter().take(LISTED) {
            write_block(f, block)?;
        }
        Ok(())
    }
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
