//! Everything that is published can be packaged, and says what a registry and its readers want to know.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::Output;
use crate::project;
use crate::steps::Outcome;

const WANTED: &[&str] =
    &["description", "license", "repository", "readme", "keywords", "categories"];

pub fn check() -> Result<Outcome> {
    let metadata = project::metadata(&["--no-deps"])?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let (published, private): (Vec<_>, Vec<_>) =
        packages.iter().partition(|package| package["publish"].is_null());
    let lacking: Vec<String> = published.iter().filter_map(|package| lacks(package)).collect();
    ensure!(lacking.is_empty(), "{}", lacking.join("; "));
    package_all_but(&private)?;
    Ok(Outcome::Done(format!("{} packages", published.len())))
}

fn lacks(package: &Value) -> Option<String> {
    let is_empty = |field: &&&str| match &package[**field] {
        Value::String(text) => text.is_empty(),
        Value::Array(words) => words.is_empty(),
        _ => true,
    };
    let fields: Vec<&str> = WANTED.iter().filter(is_empty).copied().collect();
    let name = package["name"].as_str().unwrap_or("?");
    (!fields.is_empty()).then(|| format!("{name} lacks {}", fields.join(", ")))
}

/// Nothing is built: the files are gathered and the manifests rewritten as they would be for a registry.
fn package_all_but(private: &[&Value]) -> Result<()> {
    let names = private.iter().filter_map(|package| package["name"].as_str());
    let package = project::cargo().args(["package", "--workspace", "--no-verify", "--allow-dirty"]);
    let package = package.args(names.flat_map(|name| ["--exclude", name]));
    let said = package.output(Output::Tee).run_successfully()?.stderr;
    let warning = said.lines().find(|line| line.starts_with("warning:"));
    ensure!(warning.is_none(), "{}", warning.unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_manifest_lacks_is_named() {
        let mut package = json!({
            "name": "bare", "description": "", "license": "MIT", "repository": "https://example.org",
            "readme": null, "keywords": ["video"], "categories": [],
        });
        assert_eq!(lacks(&package).unwrap(), "bare lacks description, readme, categories");
        package["description"] = json!("a thing");
        package["readme"] = json!("README.md");
        package["categories"] = json!(["multimedia"]);
        assert_eq!(lacks(&package), None);
    }
}
