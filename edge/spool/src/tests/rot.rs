//! A medium that gives back something else than was written.

use tram_wire::{Batch, LossCause};

use super::*;
use crate::{
    Options,
    power::{Platter, PowerDisk},
    record::{CHECK_BYTES, HEADER_BYTES},
};

const READINGS: u64 = 200;
const BATCHES: i64 = 24;
/// The record that closes a segment.
const CLOSING: usize = HEADER_BYTES + CHECK_BYTES;

/// Readings that were taken, still held, and lost; with an alarm in between.
fn build() -> (Platter, u64) {
    let options = Options { max_bytes: 48 << 10, segment_bytes: 4 << 10 };
    let disk = PowerDisk::default();
    let (mut spool, _) = Spool::open_on(disk.clone(), options).unwrap();
    number_channels(&mut spool, 1);
    let mut taken = 0;
    for n in 0..BATCHES {
        spool.append(ClockState::Ntp, columns(1, n * READINGS as i64, READINGS as i64)).unwrap();
        spool.commit().unwrap();
        taken += READINGS;
        if n == BATCHES / 2 {
            spool.append_alarm(alarm).unwrap();
        }
    }
    spool.close().unwrap();
    (disk.platter(), taken)
}

/// A bit flips in any byte of any file of a spool at rest: it is noticed, no other record is
/// harmed, and the readings are told exactly.
#[test]
fn a_flipped_bit_in_any_byte_is_noticed_and_told_exactly() {
    let (platter, taken) = build();
    let files = PowerDisk::of(platter.clone()).files();
    let newest = files.iter().filter(|(n, _)| n.starts_with("r-")).map(|(n, _)| n).max().cloned();
    assert!(files.len() > 5, "{files:?}");
    for (name, len) in files {
        for byte in 0..len {
            let disk = PowerDisk::of(platter.clone());
            disk.rot(&name, byte, 1 << (byte % 8));
            let (mut spool, report) = Spool::open_on(disk, SMALL).unwrap();
            let context = format!("byte {byte} of {len} of {name}: {report:?}");
            let all = held(&mut spool);
            let alarms = all.values().filter(|(lane, _)| *lane == Lane::Alarm).count();
            let (kept, lost) = tally(&mut spool);
            assert!(spool.next_seq() >= Seq(BATCHES as u64 + 1), "{context}");
            if name.starts_with("state") {
                assert_eq!((kept, lost, alarms), (taken, 0, 1), "{context}");
                assert_eq!((report.corrupt_records, report.torn_bytes), (0, 0), "{context}");
            } else if name.starts_with("a-") {
                // The only record of its file: to recovery it was torn.
                assert_eq!((kept, lost, alarms), (taken, 0, 0), "{context}");
                assert!(report.torn_bytes > 0, "{context}");
            } else if report.torn_bytes > 0 {
                // The last record of all, as if it had never been finished. When its channels were
                // last taken tells that it is missing.
                assert_eq!(Some(&name), newest.as_ref(), "{context}");
                assert_eq!((kept, lost), (taken - READINGS, 0), "{context}");
                let latest = spool.latest().map(|(_, _, at)| at / SECOND).max();
                assert_eq!(latest, Some((BATCHES - 1) * READINGS as i64 - 1), "{context}");
            } else if byte + CLOSING >= len {
                // Nothing but the end of a segment.
                assert_eq!((kept, lost, alarms), (taken, 0, 1), "{context}");
                assert_eq!(report.corrupt_records, 1, "{context}");
            } else {
                assert_eq!((kept, lost), (taken - READINGS, READINGS), "{context}");
                assert_eq!(report.corrupt_records, 1, "{context}");
                let loss = spool.losses().next().unwrap();
                assert_eq!(loss.cause, LossCause::Corrupt, "{context}");
                // It lies where the reading is missing that nobody holds.
                let missing = missing(&all, taken as i64);
                assert!(
                    loss.from <= missing + SECOND && missing <= loss.to + SECOND,
                    "{context}: {loss:?}"
                );
            }
        }
    }
}

/// The first second that no held batch has, in microseconds.
fn missing(all: &BTreeMap<Seq, (Lane, Vec<u8>)>, taken: i64) -> i64 {
    let batches = all.values().filter(|(lane, _)| *lane == Lane::Routine);
    let mut there: Vec<i64> =
        batches.flat_map(|(_, b)| Batch::decode(b).unwrap().columns[0].micros.clone()).collect();
    there.sort_unstable();
    (0..taken).map(|s| s * SECOND).find(|t| there.binary_search(t).is_err()).unwrap()
}

/// The file ends anywhere: what is behind is gone, what is before is there.
#[test]
fn a_torn_tail_of_any_length_is_cut_off_and_counted() {
    let (platter, _) = build();
    let files = PowerDisk::of(platter.clone()).files();
    let (name, len) = files.into_iter().filter(|(n, _)| n.starts_with("r-")).max().unwrap();
    let mut records = Vec::new();
    for cut in 0..len {
        let disk = PowerDisk::of(platter.clone());
        let mut file = crate::Disk::open(&disk, &name).unwrap();
        crate::DiskFile::truncate(&mut file, cut as u64).unwrap();
        let (mut spool, report) = Spool::open_on(disk.clone(), SMALL).unwrap();
        assert_eq!(report.corrupt_records, 0, "cut at {cut}");
        let left = disk.files().into_iter().find(|(n, _)| *n == name).unwrap().1;
        assert_eq!(report.torn_bytes, (cut - left) as u64, "cut at {cut}");
        records.push(held(&mut spool).len());
        // It works on from here.
        let seq = spool.append(ClockState::Ntp, columns(1, 90_000, 5)).unwrap();
        spool.commit().unwrap();
        drop(spool);
        let (mut spool, again) = Spool::open_on(disk, SMALL).unwrap();
        assert_eq!(again.torn_bytes, 0, "cut at {cut}: cut off for good");
        assert!(held(&mut spool).contains_key(&seq), "cut at {cut}");
    }
    assert!(records.windows(2).all(|w| w[1] - w[0] <= 1), "one record after the other");
}
