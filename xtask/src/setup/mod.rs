//! What the machine must have, and how it comes by it.

mod install;
mod needs;
mod probe;

use anyhow::{Result, bail};

use needs::{NEEDS, Need};

pub use install::{debian_packages_to_build, refresh_package_lists};
pub use needs::{CHROMIUM_PROGRAMS, FIREFOX_PROGRAMS, Scope};
pub use probe::{find_program, find_python};

/// Finds what is missing for `scope` and installs it where that is possible without asking.
///
/// Returns at once when nothing is missing. What cannot be installed is an error that lists the packages.
pub fn ensure(scope: Scope) -> Result<()> {
    let missing = missing(scope);
    if missing.is_empty() {
        return Ok(());
    }
    println!("missing: {}", names(&missing));
    install::install(&missing)?;
    let still_missing = self::missing(scope);
    if !still_missing.is_empty() {
        bail!("still missing after the installation: {}", names(&still_missing));
    }
    Ok(())
}

fn missing(scope: Scope) -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| scope.includes(need.scope) && !need.probe.is_met()).collect()
}

fn names(needs: &[&Need]) -> String {
    needs.iter().map(|need| need.name).collect::<Vec<_>>().join(", ")
}
