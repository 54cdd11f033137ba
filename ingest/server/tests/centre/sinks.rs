//! Engines elsewhere: one that is down holds up nobody, and catches up by itself.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

use tram_wire::Seq;

use crate::harness::{Centre, Client, Station, now, until};

const EMBEDDED: &str = "listen = \"127.0.0.1:0\"\nanonymous_loopback = true";

/// Answers 204 to everything, until the test ends.
fn engine(listener: TcpListener) {
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head).unwrap_or(0) == 0 {
                    break;
                }
            }
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
            let Some(Ok(length)) = length.map(str::parse) else { continue };
            let mut body = vec![0; length];
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            // Whether the centre still listens is its own affair.
            let _ = reader.read_exact(&mut body).and_then(|()| reader.get_mut().write_all(answer));
        }
    });
}

/// An address on which nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn sink(name: &str, address: SocketAddr) -> String {
    format!(
        "[[sink]]\nname = \"{name}\"\nkind = \"line-protocol\"\nurl = \"http://{address}/base\"\n\
         batch_age_ms = 50\n"
    )
}

#[test]
fn a_sink_that_is_down_delays_nothing_and_catches_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap();
    engine(listener);
    let away = nobody();
    let sinks = sink("there", there) + &sink("away", away);
    let mut centre = Centre::with(EMBEDDED, &sinks);
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    let start = now().plus(-10_000_000);
    node.publish(&station.topic("birth"), &station.birth(), None);
    for seq in 0..4 {
        let i = i64::try_from(seq).unwrap();
        let batch = station.batch(seq, &[(start.plus(i * 1_000_000), 80_000 + i)]);
        node.publish(&station.topic("data"), &batch, None);
    }
    while node.ack().watermark < Seq(4) {}
    let lag = |centre: &Centre, name: &str| {
        centre.metric(&format!("tram_sink_lag_entries{{sink=\"{name}\"}}"))
    };
    until("the engine that is there", || (lag(&centre, "there") == 0).then_some(()));
    until("an attempt", || (centre.metric("tram_sink_retries_total") > 0).then_some(()));
    assert_eq!(lag(&centre, "away"), 4);
    assert_eq!(centre.metric("tram_sink_up{sink=\"away\"}"), 0);
    assert_eq!(centre.ask("/readyz").0, 200);
    assert_eq!(centre.metric("tram_sink_written_total"), 4);
    centre.program.says("it does not take readings");

    // Its place is kept, across a crash of the centre too.
    drop(node);
    let folder = centre.kill();
    engine(TcpListener::bind(away).unwrap());
    let centre = Centre::again(folder);
    until("the engine that was away", || (lag(&centre, "away") == 0).then_some(()));
    let written = centre.metric("tram_sink_written_total{sink=\"away\"}");
    assert_eq!(written, 4);
    assert_eq!(centre.metric("tram_sink_lost_entries_total"), 0);
    assert_eq!(centre.metric("tram_sink_refused_total"), 0);
}
