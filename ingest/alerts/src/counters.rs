//! What `/metrics` shows of alarms.

use rusqlite::Connection;

use crate::AlertsError;

/// Counts since the start (`…_total`), and what stands now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Readings looked at.
    pub observations_total: u64,
    /// Transitions written.
    pub transitions_total: u64,
    /// Episodes refused because too many are open.
    pub episodes_refused_total: u64,
    /// Readings not evaluated because there are too many stations.
    pub stations_refused_total: u64,
    /// Readings that came later than their rule allows.
    pub late_readings_total: u64,
    /// Readings a full state let go.
    pub overflowed_readings_total: u64,
    /// States that could not be read back at the start and began anew.
    pub states_lost_total: u64,
    /// Deliveries taken by their receiver.
    pub delivered_total: u64,
    /// Attempts that failed.
    pub failed_total: u64,
    /// Deliveries given up.
    pub given_up_total: u64,
    /// Messages to people that were made.
    pub notices_total: u64,
    /// Steps of chains that were taken because nobody had acknowledged.
    pub escalations_total: u64,
    /// Tellings there was no room for.
    pub tellings_refused_total: u64,
    /// States of rules at stations.
    pub states: u64,
    /// Episodes that go on.
    pub open_episodes: u64,
    /// Deliveries that wait for their receiver.
    pub pending_deliveries: u64,
    /// Tellings that wait for their turn: for a message with others, for the end of quiet hours.
    pub waiting_tellings: u64,
    /// CAP messages kept back because they break the standard; each is a mistake in a rule.
    pub unsound_messages: u64,
}

impl Counters {
    /// Fills in what the file knows.
    pub(crate) fn read(&mut self, connection: &Connection) -> Result<(), AlertsError> {
        let count = |sql: &str| -> Result<u64, AlertsError> {
            let n: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            Ok(n.cast_unsigned())
        };
        self.open_episodes = count("SELECT count(*) FROM episode WHERE open = 1")?;
        self.pending_deliveries = count("SELECT count(*) FROM outbox WHERE state = 'pending'")?
            + count("SELECT count(*) FROM notice WHERE state = 'pending'")?;
        self.waiting_tellings = count("SELECT count(*) FROM telling WHERE notice IS NULL")?;
        self.unsound_messages = count("SELECT count(*) FROM message WHERE sound = 0")?;
        Ok(())
    }
}
