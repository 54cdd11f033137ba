//! The grammar of CAP 1.2: which elements stand where, in which order, how often, holding what
//! (the standard's §3.2 and its XML schema §3.4).

/// What an element holds.
#[derive(Clone, Copy)]
pub(crate) enum Holds {
    /// Any text.
    Text,
    /// A text that is not empty.
    SomeText,
    /// An `identifier` or `sender`.
    Identifier,
    /// A time with its offset.
    Time,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A language tag.
    Language,
    /// `sender,identifier,sent` separated by white space.
    References,
    /// A closed outline.
    Polygon,
    /// `lat,lon radius`.
    Circle,
    /// A decimal number.
    Decimal,
    /// A whole number.
    Integer,
    /// More elements.
    Elements(&'static [Field]),
}

/// One element of a sequence.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) repeats: bool,
    pub(crate) holds: Holds,
}

const fn one(name: &'static str, holds: Holds) -> Field {
    Field { name, required: true, repeats: false, holds }
}

const fn maybe(name: &'static str, holds: Holds) -> Field {
    Field { name, required: false, repeats: false, holds }
}

const fn some(name: &'static str, holds: Holds) -> Field {
    Field { name, required: true, repeats: true, holds }
}

const fn any(name: &'static str, holds: Holds) -> Field {
    Field { name, required: false, repeats: true, holds }
}

use Holds::{
    Circle, Decimal, Elements, Identifier, Integer, Language, OneOf, Polygon, References, SomeText,
    Text, Time,
};

/// What `<alert>` holds; a signature of another namespace may follow.
pub(crate) const ALERT: &[Field] = &[
    one("identifier", Identifier),
    one("sender", Identifier),
    one("sent", Time),
    one("status", OneOf(&["Actual", "Exercise", "System", "Test", "Draft"])),
    one("msgType", OneOf(&["Alert", "Update", "Cancel", "Ack", "Error"])),
    maybe("source", Text),
    one("scope", OneOf(&["Public", "Restricted", "Private"])),
    maybe("restriction", Text),
    maybe("addresses", Text),
    any("code", Text),
    maybe("note", Text),
    maybe("references", References),
    maybe("incidents", Text),
    any("info", Elements(INFO)),
];

const INFO: &[Field] = &[
    maybe("language", Language),
    some(
        "category",
        OneOf(&[
            "Geo",
            "Met",
            "Safety",
            "Security",
            "Rescue",
            "Fire",
            "Health",
            "Env",
            "Transport",
            "Infra",
            "CBRNE",
            "Other",
        ]),
    ),
    one("event", SomeText),
    any(
        "responseType",
        OneOf(&[
            "Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear",
            "None",
        ]),
    ),
    one("urgency", OneOf(&["Immediate", "Expected", "Future", "Past", "Unknown"])),
    one("severity", OneOf(&["Extreme", "Severe", "Moderate", "Minor", "Unknown"])),
    one("certainty", OneOf(&["Observed", "Likely", "Possible", "Unlikely", "Unknown"])),
    maybe("audience", Text),
    any("eventCode", Elements(PAIR)),
    maybe("effective", Time),
    maybe("onset", Time),
    maybe("expires", Time),
    maybe("senderName", Text),
    maybe("headline", Text),
    maybe("description", Text),
    maybe("instruction", Text),
    maybe("web", Text),
    maybe("contact", Text),
    any("parameter", Elements(PAIR)),
    any("resource", Elements(RESOURCE)),
    any("area", Elements(AREA)),
];

const PAIR: &[Field] = &[one("valueName", Text), one("value", Text)];

const RESOURCE: &[Field] = &[
    one("resourceDesc", SomeText),
    one("mimeType", SomeText),
    maybe("size", Integer),
    maybe("uri", Text),
    maybe("derefUri", Text),
    maybe("digest", Text),
];

const AREA: &[Field] = &[
    one("areaDesc", SomeText),
    any("polygon", Polygon),
    any("circle", Circle),
    any("geocode", Elements(PAIR)),
    maybe("altitude", Decimal),
    maybe("ceiling", Decimal),
];
