//! Whether a figure stays as it was: pure judgement over series.

use anyhow::{Context, Result, ensure};

/// What a figure may come to in the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    /// Of what it was early.
    pub(super) times: f64,
    /// And so much more.
    pub(super) more: f64,
}

impl Allowed {
    pub(super) fn check(self, name: &str, unit: &str, early: f64, late: f64) -> Result<String> {
        let most = early * self.times + self.more;
        ensure!(
            late <= most,
            "{name}: {early:.1}{unit} early, {late:.1}{unit} at the end, where {most:.1}{unit} are allowed"
        );
        Ok(format!("{early:.1}{unit} early, {late:.1}{unit} at the end"))
    }
}

/// The medians of the first and of the last tenth of a series. Of few samples it takes three at least, since one
/// alone says little.
pub(super) fn early_and_late(series: &[f64]) -> Result<(f64, f64)> {
    let count = (series.len() / 10).max(3);
    ensure!(series.len() >= 2 * count, "{} samples are too few to judge", series.len());
    Ok((median(&series[..count])?, median(&series[series.len() - count..])?))
}

pub(super) fn median(figures: &[f64]) -> Result<f64> {
    percentile(figures, 0.5)
}

/// The mean of the two in the middle where there is none in the middle, and so for others.
pub(super) fn percentile(figures: &[f64], part: f64) -> Result<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = part * sorted.len().saturating_sub(1) as f64;
    let at = |place: f64| sorted.get(place as usize).context("there are no figures");
    let (below, above) = (at(place.floor())?, at(place.ceil())?);
    Ok(below + (above - below) * place.fract())
}

/// Whether the last two are as the first two were.
pub(super) fn first_and_last_two(figures: &[f64]) -> Result<(f64, f64)> {
    ensure!(figures.len() >= 3, "{} lives are too few to judge", figures.len());
    Ok((median(&figures[..2])?, median(&figures[figures.len() - 2..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Allowed = Allowed { times: 1.1, more: 4.0 };

    fn judge(series: &[f64]) -> Result<String> {
        let (early, late) = early_and_late(series)?;
        MEMORY.check("memory", " MB", early, late)
    }

    fn series(of: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..330).map(|index| of(f64::from(index))).collect()
    }

    #[test]
    fn what_goes_up_and_down_stays() {
        assert!(judge(&series(|at| 60.0 + 10.0 * (at / 7.0).sin())).is_ok());
        let with_a_peak = series(|at| if at == 328.0 { 400.0 } else { 60.0 });
        assert!(judge(&with_a_peak).is_ok());
    }

    #[test]
    fn what_rises_slowly_fails() {
        let leaking = judge(&series(|at| 60.0 + at * 0.04)).unwrap_err().to_string();
        assert!(
            leaking.contains("70.0 MB are allowed") || leaking.contains("70.7 MB are allowed"),
            "{leaking}"
        );
    }

    #[test]
    fn what_rises_with_each_kill_fails() {
        let steps = series(|at| 60.0 + (at / 30.0).floor() * 1.5);
        assert!(judge(&steps).is_err());
    }

    #[test]
    fn few_samples_are_not_judged() {
        assert!(early_and_late(&[1.0; 5]).is_err());
        assert_eq!(early_and_late(&[1.0, 1.0, 1.0, 2.0, 2.0, 2.0]).unwrap(), (1.0, 2.0));
    }

    #[test]
    fn lives_are_held_against_the_first() {
        assert_eq!(first_and_last_two(&[1.0, 3.0, 9.0, 5.0, 7.0]).unwrap(), (2.0, 6.0));
        assert!(first_and_last_two(&[1.0, 1.0]).is_err());
        assert!(Allowed { times: 1.15, more: 0.0 }.check("memory", " MB", 40.0, 47.0).is_err());
    }

    #[test]
    fn percentiles_are_between_their_neighbours() {
        assert_eq!(percentile(&[3.0, 1.0, 2.0], 1.0).unwrap(), 3.0);
        assert_eq!(percentile(&[4.0, 1.0], 0.5).unwrap(), 2.5);
        assert!(median(&[]).is_err());
    }
}
