//! How nodes come to belong to this centre: a one-time code, a certificate for a key that never
//! leaves its node, renewal, and revocation that is felt at once.
//!
//! Everything is in the folder `enrol/` of the data folder: the authority's key and certificate,
//! `registry.json` (who has which code and which certificates), `revoked.crl` for brokers
//! elsewhere, and `audit.log`. The commands `tram-ingest node …` write there beside a running
//! centre, which sees it by itself.

mod audit;
mod authority;
pub(crate) mod command;
mod files;
mod identity;
mod listener;
mod office;
mod outcome;
mod papers;
mod registry;

pub(crate) use listener::Listener;
pub(crate) use office::Office;
pub(crate) use outcome::Outcome;
pub(crate) use papers::Papers;

/// The files of a data folder that nodes depend on: what anybody may see, and what nobody may.
pub(crate) fn files(data: &std::path::Path) -> [Vec<std::path::PathBuf>; 2] {
    let file = |name| data.join(files::FOLDER).join(name);
    [vec![file(authority::CERTIFICATE), file(registry::FILE)], vec![file(authority::KEY)]]
}
