//! Timelines of a sink, against an engine that is a set of lines.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tram_pipeline::{Form, Identity, Readings};
use tram_wire::{ChannelNumber, Column};

use super::*;
use crate::tests::{NOW, good, key, node};

const SECOND: Duration = Duration::from_secs(1);

fn limits() -> Limits {
    Limits { readings: 4, bytes: 1 << 20, age: SECOND, replay: 10 * SECOND }
}

/// An entry with one reading for each of `micros`.
fn entry(id: i64, micros: &[i64]) -> LogEntry {
    let mut column = Column::new(ChannelNumber(0), key(0).quantity);
    micros.iter().for_each(|m| column.push(good(*m, *m)));
    let Column { micros, values, quality, .. } = column;
    LogEntry {
        id: LogId(id),
        node: node(),
        received: NOW,
        identity: Identity::Pack(None),
        form: Form::Batch,
        payload: vec![],
        columns: vec![Readings { key: key(0), micros, values, quality }],
        losses: vec![],
        alarm: None,
    }
}

fn lines(step: &Step<'_>) -> usize {
    match step {
        Step::Send(lines) => lines.iter().filter(|b| **b == b'\n').count(),
        _ => 0,
    }
}

fn later(after: Option<Duration>) -> Answer {
    Answer::Later { reason: "busy".to_owned(), after }
}

fn unreachable() -> Answer {
    Answer::Unreachable { reason: "refused".to_owned() }
}

fn refused(why: Refusal) -> Answer {
    Answer::Refused { why, reason: "no".to_owned() }
}

#[test]
fn a_batch_is_sent_when_it_is_large_or_old() {
    let mut sink = Sink::new(LogId(7), limits());
    assert_eq!(sink.poll(SECOND), Step::Read { after: LogId(7) });
    assert_eq!(sink.patience(SECOND), None);
    sink.take(&[entry(8, &[1, 2])], SECOND);
    assert_eq!(sink.poll(SECOND), Step::Read { after: LogId(8) });
    assert_eq!(sink.patience(SECOND * 3 / 2), Some(SECOND / 2));
    assert_eq!(lines(&sink.poll(2 * SECOND)), 2, "old enough");
    assert_eq!(sink.answered(Answer::Written, 2 * SECOND), None);
    assert_eq!((sink.written(), sink.counters().written), (LogId(8), 2));
    sink.take(&[entry(9, &[3, 4, 5, 6, 7])], 2 * SECOND);
    assert_eq!(lines(&sink.poll(2 * SECOND)), 4, "large enough, and no larger than a request");
    sink.answered(Answer::Written, 2 * SECOND);
    assert_eq!(sink.written(), LogId(8), "an entry half written is not written");
    assert_eq!(lines(&sink.poll(2 * SECOND)), 1);
    sink.answered(Answer::Written, 2 * SECOND);
    assert_eq!(sink.written(), LogId(9));
}

#[test]
fn the_same_is_sent_again_later_and_later_or_when_it_was_asked_for() {
    let mut sink = Sink::new(LogId(0), limits());
    sink.take(&[entry(1, &[1, 2, 3, 4])], SECOND);
    let mut now = SECOND;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert_eq!(lines(&sink.poll(now)), 4);
        sink.answered(later(None), now);
        let Step::Rest(pause) = sink.poll(now) else { panic!("it does not rest") };
        pauses.push(pause.as_millis());
        now += pause;
    }
    assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    assert_eq!(lines(&sink.poll(now)), 4);
    sink.answered(later(Some(7 * SECOND)), now);
    assert_eq!(sink.poll(now), Step::Rest(7 * SECOND));
    now += 7 * SECOND;
    sink.answered(Answer::Written, now);
    assert_eq!(sink.counters().retries, 10);
    assert_eq!((sink.counters().written, sink.counters().replays), (4, 0));
    assert_eq!(sink.answered(later(None), now), None, "an answer to nothing is nothing");
    assert_eq!(sink.poll(now), Step::Read { after: LogId(1) });
}

#[test]
fn the_cursor_stays_behind_and_an_engine_that_was_away_gets_the_rest_again() {
    let mut sink = Sink::new(LogId(0), limits());
    for (id, second) in [(1, 1), (2, 5), (3, 12)] {
        let now = SECOND * second;
        sink.take(&[entry(id, &[1, 2, 3, 4])], now);
        assert_eq!(lines(&sink.poll(now)), 4);
        sink.answered(Answer::Written, now);
    }
    assert_eq!((sink.written(), sink.cursor()), (LogId(3), LogId(1)));
    // An hour of no readings: nobody knows whether the engine was there.
    let now = SECOND * 3600;
    let mut none = entry(4, &[]);
    none.columns.clear();
    sink.take(&[none], now);
    assert_eq!((sink.written(), sink.cursor()), (LogId(4), LogId(1)));
    sink.take(&[entry(5, &[1, 2, 3, 4])], now);
    assert_eq!(lines(&sink.poll(now)), 4);
    sink.answered(unreachable(), now);
    let now = now + SECOND;
    assert_eq!(lines(&sink.poll(now)), 4);
    sink.answered(Answer::Written, now);
    assert_eq!(sink.counters().replays, 1);
    assert_eq!(sink.cursor(), LogId(1));
    assert_eq!(sink.poll(now), Step::Read { after: LogId(1) });
    sink.take(&[entry(2, &[1, 2, 3, 4])], now);
    assert_eq!(lines(&sink.poll(now)), 4);
    sink.answered(Answer::Written, now);
    assert_eq!((sink.written(), sink.cursor()), (LogId(4), LogId(1)));
}

fn started(at: &str) -> Sight {
    Sight::Started(at.to_owned())
}

/// Writes an entry of four readings.
fn write(sink: &mut Sink, id: i64, now: Duration) {
    sink.take(&[entry(id, &[1, 2, 3, 4])], now);
    assert_eq!(lines(&sink.poll(now)), 4);
    sink.answered(Answer::Written, now);
}

#[test]
fn the_cursor_follows_looks_that_find_the_same_engine() {
    let mut sink = Sink::new(LogId(0), limits()).watching();
    assert_eq!(sink.poll(SECOND), Step::Look, "before the first reading is sent");
    sink.seen(started("a"), SECOND);
    assert_eq!(sink.poll(SECOND * 900), Step::Read { after: LogId(0) }, "nothing depends on it");
    write(&mut sink, 1, SECOND * 901);
    assert_eq!(sink.poll(SECOND * 901), Step::Look);
    sink.seen(started("a"), SECOND * 901);
    assert_eq!(sink.cursor(), LogId(0), "too early");
    assert_eq!(sink.patience(SECOND * 902), Some(SECOND * 7 / 3), "it is woken for the next look");
    write(&mut sink, 2, SECOND * 902);
    assert_eq!(sink.poll(SECOND * 911), Step::Look);
    sink.seen(started("a"), SECOND * 911);
    assert_eq!(sink.cursor(), LogId(1));
    // It crashed and came back, and every request was answered.
    write(&mut sink, 3, SECOND * 912);
    sink.seen(started("b"), SECOND * 915);
    assert_eq!(sink.counters().replays, 1);
    assert_eq!(sink.poll(SECOND * 915), Step::Read { after: LogId(1) });
    write(&mut sink, 2, SECOND * 915);
    write(&mut sink, 3, SECOND * 915);
    sink.seen(started("b"), SECOND * 925);
    assert_eq!((sink.cursor(), sink.written()), (LogId(3), LogId(3)));
    assert_eq!(sink.patience(SECOND * 925), None);
    assert_eq!(sink.counters().replays, 1);
}

#[test]
fn a_broken_way_to_the_same_engine_costs_no_replay() {
    let mut sink = Sink::new(LogId(0), limits()).watching();
    sink.seen(started("a"), SECOND);
    write(&mut sink, 1, SECOND);
    sink.take(&[entry(2, &[1, 2, 3, 4, 5])], 2 * SECOND);
    assert_eq!(lines(&sink.poll(2 * SECOND)), 4);
    sink.answered(unreachable(), 2 * SECOND);
    assert!(matches!(sink.poll(2 * SECOND), Step::Rest(_)));
    assert_eq!(sink.poll(3 * SECOND), Step::Look, "before anything is sent again");
    sink.seen(Sight::Unreachable { reason: String::new() }, 3 * SECOND);
    assert!(matches!(sink.poll(3 * SECOND), Step::Rest(_)));
    assert_eq!(sink.poll(4 * SECOND), Step::Look);
    sink.seen(started("a"), 4 * SECOND);
    assert_eq!(lines(&sink.poll(4 * SECOND)), 4, "the same again");
    sink.answered(Answer::Written, 4 * SECOND);
    assert_eq!(lines(&sink.poll(4 * SECOND)), 1);
    // It stops between two requests of one batch, the first of which it had taken.
    sink.answered(unreachable(), 4 * SECOND);
    sink.seen(started("b"), 6 * SECOND);
    assert_eq!(sink.counters().replays, 1);
    assert_eq!(sink.poll(6 * SECOND), Step::Read { after: LogId(0) });
}

#[test]
fn half_a_batch_is_given_again_when_nobody_knows() {
    let mut sink = Sink::new(LogId(0), limits());
    sink.take(&[entry(1, &[1, 2, 3, 4, 5])], SECOND);
    assert_eq!(lines(&sink.poll(SECOND)), 4);
    sink.answered(Answer::Written, SECOND);
    assert_eq!(lines(&sink.poll(SECOND)), 1);
    sink.answered(unreachable(), SECOND);
    assert_eq!(lines(&sink.poll(3 * SECOND)), 1);
    sink.answered(Answer::Written, 3 * SECOND);
    assert_eq!(sink.poll(3 * SECOND), Step::Read { after: LogId(0) });
}

#[test]
fn an_engine_that_does_not_say_is_believed_by_its_answers() {
    let mut sink = Sink::new(LogId(0), limits()).watching();
    sink.seen(Sight::Unknown, SECOND);
    write(&mut sink, 1, 2 * SECOND);
    assert_eq!(sink.poll(20 * SECOND), Step::Look, "it may have learned to");
    sink.seen(Sight::Unknown, 20 * SECOND);
    write(&mut sink, 2, 20 * SECOND);
    assert_eq!(sink.cursor(), LogId(1));
}

#[test]
fn what_the_log_has_forgotten_is_counted_once() {
    let mut sink = Sink::new(LogId(3), limits());
    assert_eq!(sink.skip(LogId(10)), 7);
    assert_eq!(sink.poll(SECOND), Step::Read { after: LogId(10) });
    assert_eq!(sink.skip(LogId(10)), 0);
    assert_eq!((sink.written(), sink.counters().lost_entries), (LogId(10), 7));
    // Entries without readings are passed, too.
    let mut none = entry(11, &[]);
    none.columns.clear();
    sink.take(&[none], 2 * SECOND);
    assert_eq!((sink.written(), sink.cursor()), (LogId(11), LogId(11)));
    assert_eq!(sink.patience(2 * SECOND), None);
}

#[test]
fn requests_get_smaller_when_the_engine_finds_them_too_large() {
    let mut sink = Sink::new(LogId(0), Limits { readings: 1000, bytes: 1 << 16, ..limits() });
    let micros: Vec<i64> = (0..1000).collect();
    sink.take(&[entry(1, &micros)], SECOND);
    let first = lines(&sink.poll(SECOND));
    sink.answered(refused(Refusal::TooLarge), SECOND);
    assert_eq!(lines(&sink.poll(SECOND)), first / 2);
    while let Step::Send(_) = sink.poll(SECOND) {
        sink.answered(Answer::Written, SECOND);
    }
    assert_eq!(sink.counters().written, 1000);
    sink.take(&[entry(2, &micros)], SECOND);
    assert!(lines(&sink.poll(SECOND)) <= first / 2 + 1, "it remembers");
}

/// An engine that answers what it was told to answer next, and refuses what holds a bad line.
#[derive(Default)]
struct Engine {
    held: BTreeSet<String>,
}

impl Engine {
    fn answer(&mut self, body: &[u8], bad: &BTreeSet<String>, mood: u8) -> Answer {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let lines: BTreeSet<String> = text.lines().map(str::to_owned).collect();
        match mood {
            0 => later(None),
            1 => later(Some(3 * SECOND)),
            2 => unreachable(),
            // It took them, and the answer was lost.
            3 => {
                self.held.extend(lines.difference(bad).cloned());
                unreachable()
            }
            4 if lines.len() > 3 => refused(Refusal::TooLarge),
            _ if !lines.is_disjoint(bad) => refused(Refusal::BadRequest),
            _ => {
                self.held.extend(lines);
                Answer::Written
            }
        }
    }
}

proptest! {
    #[test]
    fn every_reading_is_taken_or_counted_whatever_the_engine_does(
        sizes in proptest::collection::vec(0..9_i64, 1..30),
        bad_micros in proptest::collection::btree_set(0..200_i64, 0..6),
        moods in proptest::collection::vec(0..12_u8, 0..200),
    ) {
        let mut next = 0;
        let log: Vec<LogEntry> = (1..).zip(&sizes).map(|(id, n)| {
            let micros: Vec<i64> = (next..next + n).collect();
            next += n;
            entry(id, &micros)
        }).collect();
        let mut every = Lines::default();
        log.iter().flat_map(|e| &e.columns).for_each(|c| every.push(c));
        let all: BTreeSet<String> = std::str::from_utf8(every.slice(0, every.len()))
            .unwrap().lines().map(str::to_owned).collect();
        let ends = |l: &&String| bad_micros.iter().any(|m| l.ends_with(&format!(" {m}")));
        let bad: BTreeSet<String> = all.iter().filter(ends).cloned().collect();

        let mut sink = Sink::new(LogId(0), limits());
        let mut engine = Engine::default();
        let mut moods = moods.into_iter();
        let mut now = Duration::ZERO;
        let mut refused = BTreeSet::new();
        for _ in 0..20_000 {
            match sink.poll(now) {
                Step::Rest(pause) => now += pause,
                Step::Look => sink.seen(Sight::Unknown, now),
                Step::Read { after } => {
                    let from = usize::try_from(after.0).unwrap();
                    let entries = &log[from..log.len().min(from + 3)];
                    if entries.is_empty() && sink.patience(now).is_none() {
                        break;
                    }
                    if entries.is_empty() { now += SECOND } else { sink.take(entries, now) }
                }
                Step::Send(body) => {
                    let answer = engine.answer(body, &bad, moods.next().unwrap_or(11));
                    if let Some(r) = sink.answered(answer, now) {
                        refused.insert(r.line.clone());
                    }
                }
            }
            prop_assert!(sink.cursor() <= sink.written());
        }
        prop_assert_eq!(sink.written(), log.last().unwrap().id);
        prop_assert!(engine.held.is_disjoint(&refused));
        prop_assert_eq!(&refused, &bad);
        let together: BTreeSet<String> = engine.held.union(&refused).cloned().collect();
        prop_assert_eq!(together, all);
    }
}
