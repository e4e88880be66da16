//! `cargo xtask demo`: from nothing to an annotated video, and to a page where it is seen live.

use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;

use crate::process::Job;
use crate::{clip, project, setup};

#[derive(Args)]
pub struct Options {
    /// Show it live on a page instead, until it is interrupted
    #[arg(long)]
    view: bool,
}

pub fn run(options: &Options) -> Result<()> {
    setup::ensure(setup::Scope::Demo)?;
    println!("building streamsdk");
    let program = project::build_optimised_cli()?;

    if options.view { show_live(&program) } else { save(&program) }
}

/// Drawn shapes that move, and boxes around them, until somebody has seen enough.
fn show_live(program: &Path) -> Result<()> {
    println!("open the page in a browser; Ctrl-C ends it");
    let job = Job::new(program).args(["run", "pattern:1280x720@30", "--view"]);
    let job = job.args(["--workflow-id", "motion", "--workspace", "local"]);
    // The page draws them, on exactly the picture that they belong to.
    let job = job.args(["--param", "draw=false"]);
    let job = job.args(["--stream-output", "image", "--data-output", "predictions"]);
    job.run_successfully().map(drop)
}

fn save(program: &Path) -> Result<()> {
    let outputs = project::root().join("demo-output");
    std::fs::create_dir_all(&outputs)
        .with_context(|| format!("cannot make {}", outputs.display()))?;
    let clip = outputs.join("clip.mp4");
    clip::SHAPES.write(&clip)?;

    println!("streaming {} through the embedded worker", clip.display());
    let (annotated, frames) = (outputs.join("annotated.mp4"), outputs.join("frames.jsonl"));
    let summary = outputs.join("summary.json");
    Job::new(program)
        .current_dir(project::root())
        .arg("run")
        .arg(&clip)
        .args(["--workflow-id", "motion", "--workspace", "local"])
        .args(["--stream-output", "image", "--data-output", "predictions"])
        .arg("--save")
        .arg(&annotated)
        .arg("--jsonl")
        .arg(&frames)
        .arg("--summary-json")
        .arg(&summary)
        .run_successfully()?;

    println!("\nthe video that went in:    {}", clip.display());
    println!("the video that came back:  {}", annotated.display());
    println!("what was found, by frame:  {}", frames.display());
    println!("how the session went:      {}", summary.display());
    println!("to see it live:            cargo xtask demo --view");
    Ok(())
}
