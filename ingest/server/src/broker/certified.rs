//! What a connection may do whose certificate has said who it is.

use std::{net::SocketAddr, sync::Arc};

use mqtt5::{
    broker::{AuthProvider, AuthResult},
    error::Result,
    packet::connect::ConnectPacket,
};

use super::door::{Answer, Door};
use crate::enrol::Papers;

/// The door as one connection meets it: the name is that of the certificate, whatever the client
/// says of itself.
pub(super) struct Certified {
    pub(super) door: Arc<Door>,
    pub(super) papers: Papers,
}

impl AuthProvider for Certified {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        from: SocketAddr,
    ) -> Answer<'a, Result<AuthResult>> {
        Box::pin(async move {
            let node = self.papers.node;
            let says_so =
                connect.username.as_deref().is_none_or(|u| u.is_empty() || u == node.as_str());
            Ok(if says_so && self.door.welcomes(node, &connect.client_id).await {
                AuthResult::success_with_user(node.as_str())
            } else {
                self.door.refuse(connect, from)
            })
        })
    }

    fn authorize_publish<'a>(
        &'a self,
        client_id: &str,
        user_id: Option<&'a str>,
        topic: &'a str,
    ) -> Answer<'a, bool> {
        self.door.authorize_publish(client_id, user_id, topic)
    }

    fn authorize_subscribe<'a>(
        &'a self,
        client_id: &str,
        user_id: Option<&'a str>,
        filter: &'a str,
    ) -> Answer<'a, bool> {
        self.door.authorize_subscribe(client_id, user_id, filter)
    }
}
