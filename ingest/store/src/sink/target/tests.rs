//! What is sent, and what is made of the answer.

use std::{io::BufRead, net::TcpListener, thread::JoinHandle};

use flate2::read::GzDecoder;

use super::*;
use crate::sink::{Credentials, Refusal};

/// The head and the body of a request.
type Request = (String, Vec<u8>);

/// A server that takes one request after the other, each on a connection of its own, gives the
/// answers one after the other, and returns heads and bodies.
fn server(answers: Vec<String>) -> (String, JoinHandle<Vec<Request>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = std::io::BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(reader.read_line(&mut head).unwrap() > 0);
            }
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
            let mut body = vec![0; length.unwrap().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            requests.push((head, body));
        }
        requests
    });
    (base, thread)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn access(token: &str) -> Access {
    Access::new(Some(&Credentials::Token(token.to_owned())), None).unwrap()
}

fn v2(base: &str) -> Place {
    Place::V2 {
        base: base.to_owned(),
        org: Some("trạm".to_owned()),
        bucket: Some("a b".to_owned()),
    }
}

#[test]
fn addresses_are_those_the_engines_document() {
    let url = |place: Place| place.write_url().unwrap();
    let at = |base: &str| Place::V2 { base: base.to_owned(), org: None, bucket: None };
    assert_eq!(url(at("http://127.0.0.1:8428")), "http://127.0.0.1:8428/api/v2/write?precision=us");
    assert_eq!(
        url(at("http://vminsert:8480/insert/0/influx/")),
        "http://vminsert:8480/insert/0/influx/api/v2/write?precision=us"
    );
    let greptime = Place::V2 {
        base: "https://greptime:4000/v1/influxdb".to_owned(),
        org: None,
        bucket: Some("public".to_owned()),
    };
    assert_eq!(
        url(greptime),
        "https://greptime:4000/v1/influxdb/api/v2/write?precision=us&bucket=public"
    );
    assert_eq!(
        url(v2("http://influx:8086")),
        "http://influx:8086/api/v2/write?precision=us&org=tr%E1%BA%A1m&bucket=a%20b"
    );
    let v1 = Place::V1 { base: "http://[::1]:8086".to_owned(), database: "tram&x=1".to_owned() };
    assert_eq!(url(v1), "http://[::1]:8086/write?precision=u&db=tram%26x%3D1");
    for wrong in [
        "127.0.0.1:8428",
        "ftp://x",
        "http://",
        "http:///x",
        "http://a b",
        "http://x/?q",
        "http://u:p@x",
    ] {
        assert!(matches!(at(wrong).write_url(), Err(TargetError::Address(_))), "{wrong}");
    }
}

#[test]
fn what_is_sent_is_compressed_and_carries_the_token() {
    let (base, thread) = server(vec![answer("204 No Content", "", "")]);
    let target = Target::new(&v2(&base), &access("s3cret")).unwrap();
    assert!(!format!("{target:?}").contains("s3cret"));
    let lines = "tram,station=a value=1 5\n".repeat(1000);
    assert_eq!(target.write(lines.as_bytes()), Answer::Written);
    let (head, body) = thread.join().unwrap().remove(0);
    assert!(head.starts_with("post /api/v2/write?precision=us&org="), "{head}");
    assert!(head.contains("authorization: token s3cret\r\n"), "{head}");
    assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
    assert!(body.len() < lines.len() / 10);
    let mut text = String::new();
    GzDecoder::new(body.as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!(text, lines);
}

#[test]
fn answers_are_those_influxdb_2_documents() {
    let partial = r#"{"code":"invalid","message":"unable to parse 'x': missing fields"}"#;
    let (base, thread) = server(vec![
        answer("400 Bad Request", "content-type: application/json\r\n", partial),
        answer("413 Request Entity Too Large", "", r#"{"code":"request too large"}"#),
        answer("429 Too Many Requests", "Retry-After: 12\r\n", ""),
        answer(
            "503 Service Unavailable",
            "Date: Wed, 21 Oct 2026 07:28:00 GMT\r\n\
             Retry-After: Wed, 21 Oct 2026 07:28:03 GMT\r\n",
            "",
        ),
        answer(
            "401 Unauthorized",
            "",
            r#"{"code":"unauthorized","message":"unauthorized access"}"#,
        ),
        answer("307 Temporary Redirect", "location: http://127.0.0.1:1/\r\n", ""),
        answer("500 Internal Server Error", "", &"x".repeat(100_000)),
    ]);
    let target = Target::new(&v2(&base), &Access::default()).unwrap();
    let write = || target.write(b"tram,station=a value=1 5\n");
    let refused = write();
    assert!(
        matches!(&refused, Answer::Refused { why: Refusal::BadRequest, reason } if reason.contains("missing fields")),
        "{refused:?}"
    );
    assert!(matches!(write(), Answer::Refused { why: Refusal::TooLarge, .. }));
    for seconds in [12, 3] {
        let after = Some(Duration::from_secs(seconds));
        assert!(matches!(write(), Answer::Later { after: a, .. } if a == after));
    }
    for status in ["401", "307"] {
        let later = write();
        assert!(matches!(&later, Answer::Later { after: None, reason } if reason.contains(status)));
    }
    let Answer::Later { reason, .. } = write() else { panic!("a broken engine is asked again") };
    assert!(reason.len() < 2_000);
    thread.join().unwrap();
    assert!(matches!(write(), Answer::Unreachable { .. }));
}
