//! The interface of a centre that runs, for commands that ask it for something.

use std::{net::SocketAddr, time::Duration};

use crate::failure::Failure;

/// How long the centre may take to answer us.
const PATIENCE: Duration = Duration::from_secs(10);

/// The interface of the centre that runs.
pub(super) struct Centre {
    base: String,
    token: Option<String>,
    agent: ureq::Agent,
}

impl Centre {
    /// The centre that listens on an address; one that listens on every address is asked here.
    pub(super) fn new(mut listen: SocketAddr, token: Option<String>) -> Self {
        if listen.ip().is_unspecified() {
            let here = if listen.is_ipv4() {
                [127, 0, 0, 1].into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            };
            listen.set_ip(here);
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        Self { base: format!("http://{listen}"), token, agent }
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// [`Failure`] with what the centre says, or that it does not answer.
    pub(super) fn post<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, Failure> {
        let url = format!("{}{path}", self.base);
        let mut request = self.agent.post(&url).header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.read(request.send(body.to_string()))
    }

    /// Asks for what the centre knows.
    ///
    /// # Errors
    /// As of [`post`](Self::post).
    pub(super) fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.read(self.agent.get(format!("{}{path}", self.base)).call())
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<T, Failure> {
        let unreachable = |e: ureq::Error| {
            Failure::new(
                format!("the centre does not answer at {}: {e}", self.base),
                "Start it, or name where it listens with --centre HOST:PORT",
            )
        };
        let mut answer = answer.map_err(unreachable)?;
        let good = answer.status().is_success();
        let text = answer.body_mut().read_to_string().map_err(unreachable)?;
        if good {
            return serde_json::from_str(&text)
                .map_err(|e| Failure::new(format!("{} is no centre: {e}", self.base), ""));
        }
        let said: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let part = |name: &str| said.get(name).and_then(|v| v.as_str()).unwrap_or(&text).to_owned();
        Err(Failure::new(part("error"), part("fix")))
    }
}

/// Who asks: the name given, or the user's.
pub(super) fn person(by: Option<&String>) -> String {
    let by = by.cloned().or_else(|| std::env::var("SUDO_USER").ok());
    by.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "?".to_owned())
}
