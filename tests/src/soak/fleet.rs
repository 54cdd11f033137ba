//! The stations of a province: what each samples, sends, keeps until it is acknowledged, and sends
//! again. All chance comes from one seed.

use std::collections::VecDeque;

use anyhow::Result;
use tram_pipeline::DatastreamKey;
use tram_wire::{
    Ack, Batch, BatchHeader, Birth, ChannelInfo, ChannelName, ChannelNumber, ClockState, Column,
    Kind, NodeId, Point, Quality, Quantity, Seq, SpoolId, Tests, Text, Topic, UnixMicros,
};

use crate::Random;

/// Channels of a station: name, quantity, usual value, how far it wanders in a step.
const CHANNELS: [(&str, Quantity, i64, i64); 6] = [
    ("temperature", Quantity::Temperature, 24_310, 40),
    ("humidity", Quantity::Humidity, 81_200, 80),
    ("pressure", Quantity::Pressure, 99_871, 3),
    ("rain", Quantity::Rain, 0, 0),
    ("water_level", Quantity::WaterLevel, 78_910, 10),
    ("pm2_5", Quantity::Pm25, 183, 9),
];
/// How many there are.
pub(super) const CHANNEL_COUNT: usize = CHANNELS.len();
const RAIN: usize = 3;
const LEVEL: usize = 4;

const SECOND: i64 = 1_000_000;
/// A batch is closed so often.
const BATCH: i64 = 60 * SECOND;
/// What is not acknowledged is sent again after so long.
const RESEND: i64 = 30 * SECOND;
/// The most batches on their way at once.
const WINDOW: usize = 64;
/// Sampled so often while it storms, in seconds.
const STORM_INTERVAL: i64 = 10;

/// What a reading is known by when it is counted again at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    /// How many.
    pub(super) readings: u64,
    mixed: u64,
}

impl Sum {
    /// Adds a reading; the order does not matter.
    pub(super) fn add(&mut self, time: i64, value: Option<i64>, quality: Quality) {
        let mut x = time.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x ^= value.map_or(0x5bd1, |v| v.cast_unsigned().wrapping_mul(0xff51_afd7_ed55_8ccd));
        x ^= u64::from(quality.code()) << 48;
        x = (x ^ (x >> 31)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        self.mixed = self.mixed.wrapping_add(x ^ (x >> 29));
        self.readings += 1;
    }
}

/// A message of a station.
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

/// The stations.
pub(super) struct Fleet {
    stations: Vec<Station>,
    random: Random,
    /// Readings sampled so far.
    pub(super) sampled: u64,
    /// Connections broken so far.
    pub(super) broken: u64,
}

struct Station {
    node: NodeId,
    spool: SpoolId,
    seq: u64,
    /// Seconds between two readings of each channel.
    intervals: [i64; CHANNEL_COUNT],
    due: [i64; CHANNEL_COUNT],
    values: [i64; CHANNEL_COUNT],
    sums: [Sum; CHANNEL_COUNT],
    next_batch: i64,
    /// Until when it has no connection.
    away_until: i64,
    connected: bool,
    in_storm: bool,
    /// Not acknowledged: number, when sent last, payload.
    held: VecDeque<(Seq, Option<i64>, Vec<u8>)>,
}

impl Fleet {
    pub(super) fn new(stations: usize, start: UnixMicros, seed: u64) -> Result<Self> {
        let mut random = Random::new(seed);
        let stations = (0..stations)
            .map(|n| Station::new(n, start, &mut random))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { stations, random, sampled: 0, broken: 0 })
    }

    /// Every node there is, with its name.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.stations.iter().map(|s| s.node)
    }

    /// What every datastream should hold.
    pub(super) fn expected(&self) -> impl Iterator<Item = (DatastreamKey, Sum)> {
        self.stations.iter().flat_map(|s| {
            CHANNELS.iter().zip(s.sums).filter_map(|((name, quantity, ..), sum)| {
                let channel = ChannelName::new(name).ok()?;
                Some((DatastreamKey { node: s.node, channel, quantity: *quantity }, sum))
            })
        })
    }

    /// Whether everything sampled is acknowledged.
    pub(super) fn drained(&self) -> bool {
        self.stations.iter().all(|s| s.held.is_empty())
    }

    /// Batches that wait on stations.
    pub(super) fn held(&self) -> usize {
        self.stations.iter().map(|s| s.held.len()).sum()
    }

    /// What the stations send between `now` and `now + step`. While `sampling` they sample; while
    /// it storms, stations in the storm sample faster and it rains there.
    pub(super) fn step(
        &mut self,
        now: UnixMicros,
        step: i64,
        storm: bool,
        sampling: bool,
        out: &mut Vec<Message>,
    ) -> Result<()> {
        let to = now.0 + step;
        for station in &mut self.stations {
            // Four times a day, a connection breaks: for seconds, minutes, now and then hours.
            let breaks = self.random.below(86_400 / 4) < (step / SECOND).cast_unsigned();
            if sampling && station.connected && breaks {
                let seconds = match self.random.below(20) {
                    0 => 3_600 + self.random.below(7_200),
                    1..6 => 60 + self.random.below(1_200),
                    _ => 5 + self.random.below(55),
                };
                station.away_until = to + i64::try_from(seconds)? * SECOND;
                station.connected = false;
                self.broken += 1;
            }
            if !station.connected && (to >= station.away_until || !sampling) {
                station.connected = true;
                // Nothing that was on its way is known to have arrived.
                station.held.iter_mut().for_each(|(_, sent, _)| *sent = None);
                out.push(station.birth()?);
            }
            if sampling && to >= station.next_batch {
                station.next_batch += BATCH;
                let storm = storm && station.in_storm;
                self.sampled += station.sample(to, storm, &mut self.random)?;
            }
            if station.connected {
                station.send(to, &mut self.random, out)?;
            }
        }
        Ok(())
    }

    /// Births of all stations.
    pub(super) fn births(&mut self, out: &mut Vec<Message>) -> Result<()> {
        for station in &mut self.stations {
            out.push(station.birth()?);
        }
        Ok(())
    }

    /// Takes an acknowledgement; one in five hundred gets lost.
    pub(super) fn acknowledge(&mut self, node: NodeId, ack: &Ack) {
        if self.random.below(500) == 0 {
            return;
        }
        let number = node.as_str().rsplit('-').next().and_then(|n| n.parse::<usize>().ok());
        if let Some(station) = number.and_then(|n| self.stations.get_mut(n))
            && station.spool == ack.spool
        {
            station.held.retain(|(seq, _, _)| !ack.covers(*seq));
        }
    }
}

impl Station {
    fn new(n: usize, start: UnixMicros, random: &mut Random) -> Result<Self> {
        let interval = |random: &mut Random| i64::try_from(10 + random.below(51)).unwrap_or(60);
        let intervals: [i64; CHANNEL_COUNT] = std::array::from_fn(|_| interval(random));
        Ok(Self {
            node: NodeId::new(&format!("soak-{n:05}"))?,
            spool: SpoolId(0x50a1_0000_0000 + n as u64),
            seq: 0,
            due: intervals.map(|i| start.0 + i64::try_from(n).unwrap_or(0) * 1_000 % (i * SECOND)),
            intervals,
            values: CHANNELS.map(|(_, _, usual, _)| usual),
            sums: [Sum::default(); CHANNEL_COUNT],
            next_batch: start.0 + i64::try_from(random.below(60_000_000))?,
            away_until: 0,
            connected: true,
            in_storm: n.is_multiple_of(10),
            held: VecDeque::new(),
        })
    }

    fn topic(&self, kind: Kind) -> String {
        Topic { node: self.node, kind }.to_string()
    }

    fn birth(&self) -> Result<Message> {
        let held_from = self.held.front().map_or(Seq(self.seq), |(seq, _, _)| *seq);
        let channels = CHANNELS.iter().zip(0_u16..).map(|((name, quantity, ..), number)| {
            Ok(ChannelInfo {
                number: ChannelNumber(number),
                name: ChannelName::new(name)?,
                quantity: *quantity,
                resolution: 1,
                sensor: Text::new("soak")?,
                position: Text::new("")?,
                calibration: Text::new("")?,
            })
        });
        let birth = Birth {
            node: self.node,
            software: Text::new("tram-soak")?,
            config_digest: [0; 8],
            spool: self.spool,
            held_from,
            clock: ClockState::Ntp,
            boot: 1,
            uptime_offset: None,
            earlier: Vec::new(),
            channels: channels.collect::<Result<_>>()?,
        };
        Ok(Message { topic: self.topic(Kind::Birth), payload: birth.encode()? })
    }

    /// Samples everything due until `to` and puts it into a batch.
    fn sample(&mut self, to: i64, storm: bool, random: &mut Random) -> Result<u64> {
        let mut columns = Vec::with_capacity(CHANNEL_COUNT);
        let mut readings = 0;
        for (i, ((_, quantity, usual, spread), number)) in CHANNELS.iter().zip(0_u16..).enumerate()
        {
            let mut column = Column::new(ChannelNumber(number), *quantity);
            let (Some(due), Some(interval)) = (self.due.get_mut(i), self.intervals.get(i)) else {
                continue;
            };
            let interval = if storm { STORM_INTERVAL.min(*interval) } else { *interval };
            let (Some(value), Some(sum)) = (self.values.get_mut(i), self.sums.get_mut(i)) else {
                continue;
            };
            while *due < to {
                // A wake-up is some milliseconds late.
                let micros = *due + i64::try_from(random.below(20_000))?;
                *due += interval * SECOND;
                *value += random.around(*spread) - (*value - usual) / 200;
                let (read, quality) = match (i, storm, random.below(2_000)) {
                    (_, _, 0) => (None, Quality::missing(Tests::SENSOR_ERROR)),
                    (RAIN, true, _) => (Some(20), Quality::GOOD),
                    (LEVEL, true, _) => (Some(*value + 9_000), Quality::GOOD),
                    _ => (Some(*value), Quality::GOOD),
                };
                column.push(Point { micros, value: read, quality });
                sum.add(micros, read, quality);
                readings += 1;
            }
            if !column.is_empty() {
                columns.push(column);
            }
        }
        if readings == 0 {
            return Ok(0);
        }
        let seq = Seq(self.seq);
        self.seq += 1;
        let header = BatchHeader { spool: self.spool, seq, clock: ClockState::Ntp };
        let payload = Batch { header, columns, losses: Vec::new() }.encode()?;
        self.held.push_back((seq, None, payload));
        Ok(readings)
    }

    /// Sends what is due; one message in a hundred arrives twice, one in ten thousand is rubbish.
    fn send(&mut self, now: i64, random: &mut Random, out: &mut Vec<Message>) -> Result<()> {
        let topic = self.topic(Kind::Data);
        for (_, sent, payload) in self.held.iter_mut().take(WINDOW) {
            if sent.is_some_and(|at| now - at < RESEND) {
                continue;
            }
            *sent = Some(now);
            let copies = if random.below(100) == 0 { 2 } else { 1 };
            for _ in 0..copies {
                out.push(Message { topic: topic.clone(), payload: payload.clone() });
            }
            if random.below(10_000) == 0 {
                out.push(Message { topic: topic.clone(), payload: b"\xff rubbish".to_vec() });
            }
        }
        Ok(())
    }
}
