//! Which engine it is, as far as that makes a difference.

/// Which engine it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any that takes line protocol at `/api/v2/write`: `GreptimeDB`, `InfluxDB` 3.
    LineProtocol,
    /// `VictoriaMetrics`, single or cluster.
    VictoriaMetrics,
    /// `InfluxDB` 1.
    Influxdb1,
    /// `InfluxDB` 2.
    Influxdb2,
}

impl Kind {
    /// Its name in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LineProtocol => "line-protocol",
            Self::VictoriaMetrics => "victoriametrics",
            Self::Influxdb1 => "influxdb1",
            Self::Influxdb2 => "influxdb2",
        }
    }

    /// Where an engine at this base says when it was started.
    #[must_use]
    pub fn watched(self, base: &str) -> String {
        let base = base.trim_end_matches('/');
        match self {
            // Metrics are at the root, whatever the path of the rest is.
            Self::LineProtocol | Self::VictoriaMetrics => format!("{}/metrics", origin(base)),
            Self::Influxdb1 => format!("{base}/debug/vars"),
            Self::Influxdb2 => format!("{base}/ready"),
        }
    }
}

/// Scheme, host and port of an address.
pub(super) fn origin(address: &str) -> &str {
    let host = address.find("://").map_or(0, |at| at + 3);
    let end =
        address.get(host..).and_then(|rest| rest.find('/')).map_or(address.len(), |at| host + at);
    address.get(..end).unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_says_somewhere_when_it_was_started() {
        let cluster = "http://vminsert:8480/insert/0/influx/";
        assert_eq!(Kind::VictoriaMetrics.watched(cluster), "http://vminsert:8480/metrics");
        assert_eq!(Kind::Influxdb1.watched("http://a:8086"), "http://a:8086/debug/vars");
        assert_eq!(Kind::Influxdb2.watched("https://a/b/"), "https://a/b/ready");
        assert_eq!(origin("http://[::1]:80"), "http://[::1]:80");
    }
}
