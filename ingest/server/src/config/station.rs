//! The stations the centre knows.

use std::{collections::HashSet, time::Duration};

use tram_config::{Document, Mistake};
use tram_wire::NodeId;

use super::{File, MAX_STATIONS, node_id};

/// How often a station is expected to report when the file does not say.
const EXPECTED_S: u32 = 60;

/// A station as the configuration describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Station {
    /// Its name on the wire.
    pub(crate) id: NodeId,
    /// What people call it.
    pub(crate) name: String,
    /// What people call it in English.
    pub(crate) name_en: String,
    /// What people call it in Chinese.
    pub(crate) name_zh: String,
    /// The commune it stands in; empty when not told.
    pub(crate) commune: String,
    /// Latitude and longitude in degrees (WGS 84); none for a device that registered itself.
    pub(crate) position: Option<(f64, f64)>,
    /// How often it is expected to report.
    pub(crate) expected: Duration,
}

impl Station {
    /// A device that registered itself: nothing is known but its name.
    pub(crate) fn registered(id: NodeId) -> Self {
        Self {
            id,
            name: id.to_string(),
            name_en: id.to_string(),
            name_zh: id.to_string(),
            commune: String::new(),
            position: None,
            expected: Duration::from_secs(u64::from(EXPECTED_S)),
        }
    }
}

pub(super) fn check(document: &Document<File>) -> Result<Vec<Station>, Mistake> {
    let stations = &document.value.station;
    if stations.len() > MAX_STATIONS {
        return Err(document.mistake(
            "station",
            format!("{} stations are more than {MAX_STATIONS}", stations.len()),
            "run a second centre",
        ));
    }
    let mut seen = HashSet::new();
    let mut checked = Vec::with_capacity(stations.len());
    for (i, station) in stations.iter().enumerate() {
        let key = |field: &str| format!("station[{i}].{field}");
        let id = node_id(document, &key("id"), &station.id)?;
        if !seen.insert(id) {
            return Err(document.mistake(
                &key("id"),
                format!("the station `{id}` is there twice"),
                "remove one of them",
            ));
        }
        for (field, value, limit) in [("lat", station.lat, 90.0), ("lon", station.lon, 180.0)] {
            if value.is_nan() || value.abs() > limit {
                return Err(document.mistake(
                    &key(field),
                    format!("{value} is not a position in degrees"),
                    format!("write a number from -{limit} to {limit}"),
                ));
            }
        }
        let expected = station.expected_s.unwrap_or(EXPECTED_S);
        if expected == 0 {
            return Err(document.mistake(
                &key("expected_s"),
                "a station cannot report every 0 seconds",
                "write how many seconds lie between two reports, such as 60",
            ));
        }
        checked.push(Station {
            id,
            name: station.name.clone(),
            name_en: station.name_en.as_ref().unwrap_or(&station.name).clone(),
            name_zh: station.name_zh.as_ref().unwrap_or(&station.name).clone(),
            commune: station.commune.clone().unwrap_or_default(),
            position: Some((station.lat, station.lon)),
            expected: Duration::from_secs(u64::from(expected)),
        });
    }
    Ok(checked)
}
