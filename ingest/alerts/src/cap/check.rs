//! Checking CAP messages, our own and anybody's, against the standard and what readers expect.

use core::fmt;
use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use tram_rules::MAX_HEADLINE_CHARACTERS;

use super::{
    element::{Element, XmlError, parse},
    identifier::is_identifier,
    schema::{ALERT, Field, Holds},
};
use crate::area::{Point, parse_decimal, polygon_fault};

/// The namespace of CAP 1.2.
pub(crate) const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";
/// The namespace of XML signatures, the only foreign elements CAP lets in.
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
/// The most faults listed; whoever has so many mends those first.
pub const MAX_FAULTS: usize = 100;

/// Which rule a message breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// It cannot be read as XML within the limits.
    Xml,
    /// An element is missing, misplaced, unknown or holds what it may not.
    Schema,
    /// The standard's text forbids it, though its schema does not.
    Standard,
    /// Readers' profiles want it otherwise (Google Public Alerts' CAP profile).
    Profile,
}

/// One fault of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapFault {
    /// Which rule is broken.
    pub kind: FaultKind,
    /// The line the element begins in, from 1; of an element that is missing, the one it is
    /// missing from.
    pub line: Option<usize>,
    /// Where, such as `alert/info[2]/area[1]/polygon`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for CapFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Everything that is wrong with a CAP 1.2 message, at most [`MAX_FAULTS`]; empty when it is sound.
#[must_use]
pub fn check_cap(bytes: &[u8]) -> Vec<CapFault> {
    let mut faults = Faults(Vec::new());
    match parse(bytes) {
        Err(XmlError { message, line }) => {
            faults.add(FaultKind::Xml, "document", message);
            faults.lines(|_| line);
        }
        Ok(alert) if alert.name != "alert" || alert.namespace != NAMESPACE => {
            faults.add(FaultKind::Schema, "document", format!("no <alert> of {NAMESPACE}"));
            faults.lines(|_| alert.line);
        }
        Ok(alert) => {
            faults.sequence("alert", &alert, ALERT);
            faults.alert(&alert);
            let infos: Vec<&Element> = alert.all("info").collect();
            faults.infos(&infos);
            for (i, info) in infos.into_iter().enumerate() {
                faults.info(&format!("alert/info[{}]", i + 1), &alert, info);
            }
            faults.lines(|path| line_of(&alert, path));
        }
    }
    faults.0
}

/// The line of the element at a path; of one that is not there, its parent's.
fn line_of(alert: &Element, path: &str) -> usize {
    let mut element = alert;
    for step in path.split('/').skip(1) {
        let (name, nth) = match step.split_once('[') {
            Some((name, nth)) => (name, nth.trim_end_matches(']').parse().unwrap_or(1_usize)),
            None => (step, 1),
        };
        match element.all(name).nth(nth.saturating_sub(1)) {
            Some(child) => element = child,
            None => break,
        }
    }
    element.line
}

/// What has been found.
struct Faults(Vec<CapFault>);

impl Faults {
    fn add(&mut self, kind: FaultKind, path: impl Into<String>, message: impl Into<String>) {
        if self.0.len() < MAX_FAULTS {
            let (path, message) = (path.into(), message.into());
            self.0.push(CapFault { kind, line: None, path, message });
        }
    }

    /// Finds the line of each.
    fn lines(&mut self, line_of: impl Fn(&str) -> usize) {
        for fault in &mut self.0 {
            fault.line = Some(line_of(&fault.path));
        }
    }

    fn unless(&mut self, ok: bool, kind: FaultKind, path: &str, message: &str) {
        if !ok {
            self.add(kind, path, message);
        }
    }

    /// The children of `parent` against the sequence they have to form.
    fn sequence(&mut self, path: &str, parent: &Element, fields: &[Field]) {
        let mut next = 0;
        let mut seen: HashSet<&str> = HashSet::new();
        for child in &parent.children {
            if path == "alert" && child.namespace == SIGNATURE {
                next = fields.len();
                continue;
            }
            let place = format!("{path}/{}", child.name);
            let found = fields.iter().position(|field| field.name == child.name);
            let Some((at, field)) = found
                .filter(|_| child.namespace == NAMESPACE)
                .and_then(|at| fields.get(at).map(|field| (at, field)))
            else {
                self.add(FaultKind::Schema, place, "an element CAP 1.2 does not know here");
                continue;
            };
            if at < next {
                self.add(FaultKind::Schema, &place, "out of order");
            }
            next = next.max(at);
            if !seen.insert(field.name) && !field.repeats {
                self.add(FaultKind::Schema, &place, "more than one");
            }
            let nth = parent.all(field.name).take_while(|e| !core::ptr::eq(*e, child)).count() + 1;
            let place = if field.repeats { format!("{place}[{nth}]") } else { place };
            self.holds(&place, child, field.holds);
        }
        for field in fields.iter().filter(|f| f.required && !seen.contains(f.name)) {
            self.add(FaultKind::Schema, format!("{path}/{}", field.name), "missing");
        }
    }

    /// What an element holds.
    fn holds(&mut self, path: &str, element: &Element, holds: Holds) {
        let text = element.text.trim();
        if let Holds::Elements(fields) = holds {
            let blank = text.is_empty();
            self.unless(blank, FaultKind::Schema, path, "text between elements");
            return self.sequence(path, element, fields);
        }
        self.unless(element.children.is_empty(), FaultKind::Schema, path, "holds elements");
        let fault = match holds {
            Holds::Text | Holds::Elements(_) => None,
            Holds::SomeText => text.is_empty().then_some("empty"),
            Holds::Identifier => (!is_identifier(&element.text))
                .then_some("empty, too long, or has white space, a comma, `<` or `&`"),
            Holds::Time => parse_time(text)
                .is_none()
                .then_some("not a time with an offset and without fraction or `Z`"),
            Holds::OneOf(words) => {
                (!words.contains(&element.text.as_str())).then_some("not one of CAP's words")
            }
            Holds::Language => (!is_language(text)).then_some("not a language tag"),
            Holds::References => parse_references(text)
                .is_none()
                .then_some("not `sender,identifier,sent` separated by spaces"),
            Holds::Polygon => match parse_polygon(text) {
                Some(points) => polygon_fault(&points),
                None => Some("not `lat,lon` in degrees separated by spaces"),
            },
            Holds::Circle => {
                parse_circle(text).is_none().then_some("not `lat,lon radius` with a radius above 0")
            }
            Holds::Decimal => parse_decimal(text).is_none().then_some("not a number"),
            Holds::Integer => text.parse::<i64>().is_err().then_some("not a whole number"),
        };
        if let Some(fault) = fault {
            // The polygon's geometry and a circle's are in the standard's text, not its schema.
            let geometry = matches!(
                holds,
                Holds::Identifier | Holds::References | Holds::Polygon | Holds::Circle
            );
            let kind = if geometry { FaultKind::Standard } else { FaultKind::Schema };
            self.add(kind, path, fault);
        }
    }

    /// What ties the elements of `<alert>` together.
    fn alert(&mut self, alert: &Element) {
        use FaultKind::Standard;
        let needs = |name: &str| alert.get(name).is_some_and(|text| !text.is_empty());
        let scope = alert.get("scope");
        self.unless(
            scope != Some("Restricted") || needs("restriction"),
            Standard,
            "alert/restriction",
            "a restricted message says to whom it is restricted",
        );
        self.unless(
            scope != Some("Private") || needs("addresses"),
            Standard,
            "alert/addresses",
            "a private message lists its addresses",
        );
        let answers = matches!(alert.get("msgType"), Some("Update" | "Cancel" | "Ack" | "Error"));
        let references = alert.get("references").and_then(parse_references).unwrap_or_default();
        let path = "alert/references";
        let missing = "an Update, Cancel, Ack or Error names the messages it is about";
        self.unless(!answers || !references.is_empty(), Standard, path, missing);
        let own = (alert.get("sender"), alert.get("identifier"));
        let sent = alert.get("sent").and_then(parse_time);
        for (sender, identifier, at) in references {
            let other = own != (Some(sender), Some(identifier));
            self.unless(other, Standard, path, "a message refers to itself");
            let earlier = sent.is_none_or(|sent| at <= sent);
            self.unless(earlier, Standard, path, "a message refers to a later one");
        }
    }

    /// What ties the `<info>` elements to each other.
    fn infos(&mut self, infos: &[&Element]) {
        let mut languages = HashSet::new();
        let mut texts = HashMap::new();
        let list = |info: &Element, name| -> Vec<String> {
            info.all(name)
                .map(|e| format!("{:?}", (&e.text, e.get("valueName"), e.get("value"))))
                .collect()
        };
        for (i, info) in infos.iter().enumerate() {
            let path = format!("alert/info[{}]", i + 1);
            // §3.2.2: no language means en-US.
            let language = info.get("language").unwrap_or("en-US").to_ascii_lowercase();
            // Several of one language are several warnings only where more than words differs.
            let same = ["severity", "urgency", "onset", "expires"].map(|name| info.get(name));
            let shapes: Vec<&str> = info
                .all("area")
                .flat_map(|area| &area.children)
                .filter(|e| e.name != "areaDesc")
                .map(|e| e.get("value").unwrap_or(&e.text))
                .collect();
            let new = languages.insert((language.clone(), same, shapes));
            self.unless(new, FaultKind::Profile, &path, "a second <info> of the same language");
            let text = (info.get("headline"), info.get("description"));
            let first = text == (None, None)
                || *texts.entry(text).or_insert_with(|| language.clone()) == language;
            let same = "the same text under two languages";
            self.unless(first, FaultKind::Profile, &path, same);
            let first = infos.first().is_none_or(|first| {
                list(first, "category") == list(info, "category")
                    && list(first, "eventCode") == list(info, "eventCode")
            });
            let differs = "categories and event codes are the same in every language";
            self.unless(first, FaultKind::Standard, &path, differs);
        }
    }

    /// What one `<info>` owes its readers.
    fn info(&mut self, path: &str, alert: &Element, info: &Element) {
        use FaultKind::{Profile, Standard};
        for area in info.all("area") {
            let ceiling = area.get("ceiling").is_none() || area.get("altitude").is_some();
            self.unless(ceiling, Standard, path, "a ceiling needs an altitude");
            let zero = |circle: &Element| {
                parse_circle(circle.text.trim()).is_some_and(|(_, radius)| radius == 0.0)
            };
            let wide = !area.all("circle").any(zero);
            self.unless(wide, Profile, path, "a circle without a radius is a point, no area");
        }
        let sent = alert.get("sent").and_then(parse_time);
        let expires = info.get("expires").and_then(parse_time);
        let late = sent.zip(expires).is_none_or(|(sent, expires)| sent < expires);
        self.unless(late, Profile, path, "expires before it is sent");
        for name in ["description", "web", "expires", "headline"] {
            let there = info.get(name).is_some_and(|text| !text.is_empty());
            self.unless(there, Profile, &format!("{path}/{name}"), "readers expect it");
        }
        let headline = info.get("headline").unwrap_or_default().chars().count();
        let short = headline <= MAX_HEADLINE_CHARACTERS;
        self.unless(short, Profile, &format!("{path}/headline"), "longer than 140 characters");
        let shaped = |area: &Element| {
            ["polygon", "circle", "geocode"].iter().any(|name| area.get(name).is_some())
        };
        let areas: Vec<&Element> = info.all("area").collect();
        let placed = !areas.is_empty() && areas.iter().all(|area| shaped(area));
        let want = "readers expect areas with a polygon, circle or geocode";
        self.unless(placed, Profile, &format!("{path}/area"), want);
    }
}

/// A CAP time: `2024-09-09T20:00:00+07:00`, an existing date, no fraction, no `Z`, and no comma
/// where the offset's sign belongs, which the schema's pattern would let pass.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    let fits = |(byte, shape): (u8, u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'+' => byte == b'+' || byte == b'-',
        _ => byte == shape,
    };
    let shape = b"0000-00-00T00:00:00+00:00";
    if text.len() != shape.len() || !text.bytes().zip(*shape).all(fits) {
        return None;
    }
    text.parse().ok()
}

/// The parts of `references`, or `None` when one of them is none.
fn parse_references(text: &str) -> Option<Vec<(&str, &str, Timestamp)>> {
    let references: Option<Vec<_>> = text
        .split_ascii_whitespace()
        .map(|reference| {
            let mut parts = reference.split(',');
            let (sender, identifier, sent) = (parts.next()?, parts.next()?, parts.next()?);
            let whole =
                parts.next().is_none() && is_identifier(sender) && is_identifier(identifier);
            if whole { Some((sender, identifier, parse_time(sent)?)) } else { None }
        })
        .collect();
    references.filter(|references| !references.is_empty())
}

pub(super) fn parse_polygon(text: &str) -> Option<Vec<Point>> {
    text.split_ascii_whitespace().map(Point::parse).collect()
}

/// The centre and the radius of a circle. A radius of 0, which examples of the standard itself have,
/// is told apart later.
pub(super) fn parse_circle(text: &str) -> Option<(Point, f64)> {
    let mut parts = text.split_ascii_whitespace();
    let centre = Point::parse(parts.next()?)?;
    let radius = parse_decimal(parts.next()?)?;
    if parts.next().is_none() && radius >= 0.0 { Some((centre, radius)) } else { None }
}

/// RFC 3066's shape, as `xs:language` has it.
fn is_language(text: &str) -> bool {
    text.split('-').enumerate().all(|(i, part)| {
        (1..=8).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphabetic() || (i > 0 && b.is_ascii_digit()))
    })
}
