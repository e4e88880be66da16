//! No dependency of a crate may need a newer Rust than the crate promises.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::project;
use crate::steps::Outcome;

pub fn check() -> Result<Outcome> {
    let metadata = project::metadata(&["--all-features"])?;
    let graph = Graph::read(&metadata)?;
    let published = graph.published_members(&metadata);
    let newer: BTreeSet<String> =
        published.iter().flat_map(|member| graph.newer_than_promised(member)).collect();
    if !newer.is_empty() {
        bail!("{}", newer.into_iter().collect::<Vec<_>>().join(", "));
    }
    Ok(Outcome::Done(format!("{} crates keep what they promise", published.len())))
}

/// Packages and what they are built with, by their ids.
struct Graph<'a> {
    packages: BTreeMap<&'a str, &'a Value>,
    dependencies: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    fn read(metadata: &'a Value) -> Result<Self> {
        let list = |value: &'a Value| value.as_array().map(Vec::as_slice);
        let packages = list(&metadata["packages"]).context("cargo metadata names no packages")?;
        let nodes = list(&metadata["resolve"]["nodes"]).context("it says nothing of the graph")?;
        let packages =
            packages.iter().filter_map(|package| Some((package["id"].as_str()?, package)));
        let is_built_with = |dependency: &Value| {
            let kinds = dependency["dep_kinds"].as_array();
            kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"] != "dev"))
        };
        let dependencies = nodes.iter().filter_map(|node| {
            let dependencies = node["deps"].as_array()?.iter().filter(|it| is_built_with(it));
            Some((node["id"].as_str()?, dependencies.filter_map(|it| it["pkg"].as_str()).collect()))
        });
        Ok(Self { packages: packages.collect(), dependencies: dependencies.collect() })
    }

    fn published_members(&self, metadata: &'a Value) -> Vec<&'a str> {
        let members = metadata["workspace_members"].as_array().into_iter().flatten();
        // An empty list of registries is one to which nothing is published.
        let is_published = |id: &&str| self.packages[id]["publish"].is_null();
        members.filter_map(Value::as_str).filter(is_published).collect()
    }

    /// What a crate is built with and needs a newer Rust than it promises, in words.
    fn newer_than_promised(&self, member: &'a str) -> Vec<String> {
        let Some(promised) = needed_version(self.packages[member]) else {
            return vec![format!("{} promises no Rust version", name(self.packages[member]))];
        };
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![member]);
        while let Some(id) = waiting.pop() {
            if seen.insert(id) {
                waiting.extend(self.dependencies.get(id).into_iter().flatten());
            }
        }
        let newer = seen.into_iter().map(|id| self.packages[id]).filter_map(|package| {
            let (major, minor) = needed_version(package).filter(|&needed| needed > promised)?;
            Some(format!(
                "{} {} needs {major}.{minor}, and {} promises {}.{}",
                name(package),
                package["version"].as_str().unwrap_or("?"),
                name(self.packages[member]),
                promised.0,
                promised.1,
            ))
        });
        newer.collect()
    }
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap_or("?")
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

    fn package(id: &str, rust: impl Into<Value>, publish: impl Into<Value>) -> Value {
        let (rust, publish) = (rust.into(), publish.into());
        json!({ "id": id, "name": id, "version": "1.2.0", "rust_version": rust, "publish": publish })
    }

    /// What is wrong where `ours` is built with `near`, and that with `far`.
    fn found(ours: &str, far: impl Into<Value>, kind: Value) -> Vec<String> {
        let on = |id: &str, kind: &Value| json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [
                package("ours", ours, Value::Null),
                package("near", Value::Null, Value::Null),
                package("far", far, Value::Null),
                package("tests", "1.56", json!([])),
            ],
            "workspace_members": ["ours", "tests"],
            "resolve": { "nodes": [
                { "id": "ours", "deps": [on("near", &kind)] },
                { "id": "near", "deps": [on("far", &Value::Null)] },
                { "id": "tests", "deps": [on("ours", &Value::Null)] },
            ] },
        });
        let graph = Graph::read(&metadata).unwrap();
        let members = graph.published_members(&metadata);
        assert_eq!(members, ["ours"]);
        members.into_iter().flat_map(|member| graph.newer_than_promised(member)).collect()
    }

    #[test]
    fn a_dependency_that_needs_a_newer_rust_is_named() {
        for (far, needed) in [("1.90", "1.90"), ("1.100.0", "1.100")] {
            let expected = format!("far 1.2.0 needs {needed}, and ours promises 1.88");
            assert_eq!(found("1.88", far, Value::Null), [expected]);
        }
        assert_eq!(found("1.88", "1.90", json!("build")).len(), 1);
    }

    #[test]
    fn older_equal_and_silent_dependencies_and_those_of_tests_are_fine() {
        for far in [json!("1.56"), json!("1.88.1"), json!("1.88"), json!(null)] {
            assert_eq!(found("1.88", far, Value::Null), [""; 0]);
        }
        assert_eq!(found("1.88", "1.90", json!("dev")), [""; 0]);
        assert_eq!(found("1.90", "1.90", Value::Null), [""; 0]);
    }
}
