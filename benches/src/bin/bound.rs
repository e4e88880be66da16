//! The most that can be expected of an encrypted upload over UDP: packets of 1400 bytes, each sealed
//! with AES-128-GCM and sent by itself over loopback, with just enough feedback that none is lost.

use std::net::UdpSocket;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::{Value, json};
use streamsdk_benches::conclude;

const PAYLOAD_SIZE: usize = 1400;
const MAX_WAIT: Duration = Duration::from_secs(5);
const RECEIVE_BUFFER: usize = 4 << 20;

#[derive(Parser)]
struct Options {
    /// How much is sent, in megabytes (10⁶ bytes)
    #[arg(long, default_value_t = 300)]
    megabytes: u64,
    /// Packets that may be on their way
    #[arg(long, default_value_t = 128)]
    window: u64,
    /// Packets that are acknowledged together
    #[arg(long, default_value_t = 32)]
    acknowledge: u64,
}

fn main() -> ExitCode {
    conclude(measure(&Options::parse()))
}

fn measure(options: &Options) -> Result<Value> {
    ensure!(options.acknowledge <= options.window, "the window has no place for one ack");
    let packets = (options.megabytes * 1_000_000).div_ceil(PAYLOAD_SIZE as u64);
    let (sender, receiver) = connected_pair()?;

    let started = Instant::now();
    let acknowledge = options.acknowledge;
    let receiving = thread::spawn(move || receive(&receiver, packets, acknowledge));
    send(&sender, packets, options.window)?;
    let bytes = receiving.join().ok().context("the receiver panicked")??;
    let seconds = started.elapsed().as_secs_f64();

    Ok(json!({ "bytes": bytes, "wall_s": seconds, "mb_per_s": bytes as f64 / 1e6 / seconds }))
}

fn connected_pair() -> Result<(UdpSocket, UdpSocket)> {
    let bound = || UdpSocket::bind("127.0.0.1:0").context("cannot bind a socket");
    let (one, other) = (bound()?, bound()?);
    for (socket, peer) in [(&one, &other), (&other, &one)] {
        socket.connect(peer.local_addr()?)?;
        socket.set_read_timeout(Some(MAX_WAIT))?;
        // The window fits into what every system allows; more is welcome.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER);
    }
    Ok((one, other))
}

fn send(socket: &UdpSocket, packets: u64, window: u64) -> Result<()> {
    let key = key()?;
    let mut acknowledged = 0;
    let mut packet = Vec::with_capacity(PAYLOAD_SIZE + AES_128_GCM.tag_len());
    for number in 0..packets {
        while number - acknowledged >= window {
            let mut ack = [0; 8];
            socket.recv(&mut ack).context("a packet was lost")?;
            acknowledged = u64::from_le_bytes(ack);
        }
        packet.clear();
        packet.resize(PAYLOAD_SIZE, number as u8);
        key.seal_in_place_append_tag(nonce(number), Aad::empty(), &mut packet)
            .ok()
            .context("a packet could not be sealed")?;
        socket.send(&packet)?;
    }
    Ok(())
}

fn receive(socket: &UdpSocket, packets: u64, acknowledge: u64) -> Result<u64> {
    let key = key()?;
    let mut packet = [0; 2048];
    let mut bytes = 0;
    for number in 0..packets {
        let length = socket.recv(&mut packet).context("a packet was lost")?;
        let opened = key.open_in_place(nonce(number), Aad::empty(), &mut packet[..length]);
        let Ok(payload) = opened else { bail!("packet {number} was lost or damaged") };
        bytes += payload.len() as u64;
        if (number + 1) % acknowledge == 0 {
            socket.send(&(number + 1).to_le_bytes())?;
        }
    }
    Ok(bytes)
}

fn key() -> Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_128_GCM, &[7; 16]).ok().context("no AES-128-GCM here")?;
    Ok(LessSafeKey::new(key))
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}
