//! A CAP message before it is written, and how it is written.

use tram_rules::Language;
use tram_wire::UnixMicros;

use super::check::NAMESPACE;
use crate::{area::Area, time, xml::Xml};

/// `valueName` of a commune's code.
const COMMUNE: &str = "VN-COMMUNE";
/// `valueName` of our event codes.
const EVENT_CODE: &str = "TRAM-HAZARD";

/// CAP `msgType`, as far as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageType {
    Alert,
    Update,
    Cancel,
}

impl MessageType {
    /// CAP's word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "Alert",
            Self::Update => "Update",
            Self::Cancel => "Cancel",
        }
    }
}

/// An earlier message that this one is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) identifier: String,
    pub(crate) sent: UnixMicros,
}

/// A message. What is the same in every language stands here, the texts in `infos`.
#[derive(Debug, Clone)]
pub(crate) struct Message<'a> {
    pub(crate) identifier: &'a str,
    pub(crate) sender: &'a str,
    pub(crate) sent: UnixMicros,
    pub(crate) status: &'static str,
    pub(crate) message_type: MessageType,
    /// Set when the scope is Restricted: to whom.
    pub(crate) restriction: Option<&'static str>,
    pub(crate) note: Option<String>,
    pub(crate) references: Vec<Reference>,
    /// The episode.
    pub(crate) incident: &'a str,
    pub(crate) category: &'static str,
    pub(crate) responses: Vec<&'static str>,
    pub(crate) urgency: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) certainty: &'static str,
    /// The hazard.
    pub(crate) event_code: &'a str,
    /// When the episode began.
    pub(crate) onset: UnixMicros,
    pub(crate) expires: UnixMicros,
    pub(crate) web: String,
    pub(crate) contact: Option<&'a str>,
    pub(crate) parameters: Vec<(&'static str, String)>,
    pub(crate) area: &'a Area,
    pub(crate) infos: Vec<Info<'a>>,
}

/// The texts of a message in one language.
#[derive(Debug, Clone)]
pub(crate) struct Info<'a> {
    pub(crate) language: Language,
    pub(crate) event: &'a str,
    pub(crate) sender_name: &'a str,
    pub(crate) headline: String,
    pub(crate) description: String,
    pub(crate) instruction: Option<String>,
}

impl Message<'_> {
    /// The document. The order of the elements is the schema's.
    pub(crate) fn xml(&self) -> String {
        let mut xml = Xml::new();
        xml.open("alert", &[("xmlns", NAMESPACE)]);
        xml.leaf("identifier", self.identifier);
        xml.leaf("sender", self.sender);
        xml.leaf("sent", &time::cap(self.sent));
        xml.leaf("status", self.status);
        xml.leaf("msgType", self.message_type.as_str());
        match self.restriction {
            None => xml.leaf("scope", "Public"),
            Some(restriction) => {
                xml.leaf("scope", "Restricted");
                xml.leaf("restriction", restriction);
            }
        }
        if let Some(note) = &self.note {
            xml.leaf("note", note);
        }
        if !self.references.is_empty() {
            xml.leaf("references", &self.references());
        }
        xml.leaf("incidents", self.incident);
        for info in &self.infos {
            self.info(&mut xml, info);
        }
        xml.finish()
    }

    /// `sender,identifier,sent` of each earlier message.
    fn references(&self) -> String {
        let one = |r: &Reference| format!("{},{},{}", self.sender, r.identifier, time::cap(r.sent));
        self.references.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn info(&self, xml: &mut Xml, info: &Info<'_>) {
        xml.open("info", &[]);
        xml.leaf("language", info.language.tag());
        xml.leaf("category", self.category);
        xml.leaf("event", info.event);
        for response in &self.responses {
            xml.leaf("responseType", response);
        }
        xml.leaf("urgency", self.urgency);
        xml.leaf("severity", self.severity);
        xml.leaf("certainty", self.certainty);
        pair(xml, "eventCode", EVENT_CODE, self.event_code);
        xml.leaf("effective", &time::cap(self.sent));
        xml.leaf("onset", &time::cap(self.onset));
        xml.leaf("expires", &time::cap(self.expires));
        xml.leaf("senderName", info.sender_name);
        xml.leaf("headline", &info.headline);
        xml.leaf("description", &info.description);
        if let Some(instruction) = &info.instruction {
            xml.leaf("instruction", instruction);
        }
        xml.leaf("web", &self.web);
        if let Some(contact) = self.contact {
            xml.leaf("contact", contact);
        }
        for (name, value) in &self.parameters {
            pair(xml, "parameter", name, value);
        }
        self.area(xml, info.language);
        xml.close();
    }

    fn area(&self, xml: &mut Xml, language: Language) {
        xml.open("area", &[]);
        xml.leaf("areaDesc", self.area.name.get(language));
        if !self.area.polygon.is_empty() {
            let points: Vec<String> = self.area.polygon.iter().map(|p| p.cap()).collect();
            xml.leaf("polygon", &points.join(" "));
        }
        if let Some(circle) = self.area.circle {
            xml.leaf("circle", &circle.cap());
        }
        for commune in &self.area.communes {
            pair(xml, "geocode", COMMUNE, commune);
        }
        xml.close();
    }
}

fn pair(xml: &mut Xml, element: &'static str, name: &str, value: &str) {
    xml.open(element, &[]);
    xml.leaf("valueName", name);
    xml.leaf("value", value);
    xml.close();
}
