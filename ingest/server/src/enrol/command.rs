//! `tram-ingest node add`, `list` and `revoke`: beside a running centre or without one.

use std::{path::Path, time::Duration};

use serde::Serialize;
use tram_wire::{NodeId, UnixMicros};

use super::{
    Office,
    registry::{Node, Registry},
};
use crate::{
    args::NodeCommand,
    broker::{credentials, node_add},
    clock,
    command::siren,
    config::{self, Broker, Configuration, Enrol},
    failure::Failure,
    time::rfc3339,
};

/// What comes behind the help of `node add`.
pub(crate) const ADD_EXAMPLES: &str = "\
Examples:
  tram-ingest node add lao-cai-river-01 --config /etc/tram/ingest.toml
      Read the code out to the technician, who types it on the station:
      tram-edge enroll CODE --centre HOST:PORT --config /etc/tram/edge.toml
  tram-ingest node add weather-bought-01 --password --config /etc/tram/ingest.toml
      A password for a device that cannot be enrolled.

The code or the password is on standard output alone, for programs. It is kept nowhere.
Exit codes: 0 done, 2 a bad command line or configuration, 1 anything else.";

/// What comes behind the help of `node revoke`.
pub(crate) const REVOKE_EXAMPLES: &str = "\
Examples:
  tram-ingest node revoke lao-cai-river-01 --config /etc/tram/ingest.toml
      The station was stolen, or its card was: nobody comes in with what is on it.
  tram-ingest node add lao-cai-river-01 --config /etc/tram/ingest.toml
      Afterwards, to let it in again with a new key.

A broker of its own learns it from enrol/revoked.crl in the data folder; docs/security.md says how,
and what it can and cannot do.
Exit codes: 0 done, 2 a bad command line or configuration, 1 anything else.";

/// Does what is asked.
///
/// # Errors
/// [`Failure`] with a sentence and what to do.
pub(crate) fn node(asked: &NodeCommand) -> Result<(), Failure> {
    match asked {
        NodeCommand::Add { config, name, password } => add(&config.config, name, *password),
        NodeCommand::List { config, json } => list(&config.config, *json),
        NodeCommand::Revoke { config, name } => revoke(&config.config, name),
        NodeCommand::Siren(asked) => siren::order(asked),
        NodeCommand::Key { config } => siren::key(&config.config),
    }
}

fn add(path: &Path, name: &str, password: bool) -> Result<(), Failure> {
    let node = node_id(name)?;
    let config = config::load(path)?;
    let Some(enrol) = config.enrol.as_ref().filter(|_| !password) else {
        println!("{}", node_add::node_add(path, &config.broker, &node)?);
        eprintln!(
            "This is the password of {node}. It is not kept anywhere: write it into the node's configuration now."
        );
        return Ok(());
    };
    let now = clock::now();
    let office = office(&config, enrol, now)?;
    let made = office.make_code(&node, enrol.code, now).map_err(|e| unwritten(&config.data, &e))?;
    let (code, expires) = made;
    println!("{code}");
    let host = enrol.names.first().map_or("HOST", String::as_str);
    eprintln!(
        "This is the one-time code of {node}, good until {}. It is not kept anywhere. On the station:\n  \
         tram-edge enroll {code} --centre {host}:{} --config /etc/tram/edge.toml",
        rfc3339(expires),
        enrol.listen.port(),
    );
    if !config.stations.iter().any(|s| s.id == node) {
        eprintln!(
            "{node} is no [[station]] of {}: what it sends goes to the quarantine until it is one.",
            path.display()
        );
    }
    Ok(())
}

fn revoke(path: &Path, name: &str) -> Result<(), Failure> {
    let node = node_id(name)?;
    let config = config::load(path)?;
    let now = clock::now();
    let certificates = match &config.enrol {
        Some(enrol) => {
            let office = office(&config, enrol, now)?;
            office.revoke(&node, now).map_err(|e| unwritten(&config.data, &e))?
        }
        None => None,
    };
    let passwords = credentials_file(&config.broker);
    let password = match passwords {
        Some(file) => credentials::remove(file, &node).map_err(|e| unwritten(file, &e))?,
        None => false,
    };
    match (certificates, password) {
        (None, false) => Err(Failure::new(
            format!("{node} has neither code nor certificate nor password"),
            "See who has with: tram-ingest node list",
        )),
        (certificates, password) => {
            let number = certificates.unwrap_or_default();
            let word = if password { ", and its password" } else { "" };
            println!("{node}: certificates taken back: {number}{word}.");
            if matches!(config.broker, Broker::External(_)) {
                println!("Tell the broker: see docs/security.md.");
            }
            Ok(())
        }
    }
}

/// A line of the list.
#[derive(Debug, Serialize)]
struct Row {
    node: String,
    /// `enrolled`, `expired`, `code`, `code-expired`, `revoked` or `password`.
    state: &'static str,
    /// When the code or the certificate ends, or when it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// Whether it has a password as well.
    password: bool,
}

fn list(path: &Path, json: bool) -> Result<(), Failure> {
    let config = config::load(path)?;
    let now = clock::now();
    let registry = match &config.enrol {
        Some(enrol) => Some(office(&config, enrol, now)?.registry()),
        None => None,
    };
    let registry = registry.transpose().map_err(|e| unwritten(&config.data, &e))?;
    let passwords = match credentials_file(&config.broker) {
        Some(file) => credentials::names(file)?,
        None => Vec::new(),
    };
    let rows = rows(registry.as_ref(), &passwords, now);
    if json {
        let text = serde_json::to_string_pretty(&rows);
        println!("{}", text.map_err(|e| Failure::new(e.to_string(), ""))?);
        return Ok(());
    }
    if rows.is_empty() {
        println!("Nobody yet. Let a node in with: tram-ingest node add NAME");
    }
    for Row { node, state, at, password } in rows {
        let words = match (state, at) {
            ("enrolled", Some(at)) => format!("enrolled, certificate until {at}"),
            ("expired", Some(at)) => format!("certificate expired {at}"),
            ("code", Some(at)) => format!("code not used yet, good until {at}"),
            ("code-expired", Some(at)) => format!("code expired {at}"),
            ("revoked", Some(at)) => format!("revoked {at}"),
            (other, _) => other.to_owned(),
        };
        let also = if password && state != "password" { ", has a password" } else { "" };
        println!("{node:<32} {words}{also}");
    }
    Ok(())
}

fn rows(registry: Option<&Registry>, passwords: &[NodeId], now: UnixMicros) -> Vec<Row> {
    let has = |name: &str| passwords.iter().any(|p| p.as_str() == name);
    let enrolled = registry.into_iter().flat_map(Registry::nodes);
    let mut rows: Vec<Row> = enrolled
        .map(|(name, node)| {
            let (state, at) = state(node, now);
            let at = at.map(|at| rfc3339(UnixMicros(at)));
            Row { node: name.to_owned(), state, at, password: has(name) }
        })
        .collect();
    for name in passwords.iter().map(NodeId::as_str) {
        if !rows.iter().any(|r| r.node == name) {
            rows.push(Row { node: name.to_owned(), state: "password", at: None, password: true });
        }
    }
    rows.sort_by(|a, b| a.node.cmp(&b.node));
    rows
}

fn state(node: &Node, now: UnixMicros) -> (&'static str, Option<i64>) {
    if let Some(certificate) = node.in_force(now) {
        return ("enrolled", Some(certificate.expires));
    }
    match (&node.code, node.revoked, node.certificates.last()) {
        (Some(code), ..) if code.used_by.is_none() && code.expires > now.0 => {
            ("code", Some(code.expires))
        }
        (_, Some(revoked), _) => ("revoked", Some(revoked)),
        (.., Some(certificate)) => ("expired", Some(certificate.expires)),
        (Some(code), ..) => ("code-expired", Some(code.expires)),
        _ => ("nothing", None),
    }
}

fn credentials_file(broker: &Broker) -> Option<&Path> {
    match broker {
        Broker::Embedded(embedded) => embedded.credentials.as_deref(),
        Broker::External(_) => None,
    }
}

fn node_id(name: &str) -> Result<NodeId, Failure> {
    NodeId::new(name).map_err(|e| Failure::CommandLine(format!("`{name}` is not a node name: {e}")))
}

fn office(config: &Configuration, enrol: &Enrol, now: UnixMicros) -> Result<Office, Failure> {
    let life: Duration = enrol.certificate;
    Office::open(&config.data, enrol.names.clone(), life, now)
        .map_err(|e| unwritten(&config.data, &e))
}

/// Something in a folder cannot be read or written.
pub(crate) fn unwritten(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("what enrolment keeps in {} cannot be used: {error}", folder.display()),
        "Run the command as the user that runs the centre (sudo -u tram …)",
    )
}

#[cfg(test)]
mod tests {
    use super::{super::registry::Code, *};

    #[test]
    fn the_list_says_how_each_node_stands() {
        let code = |used: Option<&str>, expires| {
            let mut code = Code::new(&[0; 10], &[0; 16], UnixMicros(expires));
            code.used_by = used.map(str::to_owned);
            code
        };
        let serial = super::super::registry::Serial::new(UnixMicros(1), [0; 7]);
        let mut enrolled = Node { code: Some(code(Some("k"), 50)), ..Node::default() };
        enrolled.give(serial, &[0; 32], 1, 100);
        let at = |n| UnixMicros(n);
        assert_eq!(state(&enrolled, at(10)), ("enrolled", Some(100)));
        assert_eq!(state(&enrolled, at(100)), ("expired", Some(100)));
        let waiting = Node { code: Some(code(None, 50)), ..Node::default() };
        assert_eq!(state(&waiting, at(10)), ("code", Some(50)));
        assert_eq!(state(&waiting, at(50)), ("code-expired", Some(50)));
        enrolled.revoke(at(20));
        assert_eq!(state(&enrolled, at(30)), ("revoked", Some(20)));
        enrolled.code = Some(code(None, 90));
        assert_eq!(state(&enrolled, at(30)), ("code", Some(90)));
        let passwords = [NodeId::new("b").unwrap(), NodeId::new("a").unwrap()];
        let rows = rows(None, &passwords, at(0));
        assert_eq!(rows.iter().map(|r| r.node.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }
}
