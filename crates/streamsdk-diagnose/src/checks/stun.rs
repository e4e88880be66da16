//! Does a STUN server answer over UDP?

use std::net::SocketAddr;

use futures::future::select_ok;

use super::ice::Trial;
use super::udp::{self, NoAnswer};
use crate::deadline::Deadline;
use crate::ice_url::IceUrl;
use crate::{Code, Finding, stun};

/// Asks all its addresses; one that answers is enough.
pub(crate) async fn check(url: &IceUrl, addresses: &[SocketAddr], deadline: Deadline) -> Trial {
    let asked = addresses.iter().map(|address| Box::pin(ask(*address, deadline)));
    let finding = match select_ok(asked).await {
        Ok((address, _)) => {
            let finding = Finding::new(Code::StunAnswers, format!("The {url} answers."));
            return Trial {
                findings: vec![finding],
                answers_udp: Some(address),
                tried_udp: true,
                took_tcp: false,
            };
        }
        Err(NoAnswer::Refused) => {
            let what = format!("The {url} is not there: nobody has the port.");
            Finding::new(Code::StunRefused, what)
        }
        Err(NoAnswer::Silent) => {
            Finding::new(Code::StunBlocked, format!("The {url} does not answer."))
        }
        Err(NoAnswer::Failed(error)) => {
            Finding::new(Code::StunBlocked, format!("The {url} could not be asked: {error}."))
        }
    };
    Trial { tried_udp: true, ..Trial::failed(finding) }
}

async fn ask(address: SocketAddr, deadline: Deadline) -> Result<SocketAddr, NoAnswer> {
    let socket = udp::toward(address).await.map_err(NoAnswer::Failed)?;
    // An error is an answer, too.
    udp::ask(&socket, &stun::binding(0), deadline).await.map(|_| address)
}
