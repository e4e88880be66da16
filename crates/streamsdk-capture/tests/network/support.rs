//! Servers of a thread each, good and bad ones.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use streamsdk_capture::{FrameProducer, TestPattern};
use streamsdk_media::jpeg;

/// Runs `serve` for every client, one after another, with the client's number; gives the address. The
/// thread ends with the test's process.
pub(crate) fn server(serve: impl Fn(TcpStream, usize) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    self::serve(listener, serve);
    address.to_string()
}

/// The same for whoever comes to `listener`.
pub(crate) fn serve(listener: TcpListener, serve: impl Fn(TcpStream, usize) + Send + 'static) {
    thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            serve(client.unwrap(), number);
        }
    });
}

/// Answers every request with these bytes, and closes.
pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> String {
    let answer = answer.into();
    server(move |mut client, _| {
        read_request(&client);
        let _ = client.write_all(&answer);
    })
}

/// An HTTP answer whose length is given.
pub(crate) fn http(kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n")
            .into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// Reads up to the empty line; `None` if the client went away before.
pub(crate) fn read_request(client: &TcpStream) -> Option<Vec<String>> {
    next_request(&mut BufReader::new(client))
}

/// The same, of a client that may send several at once.
pub(crate) fn next_request(client: &mut impl BufRead) -> Option<Vec<String>> {
    let lines = client.lines().map_while(Result::ok);
    let lines: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    (!lines.is_empty()).then_some(lines)
}

/// Answers a request for MJPEG; the parts follow.
pub(crate) fn begin_mjpeg(client: &mut TcpStream) {
    read_request(client);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n";
    let _ = client.write_all(head.as_bytes());
}

/// Whether the client still takes the part.
pub(crate) fn send_part(client: &mut TcpStream, image: &[u8]) -> bool {
    let length = image.len();
    let head = format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n");
    let part = [head.as_bytes(), image, b"\r\n"].concat();
    client.write_all(&part).is_ok()
}

/// The frames of a test pattern of 320 by 180 as they come, until the client goes away.
pub(crate) fn send_pattern(client: &mut TcpStream, pattern: TestPattern) {
    begin_mjpeg(client);
    for captured in pattern.frames() {
        let image = jpeg::Encoder::new(60).encode(&captured.unwrap().frame).unwrap();
        if !send_part(client, &image) {
            return;
        }
    }
}

/// Keeps a connection until the client closes it.
pub(crate) fn hang(client: &TcpStream) {
    let _ = std::io::copy(&mut &*client, &mut std::io::sink());
}
