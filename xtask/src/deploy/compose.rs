//! The Compose file: against the schema of its specification, and whether its parts go together.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use super::command_lines::CommandLine;
use super::tools::Tools;
use crate::process::Output;
use crate::project;

const FILE: &str = "deploy/compose.yml";

pub struct Compose {
    file: Value,
}

impl Compose {
    pub fn read(tools: &Tools) -> Result<Self> {
        let file = tools.read_yaml(&path())?.pop().context("it is empty")?;
        Ok(Self { file })
    }

    fn services(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.file["services"].as_object().into_iter().flatten()
    }

    /// What the services run that are made of our image.
    pub fn command_lines(&self) -> Vec<CommandLine> {
        let ours = self.services().filter(|(_, service)| service["image"] == "streamsdk");
        ours.map(|(_, service)| CommandLine::new(FILE, strings(&service["command"]))).collect()
    }

    pub fn check(&self) -> Result<String> {
        let none = Map::new();
        let volumes = self.file["volumes"].as_object().unwrap_or(&none);
        for (name, service) in self.services() {
            self.check_service(service, volumes).with_context(|| format!("service {name}"))?;
        }
        Ok(format!("{} services", self.services().count()))
    }

    fn check_service(&self, service: &Value, volumes: &Map<String, Value>) -> Result<()> {
        for volume in strings(&service["volumes"]) {
            let source = volume.split(':').next().unwrap_or_default();
            let there = match source.strip_prefix("./") {
                Some(file) => project::root().join("deploy").join(file).exists(),
                None => volumes.contains_key(source),
            };
            ensure!(there, "there is no {source}");
        }
        for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
            let other = &self.file["services"][other];
            let wants_health = how["condition"] == "service_healthy";
            ensure!(other["image"].is_string(), "it depends on a service that is not there");
            ensure!(!wants_health || other["healthcheck"]["test"].is_array(), "nobody asks it");
        }
        // A command is over by itself.
        if service["profiles"].is_null() {
            for setting in ["restart", "stop_grace_period", "healthcheck"] {
                ensure!(!service[setting].is_null(), "there is no {setting}");
            }
        }
        Ok(())
    }
}

/// Against the schema that comes with the tool.
pub fn check_schema(tools: &Tools) -> Result<String> {
    let check = tools.job("check-jsonschema").args(["--builtin-schema", "vendor.compose-spec"]);
    check.arg(path()).output(Output::Capture).run_successfully()?;
    Ok("as the Compose specification wants it".into())
}

fn path() -> PathBuf {
    project::root().join(FILE)
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(service: &Value) -> Result<String> {
        let nats = json!({"image": "nats", "profiles": ["x"]});
        let services = json!({ "one": service, "nats": nats });
        Compose { file: json!({"services": services, "volumes": {"kept": null}}) }.check()
    }

    fn refused(service: &Value) -> String {
        format!("{:#}", check(service).unwrap_err())
    }

    #[test]
    fn what_is_missing_is_named_with_its_service() {
        let command = json!({"volumes": ["kept:/a"], "profiles": ["x"]});
        assert_eq!(check(&command).unwrap(), "2 services");
        let elsewhere = json!({"volumes": ["other:/a"], "profiles": ["x"]});
        assert_eq!(refused(&elsewhere), "service one: there is no other");
        assert_eq!(
            refused(&json!({"restart": "always"})),
            "service one: there is no stop_grace_period"
        );
    }

    #[test]
    fn who_waits_for_health_waits_for_somebody_who_is_asked() {
        let waits = |on: &str| json!({"profiles": ["x"], "depends_on": {on: {"condition": "service_healthy"}}});
        assert_eq!(refused(&waits("nats")), "service one: nobody asks it");
        assert!(refused(&waits("gone")).ends_with("not there"));
    }
}
