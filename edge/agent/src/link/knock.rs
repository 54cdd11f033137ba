//! Does the broker take us? Asked without being the station: under another client id and without
//! a will, so that a station that is connected stays connected, and nobody believes it gone.

use std::{sync::Arc, time::Duration};

use rumqttc::{
    TlsConfiguration, Transport,
    v5::{AsyncClient, Event, MqttOptions, mqttbytes::v5::Packet},
};
use tokio::time::timeout;

use super::{Address, explain};

/// Connects, waits until the broker has said yes or no, and goes away again.
///
/// # Errors
/// Why not, as a sentence for people.
pub(crate) fn knock(address: &Address, patience: Duration) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let answer = timeout(patience, ask(address)).await;
        answer.unwrap_or_else(|_| Err("the broker does not answer".to_owned()))
    })
}

async fn ask(address: &Address) -> Result<(), String> {
    let node = address.node.as_str();
    // The centre's broker lets a node in under its name, or its name, a full stop and more.
    let id = format!("{node}.doctor");
    let mut options = MqttOptions::new(id, address.host.as_str(), address.port);
    options.set_clean_start(true);
    if let Some(password) = &address.password {
        options.set_credentials(node, password.as_str());
    }
    if let Some(tls) = &address.tls {
        let tls = TlsConfiguration::Rustls(Arc::clone(tls));
        options.set_transport(Transport::tls_with_config(tls));
    }
    let (client, mut events) = AsyncClient::new(options, 1);
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => break,
            Ok(_) => {}
            Err(e) => return Err(explain(&e)),
        }
    }
    let _ = client.disconnect().await;
    // Whatever becomes of the good-bye, the answer was yes.
    let _ = timeout(Duration::from_secs(1), events.poll()).await;
    Ok(())
}
