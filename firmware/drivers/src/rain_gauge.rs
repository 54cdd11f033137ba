//! Tipping-bucket rain gauge: edges of the reed contact into tips.
//!
//! The magnet on the bucket closes the reed for about 0.1 s each time the bucket tips. The contact
//! bounces for a few milliseconds at both ends. A bucket also cannot tip twice within the time it
//! takes to swing over, about 0.45 s (Duchon and Biddle 2010; Duchon 2014), so contacts that come
//! faster are counted as refused and not as rain.
//!
//! How much water a tip is, and what is lost while the bucket moves, is `tram-node`'s business.

use tram_wire::UptimeMicros;

use crate::{Edge, EdgeSource, MAX_EDGES_PER_POLL};

/// How a gauge's contact behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    /// An edge within this many microseconds of the edge before it is bounce. Default 20 ms.
    pub debounce_us: u64,
    /// A contact within this many microseconds of the last tip is refused. Default 400 ms: twice
    /// 0.2 mm within it would be 1800 mm/h.
    pub minimum_interval_us: u64,
}

impl Default for Contact {
    fn default() -> Self {
        Self { debounce_us: 20_000, minimum_interval_us: 400_000 }
    }
}

/// One tip of the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// When the contact first closed.
    pub at: UptimeMicros,
    /// Microseconds since the tip before, `None` for the first since start.
    pub since_last_us: Option<u64>,
}

/// What became of the edges so far. `tips + bounced + refused + released` is the number of edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Contacts counted as tips.
    pub tips: u64,
    /// Edges ignored because they followed another within the debounce time.
    pub bounced: u64,
    /// Clean contacts that came sooner than a bucket can tip.
    pub refused: u64,
    /// Clean openings of the contact.
    pub released: u64,
}

/// The state of one gauge's contact.
#[derive(Debug, Clone)]
pub struct RainGauge {
    contact: Contact,
    last_edge: Option<UptimeMicros>,
    last_tip: Option<UptimeMicros>,
    counts: Counts,
}

impl RainGauge {
    /// A gauge that has not tipped yet.
    #[must_use]
    pub fn new(contact: Contact) -> Self {
        Self { contact, last_edge: None, last_tip: None, counts: Counts::default() }
    }

    /// Takes one edge; `Some` when it is a tip. A tip is told at its first closing edge, so its
    /// time is the contact's and not that of the end of the bouncing.
    pub fn edge(&mut self, edge: Edge) -> Option<Tip> {
        let quiet = self.last_edge.is_none_or(|t| edge.at.since(t) >= self.contact.debounce_us);
        self.last_edge = Some(edge.at);
        if !quiet {
            self.counts.bounced += 1;
            return None;
        }
        if !edge.rising {
            self.counts.released += 1;
            return None;
        }
        let since_last_us = self.last_tip.map(|t| edge.at.since(t));
        if since_last_us.is_some_and(|us| us < self.contact.minimum_interval_us) {
            self.counts.refused += 1;
            return None;
        }
        self.last_tip = Some(edge.at);
        self.counts.tips += 1;
        Some(Tip { at: edge.at, since_last_us })
    }

    /// Takes edges from `source` until one is a tip, none is left, or
    /// [`MAX_EDGES_PER_POLL`] have been taken.
    ///
    /// # Errors
    /// What the source says; the gauge's state stays as it was.
    pub fn poll<S: EdgeSource>(&mut self, source: &mut S) -> Result<Option<Tip>, S::Error> {
        for _ in 0..MAX_EDGES_PER_POLL {
            let Some(edge) = source.next_edge()? else { return Ok(None) };
            if let Some(tip) = self.edge(edge) {
                return Ok(Some(tip));
            }
        }
        Ok(None)
    }

    /// What became of the edges so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn edge(at: u64, rising: bool) -> Edge {
        Edge { at: UptimeMicros(at), rising }
    }

    #[test]
    fn a_bouncing_contact_is_one_tip_at_its_first_edge() {
        let mut gauge = RainGauge::new(Contact::default());
        let told: Vec<Option<Tip>> = [
            (1_000_000, true),
            (1_000_300, false),
            (1_000_900, true),
            (1_100_000, false),
            (1_100_400, true),
            (1_100_700, false),
        ]
        .into_iter()
        .map(|(at, rising)| gauge.edge(edge(at, rising)))
        .collect();
        let tip = Tip { at: UptimeMicros(1_000_000), since_last_us: None };
        assert_eq!(told, [Some(tip), None, None, None, None, None]);
        let counts = gauge.counts();
        assert_eq!((counts.tips, counts.bounced, counts.refused, counts.released), (1, 4, 0, 1));
    }

    #[test]
    fn a_contact_faster_than_a_bucket_can_tip_is_refused_and_counted() {
        let mut gauge = RainGauge::new(Contact::default());
        assert!(gauge.edge(edge(0, true)).is_some());
        assert!(gauge.edge(edge(100_000, false)).is_none());
        assert!(gauge.edge(edge(399_999, true)).is_none());
        assert!(gauge.edge(edge(430_000, false)).is_none());
        let next = gauge.edge(edge(500_000, true)).expect("half a second later a bucket can tip");
        assert_eq!(next.since_last_us, Some(500_000));
        assert_eq!(gauge.counts().refused, 1);
    }

    #[test]
    fn a_chattering_line_cannot_hold_up_the_caller() {
        struct Chatter(u64);
        impl EdgeSource for Chatter {
            type Error = core::convert::Infallible;
            fn next_edge(&mut self) -> Result<Option<Edge>, Self::Error> {
                self.0 += 10;
                Ok(Some(edge(self.0, self.0.is_multiple_of(20))))
            }
        }
        let mut gauge = RainGauge::new(Contact::default());
        let mut line = Chatter(0);
        // The first closing edge follows another within 10 µs, so it is bounce like all the rest.
        assert_eq!(gauge.poll(&mut line), Ok(None));
        assert_eq!(line.0, 10 * MAX_EDGES_PER_POLL as u64);
    }

    proptest! {
        #[test]
        fn every_edge_is_accounted_for_and_tips_keep_their_distance(
            gaps in prop::collection::vec((0_u64..1_000_000, any::<bool>()), 0..200),
        ) {
            let mut gauge = RainGauge::new(Contact::default());
            let mut at = 0;
            let mut tips = Vec::new();
            for (gap, rising) in &gaps {
                at += gap;
                tips.extend(gauge.edge(edge(at, *rising)));
            }
            let c = gauge.counts();
            prop_assert_eq!(c.tips + c.bounced + c.refused + c.released, gaps.len() as u64);
            prop_assert_eq!(c.tips, tips.len() as u64);
            for pair in tips.windows(2) {
                prop_assert!(pair[1].at.since(pair[0].at) >= 400_000);
            }
        }
    }
}
