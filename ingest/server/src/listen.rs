//! Why an address cannot be listened on, in words that help.

use std::{io, net::SocketAddr};

use crate::failure::Failure;

/// The failure of `who` to listen on `address`; `section` says where it is configured.
pub(crate) fn failure(who: &str, address: SocketAddr, error: &io::Error, section: &str) -> Failure {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => Failure::new(
            format!("{who} cannot listen on {address}: another program uses port {port}"),
            format!(
                "See which one with `ss -ltnp 'sport = :{port}'` and stop it, or write another port {section}"
            ),
        ),
        io::ErrorKind::PermissionDenied => Failure::new(
            format!("{who} may not listen on {address}: ports below 1024 are for root"),
            format!("Write a port above 1023 {section}"),
        ),
        io::ErrorKind::AddrNotAvailable => Failure::new(
            format!("{who} cannot listen on {address}: this machine has no such address"),
            format!("See its addresses with `ip address`, and write one of them {section}"),
        ),
        _ => Failure::new(
            format!("{who} cannot listen on {address}: {error}"),
            format!("Write another address {section}"),
        ),
    }
}
