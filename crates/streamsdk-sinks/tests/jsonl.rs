//! Lines in files that follow one another.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::Path;

use streamsdk_sinks::jsonl::JsonlFile;
use streamsdk_sinks::{Place, Record, ResultSink};

fn records(sequences: impl IntoIterator<Item = u64>) -> Vec<Record> {
    let record = |sequence| {
        let payload = format!("{{\"sequence\":{sequence:03}}}");
        Record::new("gate".parse().unwrap(), Place { epoch: 1, sequence }, payload)
    };
    sequences.into_iter().map(record).collect()
}

/// One line is so long, with its end.
const LINE: u64 = 17;

fn sequences(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'), "{text:?}");
    let number = |line: &str| line[12..15].parse().unwrap();
    text.lines().map(number).collect()
}

#[tokio::test]
async fn a_file_that_is_there_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/results.jsonl");
    for run in 0..2 {
        let mut file = JsonlFile::new(&path);
        file.deliver(&records([run * 2, run * 2 + 1])).await.unwrap();
        file.close().await;
    }
    assert_eq!(sequences(&path), [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_full_file_gets_a_number_and_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    let mut file = JsonlFile::new(&path).max_bytes(3 * LINE).max_files(3);
    // Over the ends of files, and in small batches too.
    file.deliver(&records(0..8)).await.unwrap();
    for sequence in 8..14 {
        file.deliver(&records([sequence])).await.unwrap();
    }
    let numbered = |number: u32| folder.path().join(format!("results.jsonl.{number}"));
    assert_eq!(sequences(&path), [12, 13]);
    assert_eq!(sequences(&numbered(1)), [9, 10, 11]);
    assert_eq!(sequences(&numbered(2)), [6, 7, 8]);
    assert!(!numbered(3).exists());
}

#[tokio::test]
async fn a_line_that_was_cut_off_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    fs::write(&path, "{\"sequence\":001}\n{\"sequ").unwrap();
    JsonlFile::new(&path).deliver(&records([2])).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, "{\"sequence\":001}\n{\"sequ\n{\"sequence\":002}\n");
}

#[tokio::test]
async fn what_cannot_be_written_is_tried_again_and_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    fs::create_dir(&path).unwrap();
    let mut file = JsonlFile::new(&path);
    let error = file.deliver(&records([1])).await.unwrap_err();
    assert_eq!(error.delivered(), 0);
    assert!(error.to_string().contains("results.jsonl"), "{error}");
    fs::remove_dir(&path).unwrap();
    file.deliver(&records([1])).await.unwrap();
    assert_eq!(sequences(&path), [1]);
}

#[tokio::test]
async fn a_line_longer_than_a_file_has_one_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    let mut file = JsonlFile::new(&path).max_bytes(LINE / 2);
    file.deliver(&records(1..=2)).await.unwrap();
    assert_eq!(sequences(&path), [2]);
    assert_eq!(sequences(&folder.path().join("results.jsonl.1")), [1]);
}
