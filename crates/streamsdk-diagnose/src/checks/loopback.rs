//! Does WebRTC work on this machine at all? Tried with itself.

use std::time::Duration;

use streamsdk_transport::{Answer, Connected, Interfaces, Message, Offer, PeerConfig};

use crate::deadline::Deadline;
use crate::{Code, Finding};

const LIMIT: Duration = Duration::from_secs(4);
const WORD: &str = "is this heard?";

pub(crate) async fn check(deadline: Deadline) -> Finding {
    let limit = deadline.limit(LIMIT);
    match deadline.within(limit, talk(limit)).await {
        Some(Ok(())) => {
            let what = "This machine makes WebRTC connections with itself.";
            Finding::new(Code::WebrtcWorks, what)
        }
        Some(Err(why)) => broken(&why),
        None => broken("it took too long"),
    }
}

fn broken(why: &str) -> Finding {
    let what = format!("No WebRTC connection can be made inside of this machine: {why}.");
    Finding::new(Code::WebrtcBroken, what)
}

async fn talk(limit: Duration) -> Result<(), String> {
    let config = PeerConfig::default()
        .interfaces(Interfaces::Loopback)
        .gather_timeout(limit)
        .connect_timeout(limit)
        .close_timeout(limit);
    let offer = Offer::create(config.clone(), &["doctor"], None).await.map_err(in_words)?;
    let answer = Answer::create(config, offer.sdp(), false).await.map_err(in_words)?;
    let sdp = answer.sdp().to_owned();
    let (other, mut incoming, _) = answer.into_parts();
    let Connected { peer, channels, .. } = offer.accept(&sdp).await.map_err(in_words)?;

    let first = channels.first().ok_or("there is no channel")?;
    first.send_text(WORD).await.map_err(in_words)?;
    let mut channel = incoming.next().await.ok_or("no channel arrived")?;
    let heard = channel.recv().await;
    peer.close().await;
    other.close().await;
    match heard {
        Some(Message::Text(text)) if text == WORD => Ok(()),
        _ => Err("what was sent did not arrive".to_owned()),
    }
}

fn in_words(error: impl std::error::Error) -> String {
    error.to_string()
}
