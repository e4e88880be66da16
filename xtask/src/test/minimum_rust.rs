//! No dependency may need a newer Rust than we promise.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::project;
use crate::steps::Outcome;

pub fn check() -> Result<Outcome> {
    let metadata = project::metadata(&["--all-features"])?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let ours = promised_version(packages)?;
    let newer: Vec<String> =
        packages.iter().filter_map(|package| newer_than(package, ours)).collect();
    if !newer.is_empty() {
        bail!("newer than {}.{}: {}", ours.0, ours.1, newer.join(", "));
    }
    Ok(Outcome::Done(format!("{} packages build with {}.{}", packages.len(), ours.0, ours.1)))
}

fn promised_version(packages: &[Value]) -> Result<(u32, u32)> {
    let umbrella = packages.iter().find(|package| package["name"] == "streamsdk");
    umbrella.and_then(needed_version).context("the package streamsdk promises no Rust version")
}

fn newer_than(package: &Value, ours: (u32, u32)) -> Option<String> {
    let needed = needed_version(package).filter(|&needed| needed > ours)?;
    let text = |field: &str| package[field].as_str().unwrap_or("?").to_owned();
    Some(format!("{} {} needs {}.{}", text("name"), text("version"), needed.0, needed.1))
}

/// `1.88` or `1.88.0`; the patch never matters.
fn needed_version(package: &Value) -> Option<(u32, u32)> {
    let mut parts = package["rust_version"].as_str()?.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dependency_that_needs_a_newer_rust_is_named() {
        let package = json!({ "name": "eager", "version": "2.1.0", "rust_version": "1.90" });
        assert_eq!(newer_than(&package, (1, 88)).unwrap(), "eager 2.1.0 needs 1.90");
    }

    #[test]
    fn older_equal_and_silent_dependencies_are_fine() {
        for version in [json!("1.56"), json!("1.88.0"), json!("1.88"), json!(null)] {
            assert_eq!(newer_than(&json!({ "name": "a", "rust_version": version }), (1, 88)), None);
        }
    }

    #[test]
    fn a_hundred_is_more_than_eighty_eight() {
        assert!(newer_than(&json!({ "rust_version": "1.100" }), (1, 88)).is_some());
    }
}
