//! How this node got to be believed by the centre, and how it stays so.
//!
//! `tram-edge enroll` makes a key on the node, proves with a one-time code that it may have a
//! certificate, and writes what it is given beside the spool, into `enrolled/`. From then on the
//! node speaks mutual TLS only. While the station runs, [renewal] fetches the next certificate when
//! two thirds of the life of this one have passed; the publisher looks into the folder at each
//! connection, so nothing has to be started again.

mod enroll;
mod exchange;
mod folder;
mod reach;
mod renewal;
mod request;
mod trust;

pub(crate) use enroll::{Asked, EXAMPLES, EXAMPLES_VI, enroll};
pub(crate) use folder::Enrolled;
pub(crate) use reach::Reach;
pub(crate) use renewal::Renewal;
