//! What is sent in a run: births, batches of two nodes, packs of a third-party device, and what is
//! refused.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use tram_pipeline::{DatastreamKey, Incoming, Outcome, Pipeline, Policy, ThirdParty};
use tram_wire::{
    Batch, BatchHeader, Birth, ChannelInfo, ChannelName, ChannelNumber, ClockState, Column, NodeId,
    Point, Quality, Quantity, Seq, SpoolId, Text, UnixMicros,
};

use crate::Random;

/// The centre's clock: half a minute before midnight, so that there are two days.
pub(crate) const NOW: UnixMicros = UnixMicros(1_790_035_170_000_000);
const CHANNELS: [(&str, Quantity); 2] =
    [("water_level", Quantity::WaterLevel), ("rain", Quantity::Rain)];
const NODES: [&str; 2] = ["cut-01", "cut-02"];

/// A reading, by what it is known by, and its value.
pub(crate) type Truth = BTreeMap<(DatastreamKey, i64), i64>;

/// What the store must make of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Birth,
    Readings,
    /// It is refused, kept in the quarantine, and still acknowledged.
    Refused,
}

/// A message, and what it says.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    topic: String,
    payload: Vec<u8>,
    pub(crate) readings: Truth,
}

impl Message {
    /// Gives it to the pipeline.
    pub(crate) fn send(&self, pipeline: &mut Pipeline) -> Outcome {
        let content_type = self.topic.starts_with("senml").then_some("application/senml+json");
        let (topic, payload) = (self.topic.as_str(), self.payload.as_slice());
        pipeline.receive(Incoming { topic, content_type, payload, retained: false }, NOW)
    }
}

/// A pipeline that knows the nodes.
pub(crate) fn pipeline(memory: tram_pipeline::Memory) -> Result<Pipeline> {
    let nodes = NODES.iter().map(|n| node(n)).collect::<Result<_>>()?;
    let policy = Policy { nodes, third_party: ThirdParty::Register, ..Policy::default() };
    Ok(Pipeline::new(policy, memory))
}

fn node(name: &str) -> Result<NodeId> {
    NodeId::new(name).map_err(|e| anyhow!("{name}: {e:?}"))
}

fn channel(name: &str) -> Result<ChannelName> {
    ChannelName::new(name).map_err(|e| anyhow!("{name}: {e:?}"))
}

/// Everything that is sent, in its order: births first, batches with gaps that are filled later.
pub(crate) fn script(random: &mut Random, batches: u64) -> Result<Vec<Message>> {
    let mut messages = Vec::new();
    for (n, name) in NODES.iter().enumerate() {
        messages.push(birth(name, SpoolId(n as u64 + 1))?);
    }
    let mut rest = Vec::new();
    for seq in 0..batches {
        for (n, name) in NODES.iter().enumerate() {
            rest.push(batch(random, name, SpoolId(n as u64 + 1), seq)?);
        }
        if seq % 3 == 0 {
            rest.push(pack(random, seq)?);
        }
        if seq % 5 == 2 {
            // A channel nobody has announced.
            let header = header(SpoolId(1), batches + seq);
            let column = column(ChannelNumber(9), Quantity::Rain, &[(NOW.0, 1)]);
            rest.push(Message {
                kind: Kind::Refused,
                topic: topic(NODES[0], "data"),
                payload: encode(header, vec![column])?,
                readings: Truth::new(),
            });
        }
    }
    // Alarms overtake the backlog and the broker is no queue: near things change places.
    for at in 0..rest.len() {
        let with = at + usize::try_from(random.below(6))?;
        if with < rest.len() {
            rest.swap(at, with);
        }
    }
    messages.extend(rest);
    Ok(messages)
}

fn topic(node: &str, level: &str) -> String {
    format!("tram/v1/{node}/{level}")
}

fn header(spool: SpoolId, seq: u64) -> BatchHeader {
    BatchHeader { spool, seq: Seq(seq), clock: ClockState::Ntp }
}

fn encode(header: BatchHeader, columns: Vec<Column>) -> Result<Vec<u8>> {
    let batch = Batch { header, columns, losses: vec![] };
    batch.encode().map_err(|e| anyhow!("a batch: {e:?}"))
}

fn column(number: ChannelNumber, quantity: Quantity, points: &[(i64, i64)]) -> Column {
    let mut column = Column::new(number, quantity);
    for (micros, value) in points {
        column.push(Point { micros: *micros, value: Some(*value), quality: Quality::GOOD });
    }
    column
}

fn birth(name: &str, spool: SpoolId) -> Result<Message> {
    fn text<const N: usize>(text: &str) -> Result<Text<N>> {
        Text::new(text).map_err(|e| anyhow!("{text}: {e:?}"))
    }
    let mut channels = Vec::new();
    for (i, (name, quantity)) in CHANNELS.iter().enumerate() {
        channels.push(ChannelInfo {
            number: ChannelNumber(u16::try_from(i)?),
            name: channel(name)?,
            quantity: *quantity,
            resolution: 1,
            sensor: text("")?,
            position: text("")?,
            calibration: text("")?,
        });
    }
    let birth = Birth {
        node: node(name)?,
        software: text("test")?,
        config_digest: [0; 8],
        spool,
        held_from: Seq(0),
        clock: ClockState::Ntp,
        boot: 7,
        uptime_offset: None,
        earlier: Vec::new(),
        channels,
    };
    let payload = birth.encode().map_err(|e| anyhow!("a birth: {e:?}"))?;
    let topic = topic(name, "birth");
    Ok(Message { kind: Kind::Birth, topic, payload, readings: Truth::new() })
}

/// Some readings of both channels; each batch has times of its own.
fn batch(random: &mut Random, name: &str, spool: SpoolId, seq: u64) -> Result<Message> {
    let start = NOW.0 + i64::try_from(seq)? * 4_000_000;
    let (mut columns, mut readings) = (Vec::new(), Truth::new());
    for (number, (channel_name, quantity)) in CHANNELS.iter().enumerate() {
        let key = DatastreamKey {
            node: node(name)?,
            channel: channel(channel_name)?,
            quantity: *quantity,
        };
        let points: Vec<_> =
            (0..40).map(|n| (start + n * 100_000, 77_500 + random.around(400))).collect();
        columns.push(column(ChannelNumber(u16::try_from(number)?), *quantity, &points));
        readings.extend(points.into_iter().map(|(time, value)| ((key, time), value)));
    }
    let payload = encode(header(spool, seq), columns)?;
    Ok(Message { kind: Kind::Readings, topic: topic(name, "data"), payload, readings })
}

/// A pack with times of its own that are absolute, so that it has an identity.
fn pack(random: &mut Random, n: u64) -> Result<Message> {
    let seconds = NOW.0 / 1_000_000 + i64::try_from(n)?;
    let value = 10 + random.below(20);
    let payload =
        format!("[{{\"n\":\"temperature\",\"u\":\"Cel\",\"t\":{seconds},\"v\":{value}}}]");
    let key = DatastreamKey {
        node: node("device")?,
        channel: channel("temperature")?,
        quantity: Quantity::Temperature,
    };
    let counts = 10_i64.pow(u32::from(Quantity::Temperature.decimals()));
    let value = i64::try_from(value)?.checked_mul(counts).context("a temperature")?;
    let readings = Truth::from([((key, seconds * 1_000_000), value)]);
    let topic = "senml/device".to_owned();
    Ok(Message { kind: Kind::Readings, topic, payload: payload.into_bytes(), readings })
}
