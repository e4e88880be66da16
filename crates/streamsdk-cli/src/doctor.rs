//! `streamsdk doctor`: what is wrong between this machine and a server.

use std::process::ExitCode;

use streamsdk_diagnose::{Checkup, Diagnosis, Finding, Severity};

use crate::args::{DoctorArguments, ServerArguments, VoiceArguments};
use crate::failure::{Failure, UNWELL};
use crate::terminal;

pub(crate) async fn run(
    arguments: DoctorArguments,
    voice: &VoiceArguments,
) -> Result<ExitCode, Failure> {
    let is_json = arguments.json;
    let diagnosis = checkup(arguments).run().await;
    let text = if is_json {
        serde_json::to_string_pretty(&diagnosis)
            .map_err(|error| Failure::Internal(error.to_string()))?
    } else {
        for_people(&diagnosis, voice.quiet)
    };
    if !text.is_empty() {
        terminal::print(text)?;
    }
    Ok(if diagnosis.is_healthy() { ExitCode::SUCCESS } else { ExitCode::from(UNWELL) })
}

fn checkup(arguments: DoctorArguments) -> Checkup {
    let turn = arguments.server.turn_servers();
    let mut checkup = arguments.stun.into_iter().fold(Checkup::new(), Checkup::stun);
    checkup = checkup.ice_servers(turn);
    let ServerArguments { url, api_key, api_key_transport, .. } = arguments.server;
    if let Some(url) = url {
        checkup = checkup.server(url);
    }
    if let Some(key) = api_key {
        checkup = checkup.api_key(key);
    }
    if let Some(transport) = api_key_transport {
        checkup = checkup.api_key_transport(transport.into());
    }
    #[cfg(all(feature = "webcam", target_os = "linux"))]
    {
        checkup = checkup.cameras(!arguments.no_cameras);
    }
    checkup
}

/// A line for each finding, with what to try below what is wrong. `only_wrong` leaves the others out.
fn for_people(diagnosis: &Diagnosis, only_wrong: bool) -> String {
    let is_shown = |finding: &&Finding| !only_wrong || finding.severity >= Severity::Warning;
    let shown = diagnosis.findings.iter().filter(is_shown);
    let mut lines: Vec<_> = shown.map(Finding::to_string).collect();
    let wrong = diagnosis.wrong().count();
    if wrong > 0 || !only_wrong {
        lines.push(conclusion(wrong, diagnosis.took_ms));
    }
    lines.join("\n")
}

fn conclusion(wrong: usize, took_ms: u64) -> String {
    let seconds = took_ms as f64 / 1000.0;
    match wrong {
        0 => format!("Nothing is wrong that could be found out in {seconds:.1} s."),
        1 => format!("One thing is wrong, found out in {seconds:.1} s."),
        many => format!("{many} things are wrong, found out in {seconds:.1} s."),
    }
}
