//! The configuration: what the file says, and what it means once checked.

mod broker;
mod cap_feed;
mod enrol;
mod file;
mod history;
mod http;
mod places;
mod retention;
mod sink;
mod station;
mod store;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use tram_config::{Document, Mistake};
use tram_store::Retention;
use tram_wire::{NodeId, UnixMicros};

pub(crate) use broker::{Broker, Embedded, External, Hearing, Tls};
pub(crate) use cap_feed::CapFeed;
pub(crate) use enrol::Enrol;
pub(crate) use file::File;
pub(crate) use history::Reader;
pub(crate) use http::Http;
pub(crate) use places::{Places, places};
pub(crate) use sink::Sink;
pub(crate) use station::Station;
pub(crate) use store::Store;

/// The most stations in a configuration.
pub(crate) const MAX_STATIONS: usize = 10_000;
/// A checked configuration.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// Folder of everything the centre keeps.
    pub(crate) data: PathBuf,
    /// The web page and the interface.
    pub(crate) http: Http,
    /// Where messages come from.
    pub(crate) broker: Broker,
    /// How nodes are given certificates; `None` when they are not.
    pub(crate) enrol: Option<Enrol>,
    /// Whether unknown devices on `senml/{node}` are let in.
    pub(crate) register_third_party: bool,
    /// The earliest time a reading may have.
    pub(crate) earliest: UnixMicros,
    /// How far ahead of the centre's clock a reading may be.
    pub(crate) ahead: Duration,
    /// Folder of the rules; every `*.toml` in it is one.
    pub(crate) rules: PathBuf,
    /// Who warns, about which areas, and who is told; without it no rule is evaluated.
    pub(crate) alerts: Option<tram_alerts::Config>,
    /// Feeds of others' warnings, which are shown.
    pub(crate) cap_feeds: Vec<CapFeed>,
    /// How long readings and rollups are kept.
    pub(crate) retention: Retention,
    /// Engines that are given every reading.
    pub(crate) sinks: Vec<Sink>,
    /// How much is held in memory.
    pub(crate) store: Store,
    /// The engine the history is read from; `None` for the centre's own store.
    pub(crate) history: Option<Reader>,
    /// The stations, in the order of the file.
    pub(crate) stations: Vec<Station>,
}

/// Reads and checks a configuration.
///
/// # Errors
/// [`Mistake`] with the file, the line and what to write instead.
pub(crate) fn load(path: &Path) -> Result<Configuration, Mistake> {
    let document = tram_config::read::<File>(path)?;
    check(&document)
}

fn check(document: &Document<File>) -> Result<Configuration, Mistake> {
    let file = &document.value;
    let sinks = sink::check(document)?;
    Ok(Configuration {
        data: file.data.clone(),
        http: http::check(document)?,
        broker: broker::check(document)?,
        enrol: enrol::check(document)?,
        register_third_party: file.third_party == file::ThirdParty::Register,
        earliest: check_earliest(document)?,
        ahead: Duration::from_secs(file.time.ahead_s),
        rules: file.rules.folder.clone(),
        alerts: check_alerts(document)?,
        cap_feeds: cap_feed::check(document)?,
        retention: retention::check(document)?,
        store: store::check(document)?,
        history: history::check(document, &sinks)?,
        sinks,
        stations: station::check(document)?,
    })
}

fn check_earliest(document: &Document<File>) -> Result<UnixMicros, Mistake> {
    let text = &document.value.time.earliest;
    let time: Result<Timestamp, _> = text.parse();
    time.map(|t| UnixMicros(t.as_microsecond())).map_err(|e| {
        document.mistake(
            "time.earliest",
            format!("`{text}` is not a time: {e}"),
            "write one as \"2000-01-01T00:00:00Z\"",
        )
    })
}

fn check_alerts(document: &Document<File>) -> Result<Option<tram_alerts::Config>, Mistake> {
    let Some(alerts) = &document.value.alerts else { return Ok(None) };
    if let Some(found) = alerts.check().into_iter().next() {
        let key = format!("alerts.{}", found.key_path);
        return Err(document.mistake(&key, found.message, found.fix));
    }
    for (i, hook) in alerts.webhook.iter().enumerate() {
        if let Err(e) = hook.secret() {
            return Err(document.mistake(
                &format!("alerts.webhook[{i}].secret_file"),
                e.to_string(),
                "make one with: openssl rand -hex 32 > FILE",
            ));
        }
    }
    if let Err((key, message)) = crate::channels::check(alerts) {
        return Err(document.mistake(
            &key,
            message,
            "put what is missing where this channel looks",
        ));
    }
    // An area that names nobody leaves its station to the default area: a warning for the wrong
    // people.
    let known = |id: &String| document.value.station.iter().any(|s| s.id == *id);
    for (i, area) in alerts.area.iter().enumerate() {
        if let Some(unknown) = area.stations.iter().find(|id| !known(id)) {
            return Err(document.mistake(
                &format!("alerts.area[{i}].stations"),
                format!("there is no [[station]] with the id `{unknown}`"),
                "write the id of a station of this file, or add the station",
            ));
        }
    }
    Ok(Some(alerts.clone()))
}

/// Reads a node name at `key`.
fn node_id(document: &Document<File>, key: &str, text: &str) -> Result<NodeId, Mistake> {
    NodeId::new(text)
        .map_err(|e| document.mistake(key, format!("`{text}` is not a node name"), e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> Result<Configuration, Mistake> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ingest.toml");
        std::fs::write(&path, text).unwrap();
        load(&path)
    }

    const MINIMAL: &str = "\
data = \"d\"
[broker]
listen = \"127.0.0.1:0\"
anonymous_loopback = true
[alerts]
sender = \"tram@example.org\"
sender_name = { vi = \"Trạm\", en = \"Trạm\", zh = \"Trạm\" }
public_url = \"http://127.0.0.1:8080\"
default_area = \"a\"
[[alerts.area]]
id = \"a\"
name = { vi = \"A\", en = \"A\", zh = \"A\" }
communes = [\"02647\"]
";

    #[test]
    fn a_minimal_file_has_every_default() {
        let c = load_text(MINIMAL).unwrap();
        assert_eq!(c.http.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(c.earliest, UnixMicros(946_684_800_000_000));
        assert_eq!(c.ahead, Duration::from_secs(86_400));
        assert!(!c.register_third_party);
        assert!(matches!(c.broker, Broker::Embedded(e) if e.anonymous_loopback));
    }

    #[test]
    fn each_mistake_names_its_line_and_the_fix() {
        let station = "[[station]]\nid = \"a\"\nname = \"A\"\nlat = 22.0\nlon = 104.0\n";
        let hook = "[[alerts.webhook]]\nname = \"w\"\nurl = \"http://x\"\nsecret_file = \"none\"\n";
        let sink = "[[sink]]\nname=\"v\"\nkind=\"line-protocol\"\nurl=\"http://x\"\n";
        let tls = "[broker.tls]\nlisten = \"127.0.0.1:0\"\n";
        let enrol = "[enrol]\nlisten = \"127.0.0.1:0\"\nnames = [\"c.example.org\"]\n";
        let outside = |more: &str| {
            let url = format!("url = \"mqtt://x\"\n{more}");
            MINIMAL.replace("listen = \"127.0.0.1:0\"\nanonymous_loopback = true", &url)
        };
        let influx2 =
            "[[sink]]\nname=\"v\"\nkind=\"influxdb2\"\nurl=\"http://x\"\norg=\"o\"\nbucket=\"b\"\n";
        for (text, line, says) in [
            (format!("dta = \"x\"\n{MINIMAL}"), 1, "write `data`"),
            (format!("{MINIMAL}[time]\nearliest = \"soon\"\n"), 15, "2000-01-01T00:00:00Z"),
            (format!("{MINIMAL}[http]\nlisten = \"0.0.0.0:8080\"\n"), 15, "token_file"),
            (format!("{MINIMAL}[store]\nhead_readings = 7\n"), 15, "from 1000 to"),
            (format!("{MINIMAL}[store]\nseal_readings = 9000000\n"), 15, "half of head_readings"),
            (MINIMAL.replace("anonymous_loopback = true", "url = \"mqtt://x\""), 3, "remove"),
            (MINIMAL.replace("anonymous_loopback = true", ""), 3, "credentials"),
            (MINIMAL.replace("anonymous_loopback = true", "share = \"s\""), 4, "`url` for"),
            (outside("share = \"S/s\""), 4, "a-z"),
            (outside("share_keeps_nodes = true"), 4, "add `share"),
            (outside("share = \"s\"\nown_stations = true"), 5, "one of the two"),
            (outside("share = \"s\"\nacknowledge = false"), 5, "remove `share`"),
            (outside("share = \"s\""), 4, "acknowledge = false"),
            (outside("own_stations = true"), 4, "[[station]]"),
            (MINIMAL.replace("tram@example", "tram example"), 6, "white space"),
            (format!("{MINIMAL}{station}{station}"), 20, "twice"),
            (format!("{MINIMAL}{}", station.replace("22.0", "122.0")), 17, "-90"),
            (format!("{MINIMAL}{}", station.replace("\"a\"", "\"A b\"")), 15, "a-z"),
            (format!("{MINIMAL}{hook}"), 17, "openssl"),
            (format!("{MINIMAL}{}", sink.replace("http", "ftp")), 17, "http://"),
            (format!("{MINIMAL}{}", sink.replace("=\"v\"", "=\"V\"")), 15, "a-z"),
            (format!("{MINIMAL}{sink}{sink}"), 19, "another name"),
            (format!("{MINIMAL}{sink}database=\"d\"\n"), 18, "remove"),
            (format!("{MINIMAL}{sink}hold_mb=0\n"), 18, "from 1 to"),
            (format!("{MINIMAL}[retention]\nraw = \"90\"\n"), 15, "\"90d\""),
            (format!("{MINIMAL}[retention]\nminute = \"60d\"\n"), 15, "at least as long as `raw`"),
            (format!("{MINIMAL}[retention]\nhour = \"0d\"\n"), 15, "\"90d\""),
            (format!("{MINIMAL}[retention.quantity.tilr]\nraw = \"7d\"\n"), 14, "`tilt`"),
            (
                format!("{MINIMAL}[retention.quantity.tilt]\nraw = \"7d\"\nhour = \"5d\"\n"),
                16,
                "at least as long as `minute`",
            ),
            (format!("{MINIMAL}{tls}"), 14, "[enrol]"),
            (format!("{MINIMAL}{tls}certificate = \"x\"\n"), 14, "both"),
            (format!("{MINIMAL}{tls}certificate = \"x\"\nkey = \"x\"\n"), 16, "is there"),
            (format!("{MINIMAL}{enrol}"), 14, "[broker.tls]"),
            (format!("{MINIMAL}{}", enrol.replace("\"c.example.org\"", "")), 16, "HOST"),
            (format!("{MINIMAL}{}", enrol.replace("c.example", "c d.example")), 16, "HOST"),
            (format!("{MINIMAL}{tls}{enrol}code_s = 0\n"), 19, "604800"),
            (format!("{MINIMAL}{tls}{enrol}certificate_s = 1\n"), 19, "315360000"),
            (format!("{MINIMAL}{tls}{enrol}broker = \"mqtt://x\"\n"), 19, "mqtts://"),
            (outside(enrol), 4, "broker ="),
            (format!("{MINIMAL}{sink}token_file=\"none\"\n"), 18, "token"),
            (format!("{MINIMAL}{}", sink.replace("line-protocol", "influxdb1")), 16, "database ="),
            (format!("{MINIMAL}{}", sink.replace("line-protocol", "influxdb2")), 16, "org ="),
            (format!("{MINIMAL}{influx2}"), 16, "token_env"),
            (format!("{MINIMAL}{influx2}token_env=\"TRAM_NO_SUCH_TOKEN\"\n"), 20, "set TRAM_NO"),
            (format!("{MINIMAL}{influx2}token_env=\"X\"\ntoken_file=\"y\"\n"), 20, "keep one"),
            (
                format!("{MINIMAL}{influx2}token_env=\"PATH\"\nretention_days=99999\n"),
                21,
                "0 for ever",
            ),
            (format!("{MINIMAL}{sink}user=\"u\"\n"), 18, "password_file"),
            (format!("{MINIMAL}{sink}ca_file=\"none\"\n"), 18, "PEM"),
            (format!("{MINIMAL}{sink}ca_file=\"/dev/null\"\n"), 18, "BEGIN CERTIFICATE"),
            (format!("{MINIMAL}{sink}probe=[\"x\"]\n"), 18, "http://"),
            (format!("{MINIMAL}{sink}[history]\nfrom=\"w\"\n"), 19, "\"v\""),
            (format!("{MINIMAL}{sink}[history]\nfrom=\"v\"\n"), 19, "influxdb2"),
            (format!("{MINIMAL}[history]\nurl=\"http://x\"\n"), 15, "remove"),
            (format!("{MINIMAL}[[cap_feed]]\nname=\"\"\nurl=\"http://x\"\n"), 15, "the office"),
            (format!("{MINIMAL}[[cap_feed]]\nname=\"n\"\nurl=\"file:///x\"\n"), 16, "Atom or RSS"),
            (
                format!("{MINIMAL}[[cap_feed]]\nname=\"n\"\nurl=\"http://x\"\npoll_s=1\n"),
                17,
                "from 30 to",
            ),
        ] {
            let mistake = load_text(&text).expect_err(&text);
            assert_eq!(mistake.line, Some(line), "{mistake}");
            assert!(mistake.to_string().contains(says), "{mistake}");
        }
    }

    #[test]
    fn a_broker_for_enrolled_nodes_needs_no_passwords() {
        let enrolled = "[broker.tls]\nlisten = \"127.0.0.1:0\"\n\
                        [enrol]\nlisten = \"127.0.0.1:0\"\nnames = [\"c.example.org\"]";
        let config = load_text(&MINIMAL.replace("anonymous_loopback = true", enrolled)).unwrap();
        let Broker::Embedded(Embedded { tls: Some(tls), credentials, .. }) = config.broker else {
            panic!("an embedded broker with encryption")
        };
        assert!(tls.files.is_none() && !tls.passwords && credentials.is_none());
        assert_eq!(config.enrol.unwrap().code, Duration::from_secs(172_800));
    }

    #[test]
    fn the_history_comes_from_where_the_file_says() {
        assert!(load_text(MINIMAL).unwrap().history.is_none());
        let sink = "[[sink]]\nname=\"v\"\nkind=\"victoriametrics\"\nurl=\"http://x\"\n\
                    [history]\nfrom=\"v\"\nurl=\"http://y/select/0/prometheus\"\n";
        let config = load_text(&format!("{MINIMAL}{sink}")).unwrap();
        assert_eq!(config.history.unwrap().sink, "v");
        assert_eq!(config.sinks[0].watched, ["http://x/metrics"]);
        let token = "[[sink]]\nname=\"i\"\nkind=\"influxdb2\"\nurl=\"https://x\"\norg=\"o\"\n\
                     bucket=\"b\"\nretention_days=365\ntoken_env=\"PATH\"\n";
        let config = load_text(&format!("{MINIMAL}{token}")).unwrap();
        let (wanted, _) = config.sinks[0].bucket.clone().unwrap();
        assert_eq!(wanted.retention_s, Some(31_536_000));
        let path = std::env::var("PATH").unwrap();
        assert!(!format!("{config:?}").contains(&path), "a token is in no message");
    }

    #[test]
    fn an_area_names_stations_of_this_file_only() {
        let area = "[[alerts.area]]\nid = \"b\"\nname = { vi = \"B\", en = \"B\", zh = \"B\" }\n\
                    circle = { lat = 22.0, lon = 104.0, radius_km = 1.0 }\nstations = [\"rivr-01\"]\n";
        let station = "[[station]]\nid = \"river-01\"\nname = \"R\"\nlat = 22.0\nlon = 104.0\n";
        let error = load_text(&format!("{MINIMAL}{area}{station}")).unwrap_err().to_string();
        assert!(error.contains("no [[station]] with the id `rivr-01`"), "{error}");
        let right = area.replace("rivr", "river");
        load_text(&format!("{MINIMAL}{right}{station}")).unwrap();
    }
}
