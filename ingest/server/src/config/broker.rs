//! Which broker the centre talks to: its own, or one that runs elsewhere.

mod replica;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tram_config::{Document, Mistake};

pub(crate) use replica::Hearing;

use super::{File, file};

/// How many clients the embedded broker takes when the file does not say.
const MAX_CLIENTS: usize = 1_000;
/// The most clients the embedded broker can be told to take.
const MAX_MAX_CLIENTS: usize = 20_000;
/// Where Debian keeps the certificates of public authorities.
const SYSTEM_CA_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Where messages come from.
#[derive(Debug, Clone)]
pub(crate) enum Broker {
    /// A broker inside this program.
    Embedded(Embedded),
    /// A broker of its own.
    External(External),
}

/// The broker inside this program.
#[derive(Debug, Clone)]
pub(crate) struct Embedded {
    /// Where to listen without encryption.
    pub(crate) listen: SocketAddr,
    /// Where to listen with encryption.
    pub(crate) tls: Option<Tls>,
    /// Whether clients from this machine need no password.
    pub(crate) anonymous_loopback: bool,
    /// One line a node, `name:hash`.
    pub(crate) credentials: Option<PathBuf>,
    /// How many clients may be connected at once.
    pub(crate) max_clients: usize,
}

/// Encryption of the embedded broker.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// The certificate chain and the private key (PEM); `None` for one of the centre's own
    /// authority.
    pub(crate) files: Option<(PathBuf, PathBuf)>,
    /// Whether who shows no certificate may come in with a password.
    pub(crate) passwords: bool,
}

/// A broker of its own.
#[derive(Clone)]
pub(crate) struct External {
    /// Its host name or address.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// The authorities it may be certified by (PEM); `None` without encryption.
    pub(crate) ca_file: Option<PathBuf>,
    /// User name and password.
    pub(crate) credentials: Option<(String, String)>,
    /// The client identifier, if the file names one.
    pub(crate) client_id: Option<String>,
    /// Which messages come here.
    pub(crate) hearing: Hearing,
    /// Whether what is committed here is acknowledged.
    pub(crate) acknowledge: bool,
    /// What people call this replica.
    pub(crate) replica: Option<String>,
}

impl std::fmt::Debug for External {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The password stays out of every log.
        f.debug_struct("External")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("client_id", &self.client_id)
            .field("hearing", &self.hearing)
            .field("acknowledge", &self.acknowledge)
            .finish_non_exhaustive()
    }
}

pub(super) fn check(document: &Document<File>) -> Result<Broker, Mistake> {
    let broker = &document.value.broker;
    match (broker.listen, &broker.url) {
        (Some(listen), None) => embedded(document, listen).map(Broker::Embedded),
        (None, Some(url)) => external(document, url).map(Broker::External),
        (Some(_), Some(_)) => Err(document.mistake(
            "broker.listen",
            "`listen` starts a broker here, `url` names one elsewhere; only one of them can be",
            "remove `listen` or `url`",
        )),
        (None, None) => Err(document.mistake(
            "broker",
            "nothing says which broker to use",
            "write `listen = \"127.0.0.1:1883\"` for the embedded one, or `url = \"mqtt://host\"`",
        )),
    }
}

fn embedded(document: &Document<File>, listen: SocketAddr) -> Result<Embedded, Mistake> {
    let broker = &document.value.broker;
    for (key, present) in [
        ("user", broker.user.is_some()),
        ("password_file", broker.password_file.is_some()),
        ("ca_file", broker.ca_file.is_some()),
        ("client_id", broker.client_id.is_some()),
        ("share", broker.share.is_some()),
        ("share_keeps_nodes", broker.share_keeps_nodes),
        ("own_stations", broker.own_stations),
        ("acknowledge", broker.acknowledge.is_some()),
        ("replica", broker.replica.is_some()),
    ] {
        if present {
            return Err(belongs(document, key, "url", "remove it, or write `url` for `listen`"));
        }
    }
    let enrolled = document.value.enrol.is_some();
    if broker.credentials.is_none() && !broker.anonymous_loopback && !enrolled {
        return Err(document.mistake(
            "broker.listen",
            "nobody could connect: there are no credentials",
            "add `credentials = \"FILE\"` and fill it with: tram-ingest node add NAME",
        ));
    }
    let max_clients = broker.max_clients.unwrap_or(MAX_CLIENTS);
    if !(1..=MAX_MAX_CLIENTS).contains(&max_clients) {
        return Err(document.mistake(
            "broker.max_clients",
            format!("{max_clients} clients are not possible"),
            format!("write a number from 1 to {MAX_MAX_CLIENTS}"),
        ));
    }
    let tls = broker.tls.as_ref().map(|tls| encryption(document, tls));
    Ok(Embedded {
        listen,
        tls: tls.transpose()?,
        anonymous_loopback: broker.anonymous_loopback,
        credentials: broker.credentials.clone(),
        max_clients,
    })
}

fn encryption(document: &Document<File>, tls: &file::Tls) -> Result<Tls, Mistake> {
    let enrol = document.value.enrol.is_some();
    let files = match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => {
            must_exist(document, "broker.tls.certificate", certificate)?;
            must_exist(document, "broker.tls.key", key)?;
            Some((certificate.clone(), key.clone()))
        }
        (None, None) if enrol => None,
        (None, None) => {
            return Err(document.mistake(
                "broker.tls",
                "encryption needs a certificate",
                "add `certificate` and `key`, or a section [enrol], whose authority makes them",
            ));
        }
        _ => {
            return Err(document.mistake(
                "broker.tls",
                "`certificate` and `key` go together",
                "write both, or neither with a section [enrol]",
            ));
        }
    };
    if tls.passwords && !enrol {
        return Err(document.mistake(
            "broker.tls.passwords",
            "without a section [enrol] everybody comes in with a password",
            "remove it",
        ));
    }
    Ok(Tls { listen: tls.listen, files, passwords: tls.passwords || !enrol })
}

fn external(document: &Document<File>, url: &str) -> Result<External, Mistake> {
    let broker = &document.value.broker;
    for (key, present) in [
        ("anonymous_loopback", broker.anonymous_loopback),
        ("credentials", broker.credentials.is_some()),
        ("tls", broker.tls.is_some()),
        ("max_clients", broker.max_clients.is_some()),
    ] {
        if present {
            return Err(belongs(document, key, "listen", "remove it: that broker has its own"));
        }
    }
    let bad_url = |message: String| {
        document.mistake("broker.url", message, "write mqtt://HOST:1883 or mqtts://HOST:8883")
    };
    let (encrypted, rest, port) = match url.split_once("://") {
        Some(("mqtt", rest)) => (false, rest, 1883),
        Some(("mqtts", rest)) => (true, rest, 8883),
        _ => return Err(bad_url(format!("`{url}` is not the address of a broker"))),
    };
    let (host, port) = split_port(rest.trim_end_matches('/'), port)
        .ok_or_else(|| bad_url(format!("`{url}` has no host, or a port that is no number")))?;
    let ca_file =
        encrypted.then(|| broker.ca_file.clone().unwrap_or_else(|| PathBuf::from(SYSTEM_CA_FILE)));
    match &ca_file {
        Some(path) => must_exist(document, "broker.ca_file", path)?,
        None if broker.ca_file.is_some() => {
            return Err(belongs(document, "ca_file", "mqtts://", "write mqtts:// in `url`"));
        }
        None => {}
    }
    let hearing = replica::check(document)?;
    Ok(External {
        host,
        port,
        ca_file,
        credentials: login(document)?,
        client_id: broker.client_id.clone(),
        hearing,
        acknowledge: broker.acknowledge.unwrap_or(true),
        replica: broker.replica.clone(),
    })
}

fn login(document: &Document<File>) -> Result<Option<(String, String)>, Mistake> {
    let broker = &document.value.broker;
    let (user, path) = match (&broker.user, &broker.password_file) {
        (None, None) => return Ok(None),
        (Some(user), Some(path)) => (user, path),
        (Some(_), None) => {
            let message = "`user` needs a password";
            return Err(document.mistake("broker.user", message, "add `password_file = \"FILE\"`"));
        }
        (None, Some(_)) => {
            let message = "`password_file` needs a user name";
            return Err(document.mistake("broker.password_file", message, "add `user = \"NAME\"`"));
        }
    };
    let password = std::fs::read_to_string(path).map_err(|e| {
        document.mistake(
            "broker.password_file",
            format!("{} cannot be read: {e}", path.display()),
            "write the password into that file",
        )
    })?;
    Ok(Some((user.clone(), password.trim_end_matches(['\r', '\n']).to_owned())))
}

/// Splits `host:port` and `[v6]:port`.
fn split_port(text: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, after.strip_prefix(':'))
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map_or(Some(default), |p| p.parse().ok())?;
    (!host.is_empty() && !host.contains(['/', '@', ' '])).then(|| (host.to_owned(), port))
}

fn must_exist(document: &Document<File>, key: &str, path: &Path) -> Result<(), Mistake> {
    std::fs::metadata(path).map(|_| ()).map_err(|e| {
        document.mistake(
            key,
            format!("{} cannot be read: {e}", path.display()),
            "name a file that is there",
        )
    })
}

fn belongs(document: &Document<File>, key: &str, to: &str, fix: &str) -> Mistake {
    document.mistake(&format!("broker.{key}"), format!("`{key}` goes with `{to}` only"), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_taken_apart() {
        for (text, expected) in [
            ("broker", Some(("broker", 1883))),
            ("broker:1", Some(("broker", 1))),
            ("10.0.0.1:8883", Some(("10.0.0.1", 8883))),
            ("[::1]:7", Some(("::1", 7))),
            ("[::1]", Some(("::1", 1883))),
            ("", None),
            (":1883", None),
            ("a:b", None),
            ("a:99999", None),
            ("user@host", None),
            ("host/path", None),
        ] {
            let expected = expected.map(|(h, p)| (h.to_owned(), p));
            assert_eq!(split_port(text, 1883), expected, "{text}");
        }
    }
}
