//! Tools from PyPI, in a virtual environment of their own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{Job, Output};
use crate::{project, setup};

const PACKAGES: &[&str] = &["check-jsonschema==0.39.0", "kubernetes-validate==1.37.0", "PyYAML"];

/// Prints the documents of a file of YAML as one array of JSON.
const TO_JSON: &str =
    "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";

pub struct Tools {
    environment: PathBuf,
}

impl Tools {
    /// Installs them, or finds them installed.
    pub fn install() -> Result<Self> {
        let environment = project::cache_directory()?.join("deploy-tools");
        let (tools, stamp) = (Self { environment }, PACKAGES.join("\n"));
        if fs::read_to_string(tools.stamp()).is_ok_and(|there| there == stamp) {
            return Ok(tools);
        }
        let python = setup::find_python().context("there is no Python for them")?;
        let make = Job::new(python).args(["-m", "venv", "--clear"]).arg(&tools.environment);
        make.run_successfully()?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        tools.job("python").args(pip).args(PACKAGES).run_successfully()?;
        // The last thing that is written: a broken install has none.
        fs::write(tools.stamp(), stamp).context("cannot write beside the tools")?;
        Ok(tools)
    }

    fn stamp(&self) -> PathBuf {
        self.environment.join(".complete")
    }

    /// A job for one of their programs.
    pub fn job(&self, program: &str) -> Job {
        Job::new(self.environment.join("bin").join(program))
    }

    /// What a file of YAML has in it, document by document.
    pub fn read_yaml(&self, file: &Path) -> Result<Vec<Value>> {
        let answer = self.job("python").args(["-c", TO_JSON]).arg(file).output(Output::Capture);
        serde_json::from_str(&answer.run_successfully()?.stdout)
            .with_context(|| format!("cannot read {}", file.display()))
    }
}
