//! From a payload to readings, for a new message and for one read back from the log.

use tram_wire::{
    Alarm, Batch, ChannelNumber, ClockState, Column, DecodeError, Loss, MAX_BATCH_READINGS, NodeId,
    UnixMicros,
};

use crate::{Dictionary, Form, Gap, NodeAlarm, Readings, Reason, senml};

/// The largest value that is believed, in counts of its quantity: 2^53, beyond which a
/// double-precision number is not exact any more.
pub(crate) const MAX_VALUE: i64 = 1 << 53;

/// What a payload holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// Its readings.
    pub columns: Vec<Readings>,
    /// What the node lost.
    pub losses: Vec<Gap>,
    /// The alarm, when it is one.
    pub alarm: Option<Box<NodeAlarm>>,
}

/// What is needed beside the payload to read it.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// From whom.
    pub node: NodeId,
    /// When the centre received it.
    pub received: UnixMicros,
    /// Unix time minus uptime for times since boot.
    pub offset: Option<i64>,
    /// What the channel numbers mean.
    pub dictionary: &'a Dictionary,
}

/// Why a payload is refused, in a name and in words, and how many readings it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
    pub(crate) readings: u64,
}

impl Refused {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), readings: 1 }
    }

    /// With the number of readings, which is 1 at least so that no refusal goes uncounted.
    pub(crate) fn of(mut self, readings: usize) -> Self {
        self.readings = (readings as u64).max(1);
        self
    }
}

impl From<DecodeError> for Refused {
    fn from(error: DecodeError) -> Self {
        let reason = match error {
            DecodeError::Version(_) => Reason::Version,
            _ => Reason::MalformedCbor,
        };
        Self::new(reason, error.to_string())
    }
}

/// Reads a payload of the log again.
///
/// # Errors
/// The reason for which it would be refused today.
pub fn replay(form: Form, payload: &[u8], origin: Origin<'_>) -> Result<Content, Reason> {
    let content = match form {
        Form::Batch => {
            Batch::decode(payload).map_err(Refused::from).and_then(|b| batch(b, &origin))
        }
        Form::Alarm => {
            Alarm::decode(payload).map_err(Refused::from).and_then(|a| alarm(&a, &origin))
        }
        Form::SenmlJson => pack(senml::json(payload), &origin),
        Form::SenmlCbor => pack(senml::cbor(payload), &origin),
    };
    content.map_err(|refused| refused.reason)
}

fn pack(
    records: Result<Vec<senml::Entry>, Refused>,
    origin: &Origin<'_>,
) -> Result<Content, Refused> {
    let resolved = senml::resolve(&records?, origin.node, origin.received)?;
    Ok(Content { columns: resolved.columns, ..Content::default() })
}

/// Gives the columns of a batch their names and Unix times. The columns move, they are not
/// copied.
pub(crate) fn batch(batch: Batch, origin: &Origin<'_>) -> Result<Content, Refused> {
    let readings = batch.readings();
    let clock = batch.header.clock;
    let shift = shift(clock, origin.offset).map_err(|r| r.of(readings))?;
    let mut columns = Vec::with_capacity(batch.columns.len());
    for column in batch.columns {
        columns.push(resolve(column, shift, origin.dictionary).map_err(|r| r.of(readings))?);
    }
    let gap = |loss| gap(loss, shift, origin.dictionary).map_err(|r| r.of(readings));
    let losses = batch.losses.into_iter().map(gap).collect::<Result<_, _>>()?;
    Ok(Content { columns, losses, alarm: None })
}

fn gap(loss: Loss, shift: i64, dictionary: &Dictionary) -> Result<Gap, Refused> {
    let key = match loss.channel {
        Some(number) => match dictionary.get(number) {
            Some(key) => Some(*key),
            None => return Err(unknown(number)),
        },
        None => None,
    };
    let Loss { from, to, readings, cause, summary, .. } = loss;
    let (from, to) = (from.saturating_add(shift), to.saturating_add(shift));
    Ok(Gap { key, from, to, readings, cause, summary })
}

fn unknown(channel: ChannelNumber) -> Refused {
    let detail = format!("channel {} is not in the birth of its spool", channel.0);
    Refused::new(Reason::UnknownChannel, detail)
}

fn resolve(column: Column, shift: i64, dictionary: &Dictionary) -> Result<Readings, Refused> {
    let Some(key) = dictionary.get(column.channel) else {
        return Err(unknown(column.channel));
    };
    if key.quantity != column.quantity {
        let (has, is) = (column.quantity, key.quantity);
        let detail = format!(
            "channel {} is {} in {} by its birth, the batch says {} in {}",
            key.channel,
            is.name(),
            is.unit(),
            has.name(),
            has.unit()
        );
        return Err(Refused::new(Reason::WrongUnit, detail));
    }
    let absurd = |v: &i64| !(-MAX_VALUE..=MAX_VALUE).contains(v);
    if let Some(v) = column.values.iter().flatten().find(|v| absurd(v)) {
        let detail = format!("channel {} reads {v} counts", key.channel);
        return Err(Refused::new(Reason::AbsurdValue, detail));
    }
    let mut micros = column.micros;
    if shift != 0 {
        micros.iter_mut().for_each(|t| *t = t.saturating_add(shift));
    }
    Ok(Readings { key: *key, micros, values: column.values, quality: column.quality })
}

/// Resolves the channel and the time of an alarm.
pub(crate) fn alarm(alarm: &Alarm, origin: &Origin<'_>) -> Result<Content, Refused> {
    let at = UnixMicros(alarm.at.saturating_add(shift(alarm.clock, origin.offset)?));
    let Some(key) = origin.dictionary.get(alarm.channel) else {
        return Err(unknown(alarm.channel));
    };
    let alarm = Some(Box::new(NodeAlarm { alarm: *alarm, key: *key, at }));
    Ok(Content { alarm, ..Content::default() })
}

/// What to add to a time to make it Unix time.
fn shift(clock: ClockState, offset: Option<i64>) -> Result<i64, Refused> {
    match clock {
        ClockState::Rtc | ClockState::Ntp => Ok(0),
        ClockState::Unsynchronised { boot } => offset.ok_or_else(|| {
            let detail = format!("the clock of boot {boot:08x} was never set");
            Refused::new(Reason::LostClock, detail)
        }),
    }
}

/// Refuses content with a time outside `earliest..=latest`.
pub(crate) fn check_times(
    content: &Content,
    earliest: UnixMicros,
    latest: UnixMicros,
) -> Result<(), Refused> {
    let range = earliest.0..=latest.0;
    let absurd = |t: &i64| !range.contains(t);
    let readings = content.columns.iter().map(Readings::len).sum::<usize>();
    for column in &content.columns {
        if let Some(t) = column.micros.iter().find(|t| absurd(t)) {
            let detail = format!(
                "channel {} has a reading at Unix time {t} µs, accepted is {} to {}",
                column.key.channel, earliest.0, latest.0
            );
            return Err(Refused::new(Reason::AbsurdTime, detail).of(readings));
        }
    }
    if let Some(gap) = content.losses.iter().find(|g| absurd(&g.from) || absurd(&g.to)) {
        let detail = format!("a loss lasts from {} to {} µs of Unix time", gap.from, gap.to);
        return Err(Refused::new(Reason::AbsurdTime, detail).of(readings));
    }
    match &content.alarm {
        Some(a) if absurd(&a.at.0) => {
            let detail = format!("the alarm is of Unix time {} µs", a.at.0);
            Err(Refused::new(Reason::AbsurdTime, detail))
        }
        _ => Ok(()),
    }
}

// A pack never holds more readings than a batch, so what bounds one bounds both.
const _: () = assert!(senml::MAX_SENML_RECORDS <= MAX_BATCH_READINGS);
