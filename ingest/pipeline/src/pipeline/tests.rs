//! Timelines: these messages in, those decisions out.

mod replicas;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use tram_wire::{
    Alarm, AlarmKind, Answer, Batch, BatchHeader, ChannelInfo, ChannelName, ChannelNumber,
    ClockState, Column, EpisodeId, Point, Quality, Quantity, RuleId, Seq, SpoolId, Text, Verdict,
};

use super::*;
use crate::{BootMemory, Duplicate, Identity, Record, SpoolMemory};

const NODE: &str = "lao-cai-river-01";
const NOW: UnixMicros = UnixMicros(1_790_000_000_000_000);
const SPOOL: SpoolId = SpoolId(0xfeed);

fn node() -> NodeId {
    NodeId::new(NODE).unwrap()
}

fn pipeline() -> Pipeline {
    with(Memory::default(), ThirdParty::Register)
}

fn with(memory: Memory, third_party: ThirdParty) -> Pipeline {
    let policy = Policy { nodes: [node()].into(), third_party, ..Policy::default() };
    Pipeline::new(policy, memory)
}

fn birth(held_from: u64, boot: u32, uptime_offset: Option<i64>) -> Birth {
    let channel = |number, name, quantity| ChannelInfo {
        number: ChannelNumber(number),
        name: ChannelName::new(name).unwrap(),
        quantity,
        resolution: 1,
        sensor: Text::new("").unwrap(),
        position: Text::new("").unwrap(),
        calibration: Text::new("").unwrap(),
    };
    Birth {
        node: node(),
        software: Text::new("test").unwrap(),
        config_digest: [0; 8],
        spool: SPOOL,
        held_from: Seq(held_from),
        clock: ClockState::Ntp,
        boot,
        uptime_offset,
        earlier: Vec::new(),
        channels: vec![
            channel(1, "water_level", Quantity::WaterLevel),
            channel(2, "rain", Quantity::Rain),
        ],
    }
}

fn batch(seq: u64, readings: i64) -> Batch {
    let mut column = Column::new(ChannelNumber(1), Quantity::WaterLevel);
    for i in 0..readings {
        let micros = NOW.0 - 1_000_000_000 + i64::try_from(seq).unwrap() * 1_000_000 + i * 1000;
        column.push(Point { micros, value: Some(77_500 + i), quality: Quality::GOOD });
    }
    let header = BatchHeader { spool: SPOOL, seq: Seq(seq), clock: ClockState::Ntp };
    Batch { header, columns: vec![column], losses: vec![] }
}

fn send(p: &mut Pipeline, level: &str, payload: &[u8]) -> Outcome {
    let topic = format!("tram/v1/{NODE}/{level}");
    let message = Incoming { topic: &topic, content_type: None, payload, retained: false };
    let outcome = p.receive(message, NOW);
    assert!(p.counters().balanced(), "{:?}", p.counters());
    outcome
}

fn send_senml(p: &mut Pipeline, device: &str, payload: &str, retained: bool) -> Outcome {
    let topic = format!("senml/{device}");
    let message =
        Incoming { topic: &topic, content_type: None, payload: payload.as_bytes(), retained };
    let outcome = p.receive(message, NOW);
    assert!(p.counters().balanced(), "{:?}", p.counters());
    outcome
}

fn commit(p: &mut Pipeline, outcome: Outcome) -> Record {
    let record = outcome.into_record().unwrap();
    p.committed(&[record.receipt()]);
    assert!(p.counters().balanced(), "{:?}", p.counters());
    record
}

fn born(p: &mut Pipeline) {
    let outcome = send(p, "birth", &birth(0, 1, None).encode().unwrap());
    commit(p, outcome);
    p.acks();
}

fn reason(outcome: &Outcome) -> Option<Reason> {
    match outcome {
        Outcome::Quarantine(refusal) => Some(refusal.reason),
        _ => None,
    }
}

fn deferred(outcome: &Outcome) -> Option<(DeferReason, bool)> {
    match outcome {
        Outcome::Defer(d) => Some((d.reason, d.rebirth)),
        _ => None,
    }
}

#[test]
fn a_batch_is_acknowledged_only_once_it_is_on_disk() {
    let p = &mut pipeline();
    born(p);
    let payload = batch(0, 3).encode().unwrap();
    let first = send(p, "data", &payload);
    assert_eq!(p.acks(), []);
    let again = send(p, "data", &payload);
    let record = Some((SPOOL, Seq(0)));
    let copy = Duplicate { node: node(), record, readings: 3, durable: false };
    assert_eq!(again, Outcome::Duplicate(copy));
    assert_eq!(p.acks(), [], "a copy of what is not on disk must not be acknowledged");

    let Record::Accepted(accepted) = commit(p, first) else { panic!("accepted") };
    assert_eq!(accepted.readings(), 3);
    assert_eq!(accepted.payload, payload);
    assert_eq!(accepted.columns[0].key.channel.as_str(), "water_level");
    let acks = p.acks();
    assert_eq!(acks.len(), 1);
    assert_eq!(acks[0].1.watermark, Seq(1));

    let third = send(p, "data", &payload);
    assert_eq!(third, Outcome::Duplicate(Duplicate { durable: true, ..copy }));
    assert_eq!(p.acks().len(), 1, "the node seems not to know");
    let c = p.counters();
    assert_eq!((c.received, c.stored, c.duplicate, c.pending), (9, 3, 6, 0));
}

#[test]
fn a_record_that_did_not_get_to_the_disk_is_as_if_it_had_never_come() {
    let p = &mut pipeline();
    born(p);
    let payload = batch(0, 3).encode().unwrap();
    let record = send(p, "data", &payload).into_record().unwrap();
    p.withdrawn(&[record.receipt()]);
    assert!(p.counters().balanced());
    assert_eq!(p.counters().received, 0);
    let outcome = send(p, "data", &payload);
    assert!(matches!(outcome, Outcome::Commit(_)));
}

#[test]
fn a_batch_of_an_unknown_spool_waits_for_its_birth() {
    let p = &mut pipeline();
    let payload = batch(4, 1).encode().unwrap();
    let outcome = send(p, "data", &payload);
    assert_eq!(deferred(&outcome), Some((DeferReason::UnknownSpool, true)));
    let outcome = send(p, "data", &payload);
    assert_eq!(deferred(&outcome), Some((DeferReason::UnknownSpool, false)), "asked a moment ago");
    assert_eq!(p.counters().deferred(DeferReason::UnknownSpool), 2);
    assert_eq!(p.counters().received, 0);

    let outcome = send(p, "birth", &birth(4, 1, None).encode().unwrap());
    commit(p, outcome);
    assert_eq!(p.acks()[0].1.watermark, Seq(4), "what the node no longer holds never comes");
    let outcome = send(p, "data", &payload);
    commit(p, outcome);
    assert_eq!(p.acks()[0].1.watermark, Seq(5));
}

#[test]
fn times_since_boot_wait_for_the_offset_and_are_restamped() {
    let p = &mut pipeline();
    born(p);
    let mut b = batch(0, 0);
    b.header.clock = ClockState::Unsynchronised { boot: 1 };
    b.columns[0].push(Point { micros: 5_000_000, value: Some(1), quality: Quality::GOOD });
    let payload = b.encode().unwrap();
    let outcome = send(p, "data", &payload);
    assert_eq!(deferred(&outcome), Some((DeferReason::UnknownOffset, true)));

    let offset = NOW.0 - 10_000_000;
    let outcome = send(p, "birth", &birth(0, 1, Some(offset)).encode().unwrap());
    commit(p, outcome);
    let Outcome::Commit(accepted) = send(p, "data", &payload) else { panic!("accepted") };
    assert_eq!(accepted.columns[0].micros, [offset + 5_000_000]);
    assert_eq!(accepted.offset, Some(offset));
}

#[test]
fn times_of_a_boot_that_ended_without_a_clock_are_kept_aside() {
    let p = &mut pipeline();
    born(p);
    let mut b = batch(0, 2);
    b.header.clock = ClockState::Unsynchronised { boot: 99 };
    let outcome = send(p, "data", &b.encode().unwrap());
    assert_eq!(reason(&outcome), Some(Reason::LostClock));
    commit(p, outcome);
    assert_eq!(p.acks()[0].1.watermark, Seq(1), "it does not block the node");
}

#[test]
fn a_later_boot_may_bring_the_offset_of_an_earlier_one() {
    let p = &mut pipeline();
    let mut b = batch(0, 0);
    b.header.clock = ClockState::Unsynchronised { boot: 99 };
    b.columns[0].push(Point { micros: 5_000_000, value: Some(1), quality: Quality::GOOD });
    let offset = NOW.0 - 86_400_000_000;
    // The clock of the later boot is not set yet either.
    let later = Birth { earlier: vec![(99, offset)], ..birth(0, 100, None) };
    let outcome = send(p, "birth", &later.encode().unwrap());
    commit(p, outcome);
    let Outcome::Commit(accepted) = send(p, "data", &b.encode().unwrap()) else { panic!() };
    assert_eq!(accepted.columns[0].micros, [offset + 5_000_000]);
}

#[test]
fn how_a_node_is_comes_with_its_status() {
    let p = &mut pipeline();
    let health = Some(tram_wire::Health { uptime_s: Some(5), ..Default::default() });
    let status = Status { state: StatusState::Online, boot: 1, health };
    let Outcome::Status(change) = send(p, "status", &status.encode()) else { panic!() };
    assert_eq!(change.health, health);
}

#[test]
fn each_mistake_in_a_batch_has_its_reason_and_blocks_nothing() {
    let p = &mut pipeline();
    born(p);
    let mut seq = 0;
    let mut refused = |p: &mut Pipeline, change: &dyn Fn(&mut Batch)| {
        let mut b = batch(seq, 2);
        change(&mut b);
        let outcome = send(p, "data", &b.encode().unwrap());
        seq += 1;
        let reason = reason(&outcome);
        let Record::Refusal(refusal) = commit(p, outcome) else { panic!("{reason:?}") };
        assert_eq!(refusal.readings, 2);
        assert_eq!(p.acks()[0].1.watermark, Seq(seq));
        reason
    };
    let unknown = refused(p, &|b| b.columns[0].channel = ChannelNumber(9));
    assert_eq!(unknown, Some(Reason::UnknownChannel));
    let unit = refused(p, &|b| b.columns[0].quantity = Quantity::Rain);
    assert_eq!(unit, Some(Reason::WrongUnit));
    let value = refused(p, &|b| b.columns[0].values[1] = Some(i64::MAX / 4));
    assert_eq!(value, Some(Reason::AbsurdValue));
    let early = refused(p, &|b| b.columns[0].micros[0] = 0);
    assert_eq!(early, Some(Reason::AbsurdTime));
    let late = refused(p, &|b| b.columns[0].micros[1] = NOW.0 + 90_000_000_000);
    assert_eq!(late, Some(Reason::AbsurdTime));
    assert_eq!(p.counters().quarantined_total(), 10);
    assert_eq!(p.counters().quarantined(Reason::AbsurdTime), 4);
}

#[test]
fn a_cut_batch_is_quarantined_once_and_acknowledged() {
    let p = &mut pipeline();
    born(p);
    let payload = batch(0, 50).encode().unwrap();
    let cut = &payload[..payload.len() - 3];
    let outcome = send(p, "data", cut);
    assert_eq!(reason(&outcome), Some(Reason::MalformedCbor));
    let again = send(p, "data", cut);
    assert!(matches!(again, Outcome::Duplicate(Duplicate { durable: false, readings: 1, .. })));
    commit(p, outcome);
    assert_eq!(p.acks()[0].1.watermark, Seq(1));
    assert_eq!(p.counters().quarantined(Reason::MalformedCbor), 1);

    let mut newer = payload.clone();
    newer[1] = 2;
    let outcome = send(p, "data", &newer);
    assert_eq!(reason(&outcome), Some(Reason::Version));
    let outcome = send(p, "data", &vec![0; MAX_BATCH_BYTES + 1]);
    assert_eq!(reason(&outcome), Some(Reason::Oversize));
}

#[test]
fn a_node_speaks_only_for_itself_and_only_where_it_may() {
    let p = &mut with(Memory::default(), ThirdParty::Refuse);
    let from = |p: &mut Pipeline, topic: &str, payload: &[u8]| {
        let message = Incoming { topic, content_type: None, payload, retained: false };
        reason(&p.receive(message, NOW))
    };
    assert_eq!(from(p, "tram/v1/other/data", b""), Some(Reason::UnknownNode));
    assert_eq!(from(p, "senml/other", b"[]"), Some(Reason::UnknownNode));
    assert_eq!(from(p, "tram/v2/x/data", b""), Some(Reason::WrongTopic));
    assert_eq!(from(p, &format!("tram/v1/{NODE}/ack"), b""), Some(Reason::WrongTopic));
    let mut b = birth(0, 1, None);
    b.node = NodeId::new("other").unwrap();
    let topic = format!("tram/v1/{NODE}/birth");
    assert_eq!(from(p, &topic, &b.encode().unwrap()), Some(Reason::WrongTopic));
    assert!(p.counters().balanced());
}

#[test]
fn a_channel_number_never_changes_its_meaning() {
    let p = &mut pipeline();
    born(p);
    let mut b = birth(0, 1, None);
    b.channels[0].quantity = Quantity::Length;
    let outcome = send(p, "birth", &b.encode().unwrap());
    assert_eq!(reason(&outcome), Some(Reason::ContradictoryBirth));
    b = birth(0, 1, None);
    b.channels.remove(0);
    let outcome = send(p, "birth", &b.encode().unwrap());
    commit(p, outcome);
    let outcome = send(p, "data", &batch(0, 1).encode().unwrap());
    assert!(matches!(outcome, Outcome::Commit(_)), "what was known stays known");
}

#[test]
fn an_answer_is_handed_on_and_nonsense_is_quarantined() {
    let p = &mut pipeline();
    let answer = Answer::Outcome { id: 7, verdict: Verdict::Done };
    let node = NodeId::new(NODE).unwrap();
    assert_eq!(send(p, "answer", &answer.encode()), Outcome::Answer(node, answer));
    assert_eq!(reason(&send(p, "answer", b"x")), Some(Reason::MalformedCbor));
    assert!(p.counters().balanced());
}

#[test]
fn an_alarm_is_urgent_and_shares_the_count_of_the_spool() {
    let p = &mut pipeline();
    born(p);
    let alarm = Alarm {
        spool: SPOOL,
        seq: Seq(0),
        clock: ClockState::Ntp,
        rule: RuleId::new("flood").unwrap(),
        version: 1,
        episode: EpisodeId([7; 16]),
        kind: AlarmKind::Raised,
        level: 2,
        channel: ChannelNumber(1),
        at: NOW.0,
        value: 82_010,
        siren: true,
    };
    let outcome = send(p, "alarm", &alarm.encode());
    let record = commit(p, outcome);
    assert!(record.urgent());
    let Record::Accepted(accepted) = record else { panic!("accepted") };
    assert_eq!(accepted.alarm.unwrap().key.quantity, Quantity::WaterLevel);
    let outcome = send(p, "data", &batch(0, 5).encode().unwrap());
    assert!(matches!(outcome, Outcome::Duplicate(_)));
}

#[test]
fn the_will_of_an_old_boot_does_not_take_a_new_one_off_line() {
    let p = &mut pipeline();
    let mut say = |state, boot| send(p, "status", &Status { state, boot, health: None }.encode());
    assert!(matches!(say(StatusState::Online, 1), Outcome::Status(_)));
    assert!(matches!(say(StatusState::Online, 2), Outcome::Status(_)));
    assert_eq!(say(StatusState::Offline, 1), Outcome::Ignore);
    assert!(matches!(say(StatusState::Offline, 2), Outcome::Status(_)));
}

#[test]
fn a_third_party_device_registers_itself_by_a_sound_pack() {
    let p = &mut pipeline();
    let broken = send_senml(p, "thermo-7", "[{", false);
    assert_eq!(reason(&broken), Some(Reason::MalformedJson));
    assert_eq!(p.third_party, 0);
    let pack = r#"[{"n":"t","u":"Cel","v":23.1,"t":1789999000}]"#;
    let outcome = send_senml(p, "thermo-7", pack, false);
    assert_eq!(p.third_party, 1);
    let again = send_senml(p, "thermo-7", pack, false);
    assert!(matches!(again, Outcome::Duplicate(Duplicate { durable: false, .. })));
    commit(p, outcome);
    let again = send_senml(p, "thermo-7", pack, true);
    assert!(matches!(again, Outcome::Duplicate(Duplicate { durable: true, .. })));

    let relative = r#"[{"n":"t","u":"Cel","v":23.1}]"#;
    for _ in 0..2 {
        let outcome = send_senml(p, "thermo-7", relative, false);
        assert!(matches!(outcome, Outcome::Commit(_)), "another reading each time");
    }
    let outcome = send_senml(p, "thermo-7", relative, true);
    assert_eq!(reason(&outcome), Some(Reason::RetainedRelative));
}

#[test]
fn a_pack_does_not_contradict_the_birth_of_its_node() {
    let p = &mut pipeline();
    born(p);
    let degrees = r#"[{"n":"water_level","u":"Cel","v":1}]"#;
    let both = r#"[{"n":"other","u":"Cel","v":1},{"n":"rain","u":"Cel","v":1}]"#;
    for pack in [degrees, both] {
        let outcome = send_senml(p, NODE, pack, false);
        assert_eq!(reason(&outcome), Some(Reason::WrongUnit), "{pack}");
        commit(p, outcome);
    }
    assert_eq!(p.counters().quarantined(Reason::WrongUnit), 3, "each reading is counted");
    let new = r#"[{"n":"other","u":"Cel","v":1}]"#;
    assert!(matches!(send_senml(p, NODE, new, false), Outcome::Commit(_)));
}

#[test]
fn devices_and_their_channels_are_bounded() {
    let p = &mut pipeline();
    let pack = |channels: std::ops::Range<usize>| {
        let records: Vec<String> = channels
            .map(|i| format!(r#"{{"n":"c{i}","u":"Cel","v":{i},"t":1789999000}}"#))
            .collect();
        format!("[{}]", records.join(","))
    };
    let outcome = send_senml(p, "many", &pack(0..257), false);
    assert_eq!(reason(&outcome), Some(Reason::TooManyChannels));
    for i in 0..MAX_THIRD_PARTY_NODES {
        let outcome = send_senml(p, &format!("d{i}"), &pack(0..2), false);
        assert!(matches!(outcome, Outcome::Commit(_)));
    }
    let outcome = send_senml(p, "one-more", &pack(0..2), false);
    assert_eq!(reason(&outcome), Some(Reason::UnknownNode));
    assert_eq!(p.nodes.len(), MAX_THIRD_PARTY_NODES + 1);
}

#[test]
fn after_a_restart_it_knows_what_is_on_disk() {
    let mut progress = crate::Progress::default();
    progress.raise(Seq(3));
    let mut dictionary = crate::Dictionary::default();
    let name = ChannelName::new("water_level").unwrap();
    dictionary.add(node(), ChannelNumber(1), name, Quantity::WaterLevel).unwrap();
    let memory = Memory {
        replica: ReplicaId(7),
        spools: vec![SpoolMemory { node: node(), spool: SPOOL, progress, dictionary }],
        boots: vec![BootMemory { node: node(), boot: 5, offset: 7 }],
        packs: vec![],
        third_party: vec![(NodeId::new("thermo-7").unwrap(), name)],
    };
    let p = &mut with(memory, ThirdParty::Register);
    assert_eq!(p.third_party, 1);
    let outcome = send(p, "data", &batch(2, 1).encode().unwrap());
    assert!(matches!(outcome, Outcome::Duplicate(Duplicate { durable: true, .. })));
    let outcome = send(p, "data", &batch(3, 1).encode().unwrap());
    assert!(matches!(outcome, Outcome::Commit(_)));
    let mut newer = batch(4, 1);
    newer.columns[0].channel = ChannelNumber(2);
    let outcome = send(p, "data", &newer.encode().unwrap());
    assert_eq!(deferred(&outcome).unwrap().0, DeferReason::UnknownChannel, "no birth heard yet");
}

#[test]
fn gaps_are_bounded_and_the_next_missing_number_is_always_taken() {
    let p = &mut pipeline();
    born(p);
    let mut refused = None;
    for i in 1..2000 {
        let outcome = send(p, "data", &batch(i * 2, 1).encode().unwrap());
        if let Some((reason, _)) = deferred(&outcome) {
            refused = Some((i, reason));
            break;
        }
        commit(p, outcome);
    }
    assert_eq!(refused, Some((1025, DeferReason::TooManyGaps)));
    let outcome = send(p, "data", &batch(0, 1).encode().unwrap());
    commit(p, outcome);
    let outcome = send(p, "data", &batch(1, 1).encode().unwrap());
    commit(p, outcome);
    let outcome = send(p, "data", &batch(2050, 1).encode().unwrap());
    assert!(matches!(outcome, Outcome::Commit(_)), "a gap was closed, so there is room");
}

/// What a test does next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Send(u64),
    SendCut(u64),
    Commit(usize),
    Withdraw(usize),
    Birth(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_u64..40).prop_map(Step::Send),
        1 => (0_u64..40).prop_map(Step::SendCut),
        4 => (1_usize..6).prop_map(Step::Commit),
        1 => (1_usize..6).prop_map(Step::Withdraw),
        1 => Just(Step::Birth(0)),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn every_reading_is_stored_once_whatever_the_order(steps in steps()) {
        let p = &mut pipeline();
        born(p);
        let mut waiting: VecDeque<Record> = VecDeque::new();
        let mut on_disk: BTreeMap<u64, u64> = BTreeMap::new();
        let finish = (0..40).map(Step::Send).chain([Step::Commit(usize::MAX)]);
        for step in steps.into_iter().chain(finish) {
            match step {
                Step::Send(seq) => {
                    let outcome = send(p, "data", &batch(seq, 2).encode().unwrap());
                    waiting.extend(outcome.into_record().ok());
                }
                Step::SendCut(seq) => {
                    let payload = batch(seq, 2).encode().unwrap();
                    let outcome = send(p, "data", &payload[..payload.len() - 1]);
                    waiting.extend(outcome.into_record().ok());
                }
                Step::Birth(held_from) => {
                    let outcome = send(p, "birth", &birth(held_from, 1, None).encode().unwrap());
                    waiting.extend(outcome.into_record().ok());
                }
                Step::Commit(n) => {
                    for record in waiting.drain(..n.min(waiting.len())) {
                        p.committed(&[record.receipt()]);
                        let seq = match &record {
                            Record::Accepted(a) => match a.identity {
                                Identity::Spool { seq, .. } => seq.0,
                                Identity::Pack(_) => unreachable!(),
                            },
                            Record::Refusal(r) => r.identity.unwrap().1.0,
                            Record::Birth(_) | Record::Settled(_) => continue,
                        };
                        *on_disk.entry(seq).or_default() += 1;
                    }
                }
                Step::Withdraw(n) => {
                    let keep = waiting.len().saturating_sub(n);
                    for record in waiting.drain(keep..) {
                        p.withdrawn(&[record.receipt()]);
                    }
                }
            }
            prop_assert!(p.counters().balanced(), "{:?}", p.counters());
            for (_, ack) in p.acks() {
                let covered: BTreeSet<u64> = (0..64).filter(|n| ack.covers(Seq(*n))).collect();
                let disk: BTreeSet<u64> = on_disk.keys().copied().collect();
                prop_assert_eq!(covered, disk);
            }
        }
        prop_assert_eq!(on_disk, (0..40).map(|n| (n, 1)).collect::<BTreeMap<_, _>>());
        prop_assert_eq!(p.counters().pending, 0);
    }

    #[test]
    fn no_message_makes_it_panic(
        topic in prop_oneof![
            Just(format!("tram/v1/{NODE}/data")), Just(format!("tram/v1/{NODE}/alarm")),
            Just(format!("tram/v1/{NODE}/birth")), Just(format!("tram/v1/{NODE}/status")),
            Just("senml/x".to_owned()), ".{0,40}",
        ],
        cbor in any::<bool>(),
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let content_type = cbor.then_some("application/senml+cbor");
        let p = &mut pipeline();
        born(p);
        p.receive(Incoming { topic: &topic, content_type, payload: &payload, retained: false }, NOW);
        prop_assert!(p.counters().balanced());
    }
}
