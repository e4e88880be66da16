//! The project's own commands, run with `cargo xtask <command>`.

mod bench;
mod clip;
mod counts;
mod demo;
mod deploy;
mod distro;
mod doctor;
mod document;
mod fleet;
mod interop;
mod ladder;
mod loss;
mod namespaces;
mod network;
mod path;
mod peers;
mod process;
mod project;
mod sanitize;
mod setup;
mod simulate;
mod soak;
mod steps;
mod tally;
mod test;
mod turn;
mod view;
mod webcam;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Finds which system packages are missing and installs them where it can
    Setup,
    /// Builds everything, streams a generated clip through the embedded worker and saves the result
    Demo(demo::Options),
    /// Formatting, lints, tests, documentation, the default build, MSRV, fuzz targets, licences
    Test(test::Options),
    /// Runs our client and worker against the real Roboflow server and the real Python and JavaScript SDKs
    Interop(interop::Options),
    /// Streams over paths with narrow links, and where addresses lead nowhere, between network namespaces
    Path(path::Options),
    /// Streams by way of a TURN server, coturn, between network namespaces
    Turn(turn::Options),
    /// Has `streamsdk doctor` find what is wrong, one fault after the other, and nothing where nothing is
    Doctor(doctor::Options),
    /// Kills, stops and cuts off nodes of a fleet over NATS, and audits what is in its log
    Fleet(fleet::Options),
    /// Measures sessions over paths that lose packets, beside those of aiortc
    Loss(loss::Options),
    /// Looks at the live page in real browsers: whether boxes are on their pictures, and what strangers get
    View(view::Options),
    /// Tests what reads cameras, in a virtual machine that has some
    Webcam(webcam::Options),
    /// Runs tests under sanitizers, under valgrind, and over every order of their threads
    Sanitize(sanitize::Options),
    /// Runs sessions on a network and a clock that are made up
    Simulate(simulate::Options),
    /// Runs the same sessions over better and worse paths, which are made up, and makes a table
    Ladder(ladder::Options),
    /// Runs eight streams for an hour while the worker is killed again and again, and judges whether they go on as they began
    Soak(soak::Options),
    /// Builds, runs and tests in a bare Debian of another release, in a folder
    Distro(distro::Options),
    /// Checks what is there for deploying: image, Compose file, Kubernetes manifests, systemd units
    Deploy(deploy::Options),
    /// Measures speed, CPU time and memory against the real programs and the bound of the network
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = process::end_started_processes_on_signals().and_then(|()| run());
    process::end_all();
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the task found everything as it should be; an error when it could not find out.
fn run() -> anyhow::Result<bool> {
    match Arguments::parse().command {
        Task::Setup => setup::ensure(setup::Scope::Everything).map(|()| say_that_all_is_here()),
        Task::Demo(options) => demo::run(&options).map(|()| true),
        Task::Test(options) => test::run(&options),
        Task::Interop(options) => interop::run(&options),
        Task::Path(options) => path::run(&options),
        Task::Turn(options) => turn::run(&options),
        Task::Doctor(options) => doctor::run(&options),
        Task::Fleet(options) => fleet::run(&options),
        Task::Loss(options) => loss::run(&options),
        Task::View(options) => view::run(&options),
        Task::Webcam(options) => webcam::run(&options),
        Task::Sanitize(options) => sanitize::run(&options),
        Task::Simulate(options) => simulate::run(&options),
        Task::Ladder(options) => ladder::run(&options),
        Task::Soak(options) => soak::run(&options),
        Task::Distro(options) => distro::run(&options),
        Task::Deploy(options) => deploy::run(&options),
        Task::Bench(options) => bench::run(&options),
    }
}

fn say_that_all_is_here() -> bool {
    println!("nothing is missing");
    true
}
