//! Packets on a stream, both ways.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::dial::Stream;
use super::framing::{Deframer, frame};
use super::inbox::Datagram;
use super::outcome::ServerFailure;

/// Packets that are written at once, at most.
const MAX_WRITE: usize = 64;
const READ_SIZE: usize = 16 << 10;
/// For what is still to be said when the socket is gone.
const FAREWELL_LIMIT: Duration = Duration::from_millis(500);

/// Where what comes over the stream goes.
pub(super) struct Delivery {
    /// The address that the engine knows the server by.
    pub(super) from: SocketAddr,
    pub(super) to: mpsc::Sender<Datagram>,
}

/// Carries packets both ways until the socket is gone; an error says that the stream is.
pub(super) async fn carry(
    stream: impl Stream,
    packets: &mut mpsc::Receiver<Bytes>,
    delivery: &Delivery,
) -> Result<(), ServerFailure> {
    let (mut reader, writer) = tokio::io::split(stream);
    let mut outgoing = Outgoing { writer, unwritten: BytesMut::new() };
    tokio::select! {
        failure = deliver(&mut reader, delivery) => return Err(failure),
        failure = outgoing.write(packets) => return Err(failure),
        () = delivery.to.closed() => {}
    }
    // The engine's last words release its allocation.
    packets.close();
    let farewell = async {
        outgoing.write(packets).await;
        outgoing.writer.shutdown().await
    };
    // Whoever is not reached any more does not need it.
    drop(timeout(FAREWELL_LIMIT, farewell).await);
    Ok(())
}

/// Reads until the stream is at its end.
async fn deliver(
    reader: &mut (impl AsyncRead + Unpin),
    Delivery { from, to }: &Delivery,
) -> ServerFailure {
    let mut deframer = Deframer::default();
    loop {
        loop {
            match deframer.next() {
                Ok(Some(packet)) => {
                    // While it waits nothing is read, and the server waits as well.
                    if to.send(Datagram { from: *from, packet }).await.is_err() {
                        return ServerFailure::BrokenOff("it is closed".to_owned());
                    }
                }
                Ok(None) => break,
                Err(error) => return ServerFailure::NoTurn(error.to_string()),
            }
        }
        deframer.buffer().reserve(READ_SIZE);
        match reader.read_buf(deframer.buffer()).await {
            Ok(0) => return ServerFailure::BrokenOff("the server closed it".to_owned()),
            Ok(_) => {}
            Err(error) => return ServerFailure::BrokenOff(error.to_string()),
        }
    }
}

/// What goes onto a stream.
struct Outgoing<W> {
    writer: W,
    /// It stays whole if writing is given up in between.
    unwritten: BytesMut,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    /// Writes until there is nothing more to come.
    async fn write(&mut self, packets: &mut mpsc::Receiver<Bytes>) -> ServerFailure {
        let mut waiting = Vec::with_capacity(MAX_WRITE);
        loop {
            if let Err(error) = self.write_what_waits().await {
                return ServerFailure::BrokenOff(error.to_string());
            }
            if packets.recv_many(&mut waiting, MAX_WRITE).await == 0 {
                return ServerFailure::BrokenOff("it is closed".to_owned());
            }
            waiting.drain(..).for_each(|packet| frame(&packet, &mut self.unwritten));
        }
    }

    async fn write_what_waits(&mut self) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        self.writer.write_all_buf(&mut self.unwritten).await?;
        self.writer.flush().await
    }
}
