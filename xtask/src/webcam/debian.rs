//! Packages of Debian's, as files: nothing of them is installed.

use std::env::consts::ARCH;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process::{Job, Output};
use crate::setup;

const ELSEWHERE: &str = "the virtual machine runs the kernel of Debian's packages, with a module that is built here \
     for it: run this on Debian 12 for x86-64, or in a container of it; whatever else it needs it installs there";

/// An error that says what is needed, on systems where there is no such package.
pub fn ensure_host() -> Result<()> {
    let programs = ["apt-get", "apt-cache", "dpkg"];
    match programs.iter().find(|name| setup::find_program(name).is_none()) {
        Some(name) => bail!("{name} is not here: {ELSEWHERE}"),
        None if ARCH != "x86_64" => bail!("this is {ARCH}: {ELSEWHERE}"),
        None => Ok(()),
    }
}

/// The names of the packages that this one depends on, in order.
pub fn dependencies(package: &str) -> Result<Vec<String>> {
    // Its answer would be in the user's language.
    let job = Job::new("apt-cache").args(["depends", package]).env("LC_ALL", "C");
    let answer =
        job.output(Output::Capture).run_successfully().with_context(|| unknown(package))?;
    Ok(names_of_dependencies(&answer.stdout))
}

/// Fetches the packages and puts their files below `directory`, which is made anew.
pub fn unpack(packages: &[String], directory: &Path) -> Result<()> {
    let fetched = directory.join("packages");
    // There may be what an earlier run left when it was interrupted.
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(&fetched).with_context(|| format!("cannot make {}", fetched.display()))?;
    let fetch = Job::new("apt-get").args(["download", "--quiet"]).args(packages);
    fetch.current_dir(&fetched).run_successfully()?;
    for entry in fs::read_dir(&fetched)? {
        Job::new("dpkg").arg("-x").arg(entry?.path()).arg(directory).run_successfully()?;
    }
    Ok(())
}

fn unknown(package: &str) -> String {
    format!("apt knows no {package}: {ELSEWHERE}")
}

/// From lines such as `  Depends: linux-image-6.1.0-50-amd64`.
fn names_of_dependencies(answer: &str) -> Vec<String> {
    let names = answer.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_told_from_the_rest() {
        let answer = "linux-headers-6.1.0-50-amd64\n  Depends: linux-headers-6.1.0-50-common\n  \
                      Depends: linux-kbuild-6.1\n  Suggests: linux-doc\n |Depends: either\n";
        let names = ["linux-headers-6.1.0-50-common", "linux-kbuild-6.1"];
        assert_eq!(names_of_dependencies(answer), names);
    }
}
