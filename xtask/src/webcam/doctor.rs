//! What `streamsdk doctor` says of a camera, and of the same one while a session streams it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::errand::{Errand, SHARED_DIRECTORY};
use super::system::System;

/// Programs run ten times slower in there, and the host may be busy with something else.
const LIMIT: Duration = Duration::from_secs(600);
const FREE: &str = "free.json";
const BUSY: &str = "busy.json";

/// Both as JSON, the one before the session first.
pub fn diagnoses_beside_a_session(system: &System, cli: &Path) -> Result<[String; 2]> {
    let errand = Errand::new(system, "doctor")?;
    let program = errand.take_along(cli)?;
    // It ends with 11 where it finds something, and with the first result the camera is certainly in use.
    let script = format!(
        "{program} doctor --json > {SHARED_DIRECTORY}/{FREE} || [ $? = 11 ] || exit
         {program} run webcam:0 --data-output '*' --jsonl /tmp/frames & session=$!
         until [ -s /tmp/frames ]; do kill -0 $session || exit 1; sleep 0.1; done
         {program} doctor --json > {SHARED_DIRECTORY}/{BUSY} || [ $? = 11 ] || exit
         kill -INT $session
         wait $session
         exit 0"
    );
    errand.run(&script, LIMIT)?.check()?;
    let read = |name| fs::read_to_string(errand.brought_back(name));
    Ok([read(FREE)?, read(BUSY)?])
}
