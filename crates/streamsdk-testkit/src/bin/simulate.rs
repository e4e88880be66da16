//! Runs the scenario of the number that is given, and writes what became of it as one line of JSON.
//!
//! One scenario a process: the engine draws lots whose turn it is where two things happen at the same moment, and it begins
//! with the same lot only in a process of its own.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use streamsdk_testkit::simulation::simulate;

/// The longest that a scenario may take on the machine's clock: one that goes on for ever at one moment of its own
/// ends in no other way.
const MAX_TIME: Duration = Duration::from_secs(100);

fn main() -> ExitCode {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok());
    let Some(seed) = seed else {
        eprintln!("usage: simulate SEED");
        return ExitCode::from(2);
    };
    std::thread::spawn(move || {
        std::thread::sleep(MAX_TIME);
        println!("{}", json!({ "seed": seed, "faults": ["it goes on for ever"] }));
        std::process::exit(1);
    });
    let outcome = simulate(seed);
    let mut told = json!(outcome);
    told["cpu_s"] = json!(cpu_seconds());
    println!("{told}");
    if outcome.faults.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("{:#?}", outcome.scenario);
    ExitCode::FAILURE
}

/// What this process has cost so far; `None` where the system does not tell.
fn cpu_seconds() -> Option<f64> {
    let schedule = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanoseconds: u64 = schedule.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds).as_secs_f64())
}
