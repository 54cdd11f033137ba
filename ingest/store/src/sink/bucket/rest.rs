//! Asking an `InfluxDB` 2 about its buckets over HTTP.

use std::io::Read;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use ureq::{Agent, Body, http::Response};

use super::{Bucket, Buckets, Health, ProvisionError};
use crate::sink::{Access, MAX_REQUEST, TargetError, checked, encode, reason};

/// The most bytes of an answer that are read.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// Asks over HTTP, with the agent readings are written with: any address, private authorities.
#[derive(Debug)]
pub struct Rest {
    base: String,
    agent: Agent,
    access: Access,
}

#[derive(Deserialize)]
struct HealthBody {
    status: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct OrganizationsBody {
    #[serde(default)]
    orgs: Vec<Named>,
}

#[derive(Deserialize)]
struct BucketsBody {
    #[serde(default)]
    buckets: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    id: String,
    name: String,
    #[serde(default)]
    retention_rules: Vec<Rule>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(rename = "type")]
    kind: String,
    every_seconds: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewBucket<'a> {
    #[serde(rename = "orgID")]
    org_id: &'a str,
    name: &'a str,
    retention_rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    retention_rules: Vec<Rule>,
}

fn rule(every_seconds: u64) -> Rule {
    Rule { kind: "expire".to_owned(), every_seconds }
}

impl Rest {
    /// The engine at this address.
    ///
    /// # Errors
    /// [`TargetError::Address`].
    pub fn new(base: &str, access: &Access) -> Result<Self, TargetError> {
        let agent = access.agent(|config| config.timeout_global(Some(MAX_REQUEST)));
        Ok(Self { base: checked(base)?.to_owned(), agent, access: access.clone() })
    }

    fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        arguments: &[(&str, &str)],
    ) -> Result<T, ProvisionError> {
        let mut url = format!("{}{path}", self.base);
        for (i, (name, value)) in arguments.iter().enumerate() {
            url.push(if i == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            encode(&mut url, value);
        }
        read(self.access.sign(self.agent.get(url)).call())
    }
}

fn read<T: DeserializeOwned>(
    answer: Result<Response<Body>, ureq::Error>,
) -> Result<T, ProvisionError> {
    let body = succeeded(answer)?;
    serde_json::from_reader(body.into_reader().take(MAX_ANSWER_BYTES))
        .map_err(|e| ProvisionError::Unreachable(format!("answered something else: {e}")))
}

fn succeeded(answer: Result<Response<Body>, ureq::Error>) -> Result<Body, ProvisionError> {
    let answer = answer.map_err(|e| ProvisionError::Unreachable(e.to_string()))?;
    match answer.status().as_u16() {
        200..=299 => Ok(answer.into_body()),
        status => {
            let reason = reason(answer.into_body());
            Err(match status {
                500.. => ProvisionError::NotReady(format!("answered {status}: {reason}")),
                _ => ProvisionError::Refused { status, reason },
            })
        }
    }
}

impl Buckets for Rest {
    fn health(&self) -> Result<Health, ProvisionError> {
        let HealthBody { status, message } = self.get("/health", &[])?;
        Ok(Health { pass: status == "pass", message })
    }

    fn organization(&self, name: &str) -> Result<Option<String>, ProvisionError> {
        let body: OrganizationsBody = self.get("/api/v2/orgs", &[("org", name)])?;
        Ok(body.orgs.into_iter().find(|o| o.name == name).map(|o| o.id))
    }

    fn find(&self, org_id: &str, name: &str) -> Result<Option<Bucket>, ProvisionError> {
        let body: BucketsBody =
            self.get("/api/v2/buckets", &[("name", name), ("orgID", org_id)])?;
        let found = body.buckets.into_iter().find(|b| b.name == name);
        Ok(found.map(|b| Bucket {
            id: b.id,
            retention_s: b.retention_rules.first().map_or(0, |r| r.every_seconds),
        }))
    }

    fn create(&self, org_id: &str, name: &str, retention_s: u64) -> Result<(), ProvisionError> {
        let rules = (retention_s > 0).then(|| rule(retention_s));
        let body = NewBucket { org_id, name, retention_rules: rules.into_iter().collect() };
        let request = self.agent.post(format!("{}/api/v2/buckets", self.base));
        succeeded(send(self.access.sign(request), &body)).map(drop)
    }

    fn update(&self, id: &str, retention_s: u64) -> Result<(), ProvisionError> {
        let mut url = format!("{}/api/v2/buckets/", self.base);
        encode(&mut url, id);
        let body = Change { retention_rules: vec![rule(retention_s)] };
        succeeded(send(self.access.sign(self.agent.patch(url)), &body)).map(drop)
    }
}

fn send(
    request: ureq::RequestBuilder<ureq::typestate::WithBody>,
    body: &impl Serialize,
) -> Result<Response<Body>, ureq::Error> {
    // Text and numbers are always JSON.
    let text = serde_json::to_vec(body).unwrap_or_default();
    request.header("content-type", "application/json").send(text.as_slice())
}
