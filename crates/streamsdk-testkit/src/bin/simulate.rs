//! Runs the scenario of the number that is given, or a session over one of the ladder's paths, and writes what became of
//! it as one line of JSON.
//!
//! One scenario a process: the engine draws lots whose turn it is where two things happen at the same moment, and it begins
//! with the same lot only in a process of its own.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use streamsdk_testkit::simulation::{Scenario, run, rungs};

/// The most of a processor's time that a scenario may take: one that goes on for ever at one moment of its own ends in no
/// other way.
const MAX_CPU_SECONDS: f64 = 100.0;
/// The longest that it may take on the machine's clock: one in which all wait for ever costs no time of a processor. A machine
/// that is busy with something else takes long for the others, too.
const MAX_TIME: Duration = Duration::from_secs(1000);
/// How often that is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let scenario = match &arguments[..] {
        [word] if word == "--rungs" => {
            let names: Vec<_> = rungs().iter().map(|rung| rung.name).collect();
            println!("{}", json!(names));
            return ExitCode::SUCCESS;
        }
        [seed] => seed.parse().ok().map(Scenario::of),
        [rung, kind, seed] => of_rung(rung, kind, seed),
        _ => None,
    };
    match scenario {
        Some(scenario) => simulate(scenario),
        None => {
            eprintln!("usage: simulate SEED | simulate RUNG KIND SEED | simulate --rungs");
            ExitCode::from(2)
        }
    }
}

fn of_rung(name: &str, kind: &str, seed: &str) -> Option<Scenario> {
    let rungs = rungs();
    let rung = rungs.iter().find(|rung| rung.name == name)?;
    let kind = serde_json::from_value(json!(kind)).ok()?;
    Some(rung.scenario(kind, seed.parse().ok()?))
}

fn simulate(scenario: Scenario) -> ExitCode {
    let seed = scenario.seed;
    std::thread::spawn(move || {
        let started = Instant::now();
        while started.elapsed() < MAX_TIME && cpu_seconds().is_none_or(|it| it < MAX_CPU_SECONDS) {
            std::thread::sleep(LOOK_INTERVAL);
        }
        println!("{}", json!({ "seed": seed, "faults": ["it goes on for ever"] }));
        std::process::exit(1);
    });
    let outcome = run(scenario);
    let mut told = json!(outcome);
    told["cpu_s"] = json!(cpu_seconds());
    told["peak_kb"] = json!(peak_memory());
    println!("{told}");
    if outcome.faults.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("{:#?}", outcome.scenario);
    ExitCode::FAILURE
}

/// What the scenario has cost so far, which runs in the first thread; `None` where the system does not tell.
fn cpu_seconds() -> Option<f64> {
    let schedule = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanoseconds: u64 = schedule.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds).as_secs_f64())
}

/// The most memory that this process had, in kB, client and server together; `None` where the system does not tell.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
