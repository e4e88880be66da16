//! As much of the protocol of NATS as it takes to read a log: apart from the client that the product has, on purpose.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::log::{Message, SUBJECTS};

/// Nothing that is asked for takes longer.
const LIMIT: Duration = Duration::from_secs(20);
/// Subscriptions have numbers.
const ANSWERS: &str = "1";
const RECORDS: &str = "2";
/// More than any message that NATS takes.
const MAX_BYTES: usize = 64 * 1024 * 1024;

static NUMBER: AtomicU64 = AtomicU64::new(0);

pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    /// Subjects of its own. The server would deliver what another has asked for as well.
    answers: String,
    records: String,
    /// Records that came before the answer to what was asked.
    early: VecDeque<Delivery>,
}

/// What the server delivers to a subscription.
struct Delivery {
    subject: String,
    /// Which subscription.
    to: String,
    reply: Option<String>,
    headers: String,
    payload: Vec<u8>,
}

impl Connection {
    pub(super) fn begin(stream: TcpStream) -> Result<Self> {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let [answers, records] = ["answers", "records"]
            .map(|what| format!("_INBOX.streamsdk-bed.{}.{number}.{what}", process::id()));
        let stream = BufReader::new(stream);
        let mut connection = Self { stream, answers, records, early: VecDeque::new() };
        let greeting = connection.line()?;
        ensure!(greeting.starts_with("INFO "), "the server greets with {greeting}");
        let about = json!({ "verbose": false, "pedantic": false, "headers": true, "protocol": 1 });
        connection.send(&format!("CONNECT {about}\r\n"))?;
        let [answers, records] = [&connection.answers, &connection.records];
        let subscribe = format!("SUB {answers} {ANSWERS}\r\nSUB {records} {RECORDS}\r\n");
        connection.send(&subscribe)?;
        Ok(connection)
    }

    /// Gives each message of the log from this place on, and returns the place after the last. Where there is no
    /// log yet, nothing is given.
    pub(super) fn read_log(&mut self, from: u64, mut take: impl FnMut(Message)) -> Result<u64> {
        let Some(name) = self.name_of_the_log()? else { return Ok(from) };
        let config = json!({
            "deliver_subject": self.records,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": from,
            "ack_policy": "none",
            "replay_policy": "instant",
            // So that the server waits for us where we are slower.
            "flow_control": true,
            "idle_heartbeat": 5_000_000_000_u64,
        });
        let wanted = json!({ "stream_name": name, "config": config });
        let made = self.ask(&format!("$JS.API.CONSUMER.CREATE.{name}"), &wanted)?;
        // Some may have been delivered before it was answered.
        let count = |value: &Value| value.as_u64().context("the consumer does not say how many");
        let mut total = count(&made["num_pending"])? + count(&made["delivered"]["consumer_seq"])?;
        let (mut next, mut delivered) = (from, 0);
        while delivered < total {
            let Some(delivery) = self.record()? else { continue };
            let place = Place::read(delivery.reply.as_deref().unwrap_or_default())?;
            delivered += 1;
            ensure!(
                place.delivered == delivered,
                "deliveries {delivered} to {} are missing",
                place.delivered - 1
            );
            next = place.place + 1;
            // It may grow meanwhile.
            total = delivered + place.left;
            take(delivery.into_message(&place));
        }
        let consumer = made["name"].as_str().context("the consumer has no name")?;
        self.ask(&format!("$JS.API.CONSUMER.DELETE.{name}.{consumer}"), &json!({}))?;
        Ok(next)
    }

    /// The stream that takes the subjects of the log, if there is one.
    fn name_of_the_log(&mut self) -> Result<Option<String>> {
        let wanted = json!({ "subject": format!("{SUBJECTS}>") });
        let found = self.ask("$JS.API.STREAM.NAMES", &wanted)?;
        let names = found["streams"].as_array().map(Vec::as_slice).unwrap_or_default();
        ensure!(names.len() <= 1, "several streams take the log: {names:?}");
        Ok(names.first().and_then(Value::as_str).map(String::from))
    }

    /// A message of the log; `None` where the server only says that it is there, or waits for us.
    fn record(&mut self) -> Result<Option<Delivery>> {
        let delivery = self.early.pop_front().map_or_else(|| self.next(), Ok)?;
        if delivery.to != RECORDS {
            return Ok(None);
        }
        if delivery.headers.starts_with("NATS/1.0 100") {
            if let Some(reply) = delivery.reply {
                self.send(&format!("PUB {reply} 0\r\n\r\n"))?;
            }
            return Ok(None);
        }
        Ok(Some(delivery))
    }

    fn ask(&mut self, subject: &str, question: &Value) -> Result<Value> {
        let question = question.to_string();
        let length = question.len();
        let answers = &self.answers;
        self.send(&format!("PUB {subject} {answers} {length}\r\n{question}\r\n"))?;
        let answer = loop {
            let delivery = self.next()?;
            if delivery.to == ANSWERS {
                break delivery;
            }
            self.early.push_back(delivery);
        };
        ensure!(!answer.headers.starts_with("NATS/1.0 503"), "nobody answers to {subject}");
        let answer: Value = serde_json::from_slice(&answer.payload)?;
        ensure!(answer["error"].is_null(), "{subject}: {}", answer["error"]);
        Ok(answer)
    }

    fn next(&mut self) -> Result<Delivery> {
        loop {
            let line = self.line()?;
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match word {
                "MSG" => return self.delivery(rest, false),
                "HMSG" => return self.delivery(rest, true),
                "PING" => self.send("PONG\r\n")?,
                "PONG" | "+OK" | "INFO" => {}
                _ => bail!("the server says {line}"),
            }
        }
    }

    /// `subject to [reply] [length of headers] length`
    fn delivery(&mut self, line: &str, has_headers: bool) -> Result<Delivery> {
        let mut words: Vec<&str> = line.split_ascii_whitespace().collect();
        let mut length = || -> Result<usize> {
            let word = words.pop().context("a delivery without a length")?;
            let length = word.parse().with_context(|| format!("a delivery of length {word}"))?;
            ensure!(length <= MAX_BYTES, "a delivery of {length} bytes");
            Ok(length)
        };
        let total = length()?;
        let headers = if has_headers { length()? } else { 0 };
        ensure!(headers <= total, "headers of {headers} bytes in {total}");
        let [subject, to, reply @ ..] = &words[..] else { bail!("a delivery to nobody: {line}") };
        let mut body = vec![0; total + 2];
        self.stream.read_exact(&mut body)?;
        body.truncate(total);
        let payload = body.split_off(headers);
        Ok(Delivery {
            subject: (*subject).to_owned(),
            to: (*to).to_owned(),
            reply: reply.first().map(|reply| (*reply).to_owned()),
            headers: String::from_utf8_lossy(&body).into_owned(),
            payload,
        })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line)? > 0, "the server has closed the connection");
        Ok(line.trim_end().to_owned())
    }

    fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.get_mut().write_all(text.as_bytes())?)
    }
}

impl Delivery {
    fn into_message(self, place: &Place) -> Message {
        let id = header(&self.headers, "Nats-Msg-Id").map(String::from);
        let Self { subject, payload, .. } = self;
        Message { place: place.place, at: place.at, subject, id, payload }
    }
}

fn header<'a>(headers: &'a str, wanted: &str) -> Option<&'a str> {
    let fields = headers.lines().filter_map(|line| line.split_once(':'));
    let mut values = fields.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
    values.next().map(|(_, value)| value.trim())
}

/// What the server says of a message where an acknowledgement would go.
#[derive(Debug, PartialEq)]
struct Place {
    place: u64,
    /// Which of the deliveries it is, from 1.
    delivered: u64,
    at: Duration,
    left: u64,
}

impl Place {
    /// `$JS.ACK.stream.consumer.times.place.delivered.time.left`, and newer servers have two more before `stream`.
    fn read(reply: &str) -> Result<Self> {
        let parts: Vec<&str> = reply.split('.').collect();
        let first = if parts.len() > 9 { 7 } else { 5 };
        let number = |index: usize| -> Result<u64> {
            let part = parts.get(first + index).and_then(|part| part.parse().ok());
            part.with_context(|| format!("a message without its place: {reply}"))
        };
        let at = Duration::from_nanos(number(2)?);
        Ok(Self { place: number(0)?, delivered: number(1)?, at, left: number(3)? })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn the_place_of_a_message_is_read() {
        let at = Duration::from_nanos(1_700_000_000_123_456_789);
        let expected = Place { place: 41, delivered: 7, at, left: 3 };
        let old = "$JS.ACK.LOG.c1.1.41.7.1700000000123456789.3";
        let new = "$JS.ACK.hub.acc.LOG.c1.1.41.7.1700000000123456789.3.rnd";
        for reply in [old, new] {
            assert_eq!(Place::read(reply).unwrap(), expected);
        }
        assert!(Place::read("$JS.FC.LOG.c1").is_err());
    }

    /// What is read of a log where the server says this.
    fn read(said: String) -> Result<Vec<Message>> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            client.write_all(said.as_bytes()).unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let mut heard = String::new();
            client.read_to_string(&mut heard).unwrap();
        });
        let mut connection = Connection::begin(TcpStream::connect(address).unwrap()).unwrap();
        let mut messages = Vec::new();
        let read = connection.read_log(41, |message| messages.push(message));
        drop(connection);
        server.join().unwrap();
        read.map(|_| messages)
    }

    fn answer(text: &str) -> String {
        format!("MSG _INBOX.any {ANSWERS} {}\r\n{text}\r\n", text.len())
    }

    /// Up to the answer that says how many there are.
    fn beginning() -> String {
        format!("INFO {{}}\r\n{}", answer(r#"{"streams":["LOG"]}"#))
    }

    fn deleted() -> String {
        answer(r#"{"success":true}"#)
    }

    const FIRST: &str = "HMSG results.s1 2 $JS.ACK.LOG.c1.1.41.1.1000000000.1 33 35\r\n\
        NATS/1.0\r\nNats-Msg-Id: s1/3-2\r\n\r\n{}\r\n";
    const WAIT_FOR_ME: &str = "HMSG _INBOX.any 2 $JS.FC.LOG 36 36\r\n\
        NATS/1.0 100 FlowControl Request\r\n\r\n\r\n";
    const SECOND: &str = "MSG results.s2 2 $JS.ACK.LOG.c1.1.43.2.2000000000.0 4\r\n[\r\n]\r\n";

    fn assert_is_read(rest: &str) {
        let messages = read(beginning() + rest).unwrap();
        let found: Vec<_> = messages
            .iter()
            .map(|it| (it.place, it.at.as_secs(), &*it.subject, it.id.as_deref(), &*it.payload))
            .collect();
        let first = (41, 1, "results.s1", Some("s1/3-2"), &b"{}"[..]);
        assert_eq!(found, [first, (43, 2, "results.s2", None, &b"[\r\n]"[..])]);
    }

    #[test]
    fn a_log_is_read() {
        let made = answer(r#"{"name":"c1","num_pending":2,"delivered":{"consumer_seq":0}}"#);
        assert_is_read(&format!("PING\r\n{made}{FIRST}{WAIT_FOR_ME}{SECOND}{}", deleted()));
    }

    #[test]
    fn what_comes_before_the_answer_is_read_as_well() {
        let made = answer(r#"{"name":"c1","num_pending":1,"delivered":{"consumer_seq":1}}"#);
        assert_is_read(&format!("{FIRST}{WAIT_FOR_ME}{made}{SECOND}{}", deleted()));
        let made = answer(r#"{"name":"c1","num_pending":0,"delivered":{"consumer_seq":2}}"#);
        assert_is_read(&format!("{FIRST}{SECOND}{made}{}", deleted()));
    }

    #[test]
    fn what_is_not_delivered_is_missed() {
        let made = answer(r#"{"name":"c1","num_pending":2,"delivered":{"consumer_seq":0}}"#);
        let error = read(beginning() + &made + SECOND).unwrap_err();
        assert!(error.to_string().contains("deliveries 1 to 1 are missing"), "{error}");
        let error = read(beginning() + &answer(r#"{"error":"no luck"}"#)).unwrap_err();
        assert!(error.to_string().contains("no luck"), "{error}");
        let error = read("INFO {}\r\n".to_owned()).unwrap_err();
        assert!(error.to_string().contains("closed"), "{error}");
    }
}
