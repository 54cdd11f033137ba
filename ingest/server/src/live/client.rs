//! One client of the feed: where it is, and what it takes next.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use tokio::sync::watch;

use super::{Frame, HEARTBEAT_TICKS, Hub, News, Place};

/// A page that is open.
pub(crate) struct Client {
    hub: Arc<Hub>,
    news: watch::Receiver<News>,
    /// What it has seen; `None` before its first snapshot.
    seen: Option<News>,
    /// When it last took a heartbeat, in ticks.
    beat: u64,
    /// Alarms it has asked for and not taken; shared with everybody else.
    alarms: VecDeque<Bytes>,
    _place: Place,
}

impl Client {
    pub(super) fn new(hub: Arc<Hub>, place: Place) -> Self {
        let news = hub.news.subscribe();
        Self { hub, news, seen: None, beat: 0, alarms: VecDeque::new(), _place: place }
    }

    /// The next frame, as soon as there is one; `None` when the feed has ended.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.news.borrow().closed {
                return None;
            }
            if let Some(frame) = self.ready() {
                return Some(frame);
            }
            self.news.changed().await.ok()?;
        }
    }

    /// A frame that can be taken now.
    fn ready(&mut self) -> Option<Bytes> {
        if let Some(alarm) = self.alarms.pop_front() {
            return Some(alarm);
        }
        let news = *self.news.borrow_and_update();
        let Some(seen) = self.seen else { return Some(self.start()) };
        if news.alarms > seen.alarms {
            let Some(alarms) = self.hub.alarms_from(seen.alarms) else {
                return Some(self.start());
            };
            self.seen = Some(News { alarms: seen.alarms + alarms.len() as u64, ..seen });
            self.alarms = alarms.into();
            return self.alarms.pop_front();
        }
        if news.tick > seen.tick {
            match self.hub.diff(seen.tick) {
                Frame::Later => {}
                Frame::Nothing => self.seen = Some(News { tick: news.tick, ..seen }),
                Frame::Bytes(bytes) => {
                    self.seen = Some(News { tick: news.tick, ..seen });
                    return Some(bytes);
                }
            }
        }
        if news.tick / HEARTBEAT_TICKS > self.beat / HEARTBEAT_TICKS {
            self.beat = news.tick;
            return Some(self.hub.heartbeat());
        }
        None
    }

    fn start(&mut self) -> Bytes {
        let (bytes, news) = self.hub.snapshot();
        self.seen = Some(news);
        self.beat = news.tick;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use tram_pipeline::DatastreamKey;
    use tram_wire::{ChannelName, NodeId, Point, Quality, Quantity, UnixMicros};

    use super::*;
    use crate::{
        board::Board,
        config::Station,
        live::{MAX_ALARM_EVENTS, MAX_CLIENTS},
    };

    const S: i64 = 1_000_000;

    struct Feed {
        board: Arc<Board>,
        hub: Arc<Hub>,
        second: i64,
    }

    impl Feed {
        fn new() -> Self {
            let board = Arc::new(Board::new(&[Station::registered(NodeId::new("a").unwrap())]));
            let hub = Hub::new(Arc::clone(&board));
            hub.tick(UnixMicros(0));
            Self { board, hub, second: 0 }
        }

        fn read(&mut self, channel: &str, value: i64) {
            let key = DatastreamKey {
                node: NodeId::new("a").unwrap(),
                channel: ChannelName::new(channel).unwrap(),
                quantity: Quantity::Pressure,
            };
            let micros = self.second * S;
            let point = Point { micros, value: Some(value), quality: Quality::GOOD };
            self.board.reading(key, point);
        }

        fn tick(&mut self) {
            self.second += 1;
            self.hub.tick(UnixMicros(self.second * S));
        }
    }

    fn text(frame: Option<Bytes>) -> String {
        String::from_utf8(frame.expect("a frame").to_vec()).unwrap()
    }

    #[test]
    fn a_snapshot_comes_first_and_then_what_changes() {
        let mut feed = Feed::new();
        feed.read("x", 1);
        feed.tick();
        let mut client = feed.hub.admit().unwrap();
        let first = text(client.ready());
        assert!(first.starts_with("event: snapshot\n"), "{first}");
        assert!(first.contains("\"channel\":\"x\"") && first.ends_with("\n\n"), "{first}");
        assert_eq!(client.ready(), None);
        feed.read("y", 2);
        assert_eq!(client.ready(), None, "nothing before the tick");
        feed.tick();
        let diff = text(client.ready());
        assert!(diff.starts_with("event: diff\n"), "{diff}");
        assert!(diff.contains("\"channel\":\"y\"") && !diff.contains("\"channel\":\"x\""));
        assert_eq!(client.ready(), None);
    }

    #[test]
    fn a_slow_client_gets_one_merged_frame() {
        let mut feed = Feed::new();
        let mut slow = feed.hub.admit().unwrap();
        let mut fast = feed.hub.admit().unwrap();
        text(slow.ready());
        text(fast.ready());
        for n in 1..=3 {
            feed.read("x", n);
            feed.read(&format!("c{n}"), n);
            feed.tick();
            text(fast.ready());
        }
        let merged = text(slow.ready());
        assert_eq!(merged.matches("\"channel\":\"x\"").count(), 1);
        assert!(merged.contains("\"value\":3.0") && merged.contains("c1") && merged.contains("c3"));
        assert_eq!(slow.ready(), None);
    }

    #[test]
    fn clients_that_saw_the_same_share_one_frame() {
        let mut feed = Feed::new();
        let mut clients: Vec<Client> = (0..10).map(|_| feed.hub.admit().unwrap()).collect();
        for client in &mut clients {
            text(client.ready());
        }
        feed.read("x", 1);
        feed.tick();
        let frames: Vec<Bytes> = clients.iter_mut().map(|c| c.ready().unwrap()).collect();
        assert!(frames.iter().all(|f| f.as_ptr() == frames[0].as_ptr()));
    }

    #[test]
    fn a_heartbeat_comes_every_five_seconds_even_when_nothing_changes() {
        let mut feed = Feed::new();
        let mut client = feed.hub.admit().unwrap();
        text(client.ready());
        let mut beats = 0;
        for _ in 0..20 {
            feed.tick();
            while let Some(frame) = client.ready() {
                beats += usize::from(text(Some(frame)).starts_with("event: hb\n"));
            }
        }
        assert_eq!(beats, 4);
    }

    #[test]
    fn alarms_are_neither_merged_nor_lost() {
        let feed = Feed::new();
        let mut client = feed.hub.admit().unwrap();
        text(client.ready());
        for level in 1..=3 {
            feed.hub.alarms(vec![alarm(level)], &[alarm(level)]);
        }
        for level in 1..=3 {
            let frame = text(client.ready());
            assert!(frame.starts_with("event: alarm\n"), "{frame}");
            assert!(frame.contains(&format!("\"level\":{level}")), "{frame}");
        }
        assert_eq!(client.ready(), None);
        // One that was away for too long begins again.
        for _ in 0..=MAX_ALARM_EVENTS {
            feed.hub.alarms(vec![alarm(4)], &[alarm(4)]);
        }
        assert!(text(client.ready()).starts_with("event: snapshot\n"));
        assert_eq!(client.ready(), None);
    }

    #[test]
    fn the_number_of_clients_is_bounded() {
        let feed = Feed::new();
        let clients: Vec<Client> = (0..MAX_CLIENTS).map(|_| feed.hub.admit().unwrap()).collect();
        assert!(feed.hub.admit().is_none());
        assert_eq!(feed.hub.clients(), MAX_CLIENTS);
        drop(clients);
        assert!(feed.hub.admit().is_some());
    }

    #[tokio::test]
    async fn the_feed_ends() {
        let feed = Feed::new();
        let mut client = feed.hub.admit().unwrap();
        text(client.next().await);
        feed.hub.close();
        assert_eq!(client.next().await, None);
        assert!(feed.hub.admit().is_none());
    }

    fn alarm(level: u8) -> tram_alerts::Alarm {
        tram_alerts::Alarm {
            id: tram_wire::EpisodeId([1; 16]),
            rule: "r".to_owned(),
            version: 1,
            hazard: "flood".to_owned(),
            station: "a".to_owned(),
            channel: "x".to_owned(),
            level,
            severity: tram_rules::Severity::of_level(level),
            state: tram_alerts::AlarmState::Raised,
            no_data: false,
            raised_at: String::new(),
            updated_at: String::new(),
            cleared_at: None,
            value: 1.0,
            unit: "m",
            headline: tram_rules::Words { vi: String::new(), en: String::new(), zh: String::new() },
            acked: None,
            shelved: None,
            drill: false,
            approval: None,
            all_clear: None,
            public_level: None,
            cap: None,
            unofficial: false,
            source: tram_alerts::Source::Centre,
        }
    }
}
