//! `/metrics` in Prometheus' text format (version 0.0.4).

use std::{
    fmt::{Display, Write},
    sync::{Arc, atomic::Ordering},
};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use tram_pipeline::{DeferReason, Reason};
use tram_store::sink::{self, SinkCounters};

use super::{App, Refusal, blocking};
use crate::{
    alarms::Alarms,
    ledger::{BUCKETS_MS, Histogram},
};

/// Counters and gauges for Prometheus. At every moment
/// `received = stored + duplicate + quarantined + pending`: they are one picture.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "Prometheus text", content_type = "text/plain", body = String)))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    // Counting the alarms reads their file.
    let text = blocking(move || {
        let mut page = Page::default();
        readings(&mut page, &app);
        log(&mut page, &app);
        doors(&mut page, &app);
        sinks(&mut page, &app);
        if let Some(alarms) = &app.alarms {
            alerts(&mut page, &app, alarms);
        }
        page.text
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text.await?).into_response())
}

fn readings(page: &mut Page, app: &App) {
    let picture = app.ledger.picture();
    let c = &picture.counters;
    page.counter(
        "tram_messages_received_total",
        "Messages taken from the broker.",
        picture.messages,
    );
    page.counter("tram_readings_received_total", "Readings that came in.", c.received);
    page.counter("tram_readings_stored_total", "Readings on disk in the log.", c.stored);
    page.counter("tram_readings_duplicate_total", "Readings that were here before.", c.duplicate);
    page.gauge("tram_readings_pending", "Readings on their way to the disk.", c.pending);
    page.head(
        "tram_readings_quarantined_total",
        "counter",
        "Readings of refused messages; 1 for a message whose readings cannot be counted.",
    );
    for reason in Reason::ALL {
        let labels = [("reason", reason.name())];
        page.line("tram_readings_quarantined_total", &labels, c.quarantined(reason));
    }
    page.head("tram_batches_deferred_total", "counter", "Messages to be sent again later.");
    for reason in DeferReason::ALL {
        let labels = [("reason", reason.name())];
        page.line("tram_batches_deferred_total", &labels, c.deferred(reason));
    }
    page.counter(
        "tram_spools_forgotten_total",
        "Spools and boots forgotten because a node had too many.",
        c.forgotten,
    );
    page.histogram(
        "tram_commit_seconds",
        "From the first message of a group to its place on disk.",
        &picture.commit,
    );
    page.histogram(
        "tram_ack_seconds",
        "From a message's arrival to its acknowledgement.",
        &picture.arrival_to_ack,
    );
}

fn log(page: &mut Page, app: &App) {
    let picture = app.ledger.picture();
    let writable = u64::from(picture.log_state.is_ok());
    page.gauge("tram_log_writable", "Whether the log can be written.", writable);
    page.gauge("tram_log_last", "Number of the log's last entry.", picture.log.last);
    page.gauge(
        "tram_log_trimmed",
        "Number up to which entries are forgotten.",
        picture.log.trimmed,
    );
    page.gauge("tram_log_payload_bytes", "Bytes of payload in the log.", picture.log.bytes);
    let stats = app.store.stats();
    page.gauge("tram_head_readings", "Readings not sealed yet.", stats.head_readings);
    page.gauge("tram_datastreams", "Datastreams known.", stats.datastreams);
    page.counter("tram_sealed_readings_total", "Readings sealed.", app.ledger.sealed_readings());
    page.counter(
        "tram_quarantine_messages_total",
        "Messages refused since the store exists.",
        stats.quarantined_messages,
    );
    page.counter(
        "tram_quarantine_dropped_total",
        "Payloads dropped to keep the quarantine within its bound.",
        stats.quarantine_dropped,
    );
}

fn doors(page: &mut Page, app: &App) {
    let connected = u64::from(app.link.state().is_ok());
    page.gauge("tram_broker_connected", "Whether the broker is connected.", connected);
    page.counter("tram_broker_connections_total", "Connections made.", app.link.connections());
    page.counter(
        "tram_acks_dropped_total",
        "Acknowledgements and commands dropped because too many waited.",
        app.link.mailbox.dropped(),
    );
    if let Some(door) = &app.door {
        page.head("tram_broker_refused_total", "counter", "What the embedded broker refused.");
        for (what, counter) in [
            ("connection", &door.counters.connections_refused),
            ("publish", &door.counters.publishes_refused),
            ("subscription", &door.counters.subscriptions_refused),
        ] {
            let labels = [("what", what)];
            page.line("tram_broker_refused_total", &labels, counter.load(Ordering::Relaxed));
        }
    }
    let (stations, _, not_shown) = app.board.counts();
    page.gauge("tram_stations", "Stations known.", stations);
    page.counter(
        "tram_readings_not_shown_total",
        "Readings stored and not shown, because there are too many datastreams.",
        not_shown,
    );
    page.gauge("tram_live_clients", "Pages that are open.", app.hub.clients());
}

fn alerts(page: &mut Page, app: &App, alarms: &Alarms) {
    let (position, cursor) = app.ledger.alerts();
    page.gauge("tram_alerts_position", "Log entry up to which rules are evaluated.", position);
    page.gauge("tram_alerts_cursor", "Log entry up to which their effects are on disk.", cursor);
    let counters = alarms.alerts().counters();
    let c = match counters {
        Ok(counters) => counters,
        Err(error) => {
            tracing::error!(%error, "the alarms cannot be counted");
            return;
        }
    };
    for (name, help, n) in [
        ("tram_alerts_observations_total", "Readings the rules looked at.", c.observations_total),
        (
            "tram_alerts_transitions_total",
            "Alarms raised, lowered and cleared.",
            c.transitions_total,
        ),
        ("tram_alerts_episodes_refused_total", "Too many open alarms.", c.episodes_refused_total),
        (
            "tram_alerts_stations_refused_total",
            "Readings of too many stations.",
            c.stations_refused_total,
        ),
        (
            "tram_alerts_late_readings_total",
            "Readings later than a rule allows.",
            c.late_readings_total,
        ),
        (
            "tram_alerts_overflow_readings_total",
            "Readings a full state let go.",
            c.overflowed_readings_total,
        ),
        ("tram_deliveries_done_total", "Notifications taken by their receiver.", c.delivered_total),
        ("tram_deliveries_failed_total", "Attempts that failed.", c.failed_total),
        ("tram_deliveries_given_up_total", "Notifications given up.", c.given_up_total),
        ("tram_cap_unsound_total", "CAP messages that break the standard.", c.unsound_messages),
    ] {
        page.counter(name, help, n);
    }
    page.gauge("tram_alerts_states", "States of rules at stations.", c.states);
    page.gauge("tram_alarms_open", "Alarms that go on.", c.open_episodes);
    page.gauge("tram_deliveries_pending", "Notifications that wait.", c.pending_deliveries);
}

fn sinks(page: &mut Page, app: &App) {
    if app.sinks.is_empty() {
        return;
    }
    let last = app.ledger.picture().log.last;
    let pictures: Vec<_> = app.sinks.iter().map(|s| (s.name.as_str(), s.picture())).collect();
    page.head("tram_sink_lag_entries", "gauge", "Log entries the engine has not taken yet.");
    for (name, picture) in &pictures {
        let lag = last.0.saturating_sub(picture.written.0).max(0);
        page.line("tram_sink_lag_entries", &[("sink", name)], lag);
    }
    page.head("tram_sink_up", "gauge", "Whether the engine took what it was sent last.");
    for (name, picture) in &pictures {
        page.line("tram_sink_up", &[("sink", name)], u64::from(picture.up));
    }
    page.head("tram_sink_refused_total", "counter", "Readings the engine does not take.");
    for (name, picture) in &pictures {
        for why in sink::Refusal::ALL {
            let labels = [("sink", *name), ("reason", why.name())];
            page.line("tram_sink_refused_total", &labels, picture.counters.refused(why));
        }
    }
    type Count = fn(&SinkCounters) -> u64;
    let counters: [(&str, &str, Count); 4] = [
        ("tram_sink_written_total", "Readings taken, those sent again included.", |c| c.written),
        ("tram_sink_retries_total", "Requests to be sent again.", |c| c.retries),
        ("tram_sink_replays_total", "Times the last readings were given again.", |c| c.replays),
        ("tram_sink_lost_entries_total", "Log entries given up.", |c| c.lost_entries),
    ];
    for (metric, help, count) in counters {
        page.head(metric, "counter", help);
        for (name, picture) in &pictures {
            page.line(metric, &[("sink", name)], count(&picture.counters));
        }
    }
}

/// The page as it grows.
#[derive(Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// A counter without labels.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "counter", help);
        self.line(name, &[], value);
    }

    /// A gauge without labels.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.line(name, &[], value);
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (ms, n) in BUCKETS_MS.iter().zip(histogram.at_most) {
            #[expect(clippy::cast_precision_loss, reason = "the bounds are small")]
            let bound = (*ms as f64 / 1000.0).to_string();
            self.line(&bucket, &[("le", &bound)], n);
        }
        self.line(&bucket, &[("le", "+Inf")], histogram.count);
        self.line(&format!("{name}_sum"), &[], histogram.sum.as_secs_f64());
        self.line(&format!("{name}_count"), &[], histogram.count);
    }

    /// What a metric is.
    pub(super) fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail, here and below.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// One value. Names and labels are our own; nothing in them needs to be escaped.
    pub(super) fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(name);
        for (i, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{label}=\"{text}\"", if i == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_page_is_prometheus_text() {
        let mut page = Page::default();
        page.gauge("g", "A gauge.", 7);
        page.head("c", "counter", "A counter.");
        page.line("c", &[("a", "x"), ("b", "y")], 1.5);
        let mut histogram = Histogram::default();
        histogram.observe(Duration::from_millis(20));
        page.histogram("h", "A histogram.", &histogram);
        assert!(page.text.starts_with("# HELP g A gauge.\n# TYPE g gauge\ng 7\n"));
        assert!(page.text.contains("\nc{a=\"x\",b=\"y\"} 1.5\n"));
        assert!(page.text.contains("\nh_bucket{le=\"0.01\"} 0\nh_bucket{le=\"0.02\"} 1\n"));
        assert!(page.text.ends_with("h_bucket{le=\"+Inf\"} 1\nh_sum 0.02\nh_count 1\n"));
    }
}
