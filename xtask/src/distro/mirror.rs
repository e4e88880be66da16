//! Where this machine's apt takes Debian's packages from.

use anyhow::{Context, Result};

use crate::process::{Job, Output};

const FIELDS: &str = "$(CREATED_BY) $(ORIGIN) $(COMPONENT) $(RELEASE) $(SITE)";

pub fn configured() -> Result<String> {
    let job = Job::new("apt-get").args(["indextargets", "--format", FIELDS]);
    let answer = job.output(Output::Capture).run_successfully()?;
    let found = of_debian(&answer.stdout).map(String::from);
    found.context("apt has no source of Debian's packages: name one with --mirror")
}

/// The first source of a release itself: what is named with a dash are its updates, which may be elsewhere.
fn of_debian(targets: &str) -> Option<&str> {
    targets.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["Packages", "Debian", "main", release, site] if !release.contains('-') => Some(site),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_of_the_release_is_taken() {
        let targets = "Packages Elsewhere main nodistro https://deb.example.org/node\n\
                       Packages Debian main bookworm-security http://one.example.org/security\n\
                       DEP-11 Debian main bookworm http://two.example.org/debian\n\
                       Packages Debian main bookworm http://three.example.org/debian\n";
        assert_eq!(of_debian(targets), Some("http://three.example.org/debian"));
        assert_eq!(of_debian("Packages Ubuntu main noble http://example.org/ubuntu\n"), None);
    }
}
