use std::net::UdpSocket;
use std::time::Duration;

use super::*;
use crate::channel::FIRST_SEND_WINDOW;
use crate::runtime::datagrams::KernelSocket;
use crate::runtime::gaps::tests::record;
use crate::runtime::sack::tests::sack;

struct SocketBed {
    socket: BatchedUdpSocket,
    address: SocketAddr,
    other: UdpSocket,
}

impl SocketBed {
    fn new() -> Self {
        Self::for_peer_filter(PeerFilter::default())
    }

    fn for_peer_filter(peer_filter: PeerFilter) -> Self {
        let bound = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = bound.local_addr().unwrap();
        let send_buffer = FIRST_SEND_WINDOW;
        let bound = Box::new(KernelSocket::new(bound).unwrap());
        let socket =
            BatchedUdpSocket::new(bound, peer_filter, Arc::default(), send_buffer).unwrap();
        Self { socket, address, other: UdpSocket::bind("127.0.0.1:0").unwrap() }
    }

    async fn receive(&self) -> Vec<u8> {
        let mut buf = [0; 2000];
        let (len, _) = self.socket.recv_from(&mut buf).await.unwrap();
        buf[..len].to_vec()
    }

    /// Sends as fast as a bulk sender whose peer is slow.
    async fn send_bulk(&self) {
        let other = self.other.local_addr().unwrap();
        for _ in 0..200 {
            self.socket.send_to(&[0; 1400], other).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn packets_come_in_order_however_they_were_taken() {
    let bed = SocketBed::new();
    for round in 0..3 {
        let packets = || (0..100_usize).map(move |n| vec![(round * 50 + n) as u8; n + 1]);
        packets().for_each(|packet| {
            bed.other.send_to(&packet, bed.address).unwrap();
        });
        for packet in packets() {
            assert_eq!(bed.receive().await, packet);
        }
    }
}

#[tokio::test]
async fn filtered_peers_are_neither_read_nor_sent_anything() {
    let bed = SocketBed::for_peer_filter(PeerFilter::nobody());
    bed.other.send_to(b"let me in", bed.address).unwrap();
    assert_eq!(bed.receive().await, b"");
    let other = bed.other.local_addr().unwrap();
    assert_eq!(bed.socket.send_to(b"hello", other).await.unwrap(), 5);
    // What is sent over loopback is there when sending returns.
    bed.other.set_nonblocking(true).unwrap();
    let nothing = bed.other.recv(&mut [0; 16]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_packet_wakes_a_reader_that_waits() {
    let bed = Arc::new(SocketBed::new());
    let reading = tokio::spawn({
        let bed = Arc::clone(&bed);
        async move { bed.receive().await }
    });
    tokio::task::yield_now().await;
    bed.other.send_to(b"wake", bed.address).unwrap();
    assert_eq!(reading.await.unwrap(), b"wake");
}

#[tokio::test]
async fn a_round_takes_one_packet_where_acknowledgements_are_to_be_many() {
    let bed = SocketBed::new();
    bed.socket.tuning.take_one_packet_a_round();
    for packet in [b"one", b"two"] {
        bed.other.send_to(packet, bed.address).unwrap();
    }
    let quiet = Duration::from_millis(20);
    for packet in [b"one", b"two"] {
        assert_eq!(bed.receive().await, packet);
        let more = tokio::time::timeout(quiet, bed.receive()).await;
        assert!(more.is_err(), "in the same round");
        bed.socket.tuning.end_round();
    }
}

/// What the engine is given in its next rounds.
async fn receive_in_rounds(bed: &SocketBed) -> Vec<Vec<Vec<u8>>> {
    let mut rounds = Vec::new();
    loop {
        let round = receive_all(bed).await;
        if round.is_empty() {
            return rounds;
        }
        rounds.push(round);
        bed.socket.tuning.end_round();
    }
}

#[tokio::test]
async fn what_follows_a_gap_has_a_round_for_each_packet() {
    let bed = SocketBed::new();
    for number in [1, 2, 4, 5, 6, 7, 8, 9] {
        bed.other.send_to(&record(number), bed.address).unwrap();
    }
    let expected: [&[u8]; 4] = [&[1, 2, 4], &[5], &[6], &[7, 8, 9]];
    let expected = expected.map(|numbers| numbers.iter().copied().map(record).collect());
    assert_eq!(receive_in_rounds(&bed).await, expected.map(|round: Vec<_>| round));
}

#[tokio::test]
async fn packets_that_came_together_are_taken_apart_behind_a_gap() {
    let bed = SocketBed::new();
    let together: Vec<u8> = [1, 2, 4, 5, 6, 7, 8, 9].into_iter().flat_map(record).collect();
    let segments = Transmit {
        destination: bed.address,
        ecn: None,
        contents: &together,
        segment_size: Some(record(0).len()),
        src_ip: None,
    };
    let sender = KernelSocket::new(bed.other.try_clone().unwrap()).unwrap();
    if sender.max_gso_segments() == 1 || bed.socket.max_gro_segments() == 1 {
        return;
    }
    sender.send(&segments).unwrap();
    let rounds = receive_in_rounds(&bed).await;
    let packets: Vec<_> = rounds.iter().map(|round| round.concat()).collect();
    let expected: [&[u8]; 4] = [&[1, 2, 4], &[5], &[6], &[7, 8, 9]];
    let expected = expected.map(|numbers| numbers.iter().copied().flat_map(record).collect());
    assert_eq!(packets, expected.map(|round: Vec<u8>| round));
}

#[tokio::test]
async fn a_bulk_sender_reads_by_the_clock_and_events_come_back_after_it() {
    let bed = SocketBed::new();
    bed.send_bulk().await;
    let on_the_clock =
        |bed: &SocketBed| matches!(bed.socket.recv_state().wakeup, ReadWakeup::Timer(_));

    bed.other.send_to(b"one", bed.address).unwrap();
    assert_eq!(bed.receive().await, b"one");
    bed.other.send_to(b"two", bed.address).unwrap();
    assert_eq!(bed.receive().await, b"two");
    assert!(on_the_clock(&bed));

    let quiet = tokio::time::timeout(Duration::from_millis(200), bed.receive()).await;
    assert!(quiet.is_err() && !on_the_clock(&bed));
}

/// Reads until nothing more comes.
async fn receive_all(bed: &SocketBed) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let quiet = Duration::from_millis(50);
    while let Ok(packet) = tokio::time::timeout(quiet, bed.receive()).await {
        packets.push(packet);
    }
    packets
}

#[tokio::test]
async fn a_bulk_sender_skips_acknowledgements_that_a_later_one_repeats() {
    let packets = [b"x".to_vec(), sack(1), b"y".to_vec(), sack(2)];
    let send = |bed: &SocketBed| {
        packets.iter().for_each(|packet| drop(bed.other.send_to(packet, bed.address)));
    };
    let bed = SocketBed::new();
    send(&bed);
    assert_eq!(receive_all(&bed).await, packets);

    bed.send_bulk().await;
    send(&bed);
    assert_eq!(receive_all(&bed).await, [&packets[0], &packets[2], &packets[3]].map(Clone::clone));

    bed.send_bulk().await;
    (0..9).for_each(|n| drop(bed.other.send_to(&sack(n), bed.address)));
    assert_eq!(receive_all(&bed).await, [sack(8)]);

    bed.send_bulk().await;
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    bed.other.send_to(&sack(1), bed.address).unwrap();
    stranger.send_to(&sack(2), bed.address).unwrap();
    assert_eq!(receive_all(&bed).await, [sack(1), sack(2)]);
}
