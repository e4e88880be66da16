//! `cargo xtask interop`: our client and our worker against the programs they have to work with.

mod bench;
mod checks;
mod expect;
mod expect_tracks;
mod pages;
mod tracks;
mod whip;

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::peers::{InferenceServer, Peers, Worker, install_javascript_sdk, write_marked_clip};
use crate::tally::{Tally, closing_line};
use crate::{clip, network, project, setup, view};

#[derive(clap::Args)]
pub struct Options {
    /// Do only the checks whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Use this streamsdk instead of building it
    #[arg(long, value_name = "PROGRAM")]
    cli: Option<PathBuf>,
    /// Use this program of examples/backend instead of building it
    #[arg(long, value_name = "PROGRAM")]
    backend: Option<PathBuf>,
    /// Everything is prepared and the peers are here; set by the command itself
    #[arg(long, hide = true, value_name = "PREFIX")]
    prepared: Option<PathBuf>,
}

/// Whether every check passed. The last line printed is their count.
pub fn run(options: &Options) -> Result<bool> {
    if let Some(prefix) = &options.prepared {
        return check(options, &Peers::at(prefix.clone())?);
    }
    match prepare(options) {
        Ok(arguments) => Ok(network::rerun_isolated(&arguments)?.succeeded()),
        Err(error) => {
            eprintln!("error: {error:#}");
            println!("{}", closing_line(0, 1));
            Ok(false)
        }
    }
}

/// Does what needs the outside network. Returns the arguments with which the checks are run.
fn prepare(options: &Options) -> Result<Vec<String>> {
    setup::ensure(setup::Scope::Everything)?;
    let peers = Peers::install()?;
    if let Err(error) = install_javascript_sdk() {
        // The checks that need it are left out; the others are worth doing all the same.
        eprintln!("no web pages: {error:#}");
    }
    clip::SHAPES.write(&clip_path()?)?;
    let cli = options.cli.clone().map_or_else(project::build_cli, Ok);
    let backend = options.backend.clone().map_or_else(|| project::build_program("backend"), Ok);

    let text = |path: PathBuf| path.to_str().map(String::from).context("a path is not UTF-8");
    let mut arguments = vec!["interop".into(), "--prepared".into(), text(peers.prefix().into())?];
    for (option, program) in [("--cli", cli), ("--backend", backend)] {
        match program {
            Ok(program) => arguments.extend([option.into(), text(program)?]),
            // The check that needs it says that it is missing; the others are worth doing all the same.
            Err(error) => eprintln!("error: {error:#}"),
        }
    }
    if let Some(only) = &options.only {
        arguments.extend(["--only".into(), only.clone()]);
    }
    Ok(arguments)
}

fn check(options: &Options, peers: &Peers) -> Result<bool> {
    let directory = project::work_directory("interop")?;
    println!("logs are in {}", directory.display());
    let mut tally = Tally::new(options.only.clone());
    let (clip, marked_clip) = (clip_path()?, directory.join("marked.mp4"));
    write_marked_clip(peers, &marked_clip)?;
    let bench =
        bench::Bench { peers, clip: &clip, marked_clip: &marked_clip, directory: &directory };

    let cli = tally.necessary("streamsdk is built", || {
        let cli = options.cli.clone().context("it could not be built")?;
        Ok((cli.display().to_string(), cli))
    });
    let server = tally.necessary("the real server starts", || {
        let server = InferenceServer::start(peers, &directory)?;
        Ok((server.url(), server))
    });
    if let Some(server) = &server {
        checks::with_the_real_server(&mut tally, &bench, server, cli.as_deref());
    }
    // Two big programs less while the worker is at work.
    drop(server);
    if let Some(cli) = &cli {
        whip::with_a_whip_server(&mut tally, &bench, cli);
        let worker = tally.necessary("our worker starts", || {
            let worker = Worker::start(cli, &directory)?;
            Ok((worker.url().to_owned(), worker))
        });
        if let Some(worker) = &worker {
            checks::with_our_worker(&mut tally, &bench, worker, cli);
            view::of_a_worker(&mut tally, worker, &marked_clip, cli, &directory);
            let backend = tally.necessary("the example of a backend is built", || {
                let backend = options.backend.clone().context("it could not be built")?;
                Ok((backend.display().to_string(), backend))
            });
            if let Some(backend) = &backend {
                pages::through_our_backend(&mut tally, &bench, worker, backend);
            }
        }
        view::in_short(&mut tally, cli, &directory);
    }

    tally.print_table();
    println!("{}", closing_line(tally.passed(), tally.failed()));
    Ok(tally.failed() == 0)
}

fn clip_path() -> Result<PathBuf> {
    Ok(project::work_directory("interop")?.join("clip.mp4"))
}
