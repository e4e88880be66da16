//! `cargo xtask demo`: from nothing to an annotated video.

use anyhow::{Context, Result};

use crate::process::Job;
use crate::{clip, project, setup};

pub fn run() -> Result<()> {
    setup::ensure(setup::Scope::Demo)?;
    println!("building streamsdk");
    let program = project::build_cli()?;

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
    Ok(())
}
