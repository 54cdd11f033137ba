//! How much of what repeats itself is written.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::{
    Event, Level, Subscriber,
    callsite::Identifier,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// The most lines of one place in the code within [`WINDOW`]. What is asked for with the levels
/// debug and trace has no limit.
pub const MAX_LINES: u32 = 30;
/// The time they are counted over.
pub const WINDOW: Duration = Duration::from_secs(60);

/// What each place in the code has written lately. Places are as many as the code has.
#[derive(Debug, Default)]
pub(crate) struct Flood {
    places: HashMap<Identifier, Place>,
    kept_back: u64,
}

#[derive(Debug)]
struct Place {
    name: String,
    began: Instant,
    lines: u32,
    kept_back: u64,
}

impl Flood {
    /// Whether one more line of this place may be written.
    fn one_more(&mut self, id: Identifier, name: impl FnOnce() -> String, now: Instant) -> bool {
        let place = self.places.entry(id).or_insert_with(|| Place {
            name: name(),
            began: now,
            lines: 0,
            kept_back: 0,
        });
        if place.lines > 0 && now.duration_since(place.began) >= WINDOW {
            (place.began, place.lines) = (now, 0);
        }
        if place.lines >= MAX_LINES {
            place.kept_back = place.kept_back.saturating_add(1);
            self.kept_back = self.kept_back.saturating_add(1);
            return false;
        }
        if place.lines == 0 {
            place.began = now;
        }
        place.lines += 1;
        true
    }

    /// Places whose minute is over and how many of their lines were not written in it.
    pub(crate) fn report(&mut self, now: Instant) -> Vec<(String, u64)> {
        let over = |p: &Place| p.kept_back > 0 && now.duration_since(p.began) >= WINDOW;
        self.places
            .values_mut()
            .filter(|place| over(place))
            .map(|place| (place.name.clone(), std::mem::take(&mut place.kept_back)))
            .collect()
    }

    /// How many lines were not written since the start.
    pub(crate) fn kept_back(&self) -> u64 {
        self.kept_back
    }
}

/// A layer of lines with the flood before it. (As a filter of the layer it would do the same, but
/// tracing-subscriber 0.3 loses count of its filters when one of them turns an event down late.)
pub(crate) struct Gate<L> {
    pub(crate) lines: L,
    pub(crate) flood: Arc<Mutex<Flood>>,
    pub(crate) clock: fn() -> Instant,
}

impl<L> Gate<L> {
    fn lets_through(&self, event: &Event<'_>) -> bool {
        let about = event.metadata();
        if *about.level() > Level::INFO {
            return true;
        }
        let name = || match (about.file(), about.line()) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            _ => about.target().to_owned(),
        };
        let mut flood = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
        flood.one_more(about.callsite(), name, (self.clock)())
    }
}

impl<S, L> Layer<S> for Gate<L>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    L: Layer<S>,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if self.lets_through(event) {
            self.lines.on_event(event, context);
        }
    }

    // What is written of an event says in which spans it happened.

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.lines.on_new_span(attributes, id, context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.lines.on_record(id, values, context);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.lines.on_enter(id, context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.lines.on_exit(id, context);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.lines.on_close(id, context);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test needs some moment to begin at")]
mod tests {
    use std::{cell::Cell, io::Write};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    thread_local! {
        static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
    }

    fn now() -> Instant {
        NOW.get().unwrap_or_else(Instant::now)
    }

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn lines(&self) -> usize {
            let text = self.0.lock().unwrap();
            text.iter().filter(|b| **b == b'\n').count()
        }
    }

    #[test]
    fn what_repeats_itself_is_written_so_often_and_counted() {
        let start = Instant::now();
        NOW.set(Some(start));
        let (flood, paper) = (Arc::new(Mutex::new(Flood::default())), Paper::default());
        let to = paper.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || to.clone());
        let gate = Gate { lines, flood: Arc::clone(&flood), clock: now };
        let filter = tracing_subscriber::EnvFilter::new("debug");
        let subscriber = tracing_subscriber::registry().with(gate.with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            let complain = || {
                for i in 0..1_000 {
                    tracing::warn!(i, "the same again");
                }
            };
            complain();
            assert_eq!(paper.lines(), 30);
            tracing::warn!("another place is another matter");
            assert_eq!(paper.lines(), 31);
            assert!(flood.lock().unwrap().report(start).is_empty(), "the minute is not over");
            NOW.set(Some(start + WINDOW));
            let told = flood.lock().unwrap().report(start + WINDOW);
            assert_eq!(told.len(), 1);
            assert!(told[0].0.contains("flood.rs:") && told[0].1 == 970, "{told:?}");
            complain();
            assert_eq!(paper.lines(), 61);
            assert_eq!(flood.lock().unwrap().kept_back(), 1_940);
            for i in 0..100 {
                tracing::debug!(i, "who asks for it gets it");
            }
            assert_eq!(paper.lines(), 161);
        });
    }
}
