//! The button at the station that resets the siren.

use tracing::warn;
use tram_wire::UptimeMicros;

use crate::hal::Edges;

/// A press takes this long at least. Shorter ones are lightning and bouncing contacts.
const PRESS_US: u64 = 50_000;

/// A contact that is closed while somebody presses. It works once a press: a cable that is crushed
/// in a storm resets one alarm and none after it.
pub(crate) struct Button {
    edges: Edges,
    down_since: Option<UptimeMicros>,
    /// This press has worked already.
    spent: bool,
    complained: bool,
}

impl Button {
    /// Listens to a line whose edges rise when the contact closes.
    pub(crate) fn new(edges: Edges) -> Self {
        Self { edges, down_since: None, spent: false, complained: false }
    }

    /// Whether it has been pressed since the last look.
    pub(crate) fn pressed(&mut self, now: UptimeMicros) -> bool {
        let mut pressed = false;
        loop {
            match self.edges.next_edge() {
                Ok(Some(edge)) if edge.rising => self.down_since = Some(edge.at),
                Ok(Some(edge)) => {
                    pressed |= self.held(edge.at);
                    self.down_since = None;
                    self.spent = false;
                }
                Ok(None) => break,
                Err(e) => {
                    if !std::mem::replace(&mut self.complained, true) {
                        warn!("the reset button cannot be read: {e}");
                    }
                    break;
                }
            }
        }
        pressed | self.held(now)
    }

    fn held(&mut self, until: UptimeMicros) -> bool {
        let long = self.down_since.is_some_and(|since| until.since(since) >= PRESS_US);
        long && !std::mem::replace(&mut self.spent, true)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::{Arc, Mutex},
    };

    use tram_drivers::{Edge, EdgeSource};

    use super::*;
    use crate::hal::HalError;

    struct Line(Arc<Mutex<VecDeque<(u64, bool)>>>);

    impl EdgeSource for Line {
        type Error = HalError;
        fn next_edge(&mut self) -> Result<Option<Edge>, HalError> {
            let edge = self.0.lock().unwrap().pop_front();
            Ok(edge.map(|(ms, rising)| Edge { at: UptimeMicros(ms * 1000), rising }))
        }
    }

    #[test]
    fn a_press_works_once_and_a_spike_never() {
        let line = Arc::new(Mutex::new(VecDeque::new()));
        let mut button = Button::new(Box::new(Line(Arc::clone(&line))));
        let mut pressed = |edges: &[(u64, bool)], now: u64| {
            line.lock().unwrap().extend(edges);
            button.pressed(UptimeMicros(now * 1000))
        };
        assert!(!pressed(&[], 0));
        assert!(!pressed(&[(10, true), (30, false)], 40), "20 ms");
        assert!(!pressed(&[(50, true)], 60));
        assert!(!pressed(&[], 99));
        assert!(pressed(&[], 100), "while it is still held");
        assert!(!pressed(&[], 10_000), "a cable that is crushed");
        assert!(!pressed(&[(11_000, false)], 11_001));
        assert!(pressed(&[(12_000, true), (12_080, false)], 12_200), "between two looks");
        assert!(!pressed(&[(12_300, true), (12_305, false), (12_310, true)], 12_330));
        assert!(pressed(&[], 12_360));
    }
}
