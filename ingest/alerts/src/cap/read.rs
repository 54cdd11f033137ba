//! Reading a CAP message for showing it: ours, or anybody's, sound or not.

use serde::Serialize;
use tram_wire::UnixMicros;

use super::{
    check::{FaultKind, NAMESPACE, check_cap, parse_circle, parse_polygon, parse_time},
    element::{Element, parse},
};
use crate::{CapFault, time};

/// CAP 1.1 (OASIS, 2005) differs in nothing that is shown.
const NAMESPACE_1_1: &str = "urn:oasis:names:tc:emergency:cap:1.1";
/// The most `<info>` of a message that are read.
const MAX_INFOS: usize = 16;
/// The most areas of an `<info>` that are read.
const MAX_AREAS: usize = 64;
/// The most points of all outlines of an `<info>` that are read.
const MAX_POINTS: usize = 2_000;
/// The longest text that is kept, in characters.
const MAX_TEXT_CHARACTERS: usize = 4_000;

/// A message, as far as it is shown. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CapAlert {
    /// Its identifier; with the sender it names the message.
    pub identifier: String,
    /// Who sent it.
    pub sender: String,
    /// When.
    pub sent: String,
    /// CAP `status`, such as `Actual`.
    pub status: String,
    /// CAP `msgType`, such as `Alert`.
    pub msg_type: String,
    /// CAP `scope`, such as `Public`.
    pub scope: String,
    /// The messages it is about, `sender,identifier,sent` each.
    pub references: Vec<String>,
    /// What it says, usually once a language.
    pub infos: Vec<CapInfo>,
    /// Whether it keeps to schema and standard.
    pub sound: bool,
    /// When it was sent.
    #[serde(skip)]
    pub sent_at: UnixMicros,
}

/// What a message says in one language.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CapInfo {
    /// The tag of the language; `en-US` when the message does not say.
    pub language: String,
    /// What happens.
    pub event: String,
    /// CAP `urgency`.
    pub urgency: String,
    /// CAP `severity`.
    pub severity: String,
    /// CAP `certainty`.
    pub certainty: String,
    /// CAP `responseType`s.
    pub responses: Vec<String>,
    /// When it is expected to begin.
    pub onset: Option<String>,
    /// Until when the message stands.
    pub expires: Option<String>,
    /// The sender's name for people.
    pub sender_name: Option<String>,
    /// One line.
    pub headline: Option<String>,
    /// What has happened or will.
    pub description: Option<String>,
    /// What to do.
    pub instruction: Option<String>,
    /// Where there is more; an address of the sender's choice.
    pub web: Option<String>,
    /// Where.
    pub areas: Vec<CapArea>,
    /// Until when the message stands.
    #[serde(skip)]
    pub expires_at: Option<UnixMicros>,
}

/// A place that a message is about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CapArea {
    /// Its name.
    pub description: String,
    /// Outlines, `[latitude, longitude]` in degrees.
    pub polygons: Vec<Vec<[f64; 2]>>,
    /// Circles, `[latitude, longitude, radius in km]`.
    pub circles: Vec<[f64; 3]>,
    /// Codes of places, `name=value`.
    pub geocodes: Vec<String>,
}

impl CapAlert {
    /// What it says in a language, by the tag's first part; in its first language when it does not
    /// speak this one.
    #[must_use]
    pub fn info(&self, tag: &str) -> Option<&CapInfo> {
        let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let wanted = primary(tag);
        let found = self.infos.iter().find(|info| primary(&info.language) == wanted);
        found.or_else(|| self.infos.first())
    }

    /// When the last of what it says ends; `None` when one part of it says no end.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixMicros> {
        let ends: Option<Vec<UnixMicros>> = self.infos.iter().map(|info| info.expires_at).collect();
        ends?.into_iter().max()
    }
}

/// Reads a CAP 1.1 or 1.2 message for showing it. What it says too much is left out.
///
/// # Errors
/// [`CapFault`] when it cannot be read, is no CAP message, or lacks what names it.
pub fn read_cap(bytes: &[u8]) -> Result<CapAlert, CapFault> {
    let fault = |kind, line, path: &str, message: String| CapFault {
        kind,
        line: Some(line),
        path: path.to_owned(),
        message,
    };
    let root = parse(bytes)
        .map_err(|e| fault(FaultKind::Xml, e.line, "document", e.message.into_owned()))?;
    if root.name != "alert" || ![NAMESPACE, NAMESPACE_1_1].contains(&root.namespace.as_str()) {
        let message = "no <alert> of CAP 1.1 or 1.2".to_owned();
        return Err(fault(FaultKind::Schema, root.line, "document", message));
    }
    let named = |name: &str| {
        let text = root.get(name).filter(|text| !text.is_empty()).map(clip);
        let missing =
            || fault(FaultKind::Schema, root.line, &format!("alert/{name}"), "missing".to_owned());
        text.ok_or_else(missing)
    };
    let sent = named("sent")?;
    let sent_at = at(&sent).ok_or_else(|| {
        let message = "not a time with an offset and without fraction or `Z`".to_owned();
        fault(FaultKind::Schema, root.line, "alert/sent", message)
    })?;
    Ok(CapAlert {
        identifier: named("identifier")?,
        sender: named("sender")?,
        sent: time::utc(sent_at),
        status: named("status")?,
        msg_type: named("msgType")?,
        scope: root.get("scope").map(clip).unwrap_or_default(),
        references: root
            .get("references")
            .map(|text| text.split_ascii_whitespace().map(clip).take(MAX_POINTS).collect())
            .unwrap_or_default(),
        infos: root.all("info").take(MAX_INFOS).map(info).collect(),
        sound: check_cap(bytes).iter().all(|fault| fault.kind == FaultKind::Profile),
        sent_at,
    })
}

fn info(element: &Element) -> CapInfo {
    let text = |name: &str| element.get(name).filter(|text| !text.is_empty()).map(clip);
    let word = |name: &str| text(name).unwrap_or_default();
    let time_at = |name: &str| element.get(name).and_then(at);
    let mut room = MAX_POINTS;
    CapInfo {
        language: text("language").unwrap_or_else(|| "en-US".to_owned()),
        event: word("event"),
        urgency: word("urgency"),
        severity: word("severity"),
        certainty: word("certainty"),
        responses: element.all("responseType").take(9).map(|e| clip(e.text.trim())).collect(),
        onset: time_at("onset").map(time::utc),
        expires: time_at("expires").map(time::utc),
        sender_name: text("senderName"),
        headline: text("headline"),
        description: text("description"),
        instruction: text("instruction"),
        web: text("web").filter(|url| url.starts_with("https://") || url.starts_with("http://")),
        areas: element.all("area").take(MAX_AREAS).map(|e| area(e, &mut room)).collect(),
        expires_at: time_at("expires"),
    }
}

/// A place; `room` is how many points may still be read.
fn area(element: &Element, room: &mut usize) -> CapArea {
    let mut polygons = Vec::new();
    for polygon in element.all("polygon") {
        let Some(points) = parse_polygon(polygon.text.trim()) else { continue };
        if points.len() > *room {
            break;
        }
        *room -= points.len();
        polygons.push(points.into_iter().map(crate::area::Point::in_degrees).collect());
    }
    let circles = element.all("circle").filter_map(|circle| {
        let (centre, radius) = parse_circle(circle.text.trim())?;
        let [lat, lon] = centre.in_degrees();
        Some([lat, lon, radius])
    });
    let geocodes = element.all("geocode").filter_map(|code| {
        Some(clip(&format!("{}={}", code.get("valueName")?, code.get("value")?)))
    });
    CapArea {
        description: element.get("areaDesc").map(clip).unwrap_or_default(),
        circles: circles.take(MAX_AREAS).collect(),
        geocodes: geocodes.take(MAX_AREAS).collect(),
        polygons,
    }
}

fn at(text: &str) -> Option<UnixMicros> {
    parse_time(text).map(|at| UnixMicros(at.as_microsecond()))
}

fn clip(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARACTERS).collect()
}
