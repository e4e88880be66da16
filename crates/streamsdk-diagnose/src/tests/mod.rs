//! Faults that are made on purpose, each with its code. The servers are in this process, and the checks are what
//! runs otherwise.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod certificates;
mod healthy;
mod http;
mod http_server;
mod ice;
mod ice_server;
mod machine;
mod reach;
mod secrets;
mod tls;

use crate::{Checkup, Code, Diagnosis, Severity};

/// No cameras: what this machine has is no matter of a test.
fn checkup() -> Checkup {
    Checkup::new().cameras(false)
}

/// The codes of what is wrong.
fn wrong(diagnosis: &Diagnosis) -> Vec<Code> {
    diagnosis.wrong().map(|finding| finding.code).collect()
}

fn what_of(diagnosis: &Diagnosis, code: Code) -> &str {
    let found = diagnosis.findings.iter().find(|finding| finding.code == code);
    &found.unwrap_or_else(|| panic!("no {code} in {diagnosis}")).what
}

#[test]
fn codes_have_one_name_each_and_all_that_is_wrong_has_advice() {
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    let is_kebab = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    assert!(names.iter().all(is_kebab), "{names:?}");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
        let is_wrong = code.severity() >= Severity::Warning;
        assert!(!is_wrong || code.advice().is_some(), "{code}");
    }
}

#[tokio::test]
async fn a_diagnosis_is_json_that_can_be_read_again() {
    let diagnosis = checkup().server("nonsense").run().await;
    let text = serde_json::to_string(&diagnosis).unwrap();
    assert!(text.contains(r#""code":"url-not-understood","severity":"problem""#), "{text}");
    assert_eq!(serde_json::from_str::<Diagnosis>(&text).unwrap(), diagnosis);
}
