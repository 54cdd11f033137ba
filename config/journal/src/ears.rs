//! Counts events of libraries that tell in no other way than by their log.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{Event, Subscriber, field::Field, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, layer::Context, registry::LookupSpan};

/// An event that is counted, of level warn or error.
#[derive(Debug, Clone, Copy)]
pub struct Watched {
    /// What it is called where it is counted.
    pub name: &'static str,
    /// The target it comes from, as a whole.
    pub target: &'static str,
    /// What its message holds.
    pub contains: &'static str,
}

/// The counters.
#[derive(Debug)]
pub(crate) struct Ears {
    watched: &'static [Watched],
    heard: Vec<AtomicU64>,
}

impl Ears {
    pub(crate) fn new(watched: &'static [Watched]) -> Self {
        Self { watched, heard: watched.iter().map(|_| AtomicU64::new(0)).collect() }
    }

    pub(crate) fn heard(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let names = self.watched.iter().map(|w| w.name);
        names.zip(self.heard.iter().map(|n| n.load(Ordering::Relaxed)))
    }

    /// As a layer that sees nothing but the targets it listens to.
    pub(crate) fn layer<S>(self: Arc<Self>) -> impl Layer<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let targets = self.watched.iter().map(|w| (w.target, LevelFilter::WARN));
        let only = Targets::new().with_targets(targets);
        Listener(self).with_filter(only)
    }
}

struct Listener(Arc<Ears>);

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        let mut message = Message::default();
        event.record(&mut message);
        for (watched, n) in self.0.watched.iter().zip(&self.0.heard) {
            if watched.target == target && message.0.contains(watched.contains) {
                n.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The message of an event.
#[derive(Default)]
struct Message(String);

impl tracing::field::Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const WATCHED: &[Watched] = &[
        Watched { name: "shake", target: "lib::tls", contains: "handshake failed" },
        Watched { name: "limit", target: "lib::server", contains: "limits exceeded" },
    ];

    #[test]
    fn only_what_is_watched_is_counted() {
        let ears = Arc::new(Ears::new(WATCHED));
        let subscriber = tracing_subscriber::registry().with(Arc::clone(&ears).layer());
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "lib::tls", "TLS handshake failed with {}", "x");
            tracing::warn!(target: "lib::tls", "handshake failed");
            tracing::error!(target: "lib::tls", "something else");
            tracing::error!(target: "lib::server", "handshake failed");
            tracing::info!(target: "lib::server", "limits exceeded");
        });
        assert_eq!(ears.heard().collect::<Vec<_>>(), [("shake", 2), ("limit", 0)]);
    }
}
