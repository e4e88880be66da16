//! Whether each stream goes on after each kill, and with as many results as before.

use anyhow::{Result, ensure};

use super::course::Course;
use super::growth::percentile;
use super::results::LifeResults;
use super::streams::{FILES, LIVE};

/// A live stream has so many of the results that it had early, at least: a kill costs each life the same.
const RESULTS_AT_LEAST: f64 = 0.9;

/// How long it took from a kill to the next result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gap {
    pub(super) stream: &'static str,
    /// The life that began after the kill, from 0.
    pub(super) life: usize,
    /// `None` where nothing came until the next kill.
    pub(super) seconds: Option<f64>,
}

pub(super) fn gaps(course: &Course) -> Vec<Gap> {
    let kills = course.lives.windows(2).map(|lives| lives[0].ended).enumerate();
    kills
        .flat_map(|(before, killed)| {
            let life = before + 1;
            LIVE.iter().chain(&FILES).map(move |&stream| {
                let first = life_of(course, stream, life).and_then(|results| results.first);
                let seconds = first.map(|first| first.saturating_sub(killed).as_secs_f64());
                Gap { stream, life, seconds }
            })
        })
        .collect()
}

fn life_of<'a>(course: &'a Course, stream: &str, life: usize) -> Option<&'a LifeResults> {
    course.results.streams.get(stream)?.life(life)
}

/// Each has gone on after each kill, and how soon.
pub(super) fn judge_gaps(gaps: &[Gap]) -> Result<String> {
    let silent = gaps.iter().filter(|gap| gap.seconds.is_none());
    let silent: Vec<String> =
        silent.map(|gap| format!("{} in life {}", gap.stream, gap.life + 1)).collect();
    ensure!(silent.is_empty(), "nothing came back of {}", silent.join(", "));
    let seconds: Vec<f64> = gaps.iter().filter_map(|gap| gap.seconds).collect();
    Ok(format!(
        "{} times; from the kill to the next result p50 {:.1} s, max {:.1} s",
        seconds.len(),
        percentile(&seconds, 0.5)?,
        percentile(&seconds, 1.0)?
    ))
}

/// Results per second in the second life, which begins with a kill as the last does, and in the last.
pub(super) fn rates(course: &Course, stream: &str) -> (f64, f64) {
    let rate = |life: usize| {
        let results = life_of(course, stream, life).map_or(0, |results| results.results);
        results as f64 / course.lives.get(life).map_or(f64::INFINITY, |life| life.seconds())
    };
    (rate(1), rate(course.lives.len().saturating_sub(1)))
}

pub(super) fn judge_rates<'a>(
    rates: impl Iterator<Item = (&'a str, (f64, f64))>,
) -> Result<String> {
    let mut told = Vec::new();
    for (stream, (early, late)) in rates {
        ensure!(
            late >= early * RESULTS_AT_LEAST && late > 0.0,
            "{stream} has {late:.1} results a second in the last life, and had {early:.1} in the second"
        );
        told.push(late / early);
    }
    let least = percentile(&told, 0.0)?;
    Ok(format!("at least {:.0} % of what they were in the second life", least * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_is_silent_until_the_next_kill_fails() {
        let gap = |life, seconds| Gap { stream: "rtsp_here", life, seconds };
        let good = [gap(1, Some(2.0)), gap(2, Some(3.0)), gap(3, Some(4.0))];
        let told = judge_gaps(&good).unwrap();
        assert_eq!(told, "3 times; from the kill to the next result p50 3.0 s, max 4.0 s");
        let bad = [gap(1, Some(2.0)), gap(2, None)];
        let why = judge_gaps(&bad).unwrap_err().to_string();
        assert_eq!(why, "nothing came back of rtsp_here in life 3");
    }

    #[test]
    fn a_stream_that_becomes_slower_fails() {
        let of = |late| judge_rates([("a", (10.0, 10.0)), ("b", (10.0, late))].into_iter());
        assert_eq!(of(9.5).unwrap(), "at least 95 % of what they were in the second life");
        assert!(of(8.9).is_err());
        assert!(judge_rates([("a", (0.0, 0.0))].into_iter()).is_err());
    }
}
