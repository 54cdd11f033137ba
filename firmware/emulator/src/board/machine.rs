//! A part that has been switched on, by the way it is connected.

use std::collections::BTreeMap;

use crate::{
    Part, PartKind, RelayState, World,
    adxl355::Adxl355,
    bus::Device,
    dps310::Dps310,
    dual_loop::DualLoop,
    edge_line::EdgeQueue,
    sen5x::{self, Sen5x},
    sense::Sense,
    sht4x::Sht4x,
    tipping_bucket::TippingBucket,
    tmp105::Tmp105,
    ultrasonic::Ultrasonic,
};

/// A part and where it is connected.
#[derive(Debug)]
pub(super) enum Machine {
    Bus(u8, Box<dyn Device>),
    Serial(u8, Ultrasonic),
    Bucket(u32, TippingBucket),
    Loops(u32, u32, DualLoop),
    Relay(u32, RelayState),
    /// Pressed from outside.
    Button,
}

impl Machine {
    pub(super) fn build(part: &Part, world: &World) -> Self {
        match part.kind {
            PartKind::Dps310 { address } => Self::Bus(address, Box::new(Dps310::new())),
            PartKind::Tmp105 { address, medium } => {
                Self::Bus(address, Box::new(Tmp105::new(medium)))
            }
            PartKind::Sht4x { address } => Self::Bus(address, Box::new(Sht4x::new())),
            PartKind::Sen5x => Self::Bus(sen5x::ADDRESS, Box::new(Sen5x::new())),
            PartKind::Adxl355 { address } => Self::Bus(address, Box::new(Adxl355::new())),
            PartKind::Ultrasonic { uart, mounted_at, range, sounding, speed_of_sound } => {
                let part = Ultrasonic::new(mounted_at, range, sounding, speed_of_sound);
                Self::Serial(uart, part)
            }
            PartKind::TippingBucket { line, bucket } => {
                Self::Bucket(line, TippingBucket::new(bucket, line, world.seed()))
            }
            PartKind::DualLoop { first_line, second_line, spacing, length } => Self::Loops(
                first_line,
                second_line,
                DualLoop::new(spacing, length, first_line, world.seed()),
            ),
            PartKind::Relay { line } => Self::Relay(line, RelayState::default()),
            PartKind::Button { .. } => Self::Button,
        }
    }

    pub(super) fn power_on(&mut self, now: u64) {
        match self {
            Self::Bus(_, device) => device.power_on(now),
            Self::Serial(_, part) => part.power_on(now),
            Self::Bucket(..) | Self::Loops(..) | Self::Relay(..) | Self::Button => {}
        }
    }

    /// Does what a part does by itself: frames and edges.
    pub(super) fn advance(&mut self, sense: &Sense<'_>, lines: &mut BTreeMap<u32, EdgeQueue>) {
        match self {
            Self::Serial(_, part) => part.advance(sense),
            Self::Bucket(line, part) => {
                if let Some(queue) = lines.get_mut(line) {
                    part.advance(sense, queue);
                }
            }
            Self::Loops(first, second, part) => {
                for crossing in part.advance(sense) {
                    for (line, edges) in [(&*first, crossing.first), (&*second, crossing.second)] {
                        if let Some(queue) = lines.get_mut(line) {
                            edges.into_iter().for_each(|(at, rising)| queue.push(at, rising));
                        }
                    }
                }
            }
            // A part on the bus comes up to date when it is spoken to.
            Self::Bus(..) | Self::Relay(..) | Self::Button => {}
        }
    }
}
