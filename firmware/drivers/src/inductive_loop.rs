//! Dual inductive loop: edges of two detectors in one lane, cleaned and in order of time.
//!
//! A lane has two loops in the direction of travel, a known distance apart. Each detector's output
//! is active while metal is above its loop, so a vehicle makes four changes: first on, second on,
//! first off, second off. A detector that loses its tuning chatters, so a change counts only once
//! it has held for the debounce time; it then carries the time at which it began. A lost edge
//! shows as two edges of the same direction, and the second is counted as doubled.
//!
//! Speed, length and class are `tram-node`'s business.

use tram_wire::UptimeMicros;

use crate::{Edge, EdgeSource, MAX_EDGES_PER_POLL};

/// Which loop of the lane, in the direction of travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoopId {
    /// The one a vehicle reaches first.
    First,
    /// The one behind it.
    Second,
}

/// A loop became occupied or free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopEvent {
    /// Which loop.
    pub loop_id: LoopId,
    /// When it changed.
    pub at: UptimeMicros,
    /// Whether metal is above it now.
    pub occupied: bool,
}

/// What became of the edges of one lane. The sum is the number of edges taken, less those (one a
/// loop at most) that have not held long enough yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Edges told on as events.
    pub events: u64,
    /// Edges of changes that did not hold for the debounce time.
    pub bounced: u64,
    /// Edges that say what is known already: an edge between was lost.
    pub doubled: u64,
}

/// One loop's state.
#[derive(Debug, Clone, Default)]
struct Detector {
    occupied: bool,
    /// A change that has not held for the debounce time yet.
    candidate: Option<UptimeMicros>,
    /// An edge taken from the source and not yet looked at.
    pending: Option<Edge>,
}

impl Detector {
    fn take(&mut self, edge: Edge, counts: &mut Counts) {
        let line = self.occupied != self.candidate.is_some();
        if edge.rising == line {
            counts.doubled += 1;
        } else if self.candidate.take().is_some() {
            counts.bounced += 2;
        } else {
            self.candidate = Some(edge.at);
        }
    }
}

/// The two loops of one lane.
#[derive(Debug, Clone)]
pub struct DualLoop {
    debounce_us: u64,
    first: Detector,
    second: Detector,
    counts: Counts,
}

impl DualLoop {
    /// The default debounce time, 5 ms: a motorcycle of 1.9 m at 120 km/h is above a 2 m loop for
    /// 117 ms.
    pub const DEFAULT_DEBOUNCE_US: u64 = 5_000;

    /// A lane with both loops free.
    #[must_use]
    pub fn new(debounce_us: u64) -> Self {
        Self {
            debounce_us,
            first: Detector::default(),
            second: Detector::default(),
            counts: Counts::default(),
        }
    }

    /// The next change of either loop that has held for the debounce time at `now`, in order of
    /// time, or `None`.
    ///
    /// One edge of each source is looked at ahead, so that two lines read one after the other
    /// still come out in the order of their times. At most [`MAX_EDGES_PER_POLL`] edges are taken.
    ///
    /// # Errors
    /// What a source says; edges taken before it are kept.
    pub fn poll<S: EdgeSource>(
        &mut self,
        first: &mut S,
        second: &mut S,
        now: UptimeMicros,
    ) -> Result<Option<LoopEvent>, S::Error> {
        for _ in 0..MAX_EDGES_PER_POLL {
            for (detector, source) in
                [(&mut self.first, &mut *first), (&mut self.second, &mut *second)]
            {
                if detector.pending.is_none() {
                    detector.pending = source.next_edge()?;
                }
            }
            let next = match (self.first.pending, self.second.pending) {
                (Some(a), Some(b)) if b.at < a.at => (LoopId::Second, b),
                (Some(a), _) => (LoopId::First, a),
                (None, Some(b)) => (LoopId::Second, b),
                (None, None) => return Ok(self.settle(now)),
            };
            if let Some(event) = self.settle(next.1.at) {
                return Ok(Some(event));
            }
            let detector = self.detector(next.0);
            detector.pending = None;
            let mut counts = self.counts;
            self.detector(next.0).take(next.1, &mut counts);
            self.counts = counts;
        }
        Ok(None)
    }

    /// What became of the edges so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn detector(&mut self, loop_id: LoopId) -> &mut Detector {
        match loop_id {
            LoopId::First => &mut self.first,
            LoopId::Second => &mut self.second,
        }
    }

    /// Tells the earlier of the changes that have held at `now`.
    fn settle(&mut self, now: UptimeMicros) -> Option<LoopEvent> {
        let held = |d: &Detector| d.candidate.filter(|at| now.since(*at) >= self.debounce_us);
        let (loop_id, at) = match (held(&self.first), held(&self.second)) {
            (Some(a), Some(b)) if b < a => (LoopId::Second, b),
            (Some(a), _) => (LoopId::First, a),
            (None, Some(b)) => (LoopId::Second, b),
            (None, None) => return None,
        };
        let detector = self.detector(loop_id);
        detector.candidate = None;
        detector.occupied = !detector.occupied;
        let occupied = detector.occupied;
        self.counts.events += 1;
        Some(LoopEvent { loop_id, at, occupied })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::VecDeque, vec::Vec};

    struct Line(VecDeque<Edge>);

    impl Line {
        fn new(edges: &[(u64, bool)]) -> Self {
            Self(edges.iter().map(|(at, rising)| edge(*at, *rising)).collect())
        }
    }

    impl EdgeSource for Line {
        type Error = core::convert::Infallible;
        fn next_edge(&mut self) -> Result<Option<Edge>, Self::Error> {
            Ok(self.0.pop_front())
        }
    }

    fn edge(at: u64, rising: bool) -> Edge {
        Edge { at: UptimeMicros(at), rising }
    }

    fn all(lane: &mut DualLoop, first: &mut Line, second: &mut Line, now: u64) -> Vec<LoopEvent> {
        core::iter::from_fn(|| lane.poll(first, second, UptimeMicros(now)).expect("infallible"))
            .collect()
    }

    fn told(events: &[LoopEvent]) -> Vec<(LoopId, u64, bool)> {
        events.iter().map(|e| (e.loop_id, e.at.0, e.occupied)).collect()
    }

    #[test]
    fn a_vehicle_is_four_changes_in_order_of_time() {
        let mut lane = DualLoop::new(5_000);
        let mut first = Line::new(&[(100_000, true), (500_000, false)]);
        let mut second = Line::new(&[(300_000, true), (700_000, false)]);
        let events = all(&mut lane, &mut first, &mut second, 705_000);
        assert_eq!(
            told(&events),
            [
                (LoopId::First, 100_000, true),
                (LoopId::Second, 300_000, true),
                (LoopId::First, 500_000, false),
                (LoopId::Second, 700_000, false),
            ]
        );
    }

    #[test]
    fn a_change_is_told_once_it_has_held_and_not_before() {
        let mut lane = DualLoop::new(5_000);
        let (mut first, mut second) = (Line::new(&[(100_000, true)]), Line::new(&[]));
        assert_eq!(told(&all(&mut lane, &mut first, &mut second, 104_999)), []);
        let events = all(&mut lane, &mut first, &mut second, 105_000);
        assert_eq!(told(&events), [(LoopId::First, 100_000, true)]);
    }

    #[test]
    fn chatter_is_counted_and_does_not_become_vehicles() {
        let mut lane = DualLoop::new(5_000);
        let mut first = Line::new(&[
            (100_000, true),
            (100_500, false),
            (101_000, true),
            (400_000, false),
            (900_000, true),
            (901_000, false),
        ]);
        let events = all(&mut lane, &mut first, &mut Line::new(&[]), 2_000_000);
        assert_eq!(
            told(&events),
            [(LoopId::First, 101_000, true), (LoopId::First, 400_000, false)]
        );
        assert_eq!(lane.counts(), Counts { events: 2, bounced: 4, doubled: 0 });
    }

    #[test]
    fn a_lost_edge_is_counted_and_the_next_vehicle_is_seen() {
        let mut lane = DualLoop::new(5_000);
        let mut first = Line::new(&[(100_000, true), (900_000, true), (1_200_000, false)]);
        let events = all(&mut lane, &mut first, &mut Line::new(&[]), 2_000_000);
        assert_eq!(
            told(&events),
            [(LoopId::First, 100_000, true), (LoopId::First, 1_200_000, false)]
        );
        assert_eq!(lane.counts().doubled, 1);
    }

    proptest! {
        #[test]
        fn every_edge_is_accounted_for_and_each_loop_alternates(
            gaps in prop::collection::vec((0_u64..20_000, any::<bool>(), any::<bool>()), 0..200),
        ) {
            let mut at = 0;
            let (mut first, mut second) = (Line::new(&[]), Line::new(&[]));
            for (gap, which, rising) in &gaps {
                at += gap;
                (if *which { &mut first } else { &mut second }).0.push_back(edge(at, *rising));
            }
            let mut lane = DualLoop::new(5_000);
            let events = all(&mut lane, &mut first, &mut second, at + 5_000);
            let counts = lane.counts();
            let sum = counts.events + counts.bounced + counts.doubled;
            prop_assert_eq!(sum, gaps.len() as u64);
            prop_assert!(events.windows(2).all(|w| w[0].at <= w[1].at));
            for id in [LoopId::First, LoopId::Second] {
                let of: Vec<_> = events.iter().filter(|e| e.loop_id == id).collect();
                prop_assert!(of.iter().enumerate().all(|(i, e)| e.occupied == (i % 2 == 0)));
                prop_assert!(of.windows(2).all(|w| w[1].at.since(w[0].at) >= 5_000));
            }
        }
    }
}
