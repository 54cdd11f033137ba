//! What a metric is: its name, its kind, what it means, and when to worry about it.

/// What a metric does over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows, from 0 at the start of the program.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations by buckets.
    Histogram,
}

impl Kind {
    /// Its name in Prometheus' text format.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric. Nothing appears on the page that is not one of the constants in
/// [`catalogue`](super::catalogue).
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does over time.
    pub(super) kind: Kind,
    /// What one of it is.
    #[cfg_attr(not(test), expect(dead_code, reason = "the documentation is made from it"))]
    pub(super) unit: &'static str,
    /// Its labels, each with a bounded set of values.
    pub(super) labels: &'static [&'static str],
    /// What it means, one sentence.
    pub(super) help: &'static str,
    /// When somebody should look, one sentence.
    #[cfg_attr(not(test), expect(dead_code, reason = "the documentation is made from it"))]
    pub(super) worry: &'static str,
}

/// Metrics that belong together.
#[cfg(test)]
#[derive(Debug)]
pub(super) struct Section {
    /// The question they answer.
    pub(super) title: &'static str,
    /// When they are there.
    pub(super) when: &'static str,
    /// The metrics, in the order of the page.
    pub(super) metrics: &'static [&'static Metric],
}
