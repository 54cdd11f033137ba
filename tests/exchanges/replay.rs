//! Exchanges with an engine, kept as files: what is asked is checked, what is answered is sent.
//!
//! A file holds exchanges separated by `---`. Lines that begin with `# ` before the first are
//! comments. `> METHOD TARGET`, then `> header: value` that the request must have, then its body;
//! `< STATUS REASON`, then headers and the body of the answer. Bodies that begin with `{` are
//! compared as JSON.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    thread::JoinHandle,
};

use flate2::read::GzDecoder;
use serde_json::Value;

/// A server that replays a file.
pub(crate) struct Replay {
    pub(crate) base: String,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Message {
    first: String,
    headers: Vec<String>,
    body: String,
}

/// Takes the lines that begin with `mark`, and what follows up to `end` as the body.
fn message(text: &str, mark: &str) -> Message {
    let mut message = Message::default();
    let mut body = Vec::new();
    for line in text.lines() {
        match line.strip_prefix(mark) {
            Some(rest) if message.first.is_empty() => rest.clone_into(&mut message.first),
            Some(rest) => message.headers.push(rest.to_owned()),
            None => body.push(line),
        }
    }
    message.body = body.join("\n");
    message
}

fn exchanges(path: &Path) -> Vec<(Message, Message)> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let text: Vec<&str> = text.lines().filter(|l| !l.starts_with("# ") && *l != "#").collect();
    let text = text.join("\n");
    let exchange = |part: &str| {
        let at = part.find("\n< ").expect("an answer");
        (message(part[..at].trim(), "> "), message(part[at..].trim(), "< "))
    };
    text.split("\n---\n").map(exchange).collect()
}

impl Replay {
    /// Replays this file of `tests/exchanges`.
    pub(crate) fn start(file: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/exchanges");
        let exchanges = exchanges(&folder.join(file));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let file = file.to_owned();
        let thread = std::thread::spawn(move || {
            for (n, (request, answer)) in exchanges.iter().enumerate() {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                check(&mut reader, request, &format!("{file}, exchange {}", n + 1));
                let text = written(answer);
                reader.get_mut().write_all(text.as_bytes()).unwrap();
            }
        });
        Self { base, thread }
    }

    /// Everything was asked.
    pub(crate) fn end(self) {
        self.thread.join().expect("the requests were those of the file");
    }
}

fn check(reader: &mut BufReader<impl Read>, expected: &Message, place: &str) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{place}: no request");
    }
    let mut lines = head.lines();
    let first = lines.next().unwrap();
    assert_eq!(first, format!("{} HTTP/1.1", expected.first), "{place}");
    let headers: Vec<String> = lines
        .filter_map(|l| l.split_once(':'))
        .map(|(name, value)| format!("{}: {}", name.to_ascii_lowercase(), value.trim()))
        .collect();
    for header in &expected.headers {
        assert!(headers.contains(header), "{place}: no `{header}` in {headers:#?}");
    }
    let length = headers.iter().find_map(|h| h.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |l| l.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    if headers.iter().any(|h| h == "content-encoding: gzip") {
        let mut plain = Vec::new();
        GzDecoder::new(body.as_slice()).read_to_end(&mut plain).unwrap();
        body = plain;
    }
    let body = String::from_utf8(body).unwrap();
    if expected.body.starts_with('{') {
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(json(&body), json(&expected.body), "{place}");
    } else {
        assert_eq!(body.trim_end(), expected.body, "{place}");
    }
}

/// An answer as it goes over the wire; bodies of CSV have the line ends of RFC 4180.
fn written(answer: &Message) -> String {
    let mut text = format!("HTTP/1.1 {}\r\n", answer.first);
    for header in &answer.headers {
        text += &format!("{header}\r\n");
    }
    let csv = answer.headers.iter().any(|h| h.to_ascii_lowercase().contains("text/csv"));
    let body = if csv { answer.body.replace('\n', "\r\n") } else { answer.body.clone() };
    text + &format!("content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}
