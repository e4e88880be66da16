//! What fuzzing and recordings have left, run through the targets once more. Nothing of it may make one panic.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::path::{Path, PathBuf};

use streamsdk_fuzz_targets::{TARGETS, run};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All files below a folder; none if it is not there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn every_target_has_seeds_and_takes_them() {
    for (name, target) in TARGETS {
        let seeds = files(&root().join("fuzz/seeds").join(name));
        assert!(!seeds.is_empty(), "{name} has none");
        seeds.iter().for_each(|seed| target(&fs::read(seed).unwrap()));
    }
}

#[test]
fn every_target_takes_what_was_recorded_whole_cut_off_and_changed() {
    let recorded = ["tests/data/wire", "tests/data/predictions"];
    for file in recorded.iter().flat_map(|folder| files(&root().join(folder))) {
        let mut input = fs::read(&file).unwrap();
        // Larger ones are of the same kinds, and slow where they are changed.
        input.truncate(MAX_RECORDED);
        for (name, _) in TARGETS {
            run(name, &input);
            run(name, &input[..input.len() / 2]);
        }
        let middle = input.len() / 2;
        input.iter_mut().skip(middle).take(4).for_each(|byte| *byte ^= 0xff);
        TARGETS.iter().for_each(|(name, _)| run(name, &input));
    }
}

const MAX_RECORDED: usize = 16_000;
