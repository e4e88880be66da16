//! What is left of a connection that somebody stops waiting for: nothing, at whatever moment that is.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use streamsdk_transport::{Answer, Connected, Offer};
use tokio::runtime::{Builder, Handle};

/// A connection that is dropped says so to its peer a few times.
const CLEANING_UP: Duration = Duration::from_secs(5);

#[tokio::test]
async fn an_offer_that_is_given_up_leaves_nothing_behind() {
    leaves_nothing_behind(|| Offer::create(common::config(), &["a"], None)).await;
}

#[tokio::test]
async fn an_answer_that_is_given_up_leaves_nothing_behind() {
    let offer = Offer::create(common::config(), &["a"], None).await.unwrap();
    let sdp = offer.sdp().to_owned();
    offer.abandon().await;
    leaves_nothing_behind(|| Answer::create(common::config(), &sdp, false)).await;
}

#[tokio::test]
async fn a_connection_that_is_given_up_while_it_is_made_leaves_nothing_behind() {
    leaves_nothing_behind(connect).await;
}

async fn connect() -> Connected {
    let offer = Offer::create(common::config(), &["a"], None).await.unwrap();
    let answer = Answer::create(common::config(), offer.sdp(), false).await.unwrap();
    offer.accept(answer.sdp()).await.unwrap()
}

#[test]
fn a_connection_that_is_dropped_outside_of_its_runtime_leaves_nothing_behind() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let offer = runtime.block_on(Offer::create(common::config(), &["a"], None)).unwrap();
    drop(offer);
    runtime.block_on(nothing_is_left("dropped outside"));
}

/// Gives it up before it has begun, when it waits for the first time, for the second time and so on, in longer steps where
/// that is often, until it is there and is dropped.
async fn leaves_nothing_behind<F: Future>(make: impl Fn() -> F) {
    let steps = std::iter::successors(Some(0), |waits| Some(waits + 1 + waits / 10));
    for waits in steps {
        let made = until_it_waits(waits, make()).await;
        let is_made = made.is_some();
        drop(made);
        nothing_is_left(&format!("given up at wait {waits}")).await;
        if is_made {
            assert!(waits > 1, "it never waited");
            return;
        }
    }
}

/// What comes of a future; `None` when it waits for that time.
async fn until_it_waits<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let (mut future, mut waits) = (pin!(future), 0);
    std::future::poll_fn(|cx| {
        if waits == times {
            return Poll::Ready(None);
        }
        waits += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(made) => Poll::Ready(Some(made)),
            Poll::Pending if waits == times => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Sockets are of tasks, so that there is none without one.
async fn nothing_is_left(after: &str) {
    let end = Instant::now() + CLEANING_UP;
    loop {
        let tasks = Handle::current().metrics().num_alive_tasks();
        if tasks == 0 {
            return;
        }
        assert!(Instant::now() < end, "{after}: {tasks} tasks");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
