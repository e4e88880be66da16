//! The program of `examples/client` that streams a webcam: it has a camera only here.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::errand::{Errand, SHARED_DIRECTORY};
use super::system::System;
use crate::project;

/// Programs run ten times slower in there, and the host may be busy with something else.
const LIMIT: Duration = Duration::from_secs(600);
const SAID: &str = "said";
/// After so many it is interrupted.
const FRAMES: usize = 10;

/// Runs it against our worker until some frames have come back, and interrupts it.
pub fn run(system: &System, cli: Option<&Path>) -> Result<String> {
    let cli = cli.map_or_else(project::build_cli, |cli| Ok(cli.into()))?;
    let errand = Errand::new(system, "example")?;
    let (cli, program) =
        (errand.take_along(&cli)?, errand.take_along(&project::build_program("webcam")?)?);
    let script = format!(
        "{cli} worker --listen 127.0.0.1:9100 > /tmp/listening &
         until [ -s /tmp/listening ]; do sleep 0.02; done
         {program} http://127.0.0.1:9100 local motion > {SHARED_DIRECTORY}/{SAID} & example=$!
         until [ $(grep -c '^frame ' {SHARED_DIRECTORY}/{SAID}) -ge {FRAMES} ]; do
             kill -0 $example || exit 1
             sleep 0.1
         done
         kill -INT $example
         wait $example"
    );
    errand.run(&script, LIMIT)?.check()?;
    seen(&std::fs::read_to_string(errand.brought_back(SAID))?)
}

/// It listed the camera, said what that gives, had frames with what was found in them, and ended well.
fn seen(said: &str) -> Result<String> {
    let has = |beginning: &str| said.lines().any(|line| line.starts_with(beginning));
    ensure!(has("there is ") && has("it gives Some("), "it does not name the camera: {said}");
    let is_found = |line: &&str| line.starts_with("frame ") && line.contains("Some(Detections");
    let frames = said.lines().filter(is_found).count();
    ensure!(frames > 0, "nothing was said of any frame: {said}");
    let last = said.lines().last().unwrap_or_default();
    ensure!(last.contains("closed"), "it did not end as it should: {last}");
    Ok(format!("{frames} frames with predictions; {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_frames_and_a_clean_end_are_wanted() {
        let camera = "there is a camera\nit gives Some(ProducerFormat)\n";
        let frame = "frame 1: Some(Detections { predictions: [] })\n";
        let end = "1 of 1 frames returned; closed by the caller\n";
        assert!(seen(&format!("{camera}{frame}{end}")).unwrap().starts_with("1 frames with"));
        let (without, cut) = (format!("{camera}{end}"), format!("{camera}{frame}"));
        for wrong in [without, cut, format!("{frame}{end}")] {
            assert!(seen(&wrong).is_err(), "{wrong}");
        }
    }
}
