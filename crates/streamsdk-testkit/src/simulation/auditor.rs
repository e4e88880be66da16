//! Judges a session by what each side noted, and shares nothing with what it judges.

use streamsdk::{Ended, Stage, Summary};

use super::client::Seen;
use super::scenario::{Kind, Scenario};
use super::server::ServerSession;
use super::video::number_of;

/// What was noted.
pub(super) struct Notes<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) seen: &'a Seen,
    pub(super) sessions: &'a [ServerSession],
    /// What was left of it when all was over.
    pub(super) open_ports: usize,
    pub(super) tasks: usize,
}

/// Everything that is not as it should be.
pub(super) fn judge(notes: &Notes<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    let rules: [fn(&Notes<'_>) -> Option<String>; 8] = [
        results_come_in_order_and_once,
        results_are_of_the_frames_that_they_name,
        the_summary_adds_up,
        the_summary_counts_what_was_seen,
        what_is_complete_is_complete,
        an_error_is_told_once,
        a_harmless_path_does_no_harm,
        nothing_lasts_longer_than_it_may,
    ];
    faults.extend(rules.iter().filter_map(|rule| rule(notes)));
    faults.extend(nothing_is_left(notes));
    faults
}

fn results_come_in_order_and_once(notes: &Notes<'_>) -> Option<String> {
    let results = &notes.seen.results;
    let wrong = results
        .windows(2)
        .find(|pair| pair[0].number >= pair[1].number || pair[0].link > pair[1].link)?;
    Some(format!("{:?} came before {:?}", wrong[0], wrong[1]))
}

fn results_are_of_the_frames_that_they_name(notes: &Notes<'_>) -> Option<String> {
    let Notes { scenario, seen, .. } = notes;
    if scenario.kind != Kind::File {
        return None;
    }
    // A file begins again from its start, and its frames keep their numbers.
    let wrong = seen
        .results
        .iter()
        .find(|result| result.frame != Some(u64::from(number_of(result.number.wrapping_sub(1)))))?;
    Some(format!("{wrong:?} shows another frame"))
}

fn the_summary_adds_up(notes: &Notes<'_>) -> Option<String> {
    let summary = notes.seen.summary.as_ref()?;
    let Summary { frames_sent, frames_returned, dropped, .. } = summary;
    let found = frames_returned + dropped.total();
    (*frames_sent != found).then(|| format!("{found} frames of {frames_sent}: {summary:?}"))
}

fn the_summary_counts_what_was_seen(notes: &Notes<'_>) -> Option<String> {
    let summary = notes.seen.summary.as_ref()?;
    let seen = notes.seen.results.len() as u64;
    (summary.frames_returned != seen)
        .then(|| format!("{seen} results were seen, and {} counted", summary.frames_returned))
}

fn what_is_complete_is_complete(notes: &Notes<'_>) -> Option<String> {
    let Notes { scenario, seen, sessions, .. } = notes;
    let summary = seen.summary.as_ref()?;
    if summary.ended != Some(Ended::Complete) {
        return None;
    }
    // There may be later ones that the client has given up, since an earlier connection was heard again.
    let Some(last) = sessions.iter().rfind(|session| session.said_complete) else {
        return Some("complete, though the server did not say so".to_owned());
    };
    if last.results == 0 {
        return Some("complete, though the server sent nothing".to_owned());
    }
    let lost = summary.dropped.not_returned + summary.dropped.unreadable;
    if scenario.is_lossless() && lost > 0 {
        return Some(format!("complete, though {lost} frames are missing"));
    }
    let there_were = match scenario.kind {
        Kind::File => u64::from(scenario.video.frames),
        Kind::LosslessCamera if summary.links == 1 => u64::from(last.results),
        _ => summary.frames_sent,
    };
    let counted = summary.frames_sent;
    (counted != there_were)
        .then(|| format!("complete with {counted} frames, though there were {there_were}"))
}

fn an_error_is_told_once(notes: &Notes<'_>) -> Option<String> {
    let Seen { error, summary, .. } = notes.seen;
    let has_failed = match summary {
        Some(summary) => summary.ended == Some(Ended::Failed),
        None => true,
    };
    match (has_failed, error) {
        (true, None) if notes.seen.closed_at.is_none() && !notes.seen.has_left => {
            Some("it failed without a word".to_owned())
        }
        (false, Some(error)) => Some(format!("an error, and no failure: {error}")),
        _ => None,
    }
}

fn a_harmless_path_does_no_harm(notes: &Notes<'_>) -> Option<String> {
    let Notes { scenario, seen, .. } = notes;
    let ended = seen.summary.as_ref().and_then(|summary| summary.ended.clone());
    (scenario.is_harmless() && !was_unlucky(seen) && ended != Some(Ended::Complete))
        .then(|| format!("it ended as {ended:?} with {:?}", seen.error))
}

/// A request that is lost five times in a row has taken longer than it may, however rare that is.
fn was_unlucky(seen: &Seen) -> bool {
    seen.error
        .as_ref()
        .is_some_and(|error| error.stage() == Stage::Requesting && error.is_timeout())
}

fn nothing_lasts_longer_than_it_may(notes: &Notes<'_>) -> Option<String> {
    let (took, limit) = (notes.seen.took, notes.scenario.must_end_within());
    (took > limit).then(|| format!("it took {took:?}, and {limit:?} is much"))
}

fn nothing_is_left(notes: &Notes<'_>) -> Option<String> {
    let Notes { sessions, open_ports, tasks, .. } = notes;
    let sessions = sessions.iter().filter(|session| !session.is_over).count();
    (*open_ports + *tasks > 0).then(|| {
        format!(
            "{open_ports} ports, {tasks} tasks and {sessions} of the server's sessions are left"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::client::SeenResult;

    /// A file of three frames that came back as it should.
    fn good() -> (Scenario, Seen, Vec<ServerSession>) {
        let seeds = (0..).map(Scenario::of);
        let mut files =
            seeds.filter(|scenario| scenario.kind == Kind::File && scenario.is_harmless());
        let mut scenario = files.next().unwrap();
        scenario.video.frames = 3;
        let mut seen = Seen::default();
        seen.results.extend((1..=3).map(|number| SeenResult {
            number,
            link: 1,
            frame: Some(u64::from(number_of(number - 1))),
        }));
        let mut summary = Summary::default();
        (summary.frames_sent, summary.frames_returned, summary.links) = (3, 3, 1);
        summary.ended = Some(Ended::Complete);
        seen.summary = Some(summary);
        let session =
            ServerSession { uploaded: Some(9), results: 3, said_complete: true, is_over: true };
        (scenario, seen, vec![session])
    }

    fn faults_with(spoil: impl FnOnce(&mut Seen, &mut ServerSession)) -> usize {
        let (scenario, mut seen, mut sessions) = good();
        spoil(&mut seen, &mut sessions[0]);
        let (seen, sessions) = (&seen, &sessions[..]);
        judge(&Notes { scenario: &scenario, seen, sessions, open_ports: 0, tasks: 0 }).len()
    }

    fn with_summary(spoil: impl FnOnce(&mut Summary)) -> usize {
        faults_with(|seen, _| spoil(seen.summary.as_mut().unwrap()))
    }

    #[test]
    fn what_is_as_it_should_be_is_not_objected_to() {
        assert_eq!(faults_with(|_, _| ()), 0);
    }

    #[test]
    fn each_rule_objects_to_what_is_against_it() {
        assert!(faults_with(|seen, _| seen.results.swap(0, 1)) > 0);
        assert!(faults_with(|seen, _| seen.results[2] = seen.results[1]) > 0);
        assert!(faults_with(|seen, _| seen.results[1].frame = Some(7)) > 0);
        assert!(faults_with(|seen, _| seen.results.truncate(2)) > 0);
        assert!(faults_with(|_, session| session.said_complete = false) > 0);
        assert!(faults_with(|_, session| session.results = 0) > 0);
        assert!(faults_with(|seen, _| seen.took = std::time::Duration::from_secs(100_000)) > 0);
        assert!(with_summary(|summary| summary.frames_sent = 4) > 0);
        assert!(with_summary(|summary| summary.ended = Some(Ended::Incomplete)) > 0);
        assert!(with_summary(|summary| summary.ended = Some(Ended::Failed)) > 0);
        let not_returned = |summary: &mut Summary| {
            (summary.frames_sent, summary.dropped.not_returned) = (4, 1);
        };
        assert!(with_summary(not_returned) > 0);
    }

    #[test]
    fn what_is_left_when_all_is_over_is_objected_to() {
        let (scenario, seen, sessions) = good();
        let (scenario, seen, sessions) = (&scenario, &seen, &sessions[..]);
        for (open_ports, tasks) in [(1, 0), (0, 1)] {
            assert_eq!(judge(&Notes { scenario, seen, sessions, open_ports, tasks }).len(), 1);
        }
    }
}
