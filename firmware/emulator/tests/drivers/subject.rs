//! What the suite needs to know of a driver, and the station it stands in.

use embedded_hal::delay::DelayNs;
use tram_emulator::{Board, Clock, Fault, Part, Recording, Scenario, Signal, World};
use tram_wire::ChannelName;

/// What a driver said, in counts of each signal's resolution.
pub(crate) type Reading = Vec<(Signal, i64)>;

/// Why a driver gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Ask again.
    NotReady,
    /// Start the part again.
    Reset,
    /// Drop the reading.
    Bad,
    /// Nobody there.
    Bus,
}

/// What happens outside a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// The driver refuses to give a value.
    Refused,
    /// The part stands at the end of its scale.
    Held,
}

/// A driver with its part.
pub(crate) trait Subject {
    /// For messages.
    const NAME: &'static str;
    /// The part, feeding a channel for each of its signals.
    fn part() -> Part;
    /// The driver, not started yet.
    fn new(board: &Board) -> Self;
    /// Starts the part, or starts it again.
    fn init(&mut self) -> Result<(), Trouble>;
    /// One reading.
    fn read(&mut self) -> Result<Reading, Trouble>;
    /// Each signal with the lowest and highest value that can be read.
    fn range() -> impl Iterator<Item = (Signal, i64, i64)>;
    /// How far a reading may be from the truth, in counts.
    fn tolerance(signal: Signal) -> f64;
    /// A change that is well above the tolerance and within the range.
    fn step(signal: Signal) -> i64;
    /// What happens outside the range.
    fn beyond(signal: Signal) -> Beyond;
    /// Whether the part can have the fault.
    fn can_have(fault: Fault) -> bool;
}

/// A channel's name for a signal.
pub(crate) fn channel(signal: Signal) -> ChannelName {
    ChannelName::new(&format!("{signal:?}")).expect("a variant's name is a channel's name")
}

/// One part in a world whose values change every hour as the test says.
pub(crate) struct Station {
    pub(crate) board: Board,
    rows_at: u64,
}

const HOUR_US: u64 = 3_600_000_000;

impl Station {
    /// Row `n` holds from hour `n` on; the last row is followed by the first once more.
    pub(crate) fn new(part: Part, rows: &[Vec<(Signal, i64)>]) -> Self {
        let mut text = String::from("time,channel,value\n");
        for (hour, row) in rows.iter().chain(rows.first()).enumerate() {
            for (signal, counts) in row {
                let decimals = usize::from(signal.quantity().decimals());
                let value = *counts as f64 / signal.quantity().scale() as f64;
                let name = channel(*signal);
                text += &format!("2024-09-10T{hour:02}:00:00Z,{name},{value:.decimals$}\n");
            }
        }
        let recording = Recording::parse(&text).expect("well formed");
        let first = recording.first();
        let world = World::new(Scenario::Replay(recording), 1, 1);
        let Clock::Virtual { start, .. } = world.clock() else { unreachable!("it is a replay") };
        let rows_at = u64::try_from(first.since(start)).expect("the start is before the rows");
        let board = Board::new(world, &[part]).expect("one part fits");
        Self { board, rows_at }
    }

    pub(crate) fn go_to_row(&mut self, row: u64) {
        self.board.advance(self.rows_at + row * HOUR_US);
    }

    pub(crate) fn wait_ms(&mut self, ms: u32) {
        self.board.delay().delay_ms(ms);
    }

    pub(crate) fn truth(&self, signal: Signal) -> f64 {
        self.board.truth(0, signal).expect("every signal has a row")
    }

    /// Injects a fault; `false` when the part cannot have it, which must be as the subject says.
    pub(crate) fn inject<S: Subject>(&mut self, fault: Fault) -> bool {
        let done = self.board.inject(0, fault).is_ok();
        assert_eq!(done, S::can_have(fault), "{} {fault:?}", S::NAME);
        done
    }
}
