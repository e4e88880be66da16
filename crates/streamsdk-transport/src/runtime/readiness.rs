//! How one learns that a socket is ready.
//!
//! On Linux the kernel is asked for just what is wanted to know. Elsewhere tokio's socket tells, which
//! always asks for both and so wakes the runtime, though nobody who waits, more often.

use std::io::{self, ErrorKind};
use std::net::UdpSocket;
#[cfg(feature = "simulation")]
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::Interest;

#[cfg(feature = "simulation")]
use crate::simulation::SimulatedSocket;

/// Tells that a socket has something to read, or that it has room: the one that was asked for.
pub(crate) struct Readiness {
    watched: Watched,
    interest: Interest,
}

enum Watched {
    Kernel(watched::Watched),
    #[cfg(feature = "simulation")]
    Simulated(Arc<dyn SimulatedSocket>),
}

impl Readiness {
    /// For `socket`, which does not block, as long as it lives.
    pub(crate) fn of_kernel(socket: &UdpSocket, interest: Interest) -> io::Result<Self> {
        let watched = Watched::Kernel(watched::new(socket.try_clone()?, interest)?);
        Ok(Self { watched, interest })
    }

    #[cfg(feature = "simulation")]
    pub(crate) fn of_simulation(socket: Arc<dyn SimulatedSocket>, interest: Interest) -> Self {
        Self { watched: Watched::Simulated(socket), interest }
    }

    /// Does `work` when the socket is ready. It counts as ready until `work` fails with `WouldBlock`,
    /// which is passed on, or comes to something that `exhausts` it.
    pub(crate) fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        work: impl FnOnce() -> io::Result<T>,
        exhausts: impl FnOnce(&T) -> bool,
    ) -> Poll<io::Result<T>> {
        #[cfg_attr(not(feature = "simulation"), allow(clippy::infallible_destructuring_match))]
        let watched = match &self.watched {
            Watched::Kernel(watched) => watched,
            #[cfg(feature = "simulation")]
            Watched::Simulated(socket) => {
                // There is always room, and it is asked each time whether there is something to read.
                if self.interest.is_readable() {
                    ready!(socket.poll_readable(cx));
                }
                return Poll::Ready(work());
            }
        };
        let mut outcome = None;
        // What makes it ready again meanwhile is not lost: only what was known before is forgotten.
        let ended = ready!(watched::poll(watched, self.interest, cx, || {
            let outcome = outcome.insert(work()?);
            if exhausts(outcome) { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
        }));
        Poll::Ready(match outcome {
            Some(outcome) => Ok(outcome),
            None => Err(ended.err().unwrap_or_else(|| ErrorKind::WouldBlock.into())),
        })
    }
}

#[cfg(all(target_os = "linux", not(streamsdk_portable)))]
mod watched {
    use std::io::{self, ErrorKind};
    use std::net::UdpSocket;
    use std::task::{Context, Poll, ready};

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    pub(super) type Watched = AsyncFd<UdpSocket>;

    #[allow(deprecated, reason = "the new one is unsafe, for types whose descriptor can change")]
    pub(super) fn new(socket: UdpSocket, interest: Interest) -> io::Result<Watched> {
        AsyncFd::with_interest(socket, interest)
    }

    pub(super) fn poll(
        watched: &Watched,
        interest: Interest,
        cx: &mut Context<'_>,
        work: impl FnOnce() -> io::Result<()>,
    ) -> Poll<io::Result<()>> {
        let mut ready = ready!(if interest.is_readable() {
            watched.poll_read_ready(cx)
        } else {
            watched.poll_write_ready(cx)
        })?;
        Poll::Ready(ready.try_io(|_| work()).unwrap_or_else(|_| Err(ErrorKind::WouldBlock.into())))
    }
}

#[cfg(not(all(target_os = "linux", not(streamsdk_portable))))]
mod watched {
    use std::io;
    use std::net::UdpSocket;
    use std::task::{Context, Poll, ready};

    use tokio::io::Interest;

    pub(super) type Watched = tokio::net::UdpSocket;

    pub(super) fn new(socket: UdpSocket, _interest: Interest) -> io::Result<Watched> {
        Watched::from_std(socket)
    }

    pub(super) fn poll(
        watched: &Watched,
        interest: Interest,
        cx: &mut Context<'_>,
        work: impl FnOnce() -> io::Result<()>,
    ) -> Poll<io::Result<()>> {
        ready!(if interest.is_readable() {
            watched.poll_recv_ready(cx)
        } else {
            watched.poll_send_ready(cx)
        })?;
        Poll::Ready(watched.try_io(interest, work))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn what_is_exhausted_is_ready_when_more_comes() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = || other.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        let readiness = Readiness::of_kernel(&socket, Interest::READABLE).unwrap();
        let receive = || socket.recv(&mut [0; 16]);
        let mut idle = Context::from_waker(std::task::Waker::noop());

        assert!(readiness.poll(&mut idle, receive, |_| true).is_pending());
        for _ in 0..3 {
            send();
            assert_eq!(poll_fn(|cx| readiness.poll(cx, receive, |_| true)).await.unwrap(), 1);
            assert!(readiness.poll(&mut idle, receive, |_| true).is_pending());
        }

        send();
        assert_eq!(poll_fn(|cx| readiness.poll(cx, receive, |_| false)).await.unwrap(), 1);
        let Poll::Ready(Err(error)) = readiness.poll(&mut idle, receive, |_| false) else {
            panic!("it counts as ready until nothing is there");
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(readiness.poll(&mut idle, receive, |_| false).is_pending());
    }
}
