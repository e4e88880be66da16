//! Times that wrap, made to go on.

/// Turns the timestamps of a stream, which wrap (every thirteen hours for video), into times that go on.
///
/// A timestamp is taken to be less than half of its range away from the one before, forwards or backwards.
///
/// ```
/// use streamsdk_codec::rtp::TimestampUnwrapper;
///
/// let mut unwrapper = TimestampUnwrapper::default();
/// let [before, after] = [u32::MAX - 999, 2000].map(|timestamp| unwrapper.unwrap(timestamp));
/// assert_eq!(after - before, 3000);
/// ```
#[derive(Debug, Clone, Default)]
pub struct TimestampUnwrapper {
    last: Option<(u32, i64)>,
}

impl TimestampUnwrapper {
    /// The time of that timestamp, in the same ticks. That of the first one is the timestamp itself.
    pub fn unwrap(&mut self, timestamp: u32) -> i64 {
        let time = match self.last {
            // As a signed number the difference is right whichever way the clock went.
            Some((last, time)) => time + i64::from(timestamp.wrapping_sub(last).cast_signed()),
            None => i64::from(timestamp),
        };
        self.last = Some((timestamp, time));
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_where_timestamps_wrap_and_back_where_they_do() {
        let mut unwrapper = TimestampUnwrapper::default();
        let times = [u32::MAX - 1, 3, 2, u32::MAX].map(|timestamp| unwrapper.unwrap(timestamp));
        let first = i64::from(u32::MAX) - 1;
        assert_eq!(times, [first, first + 5, first + 4, first + 1]);
    }
}
