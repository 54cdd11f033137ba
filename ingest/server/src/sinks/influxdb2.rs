//! The bucket of an `InfluxDB` 2, seen to by the crate `influxdb2`, which is asynchronous and lives
//! in this module only.
//!
//! It speaks plain HTTP to an engine at the root of its host. Its TLS features bring openssl, or
//! roots under another licence; it drops the path of an address; and it has no call that changes a
//! bucket. So for `https://`, for an address with a path, and for that change, the same requests
//! are made by [`Rest`]. Lines are never written through it: see `docs/decisions/0050-influxdb2.md`.

use std::time::Duration;

use influxdb2::{
    Client, ClientBuilder, RequestError,
    api::{buckets::ListBucketsRequest, organization::ListOrganizationRequest},
    models::{PostBucketRequest, RetentionRule, health::Status, retention_rule::Type},
};
use tokio::runtime::Runtime;
use tram_store::sink::{
    Bucket, Buckets, Health, MAX_REQUEST, Prepared, ProvisionError, Rest, Wanted, prepare,
};

use crate::config::Sink;

/// How long a connection may take.
const MAX_CONNECT: Duration = Duration::from_secs(5);

/// Sees to the bucket of a sink.
///
/// # Errors
/// [`ProvisionError`]; ask again later.
pub(super) fn see_to(
    sink: &Sink,
    wanted: &Wanted,
    token: &str,
) -> Result<Prepared, ProvisionError> {
    let unusable = |e: &dyn std::fmt::Display| ProvisionError::Unreachable(e.to_string());
    let base = sink.place.base().map_err(|e| unusable(&e))?;
    let rest = Rest::new(base, &sink.access).map_err(|e| unusable(&e))?;
    if !plain(base) {
        return prepare(&rest, wanted);
    }
    // The crate ends the program over an address that it cannot read.
    reqwest::Url::parse(base).map_err(|e| unusable(&e))?;
    let http = reqwest::Client::builder()
        .timeout(MAX_REQUEST)
        .connect_timeout(MAX_CONNECT)
        .redirect(reqwest::redirect::Policy::none());
    let client = ClientBuilder::with_builder(http, base, &wanted.org, token)
        .build()
        .map_err(|e| unusable(&e))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| unusable(&e))?;
    prepare(&Crate { client, runtime, rest }, wanted)
}

/// Whether the crate can reach it.
fn plain(base: &str) -> bool {
    base.strip_prefix("http://").is_some_and(|host| !host.contains('/'))
}

/// The crate, waited for.
struct Crate {
    client: Client,
    runtime: Runtime,
    rest: Rest,
}

/// Names an error of the crate.
fn named(error: RequestError) -> ProvisionError {
    match error {
        RequestError::Http { status, text } if status.is_server_error() => {
            ProvisionError::NotReady(format!("answered {}: {text}", status.as_u16()))
        }
        RequestError::Http { status, text } => {
            ProvisionError::Refused { status: status.as_u16(), reason: text }
        }
        other => ProvisionError::Unreachable(other.to_string()),
    }
}

impl Buckets for Crate {
    fn health(&self) -> Result<Health, ProvisionError> {
        let health = self.runtime.block_on(self.client.health()).map_err(named)?;
        let pass = matches!(health.status, Status::Pass);
        Ok(Health { pass, message: health.message.unwrap_or_default() })
    }

    fn organization(&self, name: &str) -> Result<Option<String>, ProvisionError> {
        let request = ListOrganizationRequest { org: Some(name.to_owned()), ..Default::default() };
        let found =
            self.runtime.block_on(self.client.list_organizations(request)).map_err(named)?;
        Ok(found.orgs.into_iter().find(|o| o.name == name).and_then(|o| o.id))
    }

    fn find(&self, org_id: &str, name: &str) -> Result<Option<Bucket>, ProvisionError> {
        let request = ListBucketsRequest {
            name: Some(name.to_owned()),
            org_id: Some(org_id.to_owned()),
            ..Default::default()
        };
        let found =
            self.runtime.block_on(self.client.list_buckets(Some(request))).map_err(named)?;
        let bucket = found.buckets.into_iter().find(|b| b.name == name);
        Ok(bucket.and_then(|b| {
            let seconds = b.retention_rules.first().map_or(0, |r| r.every_seconds);
            Some(Bucket { id: b.id?, retention_s: u64::try_from(seconds).unwrap_or(0) })
        }))
    }

    fn create(&self, org_id: &str, name: &str, retention_s: u64) -> Result<(), ProvisionError> {
        let Ok(seconds) = i32::try_from(retention_s) else {
            return self.rest.create(org_id, name, retention_s);
        };
        let mut request = PostBucketRequest::new(org_id.to_owned(), name.to_owned());
        if seconds > 0 {
            request.retention_rules = vec![RetentionRule::new(Type::Expire, seconds)];
        }
        self.runtime.block_on(self.client.create_bucket(Some(request))).map_err(named)
    }

    fn update(&self, id: &str, retention_s: u64) -> Result<(), ProvisionError> {
        self.rest.update(id, retention_s)
    }
}

#[cfg(test)]
mod tests;
