//! What came in, counted by the commit thread beside the pipeline's own counters.

use tram_wire::LossCause;

/// Who sent a message that was here before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A station of ours, from its spool.
    Station,
    /// A third-party device.
    Device,
}

impl Class {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Station, Self::Device];

    /// Its name in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Station => "station",
            Self::Device => "device",
        }
    }
}

/// What came in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Messages, whatever became of them.
    pub(crate) messages: u64,
    /// Of these, messages that had waited in their station.
    pub(crate) backlog: u64,
    /// Bytes of payload in them.
    pub(crate) bytes: u64,
    /// Messages that were here before, by who sent them and whether the first copy is on disk.
    duplicates: [[u64; 2]; Class::ALL.len()],
    /// Readings that nodes say they have lost, by cause.
    losses: [u64; LossCause::ALL.len()],
}

impl Tally {
    /// Counts a message.
    pub(crate) fn heard(&mut self, bytes: usize, backlog: bool) {
        self.messages += 1;
        self.backlog += u64::from(backlog);
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// Counts a message that was here before.
    pub(crate) fn duplicate(&mut self, class: Class, on_disk: bool) {
        if let Some(n) =
            self.duplicates.get_mut(class as usize).and_then(|d| d.get_mut(usize::from(on_disk)))
        {
            *n += 1;
        }
    }

    /// Counts readings that a node has lost.
    pub(crate) fn lost(&mut self, cause: LossCause, readings: u64) {
        let place = LossCause::ALL.iter().position(|c| *c == cause);
        if let Some(n) = place.and_then(|i| self.losses.get_mut(i)) {
            *n = n.saturating_add(readings);
        }
    }

    /// Messages that were here before.
    pub(crate) fn duplicates(&self, class: Class, on_disk: bool) -> u64 {
        let of_class = self.duplicates.get(class as usize);
        of_class.and_then(|d| d.get(usize::from(on_disk))).copied().unwrap_or(0)
    }

    /// Readings that nodes say they have lost.
    pub(crate) fn losses(&self) -> impl Iterator<Item = (LossCause, u64)> {
        LossCause::ALL.into_iter().zip(self.losses)
    }

    /// Adds what another has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.messages = self.messages.saturating_add(other.messages);
        self.backlog = self.backlog.saturating_add(other.backlog);
        self.bytes = self.bytes.saturating_add(other.bytes);
        for (a, b) in self.duplicates.iter_mut().flatten().zip(other.duplicates.iter().flatten()) {
            *a = a.saturating_add(*b);
        }
        for (a, b) in self.losses.iter_mut().zip(other.losses) {
            *a = a.saturating_add(b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_counted_by_what_it_was() {
        let mut all = Tally::default();
        for backlog in [false, true] {
            let mut tally = Tally::default();
            tally.heard(10, backlog);
            tally.duplicate(Class::Station, true);
            tally.duplicate(Class::Device, false);
            tally.lost(LossCause::Corrupt, 7);
            all.add(&tally);
        }
        assert_eq!((all.messages, all.bytes, all.backlog), (2, 20, 1));
        assert_eq!(all.duplicates(Class::Station, true), 2);
        assert_eq!(all.duplicates(Class::Station, false), 0);
        assert_eq!(all.duplicates(Class::Device, false), 2);
        assert_eq!(all.losses().find(|(c, _)| *c == LossCause::Corrupt).unwrap().1, 14);
    }
}
