use std::path::Path;

use anyhow::Result;

use super::Peers;
use crate::process::{Job, Output};
use crate::project;

/// How many frames the clip has, which are numbered from 0.
pub const MARKED_FRAMES: u64 = 300;

/// What `make_marked_clip.py` gives it.
pub const MARKED_FRAMES_PER_SECOND: u32 = 30;

/// Writes a clip whose frames say which one they are, as `tests/peers/marked_frames.py` describes it.
pub fn write_marked_clip(peers: &Peers, path: &Path) -> Result<()> {
    // The environment of the SDK has what it takes to draw.
    Job::new(peers.python("client"))
        .arg(project::peers_directory().join("make_marked_clip.py"))
        .arg(path)
        .args(["--frames", &MARKED_FRAMES.to_string()])
        .output(Output::Capture)
        .run_successfully()
        .map(drop)
}
