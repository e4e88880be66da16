//! How what are packets over UDP follow each other on a stream (RFC 8656, sections 2.1 and 12.5): a STUN message
//! has its length in its header; a ChannelData message, too, and is filled up to a multiple of four bytes.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

const STUN_HEADER: usize = 20;
const CHANNEL_DATA_HEADER: usize = 4;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const COOKIE_AT: usize = 4;

/// What came is not what a TURN server sends. No message can be found any more in what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum FramingError {
    #[error("it sent a byte {0:#04x} where a message begins")]
    NoMessage(u8),
    #[error("it sent a message without the cookie of STUN")]
    NoCookie,
}

/// Cuts a stream into messages, however it comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Deframer {
    buffer: BytesMut,
}

/// A message at the beginning of a stream.
struct Extent {
    /// Of the message itself.
    message: usize,
    /// With what fills it up.
    on_stream: usize,
}

impl Deframer {
    /// Where more of the stream is to be put. It holds no more than one message and what was read with its end.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next message, as it would come over UDP; `None` until there is a whole one.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, FramingError> {
        let Some(Extent { message, on_stream }) = Extent::of(&self.buffer)? else {
            return Ok(None);
        };
        if self.buffer.len() < on_stream {
            self.buffer.reserve(on_stream - self.buffer.len());
            return Ok(None);
        }
        let packet = self.buffer.split_to(message).freeze();
        self.buffer.advance(on_stream - message);
        Ok(Some(packet))
    }
}

impl Extent {
    /// `None` if too little has come to tell.
    fn of(stream: &[u8]) -> Result<Option<Self>, FramingError> {
        let Some(&first) = stream.first() else { return Ok(None) };
        let is_stun = match first >> 6 {
            0b00 => true,
            0b01 => false,
            _ => return Err(FramingError::NoMessage(first)),
        };
        let &[_, _, high, low, ..] = stream else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !is_stun {
            let message = CHANNEL_DATA_HEADER + length;
            return Ok(Some(Self { message, on_stream: message.next_multiple_of(4) }));
        }
        match stream.get(COOKIE_AT..COOKIE_AT + MAGIC_COOKIE.len()) {
            None => Ok(None),
            Some(cookie) if cookie == MAGIC_COOKIE => {
                let message = STUN_HEADER + length;
                Ok(Some(Self { message, on_stream: message }))
            }
            Some(_) => Err(FramingError::NoCookie),
        }
    }
}

/// Appends a packet to what goes onto the stream. What is no whole message is left out: it would be the end of
/// all messages behind it.
pub(crate) fn frame(packet: &[u8], stream: &mut BytesMut) {
    let Ok(Some(Extent { message, on_stream })) = Extent::of(packet) else { return };
    let Some(message) = packet.get(..message) else { return };
    stream.put_slice(message);
    stream.put_bytes(0, on_stream - message.len());
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn stun(body: &[u8]) -> Vec<u8> {
        let mut message = vec![0x01, 0x01];
        message.put_u16(u16::try_from(body.len()).unwrap());
        message.extend(MAGIC_COOKIE);
        message.extend([7; 12]);
        message.extend(body);
        message
    }

    fn channel_data(data: &[u8]) -> Vec<u8> {
        let mut message = vec![0x40, 0x01];
        message.put_u16(u16::try_from(data.len()).unwrap());
        message.extend(data);
        message
    }

    fn message() -> impl Strategy<Value = Vec<u8>> {
        let body = || vec(any::<u8>(), 0..300);
        prop_oneof![body().prop_map(|b| stun(&b)), body().prop_map(|b| channel_data(&b))]
    }

    /// Reads `stream` in pieces of these lengths, again and again.
    fn deframe(mut stream: &[u8], pieces: &[usize]) -> Result<Vec<Vec<u8>>, FramingError> {
        let mut deframer = Deframer::default();
        let mut messages = Vec::new();
        for piece in pieces.iter().cycle() {
            let (now, later) = stream.split_at((*piece).min(stream.len()));
            deframer.buffer().extend_from_slice(now);
            while let Some(message) = deframer.next()? {
                messages.push(message.to_vec());
            }
            stream = later;
            if stream.is_empty() {
                break;
            }
        }
        Ok(messages)
    }

    proptest! {
        #[test]
        fn any_split_of_the_stream_gives_the_messages_that_were_sent(
            messages in vec(message(), 0..20),
            pieces in vec(1_usize..200, 1..10),
        ) {
            let mut stream = BytesMut::new();
            messages.iter().for_each(|message| frame(message, &mut stream));
            prop_assert_eq!(deframe(&stream, &pieces).unwrap(), messages);
        }

        #[test]
        fn garbage_ends_with_an_error_or_as_messages_and_never_otherwise(
            stream in vec(any::<u8>(), 0..2000),
            pieces in vec(1_usize..200, 1..10),
        ) {
            if let Ok(messages) = deframe(&stream, &pieces) {
                let length: usize = messages.iter().map(Vec::len).sum();
                prop_assert!(length <= stream.len());
            }
        }

        #[test]
        fn no_packet_spoils_the_stream_for_those_behind_it(packet in vec(any::<u8>(), 0..100)) {
            let mut stream = BytesMut::new();
            frame(&packet, &mut stream);
            frame(&stun(b"last"), &mut stream);
            let messages = deframe(&stream, &[7]).unwrap();
            prop_assert_eq!(messages.last().unwrap(), &stun(b"last"));
        }
    }

    #[test]
    fn channel_data_is_filled_up_on_the_stream_only() {
        let mut stream = BytesMut::new();
        frame(&channel_data(b"12345"), &mut stream);
        assert_eq!(stream.len(), 12);
        assert_eq!(deframe(&stream, &[5]).unwrap(), [channel_data(b"12345")]);
        // The engine fills it up for UDP as well.
        let mut filled = channel_data(b"12345");
        filled.extend([9; 3]);
        stream.clear();
        frame(&filled, &mut stream);
        assert_eq!(deframe(&stream, &[5]).unwrap(), [channel_data(b"12345")]);
    }

    #[test]
    fn what_no_turn_server_sends_is_named() {
        let tls_alert = [0x15, 3, 3, 0, 2, 2, 40, 0];
        assert_eq!(deframe(&tls_alert, &[3]), Err(FramingError::NoCookie));
        assert_eq!(deframe(&[0x80, 0, 0], &[1]), Err(FramingError::NoMessage(0x80)));
    }
}
