//! Readings of one datastream, column by column.

use tram_wire::{ChannelName, NodeId, Point, QualityRun, Quantity};

/// What a series is of: one quantity on one channel of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatastreamKey {
    /// The node, which is also the station.
    pub node: NodeId,
    /// The channel within the node.
    pub channel: ChannelName,
    /// What it measures.
    pub quantity: Quantity,
}

/// Readings of one datastream as three columns of equal length, in the order they were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readings {
    /// Of what.
    pub key: DatastreamKey,
    /// Event times, Unix microseconds.
    pub micros: Vec<i64>,
    /// Values in counts of the quantity; `None` is a reading the sensor did not give.
    pub values: Vec<Option<i64>>,
    /// Qualities by runs; the lengths add up to the number of readings.
    pub quality: Vec<QualityRun>,
}

impl Readings {
    /// How many readings it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.micros.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.micros.is_empty()
    }

    /// The reading number `at`; `micros` of the point is Unix time.
    #[must_use]
    pub fn point(&self, at: usize) -> Option<Point> {
        let (micros, value) = (*self.micros.get(at)?, *self.values.get(at)?);
        let mut before = 0;
        let run = self.quality.iter().find(|run| {
            before = usize::try_from(run.len).unwrap_or(usize::MAX).saturating_add(before);
            at < before
        });
        Some(Point { micros, value, quality: run?.quality })
    }

    /// Its readings in order; `micros` of a point is Unix time.
    pub fn points(&self) -> impl Iterator<Item = Point> {
        tram_wire::points(&self.micros, &self.values, &self.quality)
    }
}

/// How many readings there are in all columns.
pub(crate) fn count(columns: &[Readings]) -> u64 {
    columns.iter().map(|c| c.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use tram_wire::{Quality, Tests};

    use super::*;

    #[test]
    fn a_point_by_its_number_is_the_one_of_all_points() {
        let key = DatastreamKey {
            node: NodeId::new("a").unwrap(),
            channel: ChannelName::new("b").unwrap(),
            quantity: Quantity::WaterLevel,
        };
        let run = |quality, len| QualityRun { quality, len };
        let missing = Quality::missing(Tests::ECHO_LOSS);
        let readings = Readings {
            key,
            micros: vec![1, 2, 3, 4],
            values: vec![Some(7), None, None, Some(8)],
            quality: vec![run(Quality::GOOD, 1), run(missing, 2), run(Quality::GOOD, 1)],
        };
        let all: Vec<Point> = readings.points().collect();
        let each: Vec<Point> = (0..4).filter_map(|at| readings.point(at)).collect();
        assert_eq!(each, all);
        assert_eq!(readings.point(4), None);
    }
}
