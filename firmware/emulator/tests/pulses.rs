//! The suite for parts that make edges: nominal, faults, recovery, limits, and what a recording
//! becomes.

use std::collections::BTreeMap;

use tram_drivers::{
    DualLoop, RainGauge,
    inductive_loop::{LoopEvent, LoopId},
    rain_gauge::{Contact, Tip},
};
use tram_emulator::{
    Board, Clock, EdgeLine, Fault, MAX_QUEUED_EDGES, Part, PartKind, Recording, Scenario, Signal,
    World,
};
use tram_wire::{CentiMillimetre, ChannelName, Millimetre, UnixMicros, UptimeMicros};

const SECOND: u64 = 1_000_000;
const SPACING_MM: i32 = 4_000;
const LOOP_MM: i32 = 2_000;

fn name(s: &str) -> ChannelName {
    ChannelName::new(s).expect("a name")
}

fn gauge() -> Part {
    let kind = PartKind::TippingBucket { line: 17, bucket: CentiMillimetre(20) };
    Part::new(kind).feeding(Signal::Rain, name("rain"))
}

fn lane() -> Part {
    Part::new(PartKind::DualLoop {
        first_line: 5,
        second_line: 6,
        spacing: Millimetre(SPACING_MM),
        length: Millimetre(LOOP_MM),
    })
    .feeding(Signal::VehicleCount, name("lane1_count"))
    .feeding(Signal::VehicleSpeed, name("lane1_speed"))
    .feeding(Signal::Occupancy, name("lane1_occupancy"))
}

fn replay(text: &str, part: Part) -> (Board, UnixMicros) {
    let recording = Recording::parse(&format!("time,channel,value\n{text}")).expect("well formed");
    let world = World::new(Scenario::Replay(recording), 3, 1);
    let Clock::Virtual { start, .. } = world.clock() else { unreachable!("it is a replay") };
    (Board::new(world, &[part]).expect("one part fits"), start)
}

fn storm(part: Part) -> Board {
    Board::new(World::new(Scenario::Storm, 11, 60), &[part]).expect("one part fits")
}

fn tips(gauge: &mut RainGauge, line: &mut EdgeLine) -> Vec<Tip> {
    std::iter::from_fn(|| gauge.poll(line).expect("infallible")).collect()
}

fn events(board: &Board, lane: &mut DualLoop) -> Vec<LoopEvent> {
    let mut first = board.edges(5).expect("connected");
    let mut second = board.edges(6).expect("connected");
    let now = UptimeMicros(board.elapsed());
    std::iter::from_fn(|| lane.poll(&mut first, &mut second, now).expect("infallible")).collect()
}

/// The four times of each vehicle, in order.
fn vehicles(events: &[LoopEvent]) -> Vec<[u64; 4]> {
    let times = |id: LoopId, occupied: bool| {
        let of = events.iter().filter(move |e| e.loop_id == id && e.occupied == occupied);
        of.map(|e| e.at.0).collect::<Vec<_>>()
    };
    let first = times(LoopId::First, true).into_iter().zip(times(LoopId::First, false));
    let second = times(LoopId::Second, true).into_iter().zip(times(LoopId::Second, false));
    first.zip(second).map(|((a, b), (c, d))| [a, b, c, d]).collect()
}

#[test]
fn recorded_tips_come_at_their_recorded_times() {
    let (board, start) = replay(
        "2013-10-26T13:57:18Z,rain,0.2\n\
         2013-10-26T14:31:29Z,rain,0.2\n\
         2013-10-26T14:31:30.5Z,rain,0.2\n\
         2013-10-27T10:43:34Z,rain,0.2\n",
        gauge(),
    );
    let mut line = board.edges(17).expect("connected");
    let mut driver = RainGauge::new(Contact::default());
    board.advance(48 * 3_600 * SECOND);
    let told: Vec<i64> = tips(&mut driver, &mut line)
        .iter()
        .map(|tip| start.plus(i64::try_from(tip.at.0).expect("small")).0)
        .collect();
    let day = 1_382_745_600;
    let seconds = |h: i64, m: i64, s: i64| (day + h * 3_600 + m * 60 + s) * 1_000_000;
    assert_eq!(
        told,
        [
            seconds(13, 57, 18),
            seconds(14, 31, 29),
            seconds(14, 31, 30) + 500_000,
            seconds(34, 43, 34)
        ]
    );
    assert_eq!(driver.counts().refused, 0);
}

#[test]
fn rows_of_several_tips_add_up_within_their_own_interval() {
    let rows = [("00:15", 0.6), ("00:30", 0.0), ("00:45", 12.4), ("01:00", 0.5), ("01:15", 0.1)];
    let text: String =
        rows.iter().map(|(t, mm)| format!("2013-10-30T{t}:00Z,rain,{mm}\n")).collect();
    let (board, start) = replay(&text, gauge());
    let mut line = board.edges(17).expect("connected");
    let mut driver = RainGauge::new(Contact::default());
    let quarter = 900 * SECOND;
    let first = 1_383_091_200_000_000 + 900_000_000;
    let mut counted = Vec::new();
    for row in 0..5 {
        let at = u64::try_from(UnixMicros(first).since(start)).expect("later") + row * quarter;
        board.advance(at);
        counted.push(tips(&mut driver, &mut line).len());
    }
    // 0.5 mm is two tips and half a one, which 0.1 mm of the next row makes whole.
    assert_eq!(counted, [3, 0, 62, 2, 1]);
    assert_eq!(driver.counts().refused, 0);
}

#[test]
fn the_step_of_time_does_not_change_a_single_edge() {
    let edges = |step: u64| {
        let parts = [gauge(), lane()];
        let world = World::new(Scenario::Storm, 5, 60);
        let board = Board::new(world, &parts).expect("they fit");
        let mut seen = BTreeMap::new();
        for t in (0..=240 * SECOND).step_by(usize::try_from(step).expect("small")) {
            board.advance(t);
            for line in [17, 5, 6] {
                let mut source = board.edges(line).expect("connected");
                let next = || tram_drivers::EdgeSource::next_edge(&mut source).expect("infallible");
                let all = std::iter::from_fn(next).map(|e| (e.at.0, e.rising));
                seen.entry(line).or_insert_with(Vec::new).extend(all);
            }
        }
        seen
    };
    let fine = edges(50_000);
    assert!(fine.values().all(|edges| edges.len() > 20));
    assert_eq!(fine, edges(240 * SECOND));
}

#[test]
fn a_storm_tips_about_as_often_as_60_mm_an_hour_does() {
    let board = storm(gauge());
    let mut line = board.edges(17).expect("connected");
    let mut driver = RainGauge::new(Contact::default());
    // Minutes 12 to 72 of the script.
    board.advance(12 * SECOND);
    tips(&mut driver, &mut line);
    board.advance(72 * SECOND);
    let told = tips(&mut driver, &mut line);
    // 1 mm in a minute is 5 tips of 0.2 mm, less what the swinging bucket loses.
    assert!((4..=6).contains(&told.len()), "{}", told.len());
}

#[test]
fn bounce_and_chatter_do_not_become_tips() {
    let count = |fault: Option<Fault>| {
        let board = storm(gauge());
        if let Some(fault) = fault {
            board.inject(0, fault).expect("a contact can have it");
        }
        let mut driver = RainGauge::new(Contact::default());
        board.advance(120 * SECOND);
        let told = tips(&mut driver, &mut board.edges(17).expect("connected")).len();
        (told, driver.counts().bounced)
    };
    let (tips, bounced) = count(None);
    let (tips_chattering, bounced_chattering) = count(Some(Fault::Chatter));
    assert!(tips > 5 && bounced > 0);
    assert_eq!(tips_chattering, tips);
    assert!(bounced_chattering > 10 * bounced);
    assert_eq!(count(Some(Fault::StuckValue)), (0, 0));
}

#[test]
fn a_gauge_tips_again_once_it_is_free() {
    let board = storm(gauge());
    let mut driver = RainGauge::new(Contact::default());
    let mut line = board.edges(17).expect("connected");
    board.inject(0, Fault::StuckValue).expect("a contact can have it");
    board.advance(60 * SECOND);
    assert_eq!(tips(&mut driver, &mut line), []);
    board.heal(0);
    board.advance(120 * SECOND);
    assert!(!tips(&mut driver, &mut line).is_empty());
}

#[test]
fn more_rain_than_a_bucket_can_tip_is_refused_and_counted() {
    // 300 tips in 60 s: one each 0.2 s.
    let (board, _) = replay("2013-10-30T00:01:00Z,rain,0\n2013-10-30T00:02:00Z,rain,60\n", gauge());
    let mut driver = RainGauge::new(Contact::default());
    board.advance(600 * SECOND);
    let told = tips(&mut driver, &mut board.edges(17).expect("connected"));
    let counts = driver.counts();
    assert_eq!(told.len() as u64 + counts.refused, 300);
    assert!(counts.refused > 100, "{counts:?}");
}

#[test]
fn edges_nobody_takes_are_lost_and_counted() {
    let text: String = (1..=400)
        .map(|n| format!("2013-10-{:02}T{:02}:00:00Z,rain,200\n", 1 + n / 24, n % 24))
        .collect();
    let (board, _) = replay(&text, gauge());
    board.advance(40 * 86_400 * SECOND);
    let mut line = board.edges(17).expect("connected");
    let lost = line.lost();
    let next = || tram_drivers::EdgeSource::next_edge(&mut line).expect("infallible");
    assert_eq!(std::iter::from_fn(next).count(), MAX_QUEUED_EDGES);
    // 400 rows of 1000 tips of at least two edges each.
    assert!(lost + MAX_QUEUED_EDGES as u64 >= 800_000, "{lost}");
}

#[test]
fn recorded_vehicles_come_back_with_count_speed_and_occupancy() {
    let (board, start) = replay(
        "2013-10-30T00:05:00Z,lane1_count,40\n\
         2013-10-30T00:05:00Z,lane1_speed,37.4\n\
         2013-10-30T00:05:00Z,lane1_occupancy,12.3\n\
         2013-10-30T00:10:00Z,lane1_count,0\n\
         2013-10-30T00:15:00Z,lane1_count,7\n\
         2013-10-30T00:15:00Z,lane1_speed,61.0\n\
         2013-10-30T00:15:00Z,lane1_occupancy,1.8\n",
        lane(),
    );
    let mut driver = DualLoop::new(DualLoop::DEFAULT_DEBOUNCE_US);
    let first = UnixMicros(1_383_091_200_000_000 + 300_000_000).since(start);
    let first = u64::try_from(first).expect("later");
    for (row, count, tenths_kmh, tenths_percent) in
        [(0, 40, 374, 123), (1, 0, 0, 0), (2, 7, 610, 18)]
    {
        board.advance(first + row * 300 * SECOND);
        let passed = vehicles(&events(&board, &mut driver));
        assert_eq!(passed.len(), count);
        let mut occupied = 0;
        for [on, off, second_on, second_off] in passed {
            for between in [second_on - on, second_off - off] {
                // mm/µs to 0.1 km/h, rounded.
                let spacing = u64::try_from(SPACING_MM).expect("positive");
                let speed = (spacing * 36_000 + between / 2) / between;
                assert_eq!(speed, tenths_kmh);
            }
            occupied += off - on;
        }
        assert_eq!((occupied * 1_000 + 150 * SECOND) / (300 * SECOND), tenths_percent);
    }
    assert_eq!(driver.counts().bounced + driver.counts().doubled, 0);
}

#[test]
fn a_quiet_lane_has_vehicles_of_every_length_and_none_overlap() {
    let world = World::new(Scenario::Quiet, 9, 1);
    let board = Board::new(world, &[lane()]).expect("one part fits");
    let mut driver = DualLoop::new(DualLoop::DEFAULT_DEBOUNCE_US);
    board.advance(3_600 * SECOND);
    let passed = vehicles(&events(&board, &mut driver));
    assert!((200..=400).contains(&passed.len()), "{}", passed.len());
    let lengths = passed.iter().map(|[on, off, second_on, _]| {
        (off - on) * 4_000 / (second_on - on) - u64::try_from(LOOP_MM).expect("positive")
    });
    let mut classes = [0; 4];
    for length in lengths {
        assert!((1_700..=17_100).contains(&length), "{length}");
        let bounds = [1_981, 6_553, 14_935];
        let class = bounds.iter().filter(|bound| length >= **bound).count();
        if let Some(n) = classes.get_mut(class) {
            *n += 1;
        }
    }
    assert!(classes.iter().all(|n| *n > 0), "{classes:?}");
    let apart = passed.iter().zip(passed.iter().skip(1));
    assert!(apart.into_iter().all(|([.., left], [entered, ..])| entered > left));
}

#[test]
fn a_chattering_loop_still_counts_and_a_dead_one_does_not() {
    let count = |fault: Option<Fault>| {
        let board = storm(lane());
        if let Some(fault) = fault {
            board.inject(0, fault).expect("a loop can have it");
        }
        let mut driver = DualLoop::new(DualLoop::DEFAULT_DEBOUNCE_US);
        board.advance(600 * SECOND);
        (vehicles(&events(&board, &mut driver)).len(), driver.counts().bounced)
    };
    let (passed, bounced) = count(None);
    assert!(passed > 20);
    assert_eq!(bounced, 0);
    let (passed_chattering, bounced) = count(Some(Fault::Chatter));
    assert_eq!(passed_chattering, passed);
    assert!(bounced > 100);
    assert_eq!(count(Some(Fault::StuckValue)), (0, 0));
    for fault in [Fault::Nack, Fault::CrcFlip, Fault::BrownOut] {
        assert!(storm(lane()).inject(0, fault).is_err());
    }
}
