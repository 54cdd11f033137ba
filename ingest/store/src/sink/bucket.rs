//! The bucket of an `InfluxDB` 2: found or made, with its retention. What is to be done is decided
//! here; who carries it out is a [`Buckets`]: [`Rest`], or the program's own.

mod rest;

use thiserror::Error;

pub use rest::Rest;

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
