use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::Finished;

/// What it is allowed beyond its promise, on a machine that is busy with something else.
const LIMIT: Duration = Duration::from_secs(6);

/// What the program found out.
pub(super) struct Diagnosis {
    json: Value,
    pub(super) took: Duration,
}

impl Diagnosis {
    pub(super) fn of(finished: &Finished) -> Result<Self> {
        let diagnosis = Self::read(&finished.stdout).with_context(|| {
            format!("it ended with {}: {}", finished.ending(), finished.last_words())
        })?;
        ensure!(diagnosis.took <= LIMIT, "it took {:?}", diagnosis.took);
        Ok(diagnosis)
    }

    pub(super) fn read(json: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(json)?;
        let took = json["took_ms"].as_u64().map(Duration::from_millis);
        let took = took.context("it does not say how long it took")?;
        ensure!(json["findings"].is_array(), "there are no findings");
        Ok(Self { json, took })
    }

    /// The codes of all that is not just fine.
    pub(super) fn not_fine(&self) -> Vec<&str> {
        self.codes(|finding| finding["severity"] != "ok")
    }

    /// The codes of what is about cameras.
    pub(super) fn of_cameras(&self) -> Vec<&str> {
        self.codes(|finding| finding["code"].as_str().is_some_and(|code| code.contains("camera")))
    }

    fn codes(&self, is_wanted: impl Fn(&Value) -> bool) -> Vec<&str> {
        let findings = self.json["findings"].as_array().map_or(&[][..], Vec::as_slice);
        let wanted = findings.iter().filter(|finding| is_wanted(finding));
        wanted.filter_map(|finding| finding["code"].as_str()).collect()
    }
}
