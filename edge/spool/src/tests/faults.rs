//! A disk that refuses.

use tram_wire::Batch;

use super::*;
use crate::{
    SpoolError,
    power::{Fault, PowerDisk},
};

fn opened() -> (PowerDisk, Spool<PowerDisk>) {
    let disk = PowerDisk::default();
    let (mut spool, _) = Spool::open_on(disk.clone(), SMALL).unwrap();
    number_channels(&mut spool, 1);
    (disk, spool)
}

fn append(spool: &mut Spool<PowerDisk>, n: i64) -> Result<Seq, SpoolError> {
    spool.append(ClockState::Ntp, columns(1, n * 10, 10))
}

/// The first readings of the batches that are held, as tens of seconds.
fn kept(spool: &mut Spool<PowerDisk>) -> Vec<i64> {
    let first = |bytes: &[u8]| Batch::decode(bytes).unwrap().columns[0].micros[0] / SECOND / 10;
    held(spool).values().filter(|(l, _)| *l == Lane::Routine).map(|(_, b)| first(b)).collect()
}

#[test]
fn a_failed_sync_hands_the_readings_back() {
    let (disk, mut spool) = opened();
    let first = append(&mut spool, 1).unwrap();
    spool.commit().unwrap();
    let second = append(&mut spool, 2).unwrap();
    let third = append(&mut spool, 3).unwrap();
    disk.fail(Some(Fault::Sync));
    assert!(matches!(spool.commit(), Err(SpoolError::Io(_))));
    assert_eq!(spool.given_up(), Some((second, third.next())));
    assert_eq!(spool.given_up(), None, "asked once");
    assert_eq!(spool.next(Lane::Routine, Some(first)), None);
    // Nothing is accepted before the doubtful bytes are gone.
    assert!(append(&mut spool, 4).is_err());
    disk.fail(None);
    for n in 2..4 {
        assert!(append(&mut spool, n).unwrap() > third, "a number is not given twice");
    }
    spool.commit().unwrap();
    assert_eq!(spool.given_up(), None);
    drop(spool);
    let (mut spool, report) = Spool::open_on(disk, SMALL).unwrap();
    assert_eq!((report.torn_bytes, report.corrupt_records), (0, 0));
    assert_eq!(kept(&mut spool), [1, 2, 3]);
}

#[test]
fn a_commit_that_fails_on_the_way_of_something_else_is_told_as_well() {
    let (disk, mut spool) = opened();
    let seq = append(&mut spool, 1).unwrap();
    disk.fail(Some(Fault::Sync));
    let name = ChannelName::new("another").unwrap();
    assert!(spool.channel_number(&name, Quantity::Rain).is_err());
    assert_eq!(spool.given_up(), Some((seq, seq.next())));
    disk.fail(None);
    append(&mut spool, 2).unwrap();
    spool.commit().unwrap();
    assert_eq!(kept(&mut spool), [2]);
    let latest: Vec<_> = spool.latest().map(|(_, _, at)| at / SECOND).collect();
    assert_eq!(latest, [29]);
}

#[test]
fn each_kind_of_refusal_is_named_and_ends_without_a_trace() {
    for (fault, name) in [
        (Fault::Full, "the disk is full"),
        (Fault::ReadOnly, "the folder cannot be written"),
        (Fault::Write, "input/output error"),
        (Fault::Sync, "input/output error"),
    ] {
        let (disk, mut spool) = opened();
        append(&mut spool, 1).unwrap();
        spool.append_alarm(alarm).unwrap();
        spool.commit().unwrap();
        disk.fail(Some(fault));
        let refused = append(&mut spool, 2).and_then(|_| spool.commit());
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(name), "{fault:?}: {said}");
        assert!(spool.append_alarm(alarm).is_err());
        let _ = spool.given_up();
        let before = held(&mut spool);
        assert_eq!(before.len(), 2, "{fault:?}: what is there can be read and sent");
        disk.fail(None);
        append(&mut spool, 2).unwrap();
        spool.append_alarm(alarm).unwrap();
        spool.commit().unwrap();
        drop(spool);
        let (mut spool, report) = Spool::open_on(disk, SMALL).unwrap();
        assert_eq!((report.torn_bytes, report.corrupt_records), (0, 0), "{fault:?}");
        assert_eq!(kept(&mut spool), [1, 2], "{fault:?}");
        assert_eq!(held(&mut spool).len(), 4, "{fault:?}");
    }
}

/// Thinning is interrupted by each fault at each of its steps, and goes on afterwards.
#[test]
fn thinning_that_fails_is_as_if_it_had_not_begun() {
    for fault in [Fault::Full, Fault::ReadOnly, Fault::Write, Fault::Sync] {
        let (disk, mut spool) = opened();
        let mut taken = 0;
        for n in 0..700 {
            if n % 7 == 3 {
                disk.fail(Some(fault));
                let refused = spool
                    .append(ClockState::Ntp, columns(1, n * 200, 200))
                    .and_then(|_| spool.commit());
                assert!(refused.is_err(), "{fault:?}");
                let _ = spool.given_up();
                disk.fail(None);
            }
            spool.append(ClockState::Ntp, columns(1, n * 200, 200)).unwrap();
            spool.commit().unwrap();
            taken += 200;
            assert!(disk.platter().disk_bytes() <= SMALL.max_bytes, "{fault:?}");
        }
        let (kept, lost) = tally(&mut spool);
        assert_eq!(kept + lost, taken, "{fault:?}");
        drop(spool);
        let (mut spool, report) = Spool::open_on(disk, SMALL).unwrap();
        assert_eq!((report.torn_bytes, report.corrupt_records), (0, 0), "{fault:?}");
        assert_eq!(tally(&mut spool), (kept, lost), "{fault:?}");
    }
}
