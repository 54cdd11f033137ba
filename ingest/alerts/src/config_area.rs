//! One `[[alerts.area]]` as it is written.

use serde::Deserialize;
use tram_rules::Words;

use crate::area::{Area, AreaMistake, Circle, Point};

/// One `[[alerts.area]]`: a place with a name, a shape or communes, and the stations in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AreaConfig {
    /// What `default_area` calls it.
    pub id: String,
    /// Its name (CAP `areaDesc`).
    pub name: Words,
    /// Its communes' codes, five digits each.
    #[serde(default)]
    pub communes: Vec<String>,
    /// Its outline: `[latitude, longitude]` in degrees, the last point equal to the first.
    #[serde(default)]
    pub polygon: Vec<[f64; 2]>,
    /// A circle around it.
    #[serde(default)]
    pub circle: Option<CircleConfig>,
    /// The stations whose alarms concern it.
    #[serde(default)]
    pub stations: Vec<String>,
}

/// A circle.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircleConfig {
    /// Latitude of the centre, degrees.
    pub lat: f64,
    /// Longitude of the centre, degrees.
    pub lon: f64,
    /// Radius in kilometres, above 0.
    pub radius_km: f64,
}

impl AreaConfig {
    /// The area in fixed point, checked.
    pub(crate) fn area(&self) -> Result<Area, AreaMistake> {
        let points = self.polygon.iter().map(|[lat, lon]| Point::degrees(*lat, *lon));
        let polygon = points.collect::<Option<Vec<_>>>().ok_or(AreaMistake {
            field: "polygon",
            message: "a latitude is outside ±90 or a longitude outside ±180 degrees",
            fix: "write [latitude, longitude], such as [22.4856, 103.9707]",
        })?;
        let circle = self.circle.map(|c| Circle::new(c.lat, c.lon, c.radius_km)).transpose()?;
        Area::new(self.name.clone(), polygon, circle, self.communes.clone())
    }
}
