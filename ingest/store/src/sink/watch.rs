//! Whether an engine is still the process it was: one that crashed and came back between two
//! requests has lost what it had taken and not yet written, and nobody else says so.

use std::io::Read;

use ureq::Agent;

use super::{Access, MAX_REQUEST, kind::origin};

/// The most bytes of a page that are searched.
const MAX_PAGE_BYTES: u64 = 4 << 20;
/// Metrics that say when a process was started, the better one first.
const METRICS: [&str; 2] = ["vm_app_start_timestamp ", "process_start_time_seconds "];

/// What a look at an engine shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// It runs, and was started then, whatever that means: another text is another start.
    Started(String),
    /// It answers, and does not say since when it runs.
    Unknown,
    /// It does not answer.
    Unreachable {
        /// What the system said.
        reason: String,
    },
}

/// Looks at an engine, or at several processes that are one together.
pub struct Watch {
    pages: Vec<Page>,
    agent: Agent,
    access: Access,
}

struct Page {
    address: String,
    /// Whether it is the engine's own, so that it may see the credentials.
    own: bool,
    /// What it said last.
    last: Option<String>,
}

impl Watch {
    /// Looks at these pages; the engine is reached at `base`.
    #[must_use]
    pub fn new(addresses: &[String], base: &str, access: &Access) -> Self {
        let page = |address: &String| Page {
            own: origin(address) == origin(base),
            address: address.clone(),
            last: None,
        };
        Self {
            pages: addresses.iter().map(page).collect(),
            agent: access.agent(|config| config.timeout_global(Some(MAX_REQUEST))),
            access: access.clone(),
        }
    }

    /// Looks. Of several processes, one that does not answer counts as it was: what it lost is
    /// known once it is back.
    pub fn look(&mut self) -> Sight {
        let mut refused = None;
        let mut answered = self.pages.is_empty();
        for page in &mut self.pages {
            match see(&self.agent, &self.access, page) {
                Sight::Started(at) => {
                    answered = true;
                    page.last = Some(at);
                }
                Sight::Unknown => answered = true,
                Sight::Unreachable { reason } => refused = Some(reason),
            }
        }
        match refused {
            Some(reason) if !answered => Sight::Unreachable { reason },
            _ if self.pages.iter().all(|page| page.last.is_none()) => Sight::Unknown,
            _ => {
                let starts: Vec<_> =
                    self.pages.iter().map(|page| page.last.as_deref().unwrap_or("-")).collect();
                Sight::Started(starts.join(" "))
            }
        }
    }
}

fn see(agent: &Agent, access: &Access, page: &Page) -> Sight {
    let request = agent.get(&page.address);
    let request = if page.own { access.sign(request) } else { request };
    let answer = match request.call() {
        Ok(answer) => answer,
        Err(error) => return Sight::Unreachable { reason: error.to_string() },
    };
    match answer.status().as_u16() {
        200 => {}
        status @ 500.. => return Sight::Unreachable { reason: format!("answered {status}") },
        _ => return Sight::Unknown,
    }
    let mut text = Vec::new();
    let read = answer.into_body().into_reader().take(MAX_PAGE_BYTES).read_to_end(&mut text);
    if let Err(error) = read {
        return Sight::Unreachable { reason: error.to_string() };
    }
    started(&String::from_utf8_lossy(&text)).map_or(Sight::Unknown, Sight::Started)
}

/// When a page says that its process was started: a page of metrics (`VictoriaMetrics`,
/// `GreptimeDB`), or JSON with a `started` (`InfluxDB`).
fn started(page: &str) -> Option<String> {
    for metric in METRICS {
        if let Some(value) = page.lines().find_map(|line| line.strip_prefix(metric)) {
            return Some(value.trim().to_owned());
        }
    }
    let rest = page.split_once("\"started\":")?.1.trim_start().strip_prefix('"')?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_since_when_its_process_runs() {
        let page = "go_threads 9\nprocess_start_time_seconds 1795331866\nvm_app_start_timestamp 1795331867\n";
        assert_eq!(started(page).as_deref(), Some("1795331867"));
        assert_eq!(started("process_start_time_seconds 1.79e+09\n").as_deref(), Some("1.79e+09"));
        // InfluxDB 2, `GET /ready` in its reference, and InfluxDB 1.6 at `/debug/vars`.
        let ready =
            r#"{"status":"ready","started":"2019-03-13T10:09:33.891196-04:00","up":"14m45s"}"#;
        assert_eq!(started(ready).as_deref(), Some("2019-03-13T10:09:33.891196-04:00"));
        let vars = r#"{"system": {"currentTime":"2026-11-22T07:17:49Z","started":"2026-11-22T07:17:46Z","uptime":2}}"#;
        assert_eq!(started(vars).as_deref(), Some("2026-11-22T07:17:46Z"));
        for page in ["", "{}", "\"started\":", "\"started\": 7", "go_threads 9\n"] {
            assert_eq!(started(page), None, "{page}");
        }
    }

    #[test]
    fn nobody_there_is_unreachable_and_no_page_says_nothing() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let address = format!("http://{nobody}/metrics");
        let look =
            |addresses: &[String]| Watch::new(addresses, "http://x", &Access::default()).look();
        assert!(matches!(look(&[address]), Sight::Unreachable { .. }));
        assert_eq!(look(&[]), Sight::Unknown);
    }
}
