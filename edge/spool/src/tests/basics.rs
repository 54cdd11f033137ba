//! What a spool promises on a disk that does what it is told.

use tram_wire::{Batch, ChannelName, ClockState, LossCause, Quantity, Seq, SpoolId};

use super::*;
use crate::{Lost, Options, SpoolError, power::PowerDisk};

fn refused(readings: u64) -> Lost {
    Lost {
        channel: Some(ChannelNumber(0)),
        clock: ClockState::Ntp,
        from: 1,
        to: 2,
        readings,
        cause: LossCause::NotWritten,
    }
}

#[test]
fn numbers_go_on_when_every_segment_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, report) = Spool::open(dir.path(), SMALL).unwrap();
    assert!(report.created);
    let id = spool.id();
    for n in 0..40 {
        spool.append(ClockState::Ntp, columns(1, n * 100, 100)).unwrap();
        spool.commit().unwrap();
    }
    assert_eq!(spool.acknowledge(&ack(&spool, spool.next_seq())).unwrap(), 40);
    assert_eq!((spool.held_from(), spool.stats().held), (Seq(40), 0));
    drop(spool);
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "seg") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let (spool, report) = Spool::open(dir.path(), SMALL).unwrap();
    assert_eq!((report.created, spool.id(), spool.next_seq()), (false, id, Seq(40)));
}

#[test]
fn an_orderly_stop_remembers_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(dir.path(), SMALL).unwrap();
    for n in 0..5 {
        spool.append(ClockState::Ntp, columns(1, n, 1)).unwrap();
    }
    assert_eq!(spool.next(Lane::Routine, None), None, "only what is durable is sent");
    spool.commit().unwrap();
    let three = ack(&spool, Seq(3));
    let foreign = Ack { spool: SpoolId(spool.id().0 ^ 1), ..three.clone() };
    assert_eq!(spool.acknowledge(&foreign).unwrap(), 0);
    assert_eq!(spool.acknowledge(&three).unwrap(), 3);
    assert_eq!(spool.acknowledge(&three).unwrap(), 0, "a second time releases nothing");
    spool.close().unwrap();
    let (spool, report) = Spool::open(dir.path(), SMALL).unwrap();
    assert_eq!((report.held, spool.held_from()), (2, Seq(3)));
}

#[test]
fn a_loss_that_was_told_is_behind_its_channel_after_a_kill() {
    let disk = PowerDisk::default();
    let (mut spool, _) = Spool::open_on(disk.clone(), SMALL).unwrap();
    number_channels(&mut spool, 1);
    spool.lose(refused(2));
    spool.tell(ClockState::Ntp, |l| (l.from, l.to)).unwrap().unwrap();
    drop(spool);
    let (spool, _) = Spool::open_on(disk, SMALL).unwrap();
    assert_eq!(spool.latest().collect::<Vec<_>>(), [(ChannelNumber(0), ClockState::Ntp, 2)]);
}

#[test]
fn what_was_forgotten_as_sent_does_not_come_back_with_a_restart() {
    let disk = PowerDisk::default();
    let (mut spool, _) = Spool::open_on(disk.clone(), SMALL).unwrap();
    for n in 0..5 {
        let seq = spool.append(ClockState::Ntp, columns(1, n, 1)).unwrap();
        spool.commit().unwrap();
        spool.sending(seq).unwrap();
    }
    spool.acknowledge(&ack(&spool, Seq(3))).unwrap();
    // The state is written for another reason; it says no more that the first three were sent.
    number_channels(&mut spool, 1);
    drop(spool);
    let (spool, report) = Spool::open_on(disk, SMALL).unwrap();
    assert_eq!((report.held, spool.held_from()), (2, Seq(3)));
}

#[test]
fn a_loss_is_told_once_in_a_batch_of_its_own() {
    let disk = PowerDisk::default();
    let (mut spool, _) = Spool::open_on(disk.clone(), SMALL).unwrap();
    let now = |l: &Lost| (l.from + 100, l.to + 100);
    assert_eq!(spool.tell(ClockState::Rtc, now).unwrap(), None);
    spool.lose(refused(9));
    spool.lose(Lost { channel: None, readings: 4, ..refused(4) });
    spool.close().unwrap();
    let (mut spool, _) = Spool::open_on(disk.clone(), SMALL).unwrap();
    assert_eq!(spool.losses().len(), 2, "after an orderly stop they still wait");
    let seq = spool.tell(ClockState::Rtc, now).unwrap().unwrap();
    assert_eq!(spool.losses().len(), 0);
    drop(spool);
    let (mut spool, _) = Spool::open_on(disk, SMALL).unwrap();
    assert_eq!(spool.losses().len(), 0, "told is told");
    assert_eq!(spool.next(Lane::Notice, None), Some(seq));
    let batch = Batch::decode(&spool.read(seq).unwrap().unwrap()).unwrap();
    assert_eq!((batch.header.seq, batch.header.clock), (seq, ClockState::Rtc));
    let told: Vec<_> = batch.losses.iter().map(|l| (l.channel, l.from, l.readings)).collect();
    assert_eq!(told, [(Some(ChannelNumber(0)), 101, 9), (None, 101, 4)]);
}

#[test]
fn when_each_channel_was_last_taken_is_known_after_a_restart() {
    let disk = PowerDisk::default();
    let (mut spool, _) = Spool::open_on(disk.clone(), SMALL).unwrap();
    for n in 0..30 {
        spool.append(ClockState::Ntp, columns(2, n * 100, 100)).unwrap();
        spool.commit().unwrap();
    }
    spool.append(ClockState::Ntp, vec![column(1, 3000, 1)]).unwrap();
    spool.acknowledge(&ack(&spool, spool.next_seq())).unwrap();
    drop(spool);
    // The last append was not made durable, but only the program was killed.
    let (spool, _) = Spool::open_on(disk, SMALL).unwrap();
    let latest: Vec<_> = spool.latest().map(|(c, _, at)| (c.0, at / SECOND)).collect();
    assert_eq!(latest, [(0, 2999), (1, 3000)]);
}

#[test]
fn readings_give_way_and_alarms_never_do() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(dir.path(), SMALL).unwrap();
    number_channels(&mut spool, 1);
    let first = spool.append_alarm(alarm).unwrap();
    for n in 0..600 {
        spool.append(ClockState::Ntp, columns(1, n * 200, 200)).unwrap();
        spool.commit().unwrap();
        assert!(spool.stats().bytes <= SMALL.max_bytes);
    }
    assert_eq!(spool.next(Lane::Alarm, None), Some(first));
    let (kept, lost) = tally(&mut spool);
    assert_eq!(kept + lost, 600 * 200);
    assert!(kept > 0 && lost > kept, "{kept} kept, {lost} lost");
    let error = loop {
        match spool.append_alarm(alarm) {
            Ok(_) => assert!(spool.stats().bytes <= SMALL.max_bytes),
            Err(e) => break e,
        }
    };
    assert!(matches!(error, SpoolError::Full), "{error}");
    let error = spool.append(ClockState::Ntp, columns(1, 0, 200)).unwrap_err();
    assert!(matches!(error, SpoolError::Full), "{error}");
    assert_eq!(spool.next(Lane::Alarm, None), Some(first));
    assert_eq!(tally(&mut spool), (0, 600 * 200), "everything else is told");
}

#[test]
fn a_channel_keeps_its_number_and_its_quantity() {
    let dir = tempfile::tempdir().unwrap();
    let [rain, level] = ["rain", "level"].map(|n| ChannelName::new(n).unwrap());
    let (mut spool, _) = Spool::open(dir.path(), SMALL).unwrap();
    let first = spool.channel_number(&rain, Quantity::Rain).unwrap();
    drop(spool);
    let (mut spool, _) = Spool::open(dir.path(), SMALL).unwrap();
    let second = spool.channel_number(&level, Quantity::WaterLevel).unwrap();
    assert_ne!(first, second);
    assert_eq!(spool.channel_number(&rain, Quantity::Rain).unwrap(), first);
    let changed = spool.channel_number(&rain, Quantity::Tilt);
    assert!(matches!(changed, Err(SpoolError::ChannelChanged { was: Quantity::Rain, .. })));
}

#[test]
fn a_second_process_and_an_absurd_size_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(dir.path(), SMALL).unwrap();
    assert!(matches!(Spool::open(dir.path(), SMALL), Err(SpoolError::InUse)));
    let huge = columns(2, 0, 40_000);
    assert!(matches!(spool.append(ClockState::Ntp, huge), Err(SpoolError::Batch(_))));
    let odd = Options { max_bytes: 1, ..SMALL };
    assert!(matches!(Spool::open(dir.path(), odd), Err(SpoolError::Options(_))));
}
