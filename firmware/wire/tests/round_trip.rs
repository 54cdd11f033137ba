//! Whatever is written is read back, and no input does more than be refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mix;

use proptest::prelude::*;
use tram_wire::{
    Ack, Alarm, Answer, Batch, BatchHeader, Birth, ChannelNumber, ClockState, Column, Command,
    EncodeError, Flag, Loss, LossCause, MAX_ACK_RANGES, MAX_BATCH_BYTES, MAX_BATCH_LOSSES,
    MAX_BATCH_READINGS, Order, Point, Quality, Quantity, ReplicaId, Seq, SpoolId, Status, Summary,
    Tests,
};

fn quality() -> impl Strategy<Value = Quality> {
    let flags = [Flag::Good, Flag::NotEvaluated, Flag::Suspect, Flag::Fail, Flag::Missing];
    (prop::sample::select(flags.to_vec()), 0_u16..1024)
        .prop_map(|(flag, bits)| Quality { flag, tests: Tests::from_bits(bits).unwrap() })
}

fn point() -> impl Strategy<Value = Point> {
    let far = i64::MIN / 16..i64::MAX / 16;
    let near = 1_700_000_000_000_000_i64..1_700_000_100_000_000;
    (prop_oneof![near, far.clone()], prop_oneof![-300_i64..300, far], quality()).prop_map(
        |(micros, value, quality)| Point {
            micros,
            value: (quality.flag != Flag::Missing).then_some(value),
            quality,
        },
    )
}

fn column() -> impl Strategy<Value = Column> {
    (any::<u16>(), 1_u8..=30, prop::collection::vec(point(), 1..40)).prop_map(|(c, q, points)| {
        let mut column = Column::new(ChannelNumber(c), Quantity::from_number(q).unwrap());
        points.into_iter().for_each(|p| column.push(p));
        column
    })
}

fn clock() -> impl Strategy<Value = ClockState> {
    prop_oneof![
        Just(ClockState::Rtc),
        Just(ClockState::Ntp),
        any::<u32>().prop_map(|boot| ClockState::Unsynchronised { boot })
    ]
}

fn summary() -> impl Strategy<Value = Summary> {
    let values = prop::collection::vec(-(1_i64 << 53)..1 << 53, 0..5);
    (values, quality()).prop_map(|(values, worst)| Summary {
        usable: values.len() as u64,
        min: values.iter().copied().min().unwrap_or(0),
        max: values.iter().copied().max().unwrap_or(0),
        sum: values.iter().map(|v| i128::from(*v)).sum(),
        worst,
    })
}

fn loss() -> impl Strategy<Value = Loss> {
    let span = (any::<i64>(), any::<i64>(), any::<u64>());
    let rest = (1_u8..=5, prop::option::of(any::<u16>()), prop::option::of(summary()));
    (span, rest).prop_map(|((a, b, readings), (cause, channel, summary))| Loss {
        channel: channel.map(ChannelNumber),
        from: a.min(b),
        to: a.max(b),
        readings,
        cause: LossCause::from_number(cause).unwrap(),
        summary,
    })
}

fn batch() -> impl Strategy<Value = Batch> {
    let columns = prop::collection::vec(column(), 0..6);
    (any::<u64>(), any::<u64>(), clock(), columns, prop::collection::vec(loss(), 0..3)).prop_map(
        |(spool, seq, clock, columns, losses)| Batch {
            header: BatchHeader { spool: SpoolId(spool), seq: Seq(seq), clock },
            columns,
            losses,
        },
    )
}

/// Every decoder on the same bytes; none may panic.
fn decode_all(bytes: &[u8]) {
    let _ = BatchHeader::decode(bytes);
    let _ = Birth::decode(bytes);
    let _ = Ack::decode(bytes);
    let _ = Alarm::decode(bytes);
    let _ = Status::decode(bytes);
    let _ = Command::decode(bytes);
    let _ = Order::decode(bytes);
    let _ = Answer::decode(bytes);
    if let Ok(batch) = Batch::decode(bytes) {
        assert!(batch.readings() <= MAX_BATCH_READINGS);
        // What is accepted can be written again, and means the same.
        assert_eq!(Batch::decode(&batch.encode().unwrap()), Ok(batch));
    }
}

proptest! {
    #[test]
    fn a_batch_is_read_back(batch in batch()) {
        let bytes = batch.encode().unwrap();
        prop_assert_eq!(BatchHeader::decode(&bytes), Ok(batch.header));
        prop_assert_eq!(Batch::decode(&bytes), Ok(batch));
    }

    #[test]
    fn random_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_all(&bytes);
    }

    #[test]
    fn a_damaged_batch_is_refused_or_still_within_the_limits(
        at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = mix::reference_mix().encode().unwrap();
        let i = at.index(bytes.len());
        bytes[i] = with;
        decode_all(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(Batch::decode(&bytes).is_err());
    }

    #[test]
    fn an_acknowledgement_covers_what_it_says(
        watermark in 0_u64..50, gaps in gaps(0..32), from in 0_u64..60, own in gaps(0..100),
    ) {
        let (ranges, committed) = (spread(watermark, &gaps), spread(from, &own));
        let (spool, replica) = (SpoolId(1), ReplicaId(2));
        let ack = Ack { spool, replica, watermark: Seq(watermark), ranges, committed };
        let messages: Vec<Ack> = ack.messages().collect();
        prop_assert_eq!(messages.len(), ack.committed.len().div_ceil(MAX_ACK_RANGES).max(1));
        for message in &messages {
            prop_assert_eq!(Ack::decode(&message.encode().unwrap()), Ok(message.clone()));
        }
        let within = |ranges: &[(Seq, Seq)], n| ranges.iter().any(|(a, b)| a.0 <= n && n <= b.0);
        for n in 0..1_000 {
            let inside = n < watermark || within(&ack.ranges, n) || within(&ack.committed, n);
            prop_assert_eq!(ack.covers(Seq(n)), inside);
            prop_assert_eq!(messages.iter().any(|m| m.covers(Seq(n))), inside);
        }
    }
}

type Gaps = Vec<(u64, u64)>;

/// Gaps and lengths of ranges.
fn gaps(n: std::ops::Range<usize>) -> impl Strategy<Value = Gaps> {
    prop::collection::vec((1_u64..5, 0_u64..5), n)
}

/// Ranges above `from`.
fn spread(from: u64, gaps: &Gaps) -> Vec<(Seq, Seq)> {
    let mut next = from;
    let range = |(gap, len): &(u64, u64)| {
        let first = next + gap;
        next = first + len + 1;
        (Seq(first), Seq(first + len))
    };
    gaps.iter().map(range).collect()
}

#[test]
fn ranges_out_of_order_are_neither_written_nor_read() {
    let ack = |watermark, ranges: &[(u64, u64)], committed: &[(u64, u64)]| {
        let seqs = |r: &[(u64, u64)]| r.iter().map(|(a, b)| (Seq(*a), Seq(*b))).collect();
        let (spool, replica, watermark) = (SpoolId(1), ReplicaId(2), Seq(watermark));
        Ack { spool, replica, watermark, ranges: seqs(ranges), committed: seqs(committed) }
    };
    for bad in [
        ack(5, &[(5, 6)], &[]),
        ack(5, &[(4, 6)], &[]),
        ack(5, &[(7, 6)], &[]),
        ack(5, &[(7, 8), (9, 9)], &[]),
        ack(5, &[], &[(3, 3), (4, 4)]),
        ack(5, &[], &[(3, 3), (1, 1)]),
        ack(u64::MAX, &[(u64::MAX, u64::MAX)], &[]),
        ack(0, &[], &[(1, u64::MAX), (3, 3)]),
    ] {
        assert_eq!(
            bad.encode(),
            Err(EncodeError::Value("order of acknowledged ranges")),
            "{bad:?}"
        );
    }
    let edge = ack(5, &[(6, 6), (8, u64::MAX)], &[(0, 0), (5, u64::MAX)]);
    assert_eq!(Ack::decode(&edge.encode().unwrap()), Ok(edge));
}

#[test]
fn few_bytes_cannot_stand_for_more_readings_than_the_limit() {
    // A regular time column of 2^40 readings in a dozen bytes.
    let mut e = minicbor::Encoder::new(Vec::new());
    e.array(8).unwrap().u8(1).unwrap().u64(1).unwrap().u64(1).unwrap().u8(2).unwrap();
    e.i64(0).unwrap().u64(1).unwrap().array(1).unwrap();
    e.array(5).unwrap().u16(0).unwrap().u8(1).unwrap();
    e.array(3).unwrap().i64(0).unwrap().i64(1).unwrap().u64(1 << 40).unwrap();
    let error = Batch::decode(e.writer()).unwrap_err();
    assert_eq!(error.to_string(), "more readings in a batch than the documented limit");
}

#[test]
fn what_cannot_be_read_back_is_not_written() {
    let point = |micros, value| Point { micros, value: Some(value), quality: Quality::GOOD };
    let of = |a: Point, b: Point| {
        let mut column = Column::new(ChannelNumber(0), Quantity::Length);
        column.push(a);
        column.push(b);
        Batch { columns: vec![column], ..mix::reference_mix() }.encode()
    };
    let distance = |bytes: Result<Vec<u8>, _>| {
        bytes.unwrap_err() == EncodeError::Value("distance in a column")
    };
    assert!(distance(of(point(0, 0), point(1, i64::MIN))), "2^63 apart");
    assert!(distance(of(point(0, -1), point(1, i64::MAX))), "2^63 apart");
    assert!(distance(of(point(0, i64::MIN), point(1, i64::MAX))), "2^64 - 1 apart");
    assert!(distance(of(point(i64::MIN, 0), point(0, 0))), "times 2^63 apart");
}

#[test]
fn a_batch_full_of_the_largest_losses_fits() {
    let worst = Quality { flag: Flag::Missing, tests: Tests::from_bits(1023).unwrap() };
    let far = 1_i64 << 53;
    let usable = 1_u64 << 10;
    let sum = i128::from(far) * i128::from(usable) - i128::from(far);
    let summary = Summary { usable, min: -far, max: far, sum, worst };
    let loss = |n: i64| Loss {
        channel: Some(ChannelNumber(u16::MAX)),
        from: if n % 2 == 0 { i64::MIN } else { -1 },
        to: if n % 2 == 0 { 0 } else { i64::MAX },
        readings: u64::MAX,
        cause: LossCause::Thinned,
        summary: Some(summary),
    };
    let losses: Vec<Loss> = (0..).map(loss).take(MAX_BATCH_LOSSES).collect();
    let mut batch = Batch { columns: Vec::new(), losses, ..mix::reference_mix() };
    let bytes = batch.encode().unwrap();
    assert!(bytes.len() <= MAX_BATCH_BYTES);
    assert_eq!(Batch::decode(&bytes).unwrap(), batch);
    batch.losses.push(loss(0));
    assert_eq!(batch.encode(), Err(EncodeError::Limit("losses in a batch")));
    let off = Summary { sum: summary.sum * 4, ..summary };
    batch.losses = vec![Loss { summary: Some(off), ..loss(0) }];
    assert_eq!(batch.encode(), Err(EncodeError::Value("summary of a loss")));
}

#[test]
fn a_summary_of_an_hour_of_a_channel_takes_few_bytes() {
    let hour = 3_600_000_000_i64;
    let start = 1_767_225_600_000_000;
    let losses = (0..50_u16).map(|c| Loss {
        channel: Some(ChannelNumber(c)),
        from: start + i64::from(c) * 1000,
        to: start + hour,
        readings: 3600,
        cause: LossCause::Thinned,
        summary: Some(Summary {
            usable: 3598,
            min: 23_456,
            max: 24_321,
            sum: 3598 * 23_900,
            worst: Quality::GOOD,
        }),
    });
    let batch = Batch { columns: Vec::new(), losses: losses.collect(), ..mix::reference_mix() };
    let each = batch.encode().unwrap().len() as f64 / 50.0;
    println!("{each:.1} bytes a summary");
    assert!(each < 36.0, "{each} bytes");
}
