use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::needs::{NEEDS, Need, Packages, Scope};
use super::probe::{Probe, find_program};
use crate::process::{Job, Output};

/// Installs what the needs name, without asking anything.
pub fn install(needs: &[&Need]) -> Result<()> {
    let (cargo_commands, packages): (Vec<&Need>, Vec<&Need>) =
        needs.iter().partition(|need| matches!(need.probe, Probe::CargoCommand(_)));
    add_rust_components(&cargo_commands)?;
    if packages.is_empty() {
        return Ok(());
    }
    match (find_program("apt-get"), administrator()) {
        (Some(_), Some(administrator)) => install_with_apt(&packages, &administrator),
        _ => bail!("please install them:\n{}", instructions(&packages)),
    }
}

/// Has apt learn which packages there are now. Does nothing where that takes a password.
pub fn refresh_package_lists() -> Result<()> {
    administrator().map_or(Ok(()), |administrator| update_apt(&administrator))
}

fn add_rust_components(needs: &[&Need]) -> Result<()> {
    if needs.is_empty() {
        return Ok(());
    }
    let components = needs.iter().map(|need| need.name);
    Job::new("rustup").args(["component", "add"]).args(components).run_successfully()?;
    Ok(())
}

/// What Debian 12 has to have for the program to be built with everything in it.
pub fn debian_packages_to_build() -> BTreeSet<&'static str> {
    // The program of FFmpeg only makes clips, and the compiler for C++ is for Kafka.
    let is_needed = |need: &&Need| {
        need.name == "a C++ compiler"
            || (need.scope == Scope::Demo && need.name != "the ffmpeg program")
    };
    debian_packages(&NEEDS.iter().filter(is_needed).collect::<Vec<_>>(), |_| true)
}

/// What comes before a command so that it runs as root. `None` if it cannot without a password.
fn administrator() -> Option<Vec<&'static str>> {
    if nix::unistd::geteuid().is_root() {
        return Some(Vec::new());
    }
    let sudo = vec!["sudo", "--non-interactive"];
    let allowed = as_administrator(&sudo, "true").output(Output::Capture).run();
    allowed.is_ok_and(|finished| finished.succeeded()).then_some(sudo)
}

fn as_administrator(administrator: &[&str], program: &str) -> Job {
    // `env` because sudo does not pass the environment on.
    let words = [administrator, &["env", "DEBIAN_FRONTEND=noninteractive", program]].concat();
    Job::new(words[0]).args(&words[1..])
}

fn install_with_apt(needs: &[&Need], administrator: &[&str]) -> Result<()> {
    update_apt(administrator)?;
    let packages = debian_packages(needs, is_known_to_apt);
    println!("installing {}", words(&packages));
    let install = ["install", "--quiet", "--yes", "--no-install-recommends"];
    let apt = as_administrator(administrator, "apt-get");
    apt.args(install).args(&packages).run_successfully().map(drop)
}

fn update_apt(administrator: &[&str]) -> Result<()> {
    let apt = as_administrator(administrator, "apt-get");
    apt.args(["update", "--quiet"]).run_successfully().map(drop)
}

/// Packages that this release does not know are left out: some needs list alternatives.
fn debian_packages(needs: &[&Need], is_known: impl Fn(&str) -> bool) -> BTreeSet<&'static str> {
    let mut packages = BTreeSet::new();
    for need in needs {
        let Packages { debian, .. } = need.packages;
        match need.probe {
            // Named in the order of preference, from the smallest: one is enough.
            Probe::Libclang | Probe::ClangHeaders => {
                packages.extend(debian.iter().find(|name| is_known(name)));
            }
            _ => packages.extend(debian),
        }
    }
    packages
}

fn is_known_to_apt(package: &str) -> bool {
    let answer = Job::new("apt-cache").args(["policy", package]).output(Output::Capture).run();
    answer.is_ok_and(|answer| {
        let candidate = answer.stdout.lines().find_map(|l| l.trim().strip_prefix("Candidate:"));
        candidate.is_some_and(|version| version.trim() != "(none)")
    })
}

fn instructions(needs: &[&Need]) -> String {
    let packages = |names: fn(&Packages) -> &'static [&'static str]| {
        words(&needs.iter().flat_map(|need| names(&need.packages)).copied().collect())
    };
    [
        ("Debian, Ubuntu: sudo apt-get install", words(&debian_packages(needs, |_| true))),
        ("Fedora:         sudo dnf install", packages(|system| system.fedora)),
        ("Arch:           sudo pacman -S", packages(|system| system.arch)),
        ("macOS:          brew install", packages(|system| system.macos)),
    ]
    .map(|(command, packages)| format!("  {command} {packages}"))
    .join("\n")
}

fn words(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> &'static Need {
        NEEDS.iter().find(|need| need.name == name).unwrap()
    }

    #[test]
    fn the_smallest_package_that_the_release_knows_is_taken() {
        let needs = [named("libclang")];
        let bookworm = debian_packages(&needs, |_| true);
        assert_eq!(words(&bookworm), "libclang1-14");
        let later = debian_packages(&needs, |name| name != "libclang1-14");
        assert_eq!(words(&later), "libclang-dev");
    }

    #[test]
    fn every_package_is_named_once() {
        let needs = [named("libavcodec"), named("libavformat"), named("a C compiler")];
        let text = instructions(&needs);
        assert!(text.contains("apt-get install gcc libavcodec-dev libavformat-dev libc6-dev\n"));
        assert!(text.contains("pacman -S ffmpeg gcc\n"), "{text}");
        assert!(text.ends_with("brew install ffmpeg"), "{text}");
    }
}
