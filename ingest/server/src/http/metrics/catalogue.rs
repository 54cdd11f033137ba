//! Every metric there is. `docs/metrics.md` is written from here; a test compares the two.

#[cfg(test)]
use super::metric::Section;
use super::metric::{Kind, Metric};

/// Makes a constant of each metric, and the list of all.
macro_rules! catalogue {
    ($($title:literal $when:literal {
        $($id:ident: $kind:ident $name:literal [$($label:literal),*] $unit:literal, $help:literal, $worry:literal;)*
    })*) => {
        $($(
            #[doc = $help]
            pub(super) const $id: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                unit: $unit,
                labels: &[$($label),*],
                help: $help,
                worry: $worry,
            };
        )*)*
        /// All metrics, by the question they answer.
        #[cfg(test)]
        pub(super) const SECTIONS: &[Section] = &[
            $(Section { title: $title, when: $when, metrics: &[$(&$id),*] }),*
        ];
    };
}

catalogue! {
    "Is anything lost?" "Always." {
        MESSAGES: Counter "tram_messages_received_total" [] "messages",
            "Messages taken from the broker.",
            "It stands still while stations are online.";
        BACKLOG: Counter "tram_messages_backlog_total" [] "messages",
            "Messages that a station marks as backlog: what had waited while it had no connection.",
            "It grows for days: stations are away for longer than their link can catch up with.";
        RECEIVED: Counter "tram_readings_received_total" [] "readings",
            "Readings that came in, unless their message was deferred; at every moment stored + duplicate + quarantined + pending.",
            "It stands still while stations are online, or the sum does not hold.";
        STORED: Counter "tram_readings_stored_total" [] "readings",
            "Readings on disk in the log.",
            "It stands still while readings come in.";
        DUPLICATE: Counter "tram_readings_duplicate_total" [] "readings",
            "Readings dropped because a copy is stored or about to be.",
            "It grows by more than some percent of what comes in: acknowledgements do not reach the nodes.";
        PENDING: Gauge "tram_readings_pending" [] "readings",
            "Readings on their way to the disk.",
            "It stays above 0 while nothing is stored: the log cannot be written.";
        QUARANTINED: Counter "tram_readings_quarantined_total" ["reason"] "readings",
            "Readings of refused messages, which are kept in the quarantine; 1 for a message whose readings cannot be counted.",
            "It grows: look at /api/v1/quarantine.";
        DEFERRED: Counter "tram_batches_deferred_total" ["reason"] "messages",
            "Messages neither kept nor acknowledged, which the node sends again.",
            "It grows for longer than a minute after a restart.";
        DUPLICATE_MESSAGES: Counter "tram_messages_duplicate_total" ["class", "first"] "messages",
            "Messages that were here before: of a station's spool or of a third-party device, the first copy stored or still pending.",
            "Those with the first copy pending grow: nodes send again before they can be acknowledged.";
        NODE_LOSSES: Counter "tram_node_losses_total" ["cause"] "readings",
            "Readings that nodes say they have lost, by cause.",
            "It grows: a spool was full (evicted, or thinned to what matters), a card fails (corrupt), cannot be written (not_written), or a node went down in the middle (interrupted).";
        SPOOLS_FORGOTTEN: Counter "tram_spools_forgotten_total" [] "spools",
            "Spools and boots forgotten because a node had too many.",
            "It grows: two nodes use one name, or a node makes a new spool at each start.";
        ACKS_DROPPED: Counter "tram_acks_dropped_total" [] "letters",
            "Acknowledgements and commands dropped because too many waited.",
            "It grows: the broker does not take what the centre says; nodes send again.";
    }
    "Several replicas" "Always; the second grows only with `[broker] share`." {
        REPLICA: Gauge "tram_replica_info" ["replica", "name", "share", "acknowledges"] "1",
            "Always 1; its labels say who this centre is among those behind the same broker.",
            "Two centres have the same replica: a data folder was copied.";
        ACKS_HEARD: Counter "tram_acks_heard_total" [] "messages",
            "Acknowledgements of other replicas taken up.",
            "It stands still while other replicas store: they do not hear each other.";
    }
    "How late is everything?" "Always; the consumer `alerts` with `[alerts]`, `sink:NAME` with each `[[sink]]`." {
        COMMIT: Histogram "tram_commit_seconds" [] "seconds",
            "From the first message of a group to its place on disk.",
            "The 99th percentile stays above 0.05 s.";
        APPEND: Histogram "tram_log_write_seconds" [] "seconds",
            "The transaction alone: writing a group and the fsync.",
            "The 99th percentile stays above 0.05 s: the disk is slow or something else uses it.";
        ACK: Histogram "tram_ack_seconds" [] "seconds",
            "From a message's arrival to its acknowledgement.",
            "The 99th percentile stays above 0.25 s.";
        LAST_COMMIT: Gauge "tram_last_commit_timestamp_seconds" [] "seconds",
            "When something was committed last, in Unix time; 0 before the first.",
            "It is minutes ago while stations are online.";
        LAG_ENTRIES: Gauge "tram_consumer_lag_entries" ["consumer"] "entries",
            "Log entries that a consumer of the log has not taken yet.",
            "It grows for minutes.";
        LAG_SECONDS: Gauge "tram_consumer_lag_seconds" ["consumer"] "seconds",
            "Age of the oldest log entry that a consumer has not taken yet.",
            "Above 10 s for alerts and live; above minutes for a sink; above two hours for seal, which waits for a large head or an hour.";
        QUEUE_DEPTH: Gauge "tram_queue_depth" ["queue"] "the queue's own: messages, KiB, letters, readings, …",
            "What waits in a queue, or how many places of a bounded set are taken.",
            "It stays near its limit.";
        QUEUE_LIMIT: Gauge "tram_queue_limit" ["queue"] "as the depth",
            "The most that a queue holds.",
            "Never; compare the depth with it.";
    }
    "The log and the store" "Always." {
        LOG_WRITABLE: Gauge "tram_log_writable" [] "0 or 1",
            "Whether the log can be written.",
            "It is 0: nothing is acknowledged, the nodes keep what they have; /readyz says why.";
        LOG_LAST: Gauge "tram_log_last" [] "entry number",
            "Number of the log's last entry.",
            "It stands still while readings come in.";
        LOG_TRIMMED: Gauge "tram_log_trimmed" [] "entry number",
            "Number up to which entries are forgotten because every consumer has them.",
            "It stands still for hours while the log grows: a consumer holds it.";
        LOG_BYTES: Gauge "tram_log_payload_bytes" [] "bytes",
            "Bytes of payload in the log.",
            "It grows for hours: a consumer that is behind holds the log.";
        COMMITTED_BYTES: Counter "tram_committed_bytes_total" [] "bytes",
            "Bytes of payload committed to the log.",
            "Divided by the readings stored it is more than 10 bytes a reading: nodes send small batches.";
        RECEIVED_BYTES: Counter "tram_received_bytes_total" [] "bytes",
            "Bytes of payload taken from the broker, of every message.",
            "It grows much faster than what is committed.";
        SEALED_BYTES: Counter "tram_sealed_bytes_total" [] "bytes",
            "Bytes of the compressed chunks written.",
            "Divided by the readings sealed it is more than 3 bytes a reading.";
        SEALED: Counter "tram_sealed_readings_total" [] "readings",
            "Readings moved from the head into the files of their days.",
            "It stands still for more than two hours.";
        SEALED_DUPLICATES: Counter "tram_sealed_duplicates_total" [] "readings",
            "Readings that were in the files of their days already.",
            "It grows without a crash before: two stations write one series.";
        SEAL_FAILURES: Counter "tram_seal_failures_total" [] "attempts",
            "Attempts to seal that failed; the readings stay in the log.",
            "It grows: the log says why.";
        ROLLED: Counter "tram_rolled_readings_total" [] "readings",
            "Readings taken into the rollups of a minute, an hour and a day, those taken again for late data included.",
            "It stands still for a day.";
        MERGED: Counter "tram_merged_chunks_total" [] "chunks",
            "Chunks that were brought together into fewer.",
            "Never.";
        DELETED_FILES: Counter "tram_retention_deleted_files_total" ["kind"] "files",
            "Files of readings and of rollups deleted because their time is over.",
            "It stands still for days although a retention is configured.";
        DELETED_BYTES: Counter "tram_retention_deleted_bytes_total" [] "bytes",
            "Bytes of the files deleted.",
            "Never.";
        FREED_BYTES: Counter "tram_freed_bytes_total" [] "bytes",
            "Bytes that files gave back to the system after chunks were brought together.",
            "Never.";
        KEEP_FAILURES: Counter "tram_keep_failures_total" [] "attempts",
            "Attempts at rollups and retention that failed.",
            "It grows: the log says why.";
        UNROLLED: Gauge "tram_rollup_waiting" [] "days",
            "Days of series, each counted, that are answered from readings since they are not rolled up yet: today's, and those with late readings.",
            "It stays at more than twice tram_datastreams: the log says why rollups do not go on.";
        EXPIRED: Counter "tram_retention_expired_readings_total" [] "readings",
            "Readings that came after those of their day were deleted: they went to the sinks and the alarms and are not in the series.",
            "It grows: nodes come back later than readings are kept; raise raw in [retention].";
        DAMAGED_ROLLUPS: Counter "tram_rollup_damaged_total" [] "rows",
            "Rows and files of rollups found to be damaged.",
            "It grows: check the disk; the log says what was rebuilt.";
        LOST_ROLLUPS: Counter "tram_rollup_lost_total" [] "days",
            "Days of series whose damaged rollups could not be rebuilt.",
            "It is above 0: restore them from a backup.";
        HEAD: Gauge "tram_head_readings" [] "readings",
            "Readings in memory that are not sealed yet.",
            "It nears its limit (queue `head_readings`): then the nodes have to wait.";
        DATASTREAMS: Gauge "tram_datastreams" [] "datastreams",
            "Datastreams known.",
            "It jumps: a device makes up channel names.";
        NOT_SHOWN: Counter "tram_readings_not_shown_total" [] "readings",
            "Readings stored and not shown, because there are too many datastreams.",
            "It grows at all.";
        QUARANTINE_MESSAGES: Counter "tram_quarantine_messages_total" [] "messages",
            "Messages refused since the store exists.",
            "It grows: look at /api/v1/quarantine.";
        QUARANTINE_DROPPED: Counter "tram_quarantine_dropped_total" [] "messages",
            "Payloads dropped to keep the quarantine within its bound.",
            "It grows at all: somebody sends rubbish in quantity.";
        RECOVERED_ENTRIES: Gauge "tram_recovered_entries" [] "entries",
            "Log entries read back at the start because they were not sealed.",
            "Never; it says what the last start found.";
        RECOVERED_READINGS: Gauge "tram_recovered_readings" [] "readings",
            "Readings in them.",
            "Never.";
        RECOVERED_CORRUPT: Gauge "tram_recovered_corrupt_entries" [] "entries",
            "Log entries found damaged at the start; they are not shown, and go to the quarantine.",
            "It is not 0: the disk has damaged what was written.";
        DAMAGES: Gauge "tram_store_damages" [] "findings",
            "What was found to be damaged in the data folder at the start and since; the journal names it.",
            "It is not 0: the disk has damaged what was written. Run tram-ingest check.";
        RECOVERY_SECONDS: Gauge "tram_recovery_seconds" [] "seconds",
            "How long the store took to open at the start.",
            "It is more than half a minute.";
    }
    "Is the disk fine?" "Always." {
        DISK_FREE: Gauge "tram_disk_free_bytes" [] "bytes",
            "Free space on the disk of the data folder, for this program.",
            "Less than 10 % of the size.";
        DISK_SIZE: Gauge "tram_disk_size_bytes" [] "bytes",
            "Size of the disk of the data folder.",
            "Never.";
        DATA_BYTES: Gauge "tram_data_bytes" ["part"] "bytes",
            "Bytes of files in the data folder: the log, the series, the rollups, the alarms, everything else.",
            "log grows for days: a consumer holds it.";
        DATA_FILES: Gauge "tram_data_files" [] "files",
            "Files in the data folder.",
            "It grows by more than a few a day.";
    }
    "Nodes" "Always; the first 1,000 stations have a label of their own." {
        STATIONS: Gauge "tram_stations" [] "stations",
            "Stations known.",
            "It is more than are configured and nobody added a device.";
        STATIONS_BY_STATE: Gauge "tram_stations_by_state" ["state"] "stations",
            "Stations by how fresh their newest reading is: fresh, late, lost, or never heard.",
            "late or lost is not 0.";
        STATIONS_ONLINE: Gauge "tram_stations_online" [] "stations",
            "Stations that say they are connected.",
            "It falls.";
        STATION_LAST_SEEN: Gauge "tram_station_last_seen_timestamp_seconds" ["station"] "seconds",
            "Time of the station's newest reading, in Unix time; a station never heard has none.",
            "It is older than some of the station's intervals.";
        STATIONS_CLOCK: Gauge "tram_stations_clock" ["clock"] "stations",
            "Connected stations by how their clock stands, as far as they say: unset, rtc, ntp.",
            "unset is not 0: their readings wait for their clock.";
        NODE_UPTIME: Gauge "tram_node_uptime_seconds" ["station"] "seconds",
            "How long the station has been up, as it says; this and what follows only of stations that are connected, and only what they tell.",
            "It falls again and again: power, or the watchdog.";
        NODE_TEMPERATURE: Gauge "tram_node_temperature_celsius" ["station"] "°C",
            "Temperature of the station's processor.",
            "Above 80.";
        NODE_THROTTLED: Gauge "tram_node_throttled" ["station"] "bits",
            "What the Raspberry Pi's firmware says of power and temperature: 1 too little voltage, 2 frequency capped, 4 throttled, 8 soft temperature limit; times 65536 the same since it booted.",
            "It is not 0: the power supply, or the sun on the box.";
        NODE_DISK_FREE: Gauge "tram_node_disk_free_bytes" ["station"] "bytes",
            "Free space on the disk of the station's data folder.",
            "It falls.";
        NODE_STORING: Gauge "tram_node_storing" ["station"] "0 or 1",
            "Whether the station keeps its readings on its disk.",
            "It is 0: its card is full, broken or read-only.";
        NODE_WAITING: Gauge "tram_node_spool_messages" ["station"] "messages",
            "Messages that wait in the station's spool.",
            "It grows while the station is connected.";
        NODE_OLDEST: Gauge "tram_node_spool_oldest_seconds" ["station"] "seconds",
            "Age of the oldest message that waits.",
            "It grows while the station is connected: its link is too slow for what it measures.";
        NODE_WRITTEN: Gauge "tram_node_written_bytes_per_day" ["station"] "bytes",
            "What the station writes to its card in a day.",
            "Above a thousandth of what the card endures.";
        NODE_SIGNAL: Gauge "tram_node_signal_dbm" ["station"] "dBm",
            "Signal of the station's wireless link.",
            "Below -100.";
        NODE_CONNECTIONS: Counter "tram_node_connections_total" ["station"] "connections",
            "The station's connections to the broker since its program began.",
            "It grows without rest: the link breaks.";
        NODE_ACK: Gauge "tram_node_ack_seconds" ["station"] "seconds",
            "From a message of the station to the centre's acknowledgement, as the station measured last.",
            "Above 5 s: the link is bad, or the centre slow.";
        NODE_FAILING: Gauge "tram_node_failing_parts" ["station"] "parts",
            "Sensors of the station that give no value now.",
            "It is not 0.";
        NODE_ERRORS: Counter "tram_node_sensor_errors_total" ["station", "kind"] "attempts",
            "Times a sensor of the station gave no value, by kind: no_answer, bus, checksum, not_ready, identity, implausible, reset, line.",
            "It grows: a plug, a cable, or the part.";
        NODE_MISSED: Counter "tram_node_missed_total" ["station"] "readings",
            "Readings that were due while the station was held up.",
            "It grows: the machine is overloaded, or something holds a bus.";
        NODE_CLOCK_STEPS: Counter "tram_node_clock_steps_total" ["station"] "steps",
            "Times the station's clock was set by more than a tenth of a second.",
            "It grows: a clock without a battery, or two who set it.";
        STATIONS_UNLABELLED: Gauge "tram_stations_unlabelled" [] "stations",
            "Stations without a label of their own in the metrics above, because there are too many.",
            "Never.";
    }
    "The broker" "Always; all but the first two with the embedded broker." {
        BROKER_CONNECTED: Gauge "tram_broker_connected" [] "0 or 1",
            "Whether the centre is connected to its broker.",
            "It is 0: nothing comes in; /readyz says why.";
        BROKER_CONNECTIONS: Counter "tram_broker_connections_total" [] "connections",
            "Connections of the centre to its broker.",
            "It grows: the broker restarts, or the network breaks.";
        BROKER_CLIENTS: Gauge "tram_broker_clients" [] "clients",
            "Clients connected to the embedded broker, the centre's own among them.",
            "It is far below the number of nodes, or at its limit (queue `broker_clients`).";
        BROKER_LOGINS: Counter "tram_broker_logins_total" [] "connections",
            "Clients that have connected to the embedded broker.",
            "It grows without rest: nodes lose their connection.";
        BROKER_PUBLISHES: Counter "tram_broker_publishes_total" ["direction"] "messages",
            "Publishes the embedded broker has received and sent.",
            "Received grows and sent does not.";
        BROKER_REFUSED: Counter "tram_broker_refused_total" ["what"] "attempts",
            "What the embedded broker refused: a connection for its name, password or address; a publish or a subscription because the topic is somebody else's; a node that was revoked.",
            "It grows: a wrong password, two nodes with one name, or somebody tries.";
        BROKER_TURNED_AWAY: Counter "tram_broker_turned_away_total" ["why"] "connections",
            "Connections that came to nothing before a password was asked: the handshake of TLS failed, or there were too many.",
            "handshake: a node does not trust the certificate, or has none, or somebody scans; limit: more clients than [broker] max_clients.";
        BROKER_CUT: Counter "tram_broker_cut_total" [] "connections",
            "Connections the embedded broker ended because their node was revoked.",
            "It grows and nobody revoked a node.";
    }
    "Enrolment" "With `[enrol]`." {
        NODES_ENROLLED: Gauge "tram_nodes_enrolled" [] "nodes",
            "Nodes with a certificate in force.",
            "It falls: certificates end and are not renewed.";
        ENROLMENTS: Counter "tram_enrolments_total" ["outcome"] "requests",
            "Requests for a certificate by how they ended: enrolled, renewed, or the reason they were refused for.",
            "wrong-code or used-code grows: somebody guesses, or has read a code; unavailable: the data folder cannot be written.";
    }
    "The page" "Always." {
        LIVE_CLIENTS: Gauge "tram_live_clients" [] "clients",
            "Pages that are open.",
            "It is at its limit (queue `live_clients`).";
        LIVE_REFUSED: Counter "tram_live_refused_total" [] "clients",
            "Pages refused because too many are open.",
            "It grows at all.";
    }
    "Alarms" "With `[alerts]`." {
        ALERTS_POSITION: Gauge "tram_alerts_position" [] "entry number",
            "Log entry up to which rules are evaluated.",
            "It stands still while the log grows.";
        ALERTS_CURSOR: Gauge "tram_alerts_cursor" [] "entry number",
            "Log entry up to which the effects of rules are on disk.",
            "It stands still while the log grows.";
        OBSERVATIONS: Counter "tram_alerts_observations_total" [] "readings",
            "Readings the rules looked at.",
            "It stands still while readings are stored.";
        TRANSITIONS: Counter "tram_alerts_transitions_total" [] "transitions",
            "Alarms raised, lowered and cleared.",
            "It grows without rest: a rule flaps.";
        EPISODES_REFUSED: Counter "tram_alerts_episodes_refused_total" [] "episodes",
            "Alarms not raised because too many are open.",
            "It grows at all.";
        STATIONS_REFUSED: Counter "tram_alerts_stations_refused_total" [] "readings",
            "Readings not evaluated because there are too many stations.",
            "It grows at all.";
        LATE_READINGS: Counter "tram_alerts_late_readings_total" [] "readings",
            "Readings that came later than a rule allows.",
            "It grows: a node's backlog is old, or its clock is wrong.";
        OVERFLOW_READINGS: Counter "tram_alerts_overflow_readings_total" [] "readings",
            "Readings that a full state let go.",
            "It grows: a station sends more often than a rule's window can hold.";
        STATES_LOST: Counter "tram_alerts_states_lost_total" [] "states",
            "States of rules that could not be read back at the start and began anew.",
            "It is not 0.";
        STATES: Gauge "tram_alerts_states" [] "states",
            "States of rules at stations.",
            "It grows without new stations or rules.";
        RULES: Gauge "tram_rules" [] "rules",
            "Rules in force.",
            "It changes and nobody changed the rules.";
        RULES_STALE: Gauge "tram_rules_stale" [] "0 or 1",
            "Whether the rules in the folder were refused and older ones are in force.",
            "It is 1: the log and /readyz say why; `tram-ingest rules check` finds it before.";
        RULES_TAKEN: Counter "tram_rules_taken_total" [] "times",
            "Times the rules were read again while the centre ran.",
            "It grows and nobody changed the rules.";
        RULES_REFUSED: Counter "tram_rules_refused_total" [] "times",
            "Times changed rules were refused whole.",
            "It grows.";
        ALARMS_OPEN: Gauge "tram_alarms_open" [] "alarms",
            "Alarms that go on.",
            "It is not 0: look at the page.";
        CAP_UNSOUND: Gauge "tram_cap_unsound" [] "messages",
            "CAP messages kept back because they break the standard.",
            "It is not 0: a rule's texts are wrong.";
        DELIVERIES_PENDING: Gauge "tram_deliveries_pending" [] "notifications",
            "Notifications that wait to be delivered.",
            "It stays above 0 for a minute.";
        DELIVERIES_DONE: Counter "tram_deliveries_done_total" [] "notifications",
            "Notifications taken by their receiver.",
            "It stands still while alarms are raised.";
        DELIVERIES_FAILED: Counter "tram_deliveries_failed_total" [] "attempts",
            "Attempts to deliver that failed; they are made again.",
            "It grows: a receiver is down.";
        DELIVERIES_GIVEN_UP: Counter "tram_deliveries_given_up_total" [] "notifications",
            "Notifications given up.",
            "It grows at all: somebody was not told.";
        NOTICES: Counter "tram_notices_total" [] "messages",
            "Messages made for people and loudspeakers; one may speak of many alarms.",
            "It grows by more than some in a minute: see which alarms flap.";
        ESCALATIONS: Counter "tram_escalations_total" [] "steps",
            "Steps of chains taken because nobody had acknowledged.",
            "It grows: nobody answers.";
        TELLINGS_REFUSED: Counter "tram_tellings_refused_total" [] "notifications",
            "People not told of an alarm because too much waits.",
            "It grows at all.";
        TELLINGS_WAITING: Gauge "tram_tellings_waiting" [] "notifications",
            "What people will be told in a message with others, or when their quiet hours are over.",
            "It stays above 0 for a day.";
        CHANNEL_PROVED: Gauge "tram_channel_proved" ["channel"] "0 or 1",
            "Whether something has got through over the channel within eight days.",
            "It is 0: try the channel; /api/v1/channels says why.";
    }
    "Sinks" "With `[[sink]]`." {
        SINK_LAG: Gauge "tram_sink_lag_entries" ["sink"] "entries",
            "Log entries the engine has not taken yet.",
            "It grows for minutes.";
        SINK_UP: Gauge "tram_sink_up" ["sink"] "0 or 1",
            "Whether the engine took what it was sent last.",
            "It is 0 for minutes.";
        SINK_WRITTEN: Counter "tram_sink_written_total" ["sink"] "readings",
            "Readings the engine took, those sent again included.",
            "It stands still while readings are stored.";
        SINK_REFUSED: Counter "tram_sink_refused_total" ["sink", "reason"] "readings",
            "Readings the engine does not take for good, each alone.",
            "It grows at all: the log says which.";
        SINK_RETRIES: Counter "tram_sink_retries_total" ["sink"] "requests",
            "Requests that have to be sent again.",
            "It grows: the engine is down or overloaded.";
        SINK_REPLAYS: Counter "tram_sink_replays_total" ["sink"] "replays",
            "Times the engine came back and was given its last readings again.",
            "It grows: the engine keeps falling over.";
        SINK_LOST: Counter "tram_sink_lost_entries_total" ["sink"] "entries",
            "Log entries given up for this engine: it was away for longer than the log is held, or they are damaged.",
            "It grows at all; the centre's own store has them.";
    }
    "The program" "Always." {
        BUILD: Gauge "tram_build_info" ["version", "profile"] "1",
            "Always 1; its labels say what was built.",
            "Never.";
        LOG_LINES_KEPT_BACK: Counter "tram_log_lines_kept_back_total" [] "lines",
            "Lines of the program's log that were not written because the same came too often.",
            "It grows: something complains without rest; the log has a line that says which.";
        START: Gauge "process_start_time_seconds" [] "seconds",
            "When the program was started, in Unix time.",
            "It changes and nobody restarted it.";
        CPU: Counter "process_cpu_seconds_total" [] "seconds",
            "Processor time used, user and system.",
            "It grows by more than 1.5 a second on two cores.";
        RESIDENT: Gauge "process_resident_memory_bytes" [] "bytes",
            "Memory in use.",
            "It grows for hours after the first.";
        VIRTUAL: Gauge "process_virtual_memory_bytes" [] "bytes",
            "Address space in use.",
            "Never.";
        OPEN_FDS: Gauge "process_open_fds" [] "descriptors",
            "Open files and connections.",
            "It nears the most there may be.";
        MAX_FDS: Gauge "process_max_fds" [] "descriptors",
            "The most open files and connections there may be.",
            "It is below 4,096 with many nodes.";
        THREADS: Gauge "process_threads" [] "threads",
            "Threads.",
            "It grows.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn all() -> impl Iterator<Item = &'static Metric> {
        SECTIONS.iter().flat_map(|s| s.metrics.iter().copied())
    }

    #[test]
    fn names_keep_to_the_conventions() {
        let mut seen = HashSet::new();
        for m in all() {
            assert!(seen.insert(m.name), "{} is there twice", m.name);
            assert!(m.name.starts_with("tram_") || m.name.starts_with("process_"), "{}", m.name);
            let plain = |text: &str| text.chars().all(|c| matches!(c, 'a'..='z' | '_'));
            assert!(plain(m.name) && m.labels.iter().all(|l| plain(l)), "{}", m.name);
            let total = m.name.ends_with("_total");
            assert_eq!(m.kind == Kind::Counter, total, "{}: only counters end in _total", m.name);
            assert!(m.help.ends_with('.') && m.worry.ends_with('.'), "{} has no sentence", m.name);
            assert!(!m.unit.is_empty() && !m.help.contains('\n'), "{}", m.name);
            for unit in ["milliseconds", "_ms_", "kilobytes", "_mb", "percent", "minutes"] {
                assert!(!m.name.contains(unit), "{}: base units only", m.name);
            }
            let seconds = m.unit == "seconds";
            let named = m.name.contains("_seconds");
            assert_eq!(seconds, named, "{}: the unit is part of the name", m.name);
            assert_eq!(m.unit == "bytes", m.name.contains("_bytes"), "{}", m.name);
        }
    }

    #[test]
    fn the_page_of_the_documentation_is_of_today() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
        let text = document();
        if std::env::var_os("TRAM_WRITE_DOCS").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            there == text,
            "docs/metrics.md is not of today; write it with: TRAM_WRITE_DOCS=1 cargo test -p tram-ingest --bin tram-ingest catalogue"
        );
    }

    /// `docs/metrics.md`.
    fn document() -> String {
        let mut text = include_str!("metrics.head.md").to_owned();
        for Section { title, when, metrics } in SECTIONS {
            text += &format!("\n## {title}\n\n{when}\n\n");
            text += "| metric | kind, unit | meaning | when to worry |\n|---|---|---|---|\n";
            for m in *metrics {
                let labels = match m.labels {
                    [] => String::new(),
                    labels => format!("`{{{}}}`", labels.join(", ")),
                };
                let (name, kind, unit) = (m.name, m.kind.name(), m.unit);
                let (help, worry) = (m.help, m.worry);
                text += &format!("| `{name}`{labels} | {kind}, {unit} | {help} | {worry} |\n");
            }
        }
        text
    }
}
