//! Names, addresses and ports.

use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{checkup, what_of, wrong};
use crate::Code;

#[tokio::test]
async fn a_name_that_nobody_has_is_dns_failed() {
    let diagnosis = checkup().server("http://inference.invalid:9001").run().await;
    assert_eq!(wrong(&diagnosis), [Code::DnsFailed], "{diagnosis}");
    assert!(what_of(&diagnosis, Code::DnsFailed).contains("inference.invalid"));
}

#[tokio::test]
async fn a_port_that_nobody_has_is_connection_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let diagnosis = checkup().server(format!("http://{address}")).run().await;
    assert_eq!(wrong(&diagnosis), [Code::ConnectionRefused], "{diagnosis}");
}

/// On Linux a queue that is full drops what asks for a connection, as a firewall does.
#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "other systems refuse")]
async fn a_port_that_says_nothing_is_connection_filtered_within_the_time() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let _in_the_queue = TcpStream::connect(address).await.unwrap();
    let started = Instant::now();
    let diagnosis = checkup().server(format!("http://{address}")).run().await;
    assert_eq!(wrong(&diagnosis), [Code::ConnectionFiltered], "{diagnosis}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_is_no_url_is_said_to_be_none() {
    for url in ["", "localhost:9001", "ftp://host", "http://"] {
        let diagnosis = checkup().server(url).run().await;
        assert_eq!(wrong(&diagnosis), [Code::UrlNotUnderstood], "{url}: {diagnosis}");
    }
    let diagnosis = checkup().stun("http://host").turn("turn:u:p@host", "u", "p").run().await;
    assert_eq!(wrong(&diagnosis), [Code::UrlNotUnderstood; 2], "{diagnosis}");
}
