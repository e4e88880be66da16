//! Repeating the close_notify.
//!
//! The alert that closes a connection of DTLS is sent once, and nobody answers it. When it is lost, the
//! peer finds out seconds later that it talks to nobody.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use webrtc::runtime::Transmit;

use super::raw_udp_socket::RawUdpSocket;

/// How often a close_notify is repeated, and how soon.
const REPETITIONS: usize = 3;
const INTERVAL: Duration = Duration::from_millis(50);

/// The last alert that left: of a connection that is over, its close_notify.
#[derive(Debug, Default)]
pub(crate) struct CloseNotify {
    last_alert: Mutex<Option<SentAlert>>,
}

#[derive(Debug)]
struct SentAlert {
    socket: Arc<RawUdpSocket>,
    to: SocketAddr,
    packet: Vec<u8>,
}

impl CloseNotify {
    pub(crate) fn on_send(&self, socket: &Arc<RawUdpSocket>, transmit: &Transmit<'_>) {
        if is_alert(transmit.contents) {
            let packet = transmit.contents.to_vec();
            let alert = SentAlert { socket: Arc::clone(socket), to: transmit.destination, packet };
            *self.last_alert() = Some(alert);
        }
    }

    pub(crate) async fn repeat(&self) {
        let Some(SentAlert { socket, to, packet }) = self.last_alert().take() else { return };
        for _ in 0..REPETITIONS {
            tokio::time::sleep(INTERVAL).await;
            // When it cannot be sent, there is nobody to tell.
            let _ = socket.send_packet(to, &packet);
        }
    }

    fn last_alert(&self) -> MutexGuard<'_, Option<SentAlert>> {
        self.last_alert.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_alert(packet: &[u8]) -> bool {
    matches!(packet, [21, 0xfe, ..])
}
