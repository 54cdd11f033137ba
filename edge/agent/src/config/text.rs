//! Values that are texts in the file and types here.

use std::{fmt, str::FromStr};

use serde::{Deserialize as _, Deserializer, de::Error as _};

/// Reads a value from its text.
pub(super) fn parse<'de, T, D>(d: D) -> Result<T, D::Error>
where
    T: FromStr,
    T::Err: fmt::Display,
    D: Deserializer<'de>,
{
    String::deserialize(d)?.parse().map_err(D::Error::custom)
}

/// Reads a value that may be absent.
pub(super) fn parse_some<'de, T, D>(d: D) -> Result<Option<T>, D::Error>
where
    T: FromStr,
    T::Err: fmt::Display,
    D: Deserializer<'de>,
{
    parse(d).map(Some)
}

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrokerUrl {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
}

impl FromStr for BrokerUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{url}` is not a broker; write mqtt://host:1883 or mqtts://host:8883");
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (tls, standard) = match scheme {
            "mqtt" => (false, 1883),
            "mqtts" => (true, 8883),
            _ => return Err(wrong()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // An IPv6 address stands in brackets, which hold colons of their own.
        let end = rest.rfind(']').map_or(0, |i| i + 1);
        let (host, port) = match rest.get(end..).and_then(|r| r.find(':')) {
            Some(colon) => {
                let (host, port) = rest.split_at(end + colon);
                (host, port.trim_start_matches(':').parse().map_err(|_| wrong())?)
            }
            None => (rest, standard),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
        if host.is_empty() || !host.chars().all(plain) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_brokers_are_taken_apart() {
        let url = |s: &str| s.parse::<BrokerUrl>().map(|u| (u.host, u.port, u.tls));
        assert_eq!(url("mqtt://127.0.0.1:18"), Ok(("127.0.0.1".into(), 18, false)));
        assert_eq!(url("mqtts://broker.example/"), Ok(("broker.example".into(), 8883, true)));
        assert_eq!(url("mqtt://[::1]:1884"), Ok(("[::1]".into(), 1884, false)));
        for bad in
            ["127.0.0.1", "http://a", "mqtt://", "mqtt://a:b", "mqtt://a:99999", "mqtt://u@h"]
        {
            assert!(url(bad).is_err_and(|e| e.contains("mqtt://host:1883")), "{bad}");
        }
    }
}
