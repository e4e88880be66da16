//! `v4l2loopback`, which comes as source: it is built for the kernel that is going to load it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::debian;
use crate::process::{Job, Output};

/// The source, and what building modules for a kernel of this release takes.
pub fn packages(release: &str) -> Result<Vec<String>> {
    let headers = format!("linux-headers-{release}");
    let parts = debian::dependencies(&headers)?;
    let is_needed = |name: &String| {
        // The compiler, which it depends on as well, has to be installed and not only unpacked.
        name.starts_with("linux-headers-") || name.starts_with("linux-kbuild-")
    };
    let mut packages: Vec<String> = parts.into_iter().filter(is_needed).collect();
    packages.extend([headers, "v4l2loopback-dkms".into()]);
    Ok(packages)
}

/// Returns the directory that holds the module. The packages lie in `unpacked`, not in the root.
pub fn build(unpacked: &Path, release: &str) -> Result<PathBuf> {
    let sources = unpacked.join("usr/src");
    let headers = sources.join(format!("linux-headers-{release}"));
    look_below(&sources, &headers.join("Makefile"))?;
    let module = find(&sources, "v4l2loopback-")?;
    let make = Job::new("make").arg("-C").arg(headers).arg(format!("M={}", module.display()));
    make.arg("modules").output(Output::Capture).run_successfully()?;
    Ok(module)
}

/// The headers' own makefile names the other headers' by where they would be installed.
fn look_below(sources: &Path, makefile: &Path) -> Result<()> {
    let context = || format!("cannot change {}", makefile.display());
    let text = fs::read_to_string(makefile).with_context(context)?;
    let text = text.replace("/usr/src/", &format!("{}/", sources.display()));
    fs::write(makefile, text).with_context(context)
}

fn find(directory: &Path, prefix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(directory)?.flatten();
    let mut matching =
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    let found = matching.next().map(|entry| entry.path());
    found.with_context(|| format!("there is no {prefix}… in {}", directory.display()))
}
