//! An ultrasonic range finder above a river: times the echo and sends `FF H L SUM`.

use tram_drivers::ultrasonic::{Range, TRIGGER};
use tram_wire::Millimetre;

use crate::{
    Signal, Sounding, SpeedOfSound,
    rounding::{nearest, register_u16},
    sense::Sense,
    uart::{MAX_UART_BYTES, Sent},
};

const PERIOD_US: u64 = 100_000;
const ANSWER_US: u64 = 40_000;
/// From power-on to the first frame.
const START_UP_US: u64 = 500_000;
/// More frames than the line can hold are not worth making.
const MAX_FRAMES_AT_ONCE: u64 = MAX_UART_BYTES as u64 / 4;

/// The part.
#[derive(Debug, Clone)]
pub(crate) struct Ultrasonic {
    mounted_at: Millimetre,
    range: Range,
    sounding: Sounding,
    speed_of_sound: SpeedOfSound,
    ready_at: u64,
    next_frame: u64,
    pub(crate) sent: Sent,
}

impl Ultrasonic {
    pub(crate) fn new(
        mounted_at: Millimetre,
        range: Range,
        sounding: Sounding,
        speed_of_sound: SpeedOfSound,
    ) -> Self {
        Self {
            mounted_at,
            range,
            sounding,
            speed_of_sound,
            ready_at: 0,
            next_frame: 0,
            sent: Sent::default(),
        }
    }

    pub(crate) fn power_on(&mut self, now: u64) {
        self.sent.clear();
        self.ready_at = now + START_UP_US;
        self.next_frame = self.ready_at;
    }

    /// Sends the frames that are due.
    pub(crate) fn advance(&mut self, sense: &Sense<'_>) {
        if self.sounding != Sounding::Continuous || sense.now() < self.next_frame {
            return;
        }
        let due = (sense.now() - self.next_frame) / PERIOD_US + 1;
        // After a long jump, only as many as a line holds that somebody kept reading.
        let skipped = due.saturating_sub(MAX_FRAMES_AT_ONCE);
        for i in skipped..due {
            let at = self.next_frame + i * PERIOD_US;
            self.send_frame(at, at, sense);
        }
        self.next_frame += due * PERIOD_US;
    }

    /// Takes a byte from the program.
    pub(crate) fn receive(&mut self, byte: u8, sense: &Sense<'_>) {
        let now = sense.now();
        if self.sounding == Sounding::Triggered && byte == TRIGGER && now >= self.ready_at {
            self.send_frame(now, now + ANSWER_US, sense);
        }
    }

    fn send_frame(&mut self, measured: u64, at: u64, sense: &Sense<'_>) {
        let faults = sense.faults;
        if faults.nack || faults.busy {
            return;
        }
        let Some(distance) = self.distance(measured, sense) else { return };
        let [high, low] = distance.to_be_bytes();
        let sum = 0xff_u8.wrapping_add(high).wrapping_add(low) ^ u8::from(faults.crc_flip);
        let frame = [0xff, high, low, sum];
        let whole = faults.short_read.unwrap_or(frame.len());
        self.sent.send(at, frame.get(..whole).unwrap_or(&frame));
    }

    /// What the part says, in mm; 0 when it hears nothing. `None` when the recording says that
    /// there was no sensor.
    fn distance(&self, measured: u64, sense: &Sense<'_>) -> Option<u16> {
        let level = sense.value(Signal::WaterLevel, measured)?;
        let air = sense.value(Signal::AirTemperature, measured)? / 1_000.0;
        let truth = f64::from(self.mounted_at.0) - level;
        let believed = match self.speed_of_sound {
            SpeedOfSound::Compensated => truth,
            SpeedOfSound::FixedAt(t) => truth * speed(f64::from(t.0) / 1_000.0) / speed(air),
        };
        let heard = (i64::from(self.range.nearest.0)..=i64::from(self.range.farthest.0))
            .contains(&nearest(believed));
        Some(if heard { register_u16(believed) } else { 0 })
    }
}

/// The speed of sound in m/s in air of this temperature in °C.
fn speed(celsius: f64) -> f64 {
    331.3 * (1.0 + celsius / 273.15).sqrt()
}
