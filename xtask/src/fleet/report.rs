//! What is printed and kept of an audit.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;

use super::audit::{Audit, Check, Figures, Gaps};
use super::diary::{Note, What};
use super::faults::Kind;
use super::log::Entry;

/// The rest is in the file.
const VIOLATIONS_SHOWN: usize = 10;

pub(super) fn print(audit: &Audit, diary: &[Note]) {
    println!("\n{:-<100}", "");
    print_figures(&audit.figures);
    print_faults(diary);
    print_times(&audit.figures);
    print_gaps(&audit.figures.gaps);
    println!("{:-<100}", "");
    for check in &audit.checks {
        print_check(check);
    }
    println!("{:-<100}", "");
}

fn print_figures(figures: &Figures) {
    let Figures { generations, files, interrupted, live, .. } = figures;
    let Figures { records, epochs, file_frames, live_results, .. } = figures;
    println!(
        "streams    {files} files in {generations} generations, {interrupted} of them interrupted; {live} live"
    );
    println!("log        {records} messages, {epochs} epochs");
    println!("frames     {file_frames} of files, {live_results} live");
}

fn print_faults(diary: &[Note]) {
    let count = |wanted: Kind| {
        let is_one = |note: &&Note| matches!(note.what, What::Fault { kind, .. } if kind == wanted);
        diary.iter().filter(is_one).count()
    };
    let counts = Kind::ALL.map(|kind| (kind, count(kind)));
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let each = counts.map(|(kind, count)| format!("{} {count}", kind.name()));
    println!("faults     {total}: {}", each.join(", "));
}

fn print_times(figures: &Figures) {
    let heads = ["times", "p50", "p99", "max"];
    println!("\n{:<60}{:>7}{:>10}{:>10}{:>10}", "", heads[0], heads[1], heads[2], heads[3]);
    for ((fault, beside), times) in &figures.moves {
        let name = format!("to go on, {fault}");
        let name = if beside.is_empty() { name } else { format!("{name}, {beside}") };
        println!("{name:<60}{times}");
    }
    println!("{:<60}{}", "to end when drained", figures.drains);
    let Figures { stayed, moved_early, .. } = figures;
    println!(
        "of streams whose node was away for less: {stayed} stayed, {moved_early} went elsewhere"
    );
}

fn print_gaps(Gaps { expected, got, longest }: &Gaps) {
    let missing = (expected - *got as f64).max(0.0);
    let percent = 100.0 * missing / expected.max(1.0);
    println!("live       {got} results, {missing:.0} missing in time ({percent:.1} %)");
    if let Some((silence, stream)) = longest {
        println!("           longest silence {:.1} s, of {stream}", silence.as_secs_f64());
    }
}

fn print_check(check: &Check) {
    let Check { name, seen, violations } = check;
    let word = match violations.len() {
        0 => "ok".to_owned(),
        count => format!("FAILED  {count} violations"),
    };
    println!("{name:<60} {word:<8} {seen}");
    for violation in violations.iter().take(VIOLATIONS_SHOWN) {
        println!("    {violation}");
    }
    if violations.len() > VIOLATIONS_SHOWN {
        println!("    and {} more", violations.len() - VIOLATIONS_SHOWN);
    }
}

pub(super) fn write_violations(audit: &Audit, path: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for check in &audit.checks {
        for violation in &check.violations {
            writeln!(file, "{}: {violation}", check.name)?;
        }
    }
    Ok(file.flush()?)
}

/// As lines of JSON.
pub(super) fn write_log(log: &[Entry], path: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for entry in log {
        writeln!(file, "{}", entry.to_json())?;
    }
    Ok(file.flush()?)
}
