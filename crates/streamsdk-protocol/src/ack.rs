//! Pacing by acknowledgement.
//!
//! A client that must not lose a frame says which frames it has put in a safe place; the server
//! runs at most a window ahead of that. Pacing begins with the first ack: a client that never
//! acks is never waited for.

/// The client's side: turns "this frame is safe" into the acks to send.
///
/// Acks are cumulative, and frames come in order on a reliable channel, so each frame that is
/// safe is acked at once. A frame id that is not above the last one is not acked again.
#[derive(Debug, Default)]
pub struct AckSender {
    last: u32,
}

impl AckSender {
    /// A sender that has acked nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that everything up to `frame_id` is safe; returns the ack to send, if one is due.
    pub fn frame_is_safe(&mut self, frame_id: u32) -> Option<u32> {
        (frame_id > self.last).then(|| {
            self.last = frame_id;
            frame_id
        })
    }
}

/// The server's side: which frames may be produced.
#[derive(Debug)]
pub struct AckWindow {
    window: u32,
    acked: Option<u32>,
}

impl AckWindow {
    /// A window of `window` frames past the last one acked (at least 1, which is the real server's).
    pub fn new(window: u32) -> Self {
        Self { window: window.max(1), acked: None }
    }

    /// Takes an ack. One below an earlier ack changes nothing.
    pub fn ack(&mut self, frame_id: u32) {
        self.acked = Some(self.acked.map_or(frame_id, |acked| acked.max(frame_id)));
    }

    /// Whether frame `frame_id` may be produced now.
    pub fn admits(&self, frame_id: u32) -> bool {
        self.acked.is_none_or(|acked| frame_id <= acked.saturating_add(self.window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_admitted_until_the_first_ack() {
        let mut window = AckWindow::new(1);
        assert!(window.admits(1000));
        window.ack(3);
        assert!(window.admits(4));
        assert!(!window.admits(5));
    }

    #[test]
    fn acks_are_cumulative_and_late_ones_change_nothing() {
        let mut window = AckWindow::new(2);
        window.ack(7);
        window.ack(5);
        assert!(window.admits(9) && !window.admits(10));
        window.ack(u32::MAX);
        assert!(window.admits(u32::MAX));
    }

    #[test]
    fn a_frame_is_acked_once() {
        let mut acks = AckSender::new();
        assert_eq!(acks.frame_is_safe(1), Some(1));
        assert_eq!(acks.frame_is_safe(1), None);
        assert_eq!(acks.frame_is_safe(4), Some(4));
        assert_eq!(acks.frame_is_safe(3), None);
    }
}
