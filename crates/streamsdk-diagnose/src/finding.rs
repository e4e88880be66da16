use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use streamsdk_protocol::Redactor;

use crate::{Code, Severity};

/// One thing that was found out. `Display` is the text for people, without colours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// What it is, for programs.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// What was seen, in a sentence.
    pub what: String,
    /// What to try, where something is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        let advice = code.advice().map(str::to_owned);
        Self { code, severity: code.severity(), what: what.into(), advice }
    }

    /// With another advice than the one that goes with its code.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// What servers say is in it, and may repeat what they were given in confidence. Advice is this crate's own.
    pub(crate) fn without_secrets(mut self, redactor: &Redactor) -> Self {
        self.what = redactor.text(&self.what);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.severity, self.what, self.code)?;
        self.advice.iter().try_for_each(|advice| write!(f, "\n  {advice}"))
    }
}

/// All that was found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// In the order of the way that a session goes.
    pub findings: Vec<Finding>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Diagnosis {
    pub(crate) fn new(findings: Vec<Finding>, took: Duration) -> Self {
        Self { findings, took_ms: took.as_millis().try_into().unwrap_or(u64::MAX) }
    }

    /// Whether nothing is wrong: no finding is a warning or a problem.
    pub fn is_healthy(&self) -> bool {
        self.wrong().next().is_none()
    }

    /// What is wrong: warnings and problems.
    pub fn wrong(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity >= Severity::Warning)
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}
