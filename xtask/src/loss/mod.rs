//! `cargo xtask loss`: sessions over paths that lose packets, ours and aiortc's.
//!
//! Client and server are each in a network namespace, with a link between them that loses packets by a seed, the same for
//! each of the four pairs. Uploads and lossless results are measured, over every loss and every round trip, and many
//! sessions of one frame. `docs/loss.md` is what a whole run has found.

mod bed;
mod grid;
mod lanes;
mod table;

use std::path::PathBuf;

use anyhow::Result;

use self::grid::{Cell, Grid, Runs};
use self::lanes::Lanes;
use crate::peers::Peers;
use crate::{namespaces, project, setup};

#[derive(clap::Args)]
pub struct Options {
    /// How often each is measured, each time with another seed
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    runs: u64,
    /// How often the pairs of ours with aiortc are, if not as often
    #[arg(long, value_name = "COUNT")]
    mixed_runs: Option<u64>,
    /// How many sessions are measured at once at most, where a round trip is so long that they mostly wait
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    at_once: usize,
    /// Percentages of packets that are lost
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_values_t = [0.0, 0.1, 1.0, 2.0, 5.0])]
    loss: Vec<f64>,
    /// Round trips, in milliseconds
    #[arg(long, value_name = "MILLISECONDS", value_delimiter = ',', default_values_t = [1, 20, 90, 250])]
    round_trip: Vec<u64>,
    /// Measure only `upload` or only `results`
    #[arg(long, value_name = "WHAT")]
    only: Option<String>,
    /// Leave out the pairs with aiortc in them
    #[arg(long)]
    ours: bool,
    /// How many sessions of one frame to try
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    sessions: u64,
    /// Write what was found to docs/loss.md
    #[arg(long)]
    write: bool,
    /// Use this streamsdk instead of building it
    #[arg(long, value_name = "PROGRAM")]
    cli: Option<PathBuf>,
}

/// Whether all is as good as it shall be.
pub fn run(options: &Options) -> Result<bool> {
    if let Err(reason) = namespaces::possible() {
        println!("skipped: {reason:#}");
        return Ok(true);
    }
    setup::ensure(setup::Scope::Everything)?;
    let peers = Peers::install()?;
    let cli = options.cli.clone().map_or_else(project::build_optimised_cli, Ok)?;
    let mut lanes = Lanes::new(options.at_once.max(1), &cli, &peers)?;
    let runs = Runs { alike: options.runs, mixed: options.mixed_runs.unwrap_or(options.runs) };
    let mut grid = Grid::default();
    for cell in Cell::all(&options.round_trip, &options.loss) {
        if options.only.as_deref().is_none_or(|only| only == cell.what.name()) {
            grid.measure(&mut lanes, cell, runs, options.ours)?;
        }
    }
    grid.try_sessions(&mut lanes, options.sessions)?;
    let report = table::report(&grid, runs);
    println!("{report}");
    if options.write {
        std::fs::write(project::root().join("docs/loss.md"), report)?;
    }
    Ok(grid.is_good_enough())
}
