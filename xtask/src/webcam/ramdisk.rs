//! RAM disks: archives that the kernel unpacks before it does anything else.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::process::{Job, Output};

/// In the one format that the kernel reads, and with everything belonging to root.
const PACK: &str = r#"find . | cpio --quiet --create --format newc --owner 0:0 -O "$1""#;

/// Packs what a directory holds. `archive` must not be in it.
pub fn pack(directory: &Path, archive: &Path) -> Result<()> {
    let shell = Job::new("sh").args(["-c", PACK, "sh"]).arg(archive);
    shell.current_dir(directory).output(Output::Capture).run_successfully()?;
    Ok(())
}

/// Adds what a directory holds to a copy of an archive. The kernel takes several archives for one.
pub fn extend(archive: &Path, directory: &Path, extended: &Path) -> Result<()> {
    pack(directory, extended)?;
    let addition = fs::read(extended)?;
    let context = || format!("cannot write {}", extended.display());
    fs::copy(archive, extended).with_context(context)?;
    let mut file = File::options().append(true).open(extended).with_context(context)?;
    file.write_all(&addition).with_context(context)
}
