//! How much of what is not sealed yet is held in memory.

use tram_config::{Document, Mistake};

use super::File;

/// What may be configured; a head of the largest takes two gigabytes.
const HEAD_READINGS: std::ops::RangeInclusive<u64> = 1_000..=100_000_000;

/// How much is held in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Store {
    /// Readings in the head at which it is sealed.
    pub(crate) seal_readings: u64,
    /// The most readings in the head; beyond, nodes have to wait.
    pub(crate) head_readings: u64,
}

pub(super) fn check(document: &Document<File>) -> Result<Store, Mistake> {
    let file = &document.value.store;
    let (seal_readings, head_readings) = (file.seal_readings, file.head_readings);
    if !HEAD_READINGS.contains(&head_readings) {
        let (least, most) = (HEAD_READINGS.start(), HEAD_READINGS.end());
        return Err(document.mistake(
            "store.head_readings",
            format!("{head_readings} readings in memory are not possible"),
            format!("write a number from {least} to {most}; a reading takes 18 bytes"),
        ));
    }
    if seal_readings == 0 || seal_readings > head_readings / 2 {
        return Err(document.mistake(
            "store.seal_readings",
            format!("sealing at {seal_readings} readings leaves no room for more meanwhile"),
            format!("write a number from 1 to {}, half of head_readings", head_readings / 2),
        ));
    }
    Ok(Store { seal_readings, head_readings })
}
