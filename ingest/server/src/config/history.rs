//! Which store answers questions about the past.

use tram_config::{Document, Mistake};
use tram_store::{
    engine::Engine,
    sink::{Kind, Place},
};

use super::{File, Sink};

/// What the file calls the centre's own store.
const EMBEDDED: &str = "embedded";

/// An engine that is read.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    /// The sink that writes to it.
    pub(crate) sink: String,
    /// Itself.
    pub(crate) engine: Engine,
}

/// The engine the history is read from; `None` for the centre's own store.
pub(super) fn check(document: &Document<File>, sinks: &[Sink]) -> Result<Option<Reader>, Mistake> {
    let history = &document.value.history;
    if history.from == EMBEDDED {
        if history.url.is_some() {
            let message = "the embedded store has no `url`";
            return Err(document.mistake("history.url", message, "remove the line"));
        }
        return Ok(None);
    }
    let Some(sink) = sinks.iter().find(|s| s.name == history.from) else {
        let names: Vec<_> = sinks.iter().map(|s| format!("\"{}\"", s.name)).collect();
        return Err(document.mistake(
            "history.from",
            format!("there is no [[sink]] with the name `{}`", history.from),
            match names.as_slice() {
                [] => format!("write \"{EMBEDDED}\", or add the sink"),
                names => format!("write \"{EMBEDDED}\" or {}", names.join(" or ")),
            },
        ));
    };
    let place = match (&history.url, sink.place.clone()) {
        (None, place) => place,
        (Some(url), Place::V2 { org, bucket, .. }) => Place::V2 { base: url.clone(), org, bucket },
        (Some(url), Place::V1 { database, .. }) => Place::V1 { base: url.clone(), database },
    };
    let engine = Engine::new(sink.kind, &place, &sink.access)
        .map_err(|e| document.mistake("history.url", "it cannot be asked", e.to_string()))?
        .ok_or_else(|| {
            let readable = [Kind::Influxdb2, Kind::Influxdb1, Kind::VictoriaMetrics];
            document.mistake(
                "history.from",
                format!(
                    "a sink of the kind `{}` is written to only: nobody knows its questions",
                    sink.kind.name()
                ),
                format!(
                    "write \"{EMBEDDED}\", or name a sink of the kind {}",
                    readable.map(Kind::name).join(", ")
                ),
            )
        })?;
    Ok(Some(Reader { sink: sink.name.clone(), engine }))
}
