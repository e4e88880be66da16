//! What the client has told people: how each session ended, and in the end how many results there were.

use super::counts::Counts;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// By the name of the stream, in the order in which they ended. Sessions that ended with an error have no figures.
    pub(super) sessions: Vec<(String, Counts)>,
    /// Of all streams, in the end.
    pub(super) returned: Option<u64>,
    pub(super) sink: Option<Sink>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sink {
    pub(super) delivered: u64,
    /// What is not zero of the rest.
    pub(super) others: Vec<String>,
}

impl Told {
    pub(super) fn read(log: &str) -> Self {
        let mut told = Self::default();
        for line in log.lines() {
            if let Some(overview) = line.strip_prefix("streams: ") {
                told.returned = returned(overview);
            } else if let Some(sink) = line.strip_prefix("sink results: ") {
                told.sink = Sink::read(sink);
            } else if let Some((name, sentence)) = line.split_once(": ")
                && let Some(counts) = Counts::of_sentence(sentence)
            {
                told.sessions.push((name.to_owned(), counts));
            }
        }
        told
    }

    pub(super) fn last_session_of(&self, stream: &str) -> Option<&Counts> {
        let mut sessions = self.sessions.iter().rev();
        sessions.find_map(|(name, counts)| (name == stream).then_some(counts))
    }
}

/// Of `8 stopped; 12502 frames returned, 24 dropped`.
fn returned(overview: &str) -> Option<u64> {
    let (_, frames) = overview.split_once("; ")?;
    frames.split_once(" frames returned")?.0.parse().ok()
}

impl Sink {
    /// Of `12502 delivered, 0 waiting, 0 refused, 0 dropped, 0 lost`.
    fn read(sink: &str) -> Option<Self> {
        let (delivered, others) = sink.split_once(" delivered, ")?;
        let others = others.split(", ").filter(|other| !other.starts_with("0 "));
        let others = others.map(str::to_owned).collect();
        Some(Self { delivered: delivered.parse().ok()?, others })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_is_said_holds() {
        let log = "a: started\n\
                   streams: 2 running; 5 frames returned, 0 dropped\n\
                   a: 3 of 3 frames returned, 1.0 fps; complete\n\
                   a: receiving results: the peer is gone\n\
                   a: 4 of 5 frames returned, 1.0 fps, 1 not taken; closed by the caller\n\
                   streams: 2 stopped; 7 frames returned, 1 dropped\n\
                   sink results: 7 delivered, 0 waiting, 0 refused, 2 dropped, 0 lost\n";
        let told = Told::read(log);
        let sessions: Vec<_> = told.sessions.iter().map(|(_, counts)| counts.returned).collect();
        assert_eq!((sessions.as_slice(), told.returned), (&[3, 4][..], Some(7)));
        assert_eq!(told.last_session_of("a").map(|counts| counts.sent), Some(5));
        let others = vec!["2 dropped".to_owned()];
        assert_eq!(told.sink, Some(Sink { delivered: 7, others }));
    }
}
