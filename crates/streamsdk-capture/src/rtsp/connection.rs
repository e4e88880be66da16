//! The connection to a camera, on which video comes between answers (RFC 2326, 10.12).

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::message::{Head, end_of_head};
use crate::read_watchdog::{ReadWatchdog, is_wait};

/// A connection, read on the caller's thread.
pub(crate) struct Connection<S> {
    stream: S,
    watchdog: ReadWatchdog,
    buffer: Buffer,
    /// How much of the buffer was given out last.
    given: usize,
    /// In how much of what comes next the end of its head was looked for in vain.
    searched: usize,
    bytes_read: u64,
    /// For how long it was waited since somebody asked.
    waited: Duration,
}

/// What came next.
pub(super) enum Incoming<'a> {
    /// For a moment nothing did.
    Nothing,
    Data {
        channel: u8,
        data: &'a [u8],
    },
    Message {
        head: Head,
        body: &'a [u8],
    },
}

/// Why nothing more comes.
#[derive(Debug, Error)]
pub(crate) enum Broken {
    /// The watchdog says so.
    #[error("it is not waited for any longer")]
    GivenUp,
    #[error("it closed the connection")]
    Closed,
    #[error(transparent)]
    Failed(io::Error),
    #[error("what it sends is not RTSP")]
    Nonsense,
}

impl<S: Read + Write> Connection<S> {
    /// A read from `stream` must not take longer than [`STOP_POLL_INTERVAL`](crate::read_watchdog::STOP_POLL_INTERVAL).
    pub(crate) fn new(stream: S, watchdog: &ReadWatchdog) -> Self {
        Self {
            stream,
            watchdog: watchdog.clone(),
            buffer: Buffer::default(),
            given: 0,
            searched: 0,
            bytes_read: 0,
            waited: Duration::ZERO,
        }
    }

    pub(super) fn send(&mut self, text: &str) -> Result<(), Broken> {
        self.stream.write_all(text.as_bytes()).map_err(Broken::Failed)
    }

    /// Waits for what comes next, but only for a moment.
    pub(super) fn next(&mut self) -> Result<Incoming<'_>, Broken> {
        self.buffer.consume(std::mem::take(&mut self.given));
        self.skip_empty_lines();
        let begin = self.buffer.filled().first_chunk::<4>().copied();
        let Some([first, channel, n1, n2]) = begin else { return self.nothing() };
        if first == DATA_FOLLOWS {
            return self.data(channel, u16::from_be_bytes([n1, n2]).into());
        }
        match end_of_head(self.buffer.filled(), self.searched) {
            Some(end) => self.message(end),
            None if self.buffer.filled().len() >= MAX_HEAD => Err(Broken::Nonsense),
            None => {
                self.searched = self.buffer.filled().len();
                self.nothing()
            }
        }
    }

    /// For how long it was waited since this was last asked.
    pub(super) fn take_waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }

    /// Some servers send more line ends than are due.
    fn skip_empty_lines(&mut self) {
        let line_ends = |byte: &&u8| b"\r\n".contains(byte);
        self.buffer.consume(self.buffer.filled().iter().take_while(line_ends).count());
    }

    fn data(&mut self, channel: u8, length: usize) -> Result<Incoming<'_>, Broken> {
        let end = DATA_HEADER + length;
        if !self.fill(end)? {
            return Ok(Incoming::Nothing);
        }
        self.given = end;
        Ok(Incoming::Data { channel, data: &self.buffer.filled()[DATA_HEADER..end] })
    }

    fn message(&mut self, head_end: usize) -> Result<Incoming<'_>, Broken> {
        let head = Head::parse(&self.buffer.filled()[..head_end]).ok_or(Broken::Nonsense)?;
        let length = head.body_length().filter(|length| *length <= MAX_BODY);
        let end = head_end + length.ok_or(Broken::Nonsense)?;
        if !self.fill(end)? {
            return Ok(Incoming::Nothing);
        }
        (self.given, self.searched) = (end, 0);
        Ok(Incoming::Message { head, body: &self.buffer.filled()[head_end..end] })
    }

    /// Reads more, for another time.
    fn nothing(&mut self) -> Result<Incoming<'_>, Broken> {
        self.fill(self.buffer.filled().len() + 1)?;
        Ok(Incoming::Nothing)
    }

    /// Whether there are so many bytes, having waited for a moment.
    fn fill(&mut self, wanted: usize) -> Result<bool, Broken> {
        while self.buffer.filled().len() < wanted {
            let began = Instant::now();
            let read = self.stream.read(self.buffer.room(wanted));
            self.waited = self.waited.saturating_add(began.elapsed());
            match read {
                Ok(0) => return Err(Broken::Closed),
                Ok(count) => {
                    self.buffer.end += count;
                    self.bytes_read += count as u64;
                }
                Err(error) if !is_wait(&error) => return Err(Broken::Failed(error)),
                Err(_) if !self.watchdog.is_over() => return Ok(false),
                Err(_) => {}
            }
            if self.watchdog.is_over_at(self.bytes_read) {
                return Err(Broken::GivenUp);
            }
        }
        Ok(true)
    }
}

/// Bytes that have been read and not been consumed.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
    }

    /// Where more can be read to, so that so many bytes in all find room.
    fn room(&mut self, wanted: usize) -> &mut [u8] {
        // What is left is a part of one packet.
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.bytes.len() < wanted {
            self.bytes.resize(wanted.max(BUFFER_SIZE), 0);
        }
        &mut self.bytes[self.end..]
    }
}

/// What is in front of data: this, the channel, and the length.
const DATA_FOLLOWS: u8 = b'$';
const DATA_HEADER: usize = 4;
/// Room for some frames of a small stream, or a part of one of a large stream.
const BUFFER_SIZE: usize = 16 << 10;
const MAX_HEAD: usize = 16 << 10;
const MAX_BODY: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;
    use crate::StopHandle;
    use crate::read_watchdog::STOP_POLL_INTERVAL;

    /// Both ends.
    fn pair() -> (Connection<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_read_timeout(Some(STOP_POLL_INTERVAL)).unwrap();
        let watchdog = ReadWatchdog::new(StopHandle::default());
        watchdog.allow(Duration::from_secs(30));
        (Connection::new(stream, &watchdog), listener.accept().unwrap().0)
    }

    #[test]
    fn data_and_messages_come_as_they_were_sent_however_they_are_cut() {
        let large = vec![7; 40_000];
        let sent = [
            &b"\r\nRTSP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n$abc"[..],
            &[b'$', 3, 0, 2, 8, 9],
            b"OPTIONS * RTSP/1.0\n\n",
            &[b'$', 0, 0x9c, 0x40],
            &large,
            &[b'$', 1, 0, 0],
        ]
        .concat();
        for part in [1, 5, sent.len()] {
            let (mut connection, mut camera) = pair();
            let parts: Vec<_> = sent.chunks(part).map(<[u8]>::to_vec).collect();
            let sending = thread::spawn(move || {
                parts.iter().for_each(|part| camera.write_all(part).unwrap());
            });
            let mut seen = Vec::new();
            let end = loop {
                match connection.next() {
                    Ok(Incoming::Nothing) => {}
                    Ok(Incoming::Data { channel, data }) => seen.push((channel, data.to_vec())),
                    Ok(Incoming::Message { head, body }) => {
                        seen.push((if head.status().is_some() { 200 } else { 100 }, body.to_vec()));
                    }
                    Err(broken) => break broken,
                }
            };
            sending.join().unwrap();
            let expected = [
                (200, b"$abc".to_vec()),
                (3, vec![8, 9]),
                (100, vec![]),
                (0, large.clone()),
                (1, vec![]),
            ];
            assert!(seen == expected, "{part}");
            assert!(matches!(end, Broken::Closed));
        }
    }

    #[test]
    fn what_is_no_rtsp_or_has_no_end_breaks_the_connection() {
        let endless = [b"RTSP/1.0 200 OK\r\n".to_vec(), b"A: b\r\n".repeat(MAX_HEAD / 6)].concat();
        for sent in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n",
            b"RTSP/1.0 200 OK\r\nContent-Length: x\r\n\r\n",
            &endless,
        ] {
            let (mut connection, mut camera) = pair();
            camera.write_all(sent).unwrap();
            let broken = loop {
                match connection.next() {
                    Ok(Incoming::Nothing) => {}
                    Ok(_) => panic!("it was read"),
                    Err(broken) => break broken,
                }
            };
            assert!(matches!(broken, Broken::Nonsense), "{broken:?}");
        }
    }

    #[test]
    fn a_wait_ends_with_its_time_or_when_it_is_stopped() {
        let (mut connection, _camera) = pair();
        connection.watchdog.allow(Duration::ZERO);
        assert!(matches!(connection.next(), Err(Broken::GivenUp)));
        assert!(connection.take_waited() > Duration::ZERO);
        assert_eq!(connection.take_waited(), Duration::ZERO);
    }
}
