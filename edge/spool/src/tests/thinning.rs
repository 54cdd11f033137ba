//! What is left of readings when the budget is used up.

use std::collections::BTreeSet;

use tram_wire::{Batch, LossCause, Summary};

use super::*;
use crate::power::PowerDisk;

const HOUR: i64 = 3_600;

/// `hours` of two channels in batches of two minutes, and what must hold at every moment.
fn fill(spool: &mut Spool<PowerDisk>, disk: &PowerDisk, hours: std::ops::Range<i64>) {
    for n in hours.start * 30..hours.end * 30 {
        spool.append(ClockState::Ntp, columns(2, n * 120, 120)).unwrap();
        spool.commit().unwrap();
        let on_disk = disk.platter().disk_bytes();
        assert!(on_disk <= SMALL.max_bytes, "{on_disk} bytes are over the budget");
        assert_eq!(spool.stats().bytes, on_disk);
    }
}

fn filled(hours: i64) -> (PowerDisk, Spool<PowerDisk>) {
    let disk = PowerDisk::default();
    let (mut spool, _) = Spool::open_on(disk.clone(), SMALL).unwrap();
    number_channels(&mut spool, 2);
    fill(&mut spool, &disk, 0..hours);
    (disk, spool)
}

#[test]
fn every_hour_is_represented_and_every_reading_is_accounted_for_by_channel() {
    let (disk, mut spool) = filled(72);
    let summaries = losses_in(&mut spool, Lane::Summary);
    assert!(summaries.iter().all(|l| l.cause == LossCause::Thinned && l.summary.is_some()));
    for channel in 0..2 {
        let of = |l: &&Loss| l.channel == Some(ChannelNumber(channel));
        // The distance of two neighbours shows that nothing lies between them.
        let mut spans: Vec<(i64, i64, u64)> = summaries
            .iter()
            .filter(of)
            .map(|l| (l.from / SECOND, l.to / SECOND, l.readings))
            .collect();
        for (lane, bytes) in held(&mut spool).values() {
            if *lane == Lane::Routine {
                let batch = Batch::decode(bytes).unwrap();
                let times = &batch.columns[usize::from(channel)].micros;
                spans.push((times[0] / SECOND, times[119] / SECOND, 120));
            }
        }
        spans.sort_unstable();
        assert_eq!((spans[0].0, spans[spans.len() - 1].1), (0, 72 * HOUR - 1));
        assert!(spans.windows(2).all(|w| w[0].1 + 1 == w[1].0), "{spans:?}");
        assert!(spans.iter().all(|(from, to, n)| (to - from + 1) as u64 == *n), "{spans:?}");
        let hours: BTreeSet<i64> = spans.iter().map(|(from, ..)| from / HOUR).collect();
        assert_eq!(hours.len(), 72, "each hour has a row of its own or its readings");
    }
    assert_eq!(spool.losses().len(), 0, "nothing is gone for good");
    let lengths: Vec<i64> = summaries.iter().map(|l| (l.to - l.from) / SECOND).collect();
    assert!(lengths.iter().any(|s| *s > 3_000) && lengths.iter().any(|s| *s < 600), "{lengths:?}");
    drop(spool);
    let (mut spool, report) = Spool::open_on(disk, SMALL).unwrap();
    assert_eq!((report.torn_bytes, report.corrupt_records), (0, 0));
    assert_eq!(losses_in(&mut spool, Lane::Summary), summaries);
}

#[test]
fn a_summary_is_that_of_the_readings_it_stands_for() {
    let (_, mut spool) = filled(30);
    for loss in losses_in(&mut spool, Lane::Summary) {
        let channel = loss.channel.unwrap();
        let all = column(channel.0, loss.from / SECOND, loss.readings as i64);
        let values = || all.values.iter().flatten();
        let expected = Summary {
            usable: loss.readings,
            min: *values().min().unwrap(),
            max: *values().max().unwrap(),
            sum: values().map(|v| i128::from(*v)).sum(),
            worst: Quality::GOOD,
        };
        assert_eq!(loss.summary, Some(expected));
    }
}

#[test]
fn months_end_in_days_and_then_in_a_plain_loss() {
    let (disk, mut spool) = filled(24 * 40);
    let days = losses_in(&mut spool, Lane::Summary);
    assert!(days.iter().any(|l| l.to - l.from > 20 * HOUR * SECOND));
    let (kept, lost) = tally(&mut spool);
    assert_eq!(kept + lost, 2 * 24 * 40 * 3600);
    // Until the coarsest tier is over its share as well.
    fill(&mut spool, &disk, 24 * 40..24 * 220);
    let evicted: Vec<_> = spool.losses().copied().collect();
    assert_eq!(evicted.len(), 2, "one for each channel: {evicted:?}");
    assert!(evicted.iter().all(|l| l.cause == LossCause::Evicted && l.from == 0));
    let (kept, lost) = tally(&mut spool);
    assert_eq!(kept + lost, 2 * 24 * 220 * 3600);
    assert_eq!(spool.stats().evicted_readings_total, evicted.iter().map(|l| l.readings).sum());
}

#[test]
fn a_record_that_may_have_been_sent_leaves_a_notice_of_its_own_number() {
    for restart in [false, true] {
        let disk = PowerDisk::default();
        let (mut spool, _) = Spool::open_on(disk.clone(), SMALL).unwrap();
        number_channels(&mut spool, 2);
        let mut sent = BTreeSet::new();
        for n in 0..4 {
            let seq = spool.append(ClockState::Ntp, columns(2, n * 120, 120)).unwrap();
            spool.commit().unwrap();
            if n > 0 {
                spool.sending(seq).unwrap();
                sent.insert(seq);
            }
        }
        if restart {
            drop(spool);
            disk.power_cut(crate::power::Survives::Nothing);
            (spool, _) = Spool::open_on(disk.clone(), SMALL).unwrap();
        }
        fill(&mut spool, &disk, 1..40);
        let all = held(&mut spool);
        let notices: Vec<Seq> =
            all.iter().filter(|(_, (lane, _))| *lane == Lane::Notice).map(|(s, _)| *s).collect();
        assert_eq!(notices, sent.iter().copied().collect::<Vec<_>>(), "restart: {restart}");
        for seq in &notices {
            let batch = Batch::decode(&all[seq].1).unwrap();
            assert_eq!((batch.header.seq, batch.columns.len()), (*seq, 0));
            assert_eq!(batch.losses.iter().map(|l| l.readings).sum::<u64>(), 240);
            assert!(batch.losses.iter().all(|l| l.channel.is_some() && l.summary.is_some()));
        }
        assert_eq!(spool.held_from(), notices[0], "the centre is not told to pass over it");
        let (kept, lost) = tally(&mut spool);
        assert_eq!(kept + lost, 2 * (39 * 3600 + 480));
    }
}

#[test]
fn what_does_not_shrink_is_thinned_further_at_once() {
    let disk = PowerDisk::default();
    let (mut spool, _) = Spool::open_on(disk.clone(), SMALL).unwrap();
    number_channels(&mut spool, 1);
    // A reading in twenty minutes: a row of ten minutes or an hour is no smaller.
    for n in 0..6000 {
        let mut one = column(0, n * 1200, 1);
        one.values = vec![Some(n * 7919 % 1_000_003)];
        spool.append(ClockState::Ntp, vec![one]).unwrap();
        spool.commit().unwrap();
        assert!(disk.platter().disk_bytes() <= SMALL.max_bytes);
    }
    let (kept, lost) = tally(&mut spool);
    assert_eq!(kept + lost, 6000);
    let summaries = losses_in(&mut spool, Lane::Summary);
    assert!(summaries.iter().any(|l| l.readings > 10), "{summaries:?}");
}
