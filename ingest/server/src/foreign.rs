//! The thread of each feed of others' warnings: asks it now and then, and keeps what stands.
//!
//! A feed can neither hold the centre up nor raise an alarm in it: it has a thread of its own,
//! every answer is bounded in time and size, and what is read is shown and nothing else.

use std::{
    io::Read as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tram_alerts::{
    CapAlert, ForeignAlert, ForeignBoard, ForeignFeed, MAX_CAP_BYTES, read_cap, read_feed,
};
use tram_wire::UnixMicros;
use ureq::{
    Agent,
    http::{Response, StatusCode, header},
};

use crate::{clock, config::CapFeed, time, wake::Wake};

/// How long an answer may take, from the name's resolution to the last byte.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest tag of a feed's state that is kept, in bytes.
const MAX_ETAG_BYTES: usize = 1_024;

/// How a feed is.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FeedState {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) url: String,
    /// When it last answered as a feed does, RFC 3339 in UTC.
    pub(crate) read_at: Option<String>,
    /// Why the last attempt failed, when it did.
    pub(crate) trouble: Option<String>,
    /// Messages on other hosts, which are not read.
    pub(crate) elsewhere: usize,
    /// Messages that could not be read.
    pub(crate) unreadable: usize,
}

/// What others warn of, shared by the threads and the web server.
#[derive(Default)]
pub(crate) struct Foreign {
    feeds: Vec<Mutex<Held>>,
    stop: Wake,
}

#[derive(Debug)]
struct Held {
    state: FeedState,
    board: ForeignBoard,
}

/// Everything others warn of.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    /// The feeds, in the order of the configuration.
    pub(crate) feeds: Vec<FeedState>,
    /// What stands, the newest of each feed first.
    pub(crate) alerts: Vec<ForeignAlert>,
}

impl Foreign {
    /// Starts one thread a feed. The threads end when they next look; one that waits for an answer
    /// is left alone when the program stops, since there is nothing in it to be saved.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(feeds: &[CapFeed]) -> std::io::Result<Arc<Self>> {
        let held = |feed: &CapFeed| {
            let state = FeedState {
                name: feed.name.clone(),
                url: feed.url.clone(),
                read_at: None,
                trouble: None,
                elsewhere: 0,
                unreadable: 0,
            };
            Mutex::new(Held { state, board: ForeignBoard::new(&feed.name) })
        };
        let foreign =
            Arc::new(Self { feeds: feeds.iter().map(held).collect(), stop: Wake::default() });
        for (index, feed) in feeds.iter().enumerate() {
            let reader = Reader::new(Arc::clone(&foreign), index, feed.clone());
            let thread = std::thread::Builder::new().name("cap-feed".to_owned());
            drop(thread.spawn(move || reader.run())?);
        }
        Ok(foreign)
    }

    /// What stands now.
    pub(crate) fn shown(&self, now: UnixMicros) -> Shown {
        let mut shown = Shown { feeds: Vec::new(), alerts: Vec::new() };
        for feed in &self.feeds {
            let held = feed.lock().unwrap_or_else(PoisonError::into_inner);
            shown.feeds.push(held.state.clone());
            shown.alerts.extend(held.board.standing(now));
        }
        shown
    }

    /// Ends the threads when they next look.
    pub(crate) fn stop(&self) {
        self.stop.stop();
    }
}

/// Reads one feed.
struct Reader {
    foreign: Arc<Foreign>,
    index: usize,
    feed: CapFeed,
    agent: Agent,
    etag: Option<String>,
}

/// What a feed's document or a message answered.
enum Answer {
    /// It is as it was.
    Unchanged,
    Document(Vec<u8>),
}

impl Reader {
    fn new(foreign: Arc<Foreign>, index: usize, feed: CapFeed) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            // It would lead where nobody has configured it to go.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("tram-ingest/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self { foreign, index, feed, agent, etag: None }
    }

    fn run(mut self) {
        loop {
            let heard = self.foreign.stop.rings();
            let read = self.read();
            self.note(read.err());
            if !self.foreign.stop.sleep(heard, self.feed.poll) {
                return;
            }
        }
    }

    /// Asks the feed, and for every message that is new in it.
    fn read(&mut self) -> Result<(), String> {
        let etag = self.etag.clone();
        let (answer, tag) = self.get(&self.feed.url, etag.as_deref())?;
        let Answer::Document(bytes) = answer else { return Ok(()) };
        let (addresses, elsewhere) = match read_feed(&self.feed.url, &bytes)? {
            ForeignFeed::Alert(alert) => {
                let address = self.feed.url.clone();
                self.with(|held| {
                    held.board = ForeignBoard::new(&held.state.name);
                    held.board.take(&address, Some(*alert));
                });
                self.etag = tag;
                return Ok(());
            }
            ForeignFeed::Entries { addresses, elsewhere } => (addresses, elsewhere),
        };
        let wanted = self.with(|held| {
            held.state.elsewhere = elsewhere;
            held.board.wanted(&addresses)
        });
        let mut unreached = None;
        for address in wanted {
            if self.foreign.stop.stopping() {
                return Ok(());
            }
            match self.message(&address) {
                Ok(alert) => self.with(|held| {
                    held.state.unreadable += usize::from(alert.is_none());
                    held.board.take(&address, alert);
                }),
                Err(why) => unreached = Some(format!("{address}: {why}")),
            }
        }
        // A feed of which a message could not be fetched is read again as a whole.
        self.etag = tag.filter(|_| unreached.is_none());
        unreached.map_or(Ok(()), Err)
    }

    /// One message; `None` when what is there is none, which will not change.
    fn message(&self, address: &str) -> Result<Option<CapAlert>, String> {
        let (Answer::Document(bytes), _) = self.get(address, None)? else { return Ok(None) };
        Ok(read_cap(&bytes)
            .inspect_err(|fault| {
                tracing::warn!(feed = self.feed.name, address, %fault, "a message of others cannot be read");
            })
            .ok())
    }

    /// GETs a document within the limits.
    fn get(&self, url: &str, etag: Option<&str>) -> Result<(Answer, Option<String>), String> {
        let mut request = self.agent.get(url);
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let mut response = request.call().map_err(|e| e.to_string())?;
        match response.status() {
            StatusCode::NOT_MODIFIED => return Ok((Answer::Unchanged, None)),
            status if status.is_redirection() => {
                let to = text(&response, &header::LOCATION).unwrap_or_default();
                return Err(format!("leads elsewhere; write that address as its url: {to}"));
            }
            status if !status.is_success() => return Err(format!("answers {status}")),
            _ => {}
        }
        let tag = text(&response, &header::ETAG).filter(|tag| tag.len() <= MAX_ETAG_BYTES);
        let mut bytes = Vec::new();
        let most = MAX_CAP_BYTES as u64 + 1;
        let reader = response.body_mut().as_reader();
        reader.take(most).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        Ok((Answer::Document(bytes), tag))
    }

    /// Says how the last attempt ended, in the log only when that is news.
    fn note(&self, trouble: Option<String>) {
        let (before, now) = self.with(|held| {
            let before = core::mem::replace(&mut held.state.trouble, trouble);
            if held.state.trouble.is_none() {
                held.state.read_at = Some(time::rfc3339(clock::now()));
            }
            (before, held.state.trouble.clone())
        });
        match (before, now) {
            (before, Some(trouble)) if before.as_ref() != Some(&trouble) => {
                tracing::warn!(feed = self.feed.name, trouble, "a feed of others cannot be read");
            }
            (Some(_), None) => {
                tracing::info!(feed = self.feed.name, "a feed of others is read again");
            }
            _ => {}
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Held) -> T) -> T {
        let held = self.foreign.feeds.get(self.index).expect("a reader's feed is in the list");
        act(&mut held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn text<T>(response: &Response<T>, name: &header::HeaderName) -> Option<String> {
    response.headers().get(name).and_then(|v| v.to_str().ok()).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
        sync::mpsc,
    };

    use super::*;

    const ALERT: &str = "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>x1</identifier>\
        <sender>a@b</sender><sent>2024-09-09T08:00:00+07:00</sent><status>Actual</status>\
        <msgType>Alert</msgType><scope>Public</scope><info><category>Met</category><event>Lũ</event>\
        <urgency>Immediate</urgency><severity>Severe</severity><certainty>Observed</certainty>\
        <headline>Lũ lớn</headline></info></alert>";
    const FEED: &str = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><link href='/1.xml'/></entry>\
        <entry><link href='/2.xml'/></entry><entry><link href='http://127.0.0.1:1/3.xml'/></entry></feed>";
    /// A quarter of an hour after the message was sent.
    const NOW: UnixMicros = UnixMicros(1_725_844_500_000_000);

    /// Answers one request after the other, and says what was asked.
    fn server(answers: Vec<(&'static str, String)>) -> (String, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (asked, questions) = mpsc::channel();
        std::thread::spawn(move || {
            for (head, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let request: Vec<String> =
                    lines.by_ref().map(Result::unwrap).take_while(|l| !l.is_empty()).collect();
                write!(
                    stream,
                    "HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                )
                .unwrap();
                asked.send(request.join("\n")).unwrap();
            }
        });
        (base, questions)
    }

    fn reader(url: String) -> Reader {
        let feed = CapFeed { name: "f".to_owned(), url, poll: Duration::from_secs(60) };
        let held = Held {
            state: FeedState {
                name: feed.name.clone(),
                url: feed.url.clone(),
                read_at: None,
                trouble: None,
                elsewhere: 0,
                unreadable: 0,
            },
            board: ForeignBoard::new("f"),
        };
        let foreign = Arc::new(Foreign { feeds: vec![Mutex::new(held)], stop: Wake::default() });
        Reader::new(foreign, 0, feed)
    }

    #[test]
    fn a_feed_is_read_once_and_asked_with_its_tag_after_that() {
        let bomb = "<!DOCTYPE a [<!ENTITY b 'c'>]><alert>&b;</alert>".to_owned();
        let (base, asked) = server(vec![
            ("200 OK\r\netag: \"t1\"", FEED.to_owned()),
            ("200 OK", ALERT.to_owned()),
            ("200 OK", bomb),
            ("304 Not Modified", String::new()),
        ]);
        let mut reader = reader(format!("{base}/feed.atom"));
        reader.read().unwrap();
        let shown = reader.foreign.shown(NOW);
        assert_eq!(shown.alerts.len(), 1);
        assert_eq!(shown.alerts[0].alert.identifier, "x1");
        assert_eq!((shown.feeds[0].elsewhere, shown.feeds[0].unreadable), (1, 1));
        reader.read().unwrap();
        let questions: Vec<String> = asked.iter().take(4).collect();
        assert!(
            questions[3].to_ascii_lowercase().contains("if-none-match: \"t1\""),
            "{questions:?}"
        );
        assert_eq!(reader.foreign.shown(NOW).alerts.len(), 1);
    }

    #[test]
    fn what_goes_wrong_is_said_and_what_was_read_stands() {
        let large = " ".repeat(MAX_CAP_BYTES + 2);
        let (base, _asked) = server(vec![
            ("200 OK", ALERT.to_owned()),
            ("500 Internal Server Error", String::new()),
            ("302 Found\r\nlocation: http://10.0.0.1/", String::new()),
            ("200 OK", large),
            ("200 OK", "<html/>".to_owned()),
        ]);
        let mut reader = reader(base);
        for says in ["", "500", "http://10.0.0.1/", "1 MiB", "neither"] {
            let trouble = reader.read().err();
            assert!(trouble.clone().unwrap_or_default().contains(says), "{trouble:?} {says}");
            reader.note(trouble);
            assert_eq!(reader.foreign.shown(NOW).alerts.len(), 1, "{says}");
        }
        assert!(reader.foreign.shown(NOW).feeds[0].trouble.is_some());
    }
}
