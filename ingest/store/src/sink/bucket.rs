//! The bucket of an `InfluxDB` 2: found or made, with its retention. What is to be done is decided
//! here; who carries it out is a [`Buckets`]: [`Rest`], or the program's own.

use std::io::Read;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;
use ureq::{Agent, Body, http::Response};

use super::{Access, MAX_REQUEST, TargetError, checked, encode, reason};

/// The most bytes of an answer that are read.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// What a bucket is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The name of the organization it belongs to.
    pub org: String,
    /// Its name.
    pub bucket: String,
    /// For how many seconds it keeps readings; 0 is for ever. `None` leaves a bucket that is there
    /// as it is, and makes one that keeps them for ever.
    pub retention_s: Option<u64>,
}

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether it is well.
    pub pass: bool,
    /// Why not, or what else it says.
    pub message: String,
}

/// A bucket that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its identifier.
    pub id: String,
    /// For how many seconds it keeps readings; 0 is for ever.
    pub retention_s: u64,
}

/// What was found, or done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// The bucket is as it should be.
    AsWanted,
    /// It was not there, and now is.
    Created,
    /// Its retention was another one.
    Updated {
        /// Seconds; 0 is for ever.
        was_s: u64,
    },
    /// The token may not look, make or change it. If it is there, readings can be written.
    NotAllowed {
        /// What the engine said.
        reason: String,
    },
}

/// Why a bucket could not be prepared.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// The engine did not answer, or not with what its reference says.
    #[error("{0}")]
    Unreachable(String),
    /// It is there and says that it is not well.
    #[error("it is not ready: {0}")]
    NotReady(String),
    /// There is no such organization, or the token does not see it.
    #[error(
        "the token sees no organization `{0}`; write its name as the engine's page shows it, and a token that belongs to it"
    )]
    Organization(String),
    /// The token may not do that.
    #[error("answered {status}: {reason}")]
    Refused {
        /// The status.
        status: u16,
        /// What the engine said.
        reason: String,
    },
}

impl ProvisionError {
    /// Whether it is about what the token may see or do.
    fn forbidden(&self) -> bool {
        matches!(self, Self::Organization(_) | Self::Refused { status: 401 | 403 | 404, .. })
    }
}

/// Who asks an `InfluxDB` 2 about its buckets.
pub trait Buckets {
    /// Whether the engine is well.
    ///
    /// # Errors
    /// [`ProvisionError`], here and below.
    fn health(&self) -> Result<Health, ProvisionError>;

    /// The identifier of the organization of this name.
    ///
    /// # Errors
    /// [`ProvisionError`].
    fn organization(&self, name: &str) -> Result<Option<String>, ProvisionError>;

    /// The bucket of this name.
    ///
    /// # Errors
    /// [`ProvisionError`].
    fn find(&self, org_id: &str, name: &str) -> Result<Option<Bucket>, ProvisionError>;

    /// Makes a bucket.
    ///
    /// # Errors
    /// [`ProvisionError`].
    fn create(&self, org_id: &str, name: &str, retention_s: u64) -> Result<(), ProvisionError>;

    /// Gives a bucket another retention.
    ///
    /// # Errors
    /// [`ProvisionError`].
    fn update(&self, id: &str, retention_s: u64) -> Result<(), ProvisionError>;
}

/// Sees to it that the bucket is there and keeps readings for as long as is wanted.
///
/// # Errors
/// [`ProvisionError`]; ask again later.
pub fn prepare(
    engine: &(impl Buckets + ?Sized),
    wanted: &Wanted,
) -> Result<Prepared, ProvisionError> {
    let health = engine.health()?;
    if !health.pass {
        return Err(ProvisionError::NotReady(health.message));
    }
    match make(engine, wanted) {
        // A token that may only write is a good token; whether it may, the first write shows.
        Err(e) if e.forbidden() => Ok(Prepared::NotAllowed { reason: e.to_string() }),
        other => other,
    }
}

fn make(engine: &(impl Buckets + ?Sized), wanted: &Wanted) -> Result<Prepared, ProvisionError> {
    let Wanted { org, bucket, retention_s } = wanted;
    let org_id = absent(engine.organization(org))?
        .ok_or_else(|| ProvisionError::Organization(org.clone()))?;
    let found = match absent(engine.find(&org_id, bucket))? {
        Some(found) => found,
        None => match engine.create(&org_id, bucket, retention_s.unwrap_or(0)) {
            Ok(()) => return Ok(Prepared::Created),
            // Another centre was faster.
            Err(error @ ProvisionError::Refused { status: 409 | 422, .. }) => {
                absent(engine.find(&org_id, bucket))?.ok_or(error)?
            }
            Err(error) => return Err(error),
        },
    };
    match retention_s {
        Some(wanted) if *wanted != found.retention_s => {
            engine.update(&found.id, *wanted)?;
            Ok(Prepared::Updated { was_s: found.retention_s })
        }
        _ => Ok(Prepared::AsWanted),
    }
}

/// What is looked for by name is answered with an empty list or with 404, by version.
fn absent<T>(found: Result<Option<T>, ProvisionError>) -> Result<Option<T>, ProvisionError> {
    match found {
        Err(ProvisionError::Refused { status: 404, .. }) => Ok(None),
        other => other,
    }
}

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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// An engine in memory.
    #[derive(Default)]
    struct Memory {
        ill: bool,
        bucket: RefCell<Option<u64>>,
        forbidden: bool,
        raced: bool,
    }

    impl Buckets for Memory {
        fn health(&self) -> Result<Health, ProvisionError> {
            Ok(Health { pass: !self.ill, message: "starting".to_owned() })
        }

        fn organization(&self, name: &str) -> Result<Option<String>, ProvisionError> {
            Ok((name == "tram").then(|| "0a".to_owned()))
        }

        fn find(&self, org_id: &str, _: &str) -> Result<Option<Bucket>, ProvisionError> {
            assert_eq!(org_id, "0a");
            Ok(self.bucket.borrow().map(|s| Bucket { id: "0b".to_owned(), retention_s: s }))
        }

        fn create(&self, _: &str, _: &str, retention_s: u64) -> Result<(), ProvisionError> {
            let refused = |status| ProvisionError::Refused { status, reason: "no".to_owned() };
            if self.forbidden {
                return Err(refused(403));
            }
            *self.bucket.borrow_mut() = Some(retention_s);
            if self.raced { Err(refused(422)) } else { Ok(()) }
        }

        fn update(&self, id: &str, retention_s: u64) -> Result<(), ProvisionError> {
            assert_eq!(id, "0b");
            *self.bucket.borrow_mut() = Some(retention_s);
            Ok(())
        }
    }

    fn wanted(retention_s: Option<u64>) -> Wanted {
        Wanted { org: "tram".to_owned(), bucket: "readings".to_owned(), retention_s }
    }

    #[test]
    fn a_bucket_is_made_once_and_changed_when_it_differs() {
        let engine = Memory::default();
        assert_eq!(prepare(&engine, &wanted(Some(60))), Ok(Prepared::Created));
        assert_eq!(prepare(&engine, &wanted(Some(60))), Ok(Prepared::AsWanted));
        assert_eq!(prepare(&engine, &wanted(Some(90))), Ok(Prepared::Updated { was_s: 60 }));
        assert_eq!(prepare(&engine, &wanted(None)), Ok(Prepared::AsWanted));
        assert_eq!(*engine.bucket.borrow(), Some(90));
        assert_eq!(prepare(&engine, &wanted(Some(0))), Ok(Prepared::Updated { was_s: 90 }));
    }

    #[test]
    fn what_is_in_the_way_is_said() {
        let ill = Memory { ill: true, ..Memory::default() };
        let error = prepare(&ill, &wanted(None)).unwrap_err();
        assert_eq!(error.to_string(), "it is not ready: starting");
        let elsewhere = Wanted { org: "x".to_owned(), ..wanted(None) };
        let hidden = prepare(&Memory::default(), &elsewhere).unwrap();
        assert!(matches!(hidden, Prepared::NotAllowed { reason } if reason.contains("`x`")));
        let writer = Memory { forbidden: true, ..Memory::default() };
        assert!(matches!(prepare(&writer, &wanted(None)), Ok(Prepared::NotAllowed { .. })));
        let raced = Memory { raced: true, ..Memory::default() };
        assert_eq!(prepare(&raced, &wanted(None)), Ok(Prepared::AsWanted));
    }
}
