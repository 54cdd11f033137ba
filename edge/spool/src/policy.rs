//! What gives way when the budget is used up. No file and no clock here: a description in, a
//! decision out.

use crate::tier::{TIERS, Tier};

/// What one tier takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Use {
    /// Bytes on the disk, in whole blocks.
    pub(crate) bytes: u64,
    /// Segments that could be thinned; one without a record could not.
    pub(crate) segments: usize,
}

/// What the spool takes, and what it may take. All in bytes on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) budget: u64,
    /// About to be written.
    pub(crate) incoming: u64,
    /// Kept free for what thinning itself writes.
    pub(crate) headroom: u64,
    /// Alarms, notices and the state: never evicted.
    pub(crate) fixed: u64,
    pub(crate) tiers: [Use; TIERS],
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is room.
    Enough,
    /// The oldest segment of this tier gives way: to a coarser tier, or from the coarsest for good.
    Thin(Tier),
    /// There is no room, and nothing that may give way.
    Full,
}

impl Holdings {
    fn of(&self, tier: Tier) -> Use {
        self.tiers.get(tier.index()).copied().unwrap_or_default()
    }

    /// What a tier of summaries may take before it is thinned itself, rather than more readings:
    /// in sum three quarters of what is open to all tiers, so that at least a quarter is left for
    /// readings as they were taken.
    fn share(&self, tier: Tier) -> u64 {
        let taken = self.fixed.saturating_add(self.headroom).saturating_add(self.incoming);
        let open = self.budget.saturating_sub(taken);
        match tier {
            Tier::Raw => u64::MAX,
            Tier::TenMinutes => open / 4,
            // The hours of a long outage are what must not be missing.
            Tier::Hours => open / 8 * 3,
            Tier::Days => open / 8,
        }
    }

    /// The next step.
    pub(crate) fn next(&self) -> Step {
        let used = self.tiers.iter().fold(self.fixed, |sum, u| sum.saturating_add(u.bytes));
        let wanted = used.saturating_add(self.incoming).saturating_add(self.headroom);
        if wanted <= self.budget {
            return Step::Enough;
        }
        let thinnable = |tier: &Tier| self.of(*tier).segments > 0;
        let over = |tier: &Tier| thinnable(tier) && self.of(*tier).bytes > self.share(*tier);
        // Coarse tiers first, so that the one above finds room. Then readings; and summaries within
        // their share only when there are no readings left.
        let over_share = [Tier::Days, Tier::Hours, Tier::TenMinutes].into_iter().find(over);
        let step = over_share.or_else(|| Tier::ALL.into_iter().find(thinnable));
        step.map_or(Step::Full, Step::Thin)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn holdings(budget: u64, fixed: u64, tiers: [(u64, usize); TIERS]) -> Holdings {
        let tiers = tiers.map(|(bytes, segments)| Use { bytes, segments });
        Holdings { budget, incoming: 10, headroom: 100, fixed, tiers }
    }

    #[test]
    fn nothing_gives_way_while_there_is_room() {
        let room = holdings(1000, 100, [(790, 8), (0, 0), (0, 0), (0, 0)]);
        assert_eq!(room.next(), Step::Enough);
        let none = Holdings { incoming: 11, ..room };
        assert_eq!(none.next(), Step::Thin(Tier::Raw));
    }

    #[test]
    fn readings_are_thinned_first_and_a_tier_of_summaries_beyond_its_share() {
        let within = [(800, 8), (200, 2), (300, 3), (100, 1)];
        assert_eq!(holdings(1010, 100, within).next(), Step::Thin(Tier::Raw));
        let minutes = [(800, 8), (201, 2), (300, 3), (100, 1)];
        assert_eq!(holdings(1010, 100, minutes).next(), Step::Thin(Tier::TenMinutes));
        let hours = [(800, 8), (201, 2), (301, 3), (100, 1)];
        assert_eq!(holdings(1010, 100, hours).next(), Step::Thin(Tier::Hours));
        let days = [(800, 8), (201, 2), (301, 3), (101, 1)];
        assert_eq!(holdings(1010, 100, days).next(), Step::Thin(Tier::Days));
    }

    #[test]
    fn alarms_push_everything_else_out_and_then_it_is_full() {
        let mut h = holdings(1000, 1000, [(0, 0), (50, 1), (50, 1), (50, 1)]);
        assert_eq!(h.next(), Step::Thin(Tier::Days));
        h.tiers[3] = Use::default();
        assert_eq!(h.next(), Step::Thin(Tier::Hours));
        h.tiers = [Use::default(); TIERS];
        assert_eq!(h.next(), Step::Full);
        // A segment without a record cannot give way.
        h.tiers[0] = Use { bytes: 4096, segments: 0 };
        assert_eq!(h.next(), Step::Full);
    }

    /// A spool in numbers only: segments by tier, the oldest first.
    #[derive(Debug, Clone, Default)]
    struct Model {
        tiers: [VecDeque<u64>; TIERS],
    }

    impl Model {
        fn holdings(&self, budget: u64, fixed: u64, incoming: u64, headroom: u64) -> Holdings {
            let tiers = [0, 1, 2, 3].map(|t: usize| Use {
                bytes: self.tiers[t].iter().sum(),
                segments: self.tiers[t].len(),
            });
            Holdings { budget, incoming, headroom, fixed, tiers }
        }
    }

    proptest! {
        /// Whatever the sizes and however well things are thinned: it comes to an end, there is
        /// room then, and it is only full when nothing is left that may give way.
        #[test]
        fn it_ends_with_room_or_with_nothing_left(
            sizes in prop::collection::vec((0_usize..TIERS, 1_u64..400), 0..60),
            keeps in prop::collection::vec((0_u64..=50, 1_usize..TIERS), 1..40),
            budget in 0_u64..4000, fixed in 0_u64..4000, incoming in 0_u64..300,
            headroom in 0_u64..300,
        ) {
            let mut model = Model::default();
            for (tier, size) in sizes {
                model.tiers[tier].push_back(size);
            }
            let mut steps = 0;
            loop {
                let h = model.holdings(budget, fixed, incoming, headroom);
                let held: u64 = model.tiers.iter().flatten().sum();
                match h.next() {
                    Step::Enough => {
                        prop_assert!(fixed + held + incoming + headroom <= budget);
                        break;
                    }
                    Step::Full => {
                        prop_assert_eq!(held, 0);
                        prop_assert!(fixed + incoming + headroom > budget);
                        break;
                    }
                    Step::Thin(tier) => {
                        let at = tier.index();
                        let size = model.tiers[at].pop_front().unwrap();
                        let (percent, down) = keeps[steps % keeps.len()];
                        let left = size * percent / 100;
                        if left > 0 && at + down < TIERS {
                            model.tiers[at + down].push_back(left);
                        }
                    }
                }
                steps += 1;
                prop_assert!(steps < 60 * TIERS, "it does not end");
            }
        }

        /// A tier of summaries within its share is not touched while there are readings.
        #[test]
        fn summaries_within_their_share_outlive_readings(
            bytes in prop::collection::vec(0_u64..1000, TIERS), budget in 1_u64..4000,
        ) {
            let tiers = [0, 1, 2, 3].map(|t: usize| Use { bytes: bytes[t], segments: usize::from(bytes[t] > 0) });
            let h = Holdings { budget, incoming: 0, headroom: 0, fixed: 0, tiers };
            if let Step::Thin(tier) = h.next() {
                let over = tiers[tier.index()].bytes > h.share(tier);
                let readings = tiers[0].segments > 0;
                prop_assert!(tier == Tier::Raw || over || !readings, "{:?} of {:?}", tier, h);
            }
        }
    }
}
