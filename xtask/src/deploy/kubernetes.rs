//! The manifests for Kubernetes: against its schemas, whether pods are as strict as can be, and whether the parts go
//! together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::command_lines::CommandLine;
use super::tools::Tools;
use crate::process::Output;
use crate::project;

const FOLDER: &str = "deploy/kubernetes";
/// The oldest that the manifests are for, and the newest that the tool knows.
const VERSIONS: &[&str] = &["1.29", "1.37"];
/// What docs/deploying.md has everybody put into the Secret.
const SECRET: (&str, &[&str]) = ("streamsdk", &["api-key", "nats-token", "worker-token"]);

pub struct Manifests {
    objects: Vec<Value>,
}

impl Manifests {
    pub fn read(tools: &Tools) -> Result<Self> {
        let mut objects = Vec::new();
        for file in files()? {
            objects.extend(tools.read_yaml(&file)?);
        }
        Ok(Self { objects })
    }

    fn named(&self, kind: &str, name: &Value) -> Result<&Value> {
        let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == *name;
        let found = self.objects.iter().find(is_it);
        found.with_context(|| format!("there is no {kind} {name}"))
    }

    /// What has pods made.
    fn workloads(&self) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(|object| object["spec"]["template"]["spec"].is_object())
    }

    /// What the containers run that are made of our image.
    pub fn command_lines(&self) -> Vec<CommandLine> {
        let ours = self.workloads().flat_map(containers).filter(|it| it["image"] == "streamsdk");
        ours.map(|it| CommandLine::new(FOLDER, strings(&it["args"]))).collect()
    }

    /// Writes the files of the ConfigMap with streams into a folder.
    pub fn write_streams(&self, folder: &Path) -> Result<()> {
        let map = self.named("ConfigMap", &json!("streamsdk-streams"))?;
        for (name, text) in map["data"].as_object().context("it is empty")? {
            fs::write(folder.join(name), text.as_str().unwrap_or_default())?;
        }
        Ok(())
    }

    /// Whether pods may do nothing that they need not do.
    pub fn check_security(&self) -> Result<String> {
        for workload in self.workloads() {
            let pod = &workload["spec"]["template"]["spec"];
            check_pod(pod).with_context(|| name(workload))?;
            for container in containers(workload) {
                check_container(container).with_context(|| name(workload))?;
            }
        }
        Ok(format!("{} kinds of pods are restricted", self.workloads().count()))
    }

    /// Whether everything that names something else names what is there.
    pub fn check_references(&self) -> Result<String> {
        for object in &self.objects {
            self.check_object(object).with_context(|| name(object))?;
        }
        Ok(format!("{} objects go together", self.objects.len()))
    }

    fn check_object(&self, object: &Value) -> Result<()> {
        let spec = &object["spec"];
        match object["kind"].as_str().unwrap_or_default() {
            "Service" => self.check_selector(&spec["selector"]),
            "PodDisruptionBudget" => self.check_selector(&spec["selector"]["matchLabels"]),
            "HorizontalPodAutoscaler" => {
                let target = &spec["scaleTargetRef"];
                let kind = target["kind"].as_str().unwrap_or_default();
                let scaled = self.named(kind, &target["name"])?;
                ensure!(scaled["spec"]["replicas"].is_null(), "two say how many there are");
                Ok(())
            }
            "Deployment" | "Job" => self.check_workload(object),
            "Namespace" | "ConfigMap" => Ok(()),
            kind => bail!("nobody has said what a {kind} refers to"),
        }
    }

    fn check_selector(&self, labels: &Value) -> Result<()> {
        let is_of = |workload: &&Value| has_labels(workload, labels);
        ensure!(self.workloads().any(|workload| is_of(&workload)), "no pod has {labels}");
        Ok(())
    }

    fn check_workload(&self, workload: &Value) -> Result<()> {
        let (spec, pod) = (&workload["spec"], &workload["spec"]["template"]["spec"]);
        let selector = &spec["selector"]["matchLabels"];
        ensure!(has_labels(workload, selector), "its own pods do not have {selector}");
        for volume in array(&pod["volumes"]) {
            if volume["configMap"].is_object() {
                self.named("ConfigMap", &volume["configMap"]["name"])?;
            }
            let secret = &volume["secret"];
            let keys = array(&secret["items"]).map(|item| &item["key"]);
            keys.into_iter().try_for_each(|key| check_secret(&secret["secretName"], key))?;
        }
        let volumes = array(&pod["volumes"]).map(|volume| &volume["name"]);
        let volumes: BTreeSet<_> = volumes.filter_map(Value::as_str).collect();
        for container in containers(workload) {
            let mounted = array(&container["volumeMounts"]).map(|mount| &mount["name"]);
            let mounted: BTreeSet<_> = mounted.filter_map(Value::as_str).collect();
            ensure!(mounted == volumes, "it has {volumes:?} and mounts {mounted:?}");
            for variable in array(&container["env"]) {
                let secret = &variable["valueFrom"]["secretKeyRef"];
                if secret.is_object() {
                    check_secret(&secret["name"], &secret["key"])?;
                }
            }
        }
        Ok(())
    }
}

/// Against the schemas of Kubernetes, of which nothing unknown is let through.
pub fn check_schemas(tools: &Tools) -> Result<String> {
    for version in VERSIONS {
        let validate =
            tools.job("kubernetes-validate").args(["--strict", "--quiet", "-k", version]);
        validate.args(files()?).output(Output::Capture).run_successfully()?;
    }
    Ok(format!("as Kubernetes {} want it", VERSIONS.join(" and ")))
}

fn files() -> Result<Vec<PathBuf>> {
    let folder = project::root().join(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| format!("there is no {FOLDER}"))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    Ok(files)
}

fn check_pod(pod: &Value) -> Result<()> {
    let context = &pod["securityContext"];
    ensure!(context["runAsNonRoot"] == true, "it may be root");
    ensure!(context["runAsUser"].as_u64().is_some_and(|user| user > 0), "it has no user");
    ensure!(context["seccompProfile"]["type"] == "RuntimeDefault", "it may make every system call");
    ensure!(pod["automountServiceAccountToken"] == false, "it gets a token of the cluster's");
    ensure!(pod["hostNetwork"].is_null(), "it is in the network of its host");
    Ok(())
}

fn check_container(container: &Value) -> Result<()> {
    let context = &container["securityContext"];
    ensure!(context["allowPrivilegeEscalation"] == false, "it may become more than it is");
    ensure!(context["readOnlyRootFilesystem"] == true, "it may change its programs");
    ensure!(context["capabilities"]["drop"] == json!(["ALL"]), "it keeps capabilities");
    let resources = &container["resources"];
    let is_said = |of: &str, what: &str| resources[of][what].is_string();
    ensure!(is_said("requests", "cpu") && is_said("requests", "memory"), "it asks for nothing");
    ensure!(is_said("limits", "memory"), "it may take all memory");
    Ok(())
}

fn check_secret(name: &Value, key: &Value) -> Result<()> {
    let (secret, keys) = SECRET;
    let is_known = *name == secret && keys.iter().any(|known| key == known);
    ensure!(is_known, "nobody is told to put {key} into the Secret {name}");
    Ok(())
}

fn has_labels(workload: &Value, labels: &Value) -> bool {
    let own = &workload["spec"]["template"]["metadata"]["labels"];
    labels.as_object().is_none_or(|labels| labels.iter().all(|(name, value)| own[name] == *value))
}

fn containers(workload: &Value) -> impl Iterator<Item = &Value> {
    array(&workload["spec"]["template"]["spec"]["containers"])
}

fn array(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn strings(list: &Value) -> Vec<String> {
    array(list).filter_map(Value::as_str).map(String::from).collect()
}

fn name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(pod: &Value) -> Value {
        json!({
            "kind": "Deployment",
            "metadata": {"name": "one"},
            "spec": {
                "selector": {"matchLabels": {"is": "one"}},
                "template": {"metadata": {"labels": {"is": "one"}}, "spec": pod},
            },
        })
    }

    fn references(objects: &[Value]) -> String {
        match (Manifests { objects: objects.to_vec() }).check_references() {
            Ok(seen) => seen,
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn what_selects_no_pod_is_named() {
        let service = |label: &str| {
            let metadata = json!({"name": "it"});
            json!({"kind": "Service", "metadata": metadata, "spec": {"selector": {"is": label}}})
        };
        let one = deployment(&json!({}));
        assert_eq!(references(&[one.clone(), service("one")]), "2 objects go together");
        let other = references(&[one, service("other")]);
        assert_eq!(other, r#"Service it: no pod has {"is":"other"}"#);
    }

    #[test]
    fn volumes_and_keys_of_the_secret_have_to_be_there() {
        let mounts = json!({"containers": [{"volumeMounts": [{"name": "gone"}]}]});
        assert!(references(&[deployment(&mounts)]).contains(r#"mounts {"gone"}"#));
        let secret = json!({"name": "streamsdk", "key": "pin"});
        let asks = json!({"containers": [{"env": [{"valueFrom": {"secretKeyRef": secret}}]}]});
        assert!(references(&[deployment(&asks)]).contains("nobody is told"));
    }

    #[test]
    fn a_pod_that_may_be_root_is_named() {
        let security = Manifests { objects: vec![deployment(&json!({}))] }.check_security();
        assert_eq!(format!("{:#}", security.unwrap_err()), "Deployment one: it may be root");
    }
}
