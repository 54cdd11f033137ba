//! What the program says once everything listens: to people, and to a file.

use std::path::Path;

use serde::Serialize;

use super::parts::Parts;
use crate::{
    clock,
    config::{Broker, Configuration},
    failure::Failure,
    http,
};

/// Tells people where everything is.
pub(super) fn say(config: &Configuration, parts: &Parts) {
    println!("Trạm is running. Ctrl-C stops it.");
    println!("  page      http://{}", parts.http_address);
    if !http::is_built() {
        println!("            (built without the page: `make web`, then build the program again)");
    }
    match (&config.broker, &parts.broker) {
        (Broker::Embedded(embedded), Some(running)) => {
            let who = match (embedded.anonymous_loopback, parts.nodes_with_password) {
                (true, 0) => "programs on this machine need no password".to_owned(),
                (true, n) => {
                    format!("{} by password, programs on this machine without", many(n, "node"))
                }
                (false, 0) => "nobody has a password yet: tram-ingest node add NAME".to_owned(),
                (false, n) => format!("{} by password", many(n, "node")),
            };
            println!("  broker    {}, embedded; {who}", running.address);
            if let Some(address) = running.tls_address {
                let who = match &parts.office {
                    Some(office) => {
                        format!("; {} by certificate", many(office.count(clock::now()), "node"))
                    }
                    None => String::new(),
                };
                println!("            {address}, encrypted{who}");
            }
        }
        (Broker::External(external), _) => {
            let state = match parts.link.state() {
                Ok(()) => "connected".to_owned(),
                Err(reason) => format!("not connected yet: {reason}"),
            };
            println!("  broker    {}:{}; {state}", external.host, external.port);
        }
        (Broker::Embedded(_), None) => {}
    }
    if let Some((address, _)) = &parts.enrolment {
        println!("  enrolment {address}; a code for a node: tram-ingest node add NAME");
    }
    if let Some(replica) = parts.core.replica.said() {
        println!("  replica   {replica}");
    }
    println!("  data      {}", config.data.display());
    let recovered = parts.core.beginning.found.readings;
    if recovered > 0 {
        println!("            {recovered} readings read back from the log");
    }
    for sink in &config.sinks {
        let read = config.history.as_ref().is_some_and(|h| h.sink == sink.name);
        let read = if read { "; the history is read from it" } else { "" };
        println!("  sink      {}, {}{read}", sink.name, sink.kind.name());
    }
    let devices = if config.register_third_party { ", unknown SenML devices register" } else { "" };
    println!("  stations  {}{devices}", config.stations.len());
    match &config.alerts {
        Some(alerts) => {
            let webhooks = many(alerts.webhook.len(), "webhook");
            println!("  alarms    {}, {webhooks}", many(parts.core.rules, "rule"));
            let channels = alerts.channels().count();
            if channels > alerts.webhook.len() {
                let people = alerts.person.len();
                let people =
                    if people == 1 { "1 person".into() } else { format!("{people} people") };
                println!("            {}, {people}", many(channels, "channel"));
            }
        }
        None => println!("  alarms    none: the configuration has no section [alerts]"),
    }
}

/// A number with its noun.
fn many(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[derive(Serialize)]
struct Addresses {
    http: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mqtt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mqtts: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enrol: Option<String>,
}

/// Tells a file, so that whoever started the program with port 0 finds it.
pub(super) fn write(path: &Path, parts: &Parts) -> Result<(), Failure> {
    let addresses = Addresses {
        http: parts.http_address.to_string(),
        mqtt: parts.broker.as_ref().map(|b| b.address.to_string()),
        mqtts: parts.broker.as_ref().and_then(|b| b.tls_address).map(|a| a.to_string()),
        enrol: parts.enrolment.as_ref().map(|(a, _)| a.to_string()),
    };
    let failure = |e: std::io::Error| {
        Failure::new(
            format!("the file {} cannot be written: {e}", path.display()),
            "Write another path after --ready-file",
        )
    };
    let text = serde_json::to_vec(&addresses).map_err(|e| failure(e.into()))?;
    // Whoever waits for the file finds it whole.
    let new = path.with_extension("new");
    std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path)).map_err(failure)
}
