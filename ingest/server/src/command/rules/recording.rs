//! Readings from a file: CSV with the header `time,channel,value`, as the emulator replays it, or
//! `time,station,channel,value`.

use std::{fs::File, path::Path};

use tram_config::Mistake;
use tram_rules::{Decimal, Observation, Rule};
use tram_wire::{ChannelName, NodeId, Quality, Quantity, Tests};

use crate::time;

/// The most readings that are gone through at once.
pub(super) const MAX_READINGS: usize = 5_000_000;

/// Reads a recording, in the order of time. What a channel measures is what a rule says, else its
/// name. An empty value is a sensor that gave nothing.
///
/// # Errors
/// [`Mistake`] with the line of the first row that is none.
pub(super) fn read(
    path: &Path,
    station: Option<&NodeId>,
    rules: &[Rule],
) -> Result<Vec<Observation>, Mistake> {
    let mistake = |line: Option<u64>, message: String, fix: &str| Mistake {
        file: path.to_owned(),
        line: line.and_then(|line| usize::try_from(line).ok()),
        message,
        fix: fix.to_owned(),
    };
    let header = "the first line must be time,channel,value or time,station,channel,value";
    let file = File::open(path)
        .map_err(|e| mistake(None, format!("cannot be read: {e}"), "name a recording"))?;
    let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let names = rows.headers().map_err(|e| mistake(Some(1), e.to_string(), header))?.clone();
    let own = match names.iter().collect::<Vec<_>>().as_slice() {
        ["time", "channel", "value"] => false,
        ["time", "station", "channel", "value"] => true,
        _ => return Err(mistake(Some(1), "not a recording".to_owned(), header)),
    };
    let mut observations = Vec::new();
    let mut row = csv::StringRecord::new();
    loop {
        match rows.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            Err(e) => return Err(mistake(None, e.to_string(), "")),
        }
        let line = row.position().map(csv::Position::line);
        let observation = reading(&row, own, station, rules)
            .map_err(|(message, fix)| mistake(line, message, fix))?;
        observations.push(observation);
        if observations.len() > MAX_READINGS {
            let message = format!("more than {MAX_READINGS} readings");
            return Err(mistake(line, message, "divide the recording"));
        }
    }
    observations.sort_by_key(|o| o.time);
    Ok(observations)
}

fn reading(
    row: &csv::StringRecord,
    own: bool,
    station: Option<&NodeId>,
    rules: &[Rule],
) -> Result<Observation, (String, &'static str)> {
    let cell = |n: usize| row.get(n).unwrap_or_default();
    let time = time::parse(cell(0)).map_err(|e| (e, "write RFC 3339, 2013-09-12T06:00:00Z"))?;
    let station = match (own, station) {
        (true, _) => NodeId::new(cell(1)).map_err(|e| (e.to_string(), "write a station's name"))?,
        (false, Some(station)) => *station,
        (false, None) => return Err(("whose reading is it?".to_owned(), "give --station NAME")),
    };
    let (channel, value) = if own { (cell(2), cell(3)) } else { (cell(1), cell(2)) };
    let channel = ChannelName::new(channel).map_err(|e| (e.to_string(), "write a channel"))?;
    let quantity = rules
        .iter()
        .filter(|rule| rule.applies(&station, &channel))
        .find_map(|rule| rule.channel_quantity(&channel))
        .or_else(|| Quantity::from_name(channel.as_str()))
        .ok_or_else(|| {
            let message = format!("what `{channel}` measures is not known");
            (message, "name the channel as its quantity, or give a rule that has it")
        })?;
    let value = match value {
        "" => None,
        text => Some(counts(text, quantity).ok_or_else(|| {
            (format!("`{text}` is no value of {}", quantity.name()), "write a decimal number")
        })?),
    };
    let quality = value.map_or(Quality::missing(Tests::SENSOR_ERROR), |_| Quality::GOOD);
    Ok(Observation { station, channel, quantity, time, value, quality })
}

/// A decimal as counts; places beyond those of the quantity are cut off.
fn counts(text: &str, quantity: Quantity) -> Option<i64> {
    let places = usize::from(quantity.decimals());
    let short = match text.split_once('.') {
        Some((whole, part)) if part.len() > places => {
            let part = part.get(..places)?;
            if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
        }
        _ => text.to_owned(),
    };
    short.parse::<Decimal>().ok()?.counts(quantity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Observation>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        std::fs::write(&path, text).unwrap();
        let station = NodeId::new("s-1").unwrap();
        read(&path, Some(&station), &[]).map_err(|m| m.to_string())
    }

    #[test]
    fn both_shapes_are_read_and_sorted() {
        let read = of("time,channel,value\n2024-01-01T00:10:00Z,rain,1.239\n\
                       2024-01-01T07:00:00+07:00,rain,\n")
        .unwrap();
        let values: Vec<_> = read.iter().map(|o| (o.value, o.quantity)).collect();
        assert_eq!(values, [(None, Quantity::Rain), (Some(123), Quantity::Rain)]);
        let read = of("time,station,channel,value\n2024-01-01T00:10:00Z,b-2,water_level,80\n");
        assert_eq!(read.unwrap()[0].station, NodeId::new("b-2").unwrap());
    }

    #[test]
    fn a_row_that_is_none_is_named_by_its_line() {
        for (row, said) in [
            ("yesterday,rain,1", ":2: "),
            ("2024-01-01T00:00:00Z,odd,1", ":2: what `odd` measures"),
            ("2024-01-01T00:00:00Z,rain,wet", ":2: `wet` is no value of rain"),
        ] {
            let mistake = of(&format!("time,channel,value\n{row}\n")).unwrap_err();
            assert!(mistake.contains(said), "{mistake}");
        }
        assert!(of("when,what\n").unwrap_err().contains("not a recording"));
    }
}
