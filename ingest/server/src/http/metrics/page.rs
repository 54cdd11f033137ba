//! The page as it grows, in Prometheus' text format (version 0.0.4).

use std::fmt::{Display, Write};

use super::metric::Metric;
use crate::ledger::{BUCKETS_MS, Histogram};

/// The page as it grows. All values of a metric must be put one after the other.
#[derive(Default)]
pub(super) struct Page {
    pub(super) text: String,
    /// The metric whose values are being put.
    current: &'static str,
}

impl Page {
    /// Puts a value; `labels` are the values of the metric's labels, in their order.
    pub(super) fn put(&mut self, metric: &Metric, labels: &[&str], value: impl Display) {
        self.head(metric);
        self.line(metric.name, "", metric.labels, labels, value);
    }

    /// Puts a histogram.
    pub(super) fn histogram(&mut self, metric: &Metric, labels: &[&str], histogram: &Histogram) {
        self.head(metric);
        let mut names = metric.labels.to_vec();
        names.push("le");
        for (ms, n) in BUCKETS_MS.iter().zip(histogram.at_most) {
            #[expect(clippy::cast_precision_loss, reason = "the bounds are small")]
            let bound = (*ms as f64 / 1000.0).to_string();
            self.line(metric.name, "_bucket", &names, &[labels, &[&bound]].concat(), n);
        }
        let all = [labels, &["+Inf"]].concat();
        self.line(metric.name, "_bucket", &names, &all, histogram.count);
        let sum = histogram.sum.as_secs_f64();
        self.line(metric.name, "_sum", metric.labels, labels, sum);
        self.line(metric.name, "_count", metric.labels, labels, histogram.count);
    }

    /// What the metric is, before its first value.
    fn head(&mut self, metric: &Metric) {
        if self.current == metric.name {
            return;
        }
        self.current = metric.name;
        let Metric { name, kind, help, .. } = metric;
        debug_assert!(!self.text.contains(&format!("# TYPE {name} ")), "{name} comes twice");
        // Writing to a string cannot fail, here and below.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {}\n", kind.name());
    }

    /// One value. Names and label values are our own or checked names of stations, sinks and
    /// rules; nothing in them needs to be escaped.
    fn line(
        &mut self,
        name: &str,
        ending: &str,
        labels: &[&str],
        values: &[&str],
        value: impl Display,
    ) {
        debug_assert_eq!(labels.len(), values.len(), "{name} has labels {labels:?}");
        let _ = write!(self.text, "{name}{ending}");
        for (i, (label, text)) in labels.iter().zip(values).enumerate() {
            let _ = write!(self.text, "{}{label}=\"{text}\"", if i == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::metric::Kind, *};

    fn metric(name: &'static str, kind: Kind, labels: &'static [&'static str]) -> Metric {
        Metric { name, kind, unit: "", labels, help: "It is one.", worry: "" }
    }

    #[test]
    fn the_page_is_prometheus_text() {
        let mut page = Page::default();
        page.put(&metric("g", Kind::Gauge, &[]), &[], 7);
        let labelled = metric("c", Kind::Counter, &["a", "b"]);
        page.put(&labelled, &["x", "y"], 1.5);
        page.put(&labelled, &["x", "z"], 2);
        let mut histogram = Histogram::default();
        histogram.observe(Duration::from_millis(20));
        page.histogram(&metric("h", Kind::Histogram, &[]), &[], &histogram);
        assert!(page.text.starts_with("# HELP g It is one.\n# TYPE g gauge\ng 7\n"));
        assert!(page.text.contains("\nc{a=\"x\",b=\"y\"} 1.5\nc{a=\"x\",b=\"z\"} 2\n"));
        assert!(page.text.contains("\nh_bucket{le=\"0.01\"} 0\nh_bucket{le=\"0.02\"} 1\n"));
        assert!(page.text.ends_with("h_bucket{le=\"+Inf\"} 1\nh_sum 0.02\nh_count 1\n"));
    }
}
