//! Where the broker is and how this node proves who it is: what the station file says, and what
//! enrolment wrote for the rest.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow, ensure};
use tram_wire::NodeId;

use super::{Enrolled, trust};
use crate::{
    config::{Broker, BrokerUrl, Config},
    link::{Address, TlsFiles, client_config},
};

/// How to reach the broker. Looked up anew for each connection, so that a certificate that was
/// renewed, or a node that was enrolled while it ran, needs no restart.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    pub(crate) node: NodeId,
    data: PathBuf,
    broker: Broker,
}

impl Reach {
    pub(crate) fn new(config: &Config) -> Self {
        Self { node: config.node, data: config.data.clone(), broker: config.broker.clone() }
    }

    /// The broker, as far as it is known.
    pub(crate) fn known(&self) -> Option<BrokerUrl> {
        self.broker.url.clone().or_else(|| {
            let enrolled = Enrolled::load(&self.data).ok()??;
            enrolled.note.broker.parse().ok()
        })
    }

    /// Its address in words.
    pub(crate) fn name(&self) -> String {
        self.known()
            .map_or_else(|| "the broker".to_owned(), |url| format!("{}:{}", url.host, url.port))
    }

    /// Everything a connection needs.
    ///
    /// # Errors
    /// When the node has no broker, or a file it needs cannot be read.
    pub(crate) fn address(&self) -> Result<Address> {
        let enrolled = Enrolled::load(&self.data)?;
        if let Some(enrolled) = &enrolled {
            ensure!(
                enrolled.note.node == self.node.as_str(),
                "the node is enrolled as {}, and the station file says {}: write that name as \
                 `node`, or enrol it under the new one with tram-edge enroll",
                enrolled.note.node,
                self.node
            );
        }
        let url = self.url(enrolled.as_ref())?;
        Ok(Address {
            node: self.node,
            tls: self.tls(&url, enrolled.as_ref())?,
            host: url.host,
            port: url.port,
            password: self.password()?,
            keep_alive: Duration::from_secs(u64::from(self.broker.keep_alive_s)),
        })
    }

    fn url(&self, enrolled: Option<&Enrolled>) -> Result<BrokerUrl> {
        match (&self.broker.url, enrolled) {
            (Some(url), Some(_)) if !url.tls => Err(anyhow!(
                "the node is enrolled and speaks TLS only, and the station file says {url}: remove \
                 `url` from [broker], or write mqtts://"
            )),
            (Some(url), _) => Ok(url.clone()),
            (None, Some(enrolled)) => {
                let parsed = enrolled.note.broker.parse();
                parsed.map_err(|e: String| anyhow!("what the centre said of its broker: {e}"))
            }
            (None, None) => Err(anyhow!(
                "the node has no broker yet: enrol it with tram-edge enroll CODE --centre \
                 HOST:PORT, or write `url` into [broker]"
            )),
        }
    }

    fn tls(
        &self,
        url: &BrokerUrl,
        enrolled: Option<&Enrolled>,
    ) -> Result<Option<Arc<rustls::ClientConfig>>> {
        if !url.tls {
            return Ok(None);
        }
        let broker = &self.broker;
        let own_files = broker.ca_file.is_some() || broker.cert_file.is_some();
        if let Some(enrolled) = enrolled.filter(|_| !own_files) {
            return trust::mutual(enrolled).map(|config| Some(Arc::new(config)));
        }
        let from_enrolment = enrolled.map(|e| (e.certificate(), e.key()));
        let identity = broker.cert_file.clone().zip(broker.key_file.clone()).or(from_enrolment);
        let authorities = broker.ca_file.clone().or_else(|| enrolled.map(Enrolled::authority));
        client_config(&TlsFiles { authorities, identity }).map(Some)
    }

    fn password(&self) -> Result<Option<String>> {
        if let Ok(password) = std::env::var("TRAM_MQTT_PASSWORD") {
            return Ok(Some(password));
        }
        let Some(path) = &self.broker.password_file else { return Ok(None) };
        let text = fs::read_to_string(path)
            .with_context(|| format!("reading the password from {}", path.display()))?;
        Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::{Enrolment, UnixMicros};

    use super::{super::folder::Next, *};

    /// A node named `a` whose station file says `url`, enrolled as `enrolled` if that is said.
    fn reach(url: Option<&str>, enrolled: Option<&str>) -> (tempfile::TempDir, Reach) {
        let data = tempfile::tempdir().unwrap();
        if let Some(name) = enrolled {
            let authority = rcgen::generate_simple_self_signed(vec!["c".to_owned()]).unwrap();
            let next = Next::open(data.path()).unwrap();
            next.put_key(&authority.signing_key.serialize_pem()).unwrap();
            let given = Enrolment {
                certificate: authority.cert.der().to_vec(),
                authority: authority.cert.der().to_vec(),
                broker: "mqtts://c:8883".to_owned(),
                issued: UnixMicros(0),
                expires: UnixMicros(1),
                command_key: None,
            };
            next.finish(NodeId::new(name).unwrap(), "c:8884", &given).unwrap();
        }
        let broker = Broker { url: url.map(|u| u.parse().unwrap()), ..Broker::default() };
        let node = NodeId::new("a").unwrap();
        let reach = Reach { node, data: data.path().to_owned(), broker };
        (data, reach)
    }

    #[test]
    fn the_file_goes_before_enrolment_and_enrolment_before_nothing() {
        let (_data, open) = reach(Some("mqtt://h:1"), None);
        let address = open.address().unwrap();
        assert!((address.host.as_str(), address.port) == ("h", 1) && address.tls.is_none());

        let (_data, enrolled) = reach(None, Some("a"));
        let address = enrolled.address().unwrap();
        assert!((address.host.as_str(), address.port) == ("c", 8883) && address.tls.is_some());
        assert_eq!(enrolled.name(), "c:8883");

        let (_data, both) = reach(Some("mqtts://other"), Some("a"));
        let address = both.address().unwrap();
        assert!(address.host == "other" && address.tls.is_some());
    }

    #[test]
    fn what_cannot_be_says_what_to_do() {
        for (url, enrolled, says) in [
            (None, None, "tram-edge enroll CODE"),
            (Some("mqtt://h"), Some("a"), "speaks TLS only"),
            (None, Some("b"), "enrolled as b"),
        ] {
            let (_data, reach) = reach(url, enrolled);
            let error = reach.address().err().unwrap().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
